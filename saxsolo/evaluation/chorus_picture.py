"""A chorus of a held-out human beside what the planner decides over its chords and beats.

saxsolo measure chorus --weimar WEIMAR --tune ID --bars 32 --out FILE.png
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.atomic import replacing
from saxsolo.corpus.scores.splits import assign_splits
from saxsolo.corpus.scores.weimar import read_weimar
from saxsolo.errors import SettingError
from saxsolo.music.frame_labels import frame_labels, score_tokens
from saxsolo.music.score import Score
from saxsolo.notation.pictures import draw_chords, draw_notes, pitch_range
from saxsolo.weights.loading import Weights

from .held_out_plans import HELD_OUT, Tune, planned_streams
from .notes import SoloNotes, notes_of_score

# Okabe and Ito's colours, as in the report's pictures
COLOURS = {"human": "#0072B2", "planner": "#D55E00"}
_WIDTH, _HEIGHT, _DPI = 15.0, 2.6, 80
_TICKS = 4  # bars between two numbers


def draw_chorus(
    solo: Weights, weimar: Path, out: Path, *, tune: str, bars: int = 32, seed: int = 1
) -> Path:
    """Draws the first so many bars of a held-out solo and of a plan over it, one above the other.

    Args:
        solo: a model with a planner. weimar: folder of the Weimar Jazz Database.
        out: a PNG. tune: id of the solo in the database. seed: of the plan.

    Raises:
        SettingError: for a tune that is not held out or too short, and a model without a planner.
        ScoreError: no database in `weimar`.
    """
    scores = read_weimar(weimar)
    split_of = assign_splits(scores)
    known = {score.id: score for score in scores if split_of[score.id] in HELD_OUT}
    if tune not in known:
        raise SettingError(
            f"--tune {tune!r} is none of {len(known)} held-out solos: {next(iter(known))} is one"
        )
    score = known[tune]
    edges = bar_lines(score, bars)
    frames = round(edges[-1] * FRAME_RATE)
    whole = int(score.duration * FRAME_RATE)
    labels = frame_labels(score, whole)
    mine = Tune(score, score_tokens(score, whole)[:frames], labels[:frames])
    (plan,) = planned_streams(solo, [mine], "events", seed)
    sides = {"human": notes_of_score(mine.human), "planner": notes_of_score(plan)}
    figure = chorus_rolls(sides, labels, edges, f"{score.performer}, {score.title}: {bars} bars")
    with replacing(out) as (partial,):
        figure.savefig(partial, format="png", dpi=_DPI)
    plt.close(figure)
    return out


def bar_lines(score: Score, bars: int) -> np.ndarray:
    """(bars + 1,) seconds of the first bars of a solo, from the bar of its first note; from the
    first bar of a section where that lies within four bars.

    Raises:
        SettingError: for fewer bars.
    """
    starts = [beat for beat in score.beats if beat.beat == 1]
    onsets = np.array([beat.onset for beat in starts])
    at = max(0, int(np.searchsorted(onsets, score.notes[0].onset + 0.1)) - 1)
    begins = [i for i in range(at, min(at + 4, len(starts))) if starts[i].section_bar == 0]
    first = begins[0] if begins else at
    if first + bars >= len(onsets):
        raise SettingError(
            f"{score.id} has {len(onsets) - first - 1} whole bars from there on, --bars is {bars}"
        )
    return onsets[first : first + bars + 1]


def chorus_rolls(
    sides: dict[str, SoloNotes], labels: np.ndarray, edges: np.ndarray, title: str
) -> Figure:
    """One roll for each side on the chords, with bar lines and bar numbers.

    Args:
        labels: (T, 4) frame labels from the first second on. edges: seconds of the bar lines.
    """
    start, end = float(edges[0]), float(edges[-1])
    rows = labels[round(start * FRAME_RATE) : round(end * FRAME_RATE)]
    figure, axes = plt.subplots(
        len(sides), 1, sharex=True, figsize=(_WIDTH, _HEIGHT * len(sides)), layout="constrained"
    )
    heard = [n.pitches[(n.onsets >= start) & (n.onsets < end)] for n in sides.values()]
    low, high = pitch_range(np.concatenate(heard))
    for place, ((name, notes), axis) in enumerate(
        zip(sides.items(), np.atleast_1d(axes), strict=True)
    ):
        draw_chords(axis, rows, low, high, end - start, named=place == 0)
        for edge in edges:
            axis.axvline(edge - start, color="#BBBBBB", linewidth=0.5, zorder=1)
        onsets, ends = notes.onsets - start, notes.ends - start
        draw_notes(axis, onsets, ends, notes.pitches, low, high, COLOURS[name])
        axis.set(xlim=(0, end - start), ylabel=name)
    axes[-1].set_xticks(edges[:-1:_TICKS] - start, range(1, len(edges), _TICKS))
    axes[-1].set_xlabel("bar")
    figure.suptitle(f"{title}\ndark rows: chord tones; light rows: the rest of the scale", size=11)
    return figure
