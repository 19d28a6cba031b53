"""The report's pictures. Every function draws one figure and returns it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.layout_engine import ConstrainedLayoutEngine

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.atomic import replacing
from saxsolo.notation.pictures import draw_beats, draw_chords, draw_notes, pitch_range

from .harmony import fit_over_time
from .notes import SoloNotes, notes_of_score
from .performances import Performances
from .report_markdown import NAMES
from .timing import beat_phases, beats_of_labels

# Okabe and Ito's colours, told apart by colour-blind eyes too
COLOURS = {
    "saxsolo": "#D55E00",
    "human": "#0072B2",
    "human_codec": "#56B4E9",
    "human_wrong_backing": "#CC79A7",
    "retrieval": "#009E73",
    "random_walk": "#999999",
}
ROLLS = 3
ROLL_SECONDS = 15.0
STRETCH_SECONDS = 5.0
DEGREES = ("1", "b9", "9", "b3", "3", "11", "#11", "5", "b13", "13", "b7", "7")
STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 110,
    "legend.frameon": False,
}
SILENCE = notes_of_score(np.zeros(1, int))


def draw_all(report: dict[str, Any], performances: Performances, folder: Path) -> list[str]:
    """Draws all pictures of a report into `folder`, in place of earlier ones.

    Returns:
        Their file names, in the order of the report.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names: list[str] = []

    def keep(name: str, figure: Figure | None) -> None:
        if figure is None:
            return
        with replacing(folder / name) as (partial,):
            figure.savefig(partial, format="png", bbox_inches="tight")
        plt.close(figure)
        names.append(name)

    with plt.rc_context(STYLE):
        places = np.linspace(
            0, len(performances.cases) - 1, min(ROLLS, len(performances.cases))
        ).round()
        for number, i in enumerate(places.astype(int), start=1):
            solos = {name: performances.notes[name][i] for name in ("saxsolo", "human")}
            title = f"{report['cases'][i].get('title', '')} ({performances.cases[i].name})"
            keep(f"piano_roll_{number}.png", piano_roll(solos, performances.labels[i], title))
        keep("beat_phase.png", beat_phase(performances))
        keep("pitch_classes.png", pitch_classes(performances))
        keep("fit_over_time.png", over_time(performances))
        keep("loss.png", loss(report["likelihood"]))
    for old in folder.glob("*.png"):
        if old.name not in names:
            old.unlink()
    return names


def piano_roll(solos: dict[str, SoloNotes | None], labels: np.ndarray, title: str) -> Figure:
    """Solos above each other on the chords: dark rows are chord tones, light ones the scale.

    Args:
        solos: player -> notes.
        labels: (T, 4) frame labels.
    """
    seconds = min(ROLL_SECONDS, len(labels) / FRAME_RATE)
    height = 2.9 * len(solos)
    figure, axes = plt.subplots(
        len(solos), 1, sharex=True, figsize=(11, height), squeeze=False, layout="constrained"
    )
    heard = [n.pitches[n.onsets < seconds] for n in solos.values() if n is not None and len(n)]
    low, high = pitch_range(np.concatenate(heard) if heard else np.array([]))
    for place, ((name, notes), axis) in enumerate(zip(solos.items(), axes[:, 0], strict=True)):
        draw_chords(axis, labels, low, high, seconds, named=place == 0)
        draw_beats(axis, beats_of_labels(labels))
        if notes is None or not len(notes):
            axis.text(seconds / 2, (low + high) / 2, "no notes", ha="center", va="center")
            notes = SILENCE
        draw_notes(axis, notes.onsets, notes.ends, notes.pitches, low, high, COLOURS[name])
        axis.set(xlim=(0, seconds), ylabel=NAMES[name])
    axes[-1, 0].set_xlabel("seconds")
    figure.suptitle(f"{title}\ndark rows: chord tones; light rows: the rest of the scale", size=11)
    return figure


def beat_phase(performances: Performances) -> Figure | None:
    """Where in the beat the notes begin, in twelfths, of all cases together."""
    names = ("saxsolo", "human", "random_walk")
    figure, axis = plt.subplots(figsize=(10, 3.6), layout="constrained")
    width, drawn = 0.27, False
    for place, name in enumerate(names):
        of_cases = [
            beat_phases(n, labels)
            for n, labels in zip(performances.notes[name], performances.labels, strict=True)
            if n is not None and len(n)
        ]
        phases = np.concatenate(of_cases) if of_cases else np.zeros(0)
        if not len(phases):
            continue
        drawn = True
        # a twelfth around each place, so that a little early is still on the beat
        bins = np.floor(phases * 12 + 0.5).astype(int) % 12
        shares = 100 * np.bincount(bins, minlength=12) / len(bins)
        axis.bar(
            np.arange(12) + (place - 1) * width,
            shares,
            width,
            color=COLOURS[name],
            label=f"{NAMES[name]} ({len(bins)} notes)",
        )
    if not drawn:
        plt.close(figure)
        return None
    axis.axhline(100 / 12, color="black", linewidth=0.8, linestyle=":", label="no sense of time")
    ticks = ["beat", "", "", "1/4", "1/3", "", "1/2", "", "2/3", "3/4", "", ""]
    axis.set_xticks(range(12), ticks)
    axis.set(xlabel="place in the beat", ylabel="notes, %", title="Where in the beat notes begin")
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def pitch_classes(performances: Performances) -> Figure | None:
    """How often each degree above the chord's root is played, as a wheel for each player."""
    names = ("saxsolo", "human", "human_wrong_backing", "random_walk")
    figure, axes = plt.subplots(
        1, len(names), figsize=(14, 3.9), subplot_kw={"projection": "polar"}, layout="constrained"
    )
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine), "it was asked for"
    engine.set(w_pad=0.25)
    wheels = {name: _degrees(performances, name) for name in names}
    top = max((w.max() for w in wheels.values() if w is not None), default=0)
    if not top:
        plt.close(figure)
        return None
    for name, axis in zip(names, axes, strict=True):
        axis.set_theta_zero_location("N")
        axis.set_theta_direction(-1)
        axis.set_thetagrids(np.arange(0, 360, 30), DEGREES)
        axis.set_ylim(0, 1.05 * top)
        axis.set_rgrids([5, 10, 15, 20, 25][: max(1, int(top // 5))], angle=75, size=7)
        axis.grid(color="#DDDDDD")
        axis.set_axisbelow(True)
        axis.spines["polar"].set_visible(False)
        axis.set_title(NAMES[name], pad=14)
        if wheels[name] is not None:
            angles = np.radians(30 * np.arange(12))
            axis.bar(angles, wheels[name], 0.42, color=COLOURS[name])
    figure.suptitle("Notes above the root of the chord that sounds, % of notes")
    return figure


def _degrees(performances: Performances, name: str) -> np.ndarray | None:
    """(12,) percent of notes on each degree; None without notes on chords."""
    counts = np.zeros(12)
    for notes, labels in zip(performances.notes[name], performances.labels, strict=True):
        if notes is None:
            continue
        frames = np.floor(notes.onsets * FRAME_RATE + 0.5).astype(int)
        inside = frames < len(labels)
        roots, pitches = labels[frames[inside], 0], notes.pitches[inside]
        known = (roots >= 0) & (roots < 12)
        counts += np.bincount((pitches[known] - roots[known]) % 12, minlength=12)
    return 100 * counts / counts.sum() if counts.sum() else None


def over_time(performances: Performances) -> Figure | None:
    """Chord tones of each stretch of five seconds, mean over the cases: does it lose the thread?"""
    names = ("saxsolo", "human", "human_wrong_backing", "retrieval", "random_walk")
    figure, axis = plt.subplots(figsize=(8, 3.6), layout="constrained")
    for name in names:
        values: dict[float, list[float]] = {}
        for notes, labels in zip(performances.notes[name], performances.labels, strict=True):
            if notes is None or not len(notes):
                continue
            for middle, share in fit_over_time(notes, labels, STRETCH_SECONDS):
                if share is not None:
                    values.setdefault(middle, []).append(share)
        if values:
            times = sorted(values)
            means = [float(np.mean(values[time])) for time in times]
            thick = 2.5 if name == "saxsolo" else 1.5
            axis.plot(times, means, "o-", ms=4, lw=thick, color=COLOURS[name], label=NAMES[name])
    if not axis.lines:
        plt.close(figure)
        return None
    axis.set(xlabel="seconds", ylabel="chord tones", ylim=(0, 1), title="Fit over time")
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def loss(figures: dict[str, Any]) -> Figure | None:
    """Held-out loss of each stream: own backing, another's, none; and the gap to another's."""
    if "streams" not in figures:
        return None
    streams = [s for s in figures["streams"] if f"loss_own_{s}" in figures]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
    shown = {"own": "own backing", "other": "another tune's", "none": "none"}
    colours = ("#0072B2", "#CC79A7", "#999999")
    for place, (case, colour) in enumerate(zip(shown, colours, strict=True)):
        heights = [figures[f"loss_{case}_{stream}"] for stream in streams]
        where = np.arange(len(streams)) + 0.27 * (place - 1)
        left.bar(where, heights, 0.27, color=colour, label=shown[case])
    labels = [
        stream.replace("codebook_", "codebook\n").replace("score", "notes") for stream in streams
    ]
    left.set_xticks(range(len(streams)), labels)
    left.set(ylabel="nats a token", title="Held-out loss")
    left.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.18))
    for place, (case, colour) in enumerate((("other", colours[1]), ("none", colours[2]))):
        gaps = [figures[f"gap_{case}_{stream}"] for stream in streams]
        ends = np.array([figures[f"gap_{case}_{stream}_95"] for stream in streams]).T
        errors = np.abs(ends - np.array(gaps))
        where = np.arange(len(streams)) + 0.15 * (2 * place - 1)
        right.errorbar(where, gaps, errors, fmt="o", color=colour, capsize=3, label=shown[case])
    right.axhline(0, color="black", linewidth=0.8)
    right.set_xticks(range(len(streams)), labels)
    right.set(title="Gap to the own backing (above 0: it helps)", ylabel="nats a token")
    return figure
