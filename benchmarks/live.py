"""How late a live solo is, fed at the pace of music on one thread, with and without a chart.

    saxsolo benchmark live [--backing FILE] [--seconds 180] [--lookahead -0.5]

The latency of a block of half a second counts from when the sound that it needs was there, on a
clock that does not wait; an underrun is a block that was not ready when it was due. "busy" is
processor time over time: what an idle core would be loaded.
"""

import resource
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
) -> None:
    from saxsolo.music.placed_chart import place_by_tempo
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
        solo = LiveSolo(player, soundfile.info(backing).samplerate, LiveSettings(lookahead), placed)
        report = LiveReport()
        for _, now in play_live(solo, file_blocks(backing, pace, seconds), pace):
            report = now
        facts = report.describe()
        values = [f"{value:.3f}" for value in facts["latency_seconds"].values()]
        busy = facts["busy_seconds"] / facts["audio_seconds"]
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        row = [way, *values, facts["underruns"], facts["blocks"], f"{busy:.2f}", f"{memory:.0f}"]
        print("| " + " | ".join(map(str, row)) + " |", flush=True)


if __name__ == "__main__":
    typer.run(main)
