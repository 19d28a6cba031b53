"""How fast the ear hears on one thread, in processor time and part by part.

    saxsolo benchmark ear [--backing FILE] [--ear DIR] [--seconds 48] [--runs 3]

Prints a Markdown table: seconds of processor time, and how many times faster than the music that
is. Processor time changes less with other work on the machine than the clock does.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from benchmarks.real_time import RATE, walking_bass
from modeling_saxsolo.backing_saxsolo import heard_blocks, measure_backing
from modeling_saxsolo.ear_saxsolo import SaxsoloEar
from modeling_saxsolo.ear_spectrum_saxsolo import SAMPLING_RATE, ear_features
from saxsolo.listening.track import decoded
from saxsolo.weights.loading import load_ear


def main(
    backing: Annotated[
        Path | None, typer.Option(help="A file.", show_default="a backing made here")
    ] = None,
    ear: Annotated[
        str | None, typer.Option(help="Folder or Hub id.", show_default="the default")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Length of the backing that is made.")] = 48.0,
    runs: Annotated[int, typer.Option(min=1, help="The fastest of so many counts.")] = 3,
) -> None:
    torch.set_num_threads(1)
    model = load_ear(ear).model
    audio, rate = _sound(backing, seconds)
    parts = _Parts(model, audio, rate)
    names = ("tuning", "spectra", "network", "search")
    times = {name: min(_spent(getattr(parts, name)) for _ in range(runs)) for name in names}
    times["all"] = sum(times.values())
    length = audio.shape[-1] / rate
    print(f"{length:.1f} s of music, {sum(p.numel() for p in model.parameters()):,} weights\n")
    print("| part | seconds | times real time |\n| --- | --- | --- |")
    for name, spent in times.items():
        print(f"| {name} | {spent:.3f} | {length / spent:.0f} |")


class _Parts:
    """The steps from sound to beats and chords; each keeps what the next one reads."""

    def __init__(self, model: SaxsoloEar, audio: np.ndarray, rate: int):
        self.model, self.audio, self.rate = model, audio, rate

    def tuning(self) -> None:
        self.measure = measure_backing(self.audio, self.rate, SAMPLING_RATE)
        blocks = heard_blocks(self.audio, self.rate, SAMPLING_RATE, self.measure)
        self.sound = torch.cat(list(blocks))

    def spectra(self) -> None:
        self.features = ear_features(self.sound[None], self.measure.tuning)

    def network(self) -> None:
        with torch.inference_mode():
            self.heard = self.model.hear_window(self.features, 0, self.features.harmony.shape[1])

    def search(self) -> None:
        decoded(self.model, self.heard, self.measure.cents)


def _sound(backing: Path | None, seconds: float) -> tuple[np.ndarray, int]:
    if backing is None:
        return walking_bass(seconds), RATE
    import soundfile

    audio, rate = soundfile.read(backing, dtype="float32", always_2d=True)
    return np.ascontiguousarray(audio.T), rate


def _spent(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    typer.run(main)
