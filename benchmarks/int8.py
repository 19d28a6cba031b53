"""What matrices in eight bits change: hearing and sound of an exported folder beside 32 bits.

    saxsolo export --format onnx --out FULL; saxsolo export --format onnx --int8 --out SMALL
    saxsolo benchmark int8 FULL SMALL BACKING...

Hearing: the share of frames whose root and whose place in the beat are the same. Sound: the codes
of one solo (32 bits, seed 1) decoded by both, their log-mel distance, and how far the pitch of
what both voice lies apart.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile
import soxr
import typer

from saxsolo.audio.codec_metrics import log_mel_distance
from saxsolo.audio.pitch import SURE, track_pitch_of_blocks
from saxsolo.runtime import command
from saxsolo.runtime.hearing import hear
from saxsolo.runtime.sounding import Voice


def main(
    full: Annotated[Path, typer.Argument(help="Folder with 32 bits.")],
    small: Annotated[Path, typer.Argument(help="Folder with 8.")],
    backings: Annotated[list[Path], typer.Argument(help="Backing tracks.")],
    seconds: Annotated[float, typer.Option(help="Of each.")] = 12.0,
) -> None:
    both = [command.load(full), command.load(small)]
    print("| backing | same root | same twelfth of the beat | log-mel distance | cents, median |")
    print("|" + " --- |" * 5)
    for path in backings:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
        audio = audio[: round(seconds * rate)].mean(axis=1)
        low = soxr.resample(audio, rate, 16_000)
        heard = [
            hear(graphs["ear"], low, np.array(config["progressions"])).posteriors[0]
            for graphs, _, config in both
        ]
        root, phase = (
            float(np.mean(heard[0][part].argmax(0) == heard[1][part].argmax(0)))
            for part in (slice(0, 13), slice(21, 33))
        )
        _, codes = command.improvise(audio, rate, full, seed=1, loaded=both[0])
        sounds = []
        for graphs, _, config in both:
            voice = Voice(graphs["codec_decoder"], config["codec"])
            sounds.append(np.concatenate([voice.push(codes[1:]), voice.finish()]))
        played = both[0][2]["codec"]["sampling_rate"]
        tracks = [track_pitch_of_blocks([sound], played) for sound in sounds]
        sure = (tracks[0].confidence >= SURE) & (tracks[1].confidence >= SURE)
        ratio = tracks[1].hertz[sure] / tracks[0].hertz[sure]
        cents = float(np.median(np.abs(1200 * np.log2(ratio))))
        distance = log_mel_distance(sounds[0], sounds[1], played)
        row = [root, phase, distance, cents]
        print(f"| {path.stem} | " + " | ".join(f"{value:.3f}" for value in row) + " |", flush=True)


if __name__ == "__main__":
    typer.run(main)
