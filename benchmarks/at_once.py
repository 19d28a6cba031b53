"""Takes played at once in one batch, beside as many one after the other.

    saxsolo benchmark at-once [--takes 1,2,4,10] [--seconds 30] [--backing FILE]

A warm process listens to the backing once and plays takes with seeds one after another, each to
its sound. "real time" is what all of them last over the time that they took. The takes are the
same to the bit, however many are played at once; a sum over their codes is compared.
"""

import resource
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import numpy as np
import typer


def main(
    takes: Annotated[str, typer.Option(help="How many at once.")] = "1,2,4,10",
    seconds: Annotated[float, typer.Option(help="Of each.")] = 30.0,
    backing: Annotated[Path, typer.Option(help="A file.")] = Path("examples/ballad.flac"),
) -> None:
    from saxsolo.audio.files import open_sound
    from saxsolo.playing.hearing import HearOnce
    from saxsolo.playing.performance import Performance
    from saxsolo.playing.settings import Settings
    from saxsolo.weights.loading import load_player

    player, source, hear = load_player(device="cpu"), open_sound(backing), HearOnce()

    def play(seed: int, length: float = seconds) -> int:
        how = Settings(seed=seed, seconds=length)
        performance = Performance(player, source, how, hear=hear)
        for _ in performance:
            pass
        codes = np.concatenate(performance.frames, axis=-1).astype(np.int64)
        return int((codes * np.arange(1, codes.shape[-1] + 1)).sum())

    play(0, 2.0)
    Performance(player, source, Settings(seconds=seconds), hear=hear).listen()
    alone: dict[int, int] = {}
    print("| takes at once | seconds | processor seconds | real time, all | the same | MB |")
    print("|" + " --- |" * 6)
    for count in map(int, takes.split(",")):
        begun, spent = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(count) as threads:
            found = dict(enumerate(threads.map(play, range(count))))
        took, spent = time.perf_counter() - begun, time.process_time() - spent
        same = all(alone.setdefault(seed, codes) == codes for seed, codes in found.items())
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"| {count} | {took:.1f} | {spent:.1f} | {count * seconds / took:.1f} "
            f"| {'yes' if same else 'NO'} | {memory:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    typer.run(main)
