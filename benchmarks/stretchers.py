"""Libraries that change key and tempo, beside each other: is it in time, in tune, whole, quick?

    pip install pedalboard; apt-get install rubberband-cli
    saxsolo benchmark stretchers --pairs PAIRS

Three recordings of solos and three of backings, 20 s each, through eight changes of key and tempo.
What is not installed is left out. Columns: how far a click moves at most, how far a sine lands from
its pitch, how many samples the length is off (before any padding), log-mel distance after a change
and its opposite (there and back, so both ways' damage), and the speed on one core.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile
import typer

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.audio.codec_metrics import log_mel_distance
from saxsolo.corpus.recordings.augment import stretch as signalsmith

CHANGES = [(4, 1.0), (-3, 1.0), (6, 1.0), (-5, 1.0), (0, 0.85), (0, 1.15), (4, 1.15), (-5, 0.85)]
Stretch = Callable[[np.ndarray, int, float], np.ndarray]


def rubber_band(sound: np.ndarray, semitones: int, tempo: float) -> np.ndarray:
    """Rubber Band's own command, its finer engine (R3)."""
    with tempfile.TemporaryDirectory() as folder:
        there, back = Path(folder) / "in.wav", Path(folder) / "out.wav"
        soundfile.write(there, sound, SAMPLING_RATE, subtype="FLOAT")
        options = ["--fine", "--quiet", "--tempo", str(tempo), "--pitch", str(semitones)]
        command = ["rubberband", *options, str(there), str(back)]
        subprocess.run(command, check=True, capture_output=True)
        return soundfile.read(back, dtype="float32")[0]


def libraries() -> dict[str, Stretch]:
    """Name -> function of (sound (n,), semitones, tempo), of those that are installed."""
    found: dict[str, Stretch] = {"python-stretch": signalsmith}
    try:
        from pedalboard import time_stretch

        found["pedalboard"] = lambda sound, semitones, tempo: time_stretch(
            sound[None], SAMPLING_RATE, tempo, float(semitones)
        )[0]
    except ImportError:
        pass
    try:
        subprocess.run(["rubberband", "--version"], capture_output=True, check=False)
        found["rubberband -3"] = rubber_band
    except FileNotFoundError:
        pass
    return found


def click_error(stretch: Stretch) -> float:
    """The largest distance of a click from its place, milliseconds."""
    worst = 0.0
    for semitones, tempo in CHANGES:
        sound = np.zeros(4 * SAMPLING_RATE, np.float32)
        places = [round(second * SAMPLING_RATE) for second in (0.5, 1.31, 2.2, 3.33)]
        for place in places:
            sound[place - 16 : place + 16] = np.hanning(32)
        made = stretch(sound, semitones, tempo)
        for place in places:
            near = round(place / tempo)
            part = np.abs(made[near - 3000 : near + 3000])
            worst = max(worst, abs(int(part.argmax()) - 3000))
    return 1000 * worst / SAMPLING_RATE


def cents_error(stretch: Stretch) -> float:
    """The largest distance of a sine of 440 Hz from where it should land, cents."""
    sound = np.sin(2 * np.pi * 440 * np.arange(4 * SAMPLING_RATE) / SAMPLING_RATE).astype(
        np.float32
    )
    worst = 0.0
    for semitones, tempo in CHANGES:
        made = stretch(sound, semitones, tempo)
        size = 1 << 20
        spectrum = np.abs(np.fft.rfft(made * np.hanning(len(made)), size))
        cents = 1200 * np.log2(spectrum.argmax() * SAMPLING_RATE / size / 440) - 100 * semitones
        worst = max(worst, abs(float(cents)))
    return worst


def there_and_back(stretch: Stretch, sounds: list[np.ndarray]) -> tuple[float, int, float]:
    """Log-mel distance after a change and its opposite; samples that lengths are off at most;
    seconds of sound made in a second."""
    distances, off, heard, spent = [], 0, 0.0, 0.0
    for sound in sounds:
        for semitones, tempo in CHANGES:
            began = time.perf_counter()
            made = stretch(sound, semitones, tempo)
            spent += time.perf_counter() - began
            heard += len(sound) / SAMPLING_RATE
            off = max(off, abs(len(made) - round(len(sound) / tempo)))
            back = stretch(made, -semitones, 1 / tempo)
            length = min(len(back), len(sound))
            distances.append(log_mel_distance(sound[:length], back[:length], SAMPLING_RATE))
    return float(np.mean(distances)), off, heard / spent


def main(
    pairs: Annotated[Path, typer.Option(help="Folder of rendered pairs.")],
    split: Annotated[str, typer.Option(help="Split of the pairs.")] = "test",
    seconds: Annotated[float, typer.Option(help="Of each sound.")] = 20.0,
) -> None:
    folders = sorted(path.parent for path in (pairs / split).glob("*/labels.npz"))[::9][:3]
    length = round(seconds * SAMPLING_RATE)
    sounds = {
        name: [soundfile.read(one / f"{name}.flac", length, dtype="float32")[0] for one in folders]
        for name in ("solo", "backing")
    }
    report = {}
    for name, stretch in libraries().items():
        report[name] = {
            "click_ms": round(click_error(stretch), 2),
            "cents": round(cents_error(stretch), 1),
        }
        for kind, some in sounds.items():
            distance, off, speed = there_and_back(stretch, some)
            report[name] |= {
                f"{kind}_log_mel": round(distance, 3),
                f"{kind}_samples_off": off,
                f"{kind}_times_real_time": round(speed, 1),
            }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    typer.run(main)
