"""How late a live solo is, fed at the pace of music on one thread, with and without a chart.

    saxsolo benchmark live [--backing FILE] [--seconds 180] [--lookahead -0.5] [--players 1]

The latency of a block of half a second counts from when the sound that it needs was there, on a
clock that does not wait; an underrun is a block that was not ready when it was due. "busy" is
processor time over time: what an idle core would be loaded. Several players share one decoder, as
on the page; each has a row, and "busy" is that of the process, of all of them.
"""

import resource
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import soundfile
import torch
import typer

CHART = "F7 | Bb7 | F7 | F7 | Bb7 | Bb7 | F7 | D7 | Gm7 | C7 | F7 | C7"


def main(
    backing: Annotated[Path, typer.Option(help="Played again and again.")] = Path(
        "examples/blues_in_f.flac"
    ),
    seconds: Annotated[float, typer.Option(help="Of each run.")] = 180.0,
    lookahead: Annotated[float, typer.Option(help="As `saxsolo live`.")] = -0.5,
    ways: Annotated[str, typer.Option(help="Of heard, chart.")] = "heard,chart",
    pace: Annotated[bool, typer.Option(help="Feed it as it would play.")] = True,
    players: Annotated[int, typer.Option(help="At once, at the pace of music.")] = 1,
) -> None:
    from saxsolo.music.placed_chart import PlacedChart, place_by_tempo
    from saxsolo.playing.chart_placing import chart_of_settings
    from saxsolo.playing.live import LiveSettings, LiveSolo
    from saxsolo.playing.live_run import LiveReport, file_blocks, play_live
    from saxsolo.playing.settings import Settings
    from saxsolo.weights.loading import load_player

    torch.set_num_threads(1)
    player = load_player(device="cpu")
    print("| beats and chords | median | p95 | p99 | worst | underruns | blocks | busy | MB |")
    print("|" + " --- |" * 9)
    for way in ways.split(","):
        placed = None
        if way == "chart":
            chart = chart_of_settings(Settings(chords=CHART, first_bar=0.0, tempo=120.0))
            assert chart is not None
            placed = place_by_tempo(chart, 0.0, 120.0, seconds + 30)

        def play(seed: int, placed: PlacedChart | None = placed) -> LiveReport:
            torch.set_num_threads(1)
            how = LiveSettings(lookahead, seed=seed)
            solo = LiveSolo(player, soundfile.info(backing).samplerate, how, placed)
            report = LiveReport()
            for _, now in play_live(solo, file_blocks(backing, pace, seconds), pace):
                report = now
            return report

        spent = time.process_time()
        with ThreadPoolExecutor(players) as threads:
            reports = list(threads.map(play, range(players)))
        spent = time.process_time() - spent
        for report in reports:
            facts = report.describe()
            values = [f"{value:.3f}" for value in facts["latency_seconds"].values()]
            busy = spent if players > 1 else facts["busy_seconds"]
            busy /= facts["audio_seconds"]
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            row = [way, *values, facts["underruns"], facts["blocks"], f"{busy:.2f}"]
            print("| " + " | ".join(map(str, [*row, f"{memory:.0f}"])) + " |", flush=True)


if __name__ == "__main__":
    typer.run(main)
