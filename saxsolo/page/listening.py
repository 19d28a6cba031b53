"""What the solo model heard in the backing of a take: tempo, bars and chords."""

from dataclasses import dataclass

from saxsolo.errors import SaxsoloError
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.chord_symbols import chord_name
from saxsolo.playing.take import Take

from .playing import bar_edges

# seconds by which a chord may reach into a bar without counting in it: two frames
ROUNDING = 0.04


@dataclass(frozen=True)
class ChordSpan:
    """A chord from `start` to `end`, in seconds."""

    start: float
    end: float
    name: str


def take_grid(take: Take) -> BeatGrid | None:
    """What the model heard in the backing of a take; None where it detected no beats."""
    try:
        return take.grid
    except SaxsoloError:
        return None


def chord_spans(grid: BeatGrid, seconds: float) -> list[ChordSpan]:
    """The chords in their order, without stretches that have no chord.

    Args:
        grid: what was heard.
        seconds: length of the sound, where the last chord ends.
    """
    spans: list[ChordSpan] = []
    ends = [*grid.beats[1:], seconds]
    for start, end, root, quality in zip(grid.beats, ends, grid.roots, grid.qualities, strict=True):
        name = chord_name(int(root), int(quality))
        start, end = max(float(start), 0.0), min(float(end), seconds)
        if start >= end:
            continue
        if spans and spans[-1].name == name and spans[-1].end == start:
            spans[-1] = ChordSpan(spans[-1].start, end, name)
        else:
            spans.append(ChordSpan(start, end, name))
    return [span for span in spans if span.name]


def chart(grid: BeatGrid, seconds: float) -> str:
    """The chords of each bar as on a lead sheet, "| F7 | Bb7 Bdim | % |"; "%" repeats a bar."""
    edges = bar_edges(grid, seconds)
    spans = chord_spans(grid, seconds)
    bars: list[str] = []
    before = ""
    for start, end in zip(edges, edges[1:], strict=False):
        names = [s.name for s in spans if s.start < end - ROUNDING and s.end > start + ROUNDING]
        text = " ".join(names) or "N.C."
        bars.append("%" if text == before else text)
        before = text
    return f"| {' | '.join(bars)} |" if bars else ""


def described(grid: BeatGrid | None, seconds: float) -> dict[str, object]:
    """Facts about a backing as JSON can hold them; all None or empty where nothing is detected."""
    if grid is None:
        return {"tempo": None, "beats_per_bar": None, "first_bar": None, "chart": "", "chords": []}
    edges = bar_edges(grid, seconds)
    return {
        "tempo": round(grid.tempo, 1),
        "beats_per_bar": int(grid.beats_per_bar),
        "first_bar": round(edges[0], 2) if edges else None,
        "chart": chart(grid, seconds),
        "chords": [
            {"start": round(s.start, 2), "end": round(s.end, 2), "name": s.name}
            for s in chord_spans(grid, seconds)
        ],
    }
