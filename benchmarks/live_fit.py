"""How a live solo fits the band, by how far ahead the band is heard, with and without a chart.

    saxsolo benchmark live-fit TRACKS [--limit 4] [--seconds 30] [--lookaheads -2,-1,-0.5,0.5,2]

TRACKS is a folder of bands with truth.json. Each is fed to `saxsolo live` at once; the notes are
judged against the truth of the own track and of the others, as `saxsolo measure fit` does. With
the chart and the beats of the truth nothing has to be heard, so that one row stands for all
lookaheads; "whole" has heard the band to its end. Sound is not made: the notes do not depend on it.
"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import soundfile
import torch
import typer

from saxsolo.evaluation.ear_report import Track, evenly_spaced, read_tracks
from saxsolo.evaluation.notes import SoloNotes, notes_of_score
from saxsolo.evaluation.track_fit import fit_of_solos, track_labels
from saxsolo.playing.live import WAIT_SECONDS, LiveSettings, LiveSolo
from saxsolo.playing.live_run import file_blocks, play_live
from saxsolo.playing.performance import Performance
from saxsolo.playing.settings import Settings
from saxsolo.weights.loading import Player, load_player

FIGURES = ("chord_tones", "beat_concentration", "eighth_concentration")
COLUMNS = [f"{name.replace('_', ' ')}{kind}" for name in FIGURES for kind in ("", " of others")]


class KnownTrack:
    """The truth of a track as `LiveSolo` reads a placed chart."""

    def __init__(self, track: Track, seconds: float):
        self.track, self.beats = track, np.array([0.0, seconds])

    def labels(self, frames: int) -> np.ndarray:
        """(T, 4) frame labels."""
        return track_labels(self.track, frames / 50)

    def grid(self) -> "KnownTrack":
        """Whose beats begin with the track."""
        return self


class NotesAlone:
    """In place of decoder and codec: the notes as given, codes 0, no sound."""

    cents = 0.0

    def play(self, _: Any, past: torch.Tensor, forced: torch.Tensor, *__: Any) -> torch.Tensor:
        """As `FastDecoder.play`."""
        return forced[..., past.shape[-1] :].clamp(min=0)

    def push(self, codes: torch.Tensor) -> torch.Tensor:
        """As `StreamingDecoder.push`."""
        return torch.zeros(1, 1, codes.shape[-1])


def main(
    tracks: Annotated[Path, typer.Argument(help="Folder of bands with truth.json.")],
    limit: Annotated[int, typer.Option(help="Tracks, evenly spaced.")] = 6,
    seconds: Annotated[float, typer.Option(help="Of each.")] = 30.0,
    lookaheads: Annotated[
        str, typer.Option(help="Seconds, as `saxsolo live`.")
    ] = "-2,-1,-0.5,0.5,2",
    seed: Annotated[int, typer.Option(help="Of every solo.")] = 1,
    picture: Annotated[Path | None, typer.Option(help="A file for the curve.")] = None,
) -> None:
    torch.set_num_threads(1)
    player = load_player(device="cpu")
    bands = evenly_spaced(read_tracks(tracks), limit)
    labels = [track_labels(track, seconds) for track in bands]
    print(f"| lookahead | {' | '.join(COLUMNS)} | notes a second |")
    print("|" + " --- |" * (len(COLUMNS) + 2))

    def judged(name: str, solos: list[SoloNotes]) -> list[float]:
        figures = fit_of_solos(solos, labels)
        row = [figures[figure][kind] for figure in FIGURES for kind in ("own", "others")]
        row.append(figures["notes_a_second"]["own"])
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in row) + " |", flush=True)
        return row

    given = judged(
        "chart", [live_notes(player, track, -0.5, seconds, seed, True) for track in bands]
    )
    ahead = [float(part) for part in lookaheads.split(",")]
    curve = [
        judged(f"{one:g} s", [live_notes(player, track, one, seconds, seed) for track in bands])
        for one in ahead
    ]
    settings = Settings(seed=seed, seconds=seconds)
    whole = judged(
        "whole",
        [_late(notes_of_score(Performance(player, (_sound(t)), settings).plan())) for t in bands],
    )
    if picture is not None:
        _draw(picture, ahead, curve, given, whole)


def _sound(track: Track) -> Any:
    from saxsolo.audio.files import open_sound

    return open_sound(track.path)


def _late(notes: SoloNotes) -> SoloNotes:
    """Without the notes before those of a live solo."""
    kept = notes.onsets >= WAIT_SECONDS
    parts = (notes.onsets, notes.ends, notes.pitches, notes.loudness)
    return SoloNotes(*(part[kept] for part in parts), notes.seconds, notes.voiced_share)


def live_notes(
    player: Player, track: Track, lookahead: float, seconds: float, seed: int, chart: bool = False
) -> SoloNotes:
    """The notes that are played over the beginning of a track."""
    placed: Any = KnownTrack(track, seconds) if chart else None
    settings = LiveSettings(lookahead, seed=seed, wait=WAIT_SECONDS)
    solo = LiveSolo(player, soundfile.info(track.path).samplerate, settings, placed)
    nothing: Any = NotesAlone()
    solo.decoder = solo.voice = nothing
    for _ in play_live(solo, file_blocks(track.path, False, seconds), False):
        pass
    tokens = np.concatenate(solo.parts, axis=1)[0][: round(50 * (seconds - max(0.0, lookahead)))]
    return notes_of_score(tokens)


def _draw(
    path: Path,
    ahead: list[float],
    curve: list[list[float]],
    given: list[float],
    whole: list[float],
) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(FIGURES), figsize=(11, 3.2))
    for index, (name, axis) in enumerate(zip(FIGURES, axes, strict=True)):
        own, others = [row[2 * index] for row in curve], [row[2 * index + 1] for row in curve]
        axis.plot(ahead, own, "o-", label="heard")
        axis.plot(ahead, others, ":", color="grey", label="other tracks")
        axis.axhline(given[2 * index], color="C2", label="chart and beats given")
        axis.axhline(whole[2 * index], color="C1", linestyle="--", label="heard to its end")
        axis.set(title=name.replace("_", " "), xlabel="lookahead, seconds")
    axes[0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path)


if __name__ == "__main__":
    typer.run(main)
