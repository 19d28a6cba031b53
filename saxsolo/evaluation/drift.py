"""Does a long solo hold its quality? Its fit to the chords in the first and the last part.

saxsolo measure drift --pairs PAIRS [--seconds 180] [--limit 8] [--checkpoint FOLDER]
saxsolo measure drift --tracks TRACKS --seconds 300: the notes alone, over tracks with truth
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE, SAMPLING_RATE
from saxsolo.audio.rates import at_rate
from saxsolo.progress_bar import Progress

from . import harmony, timing
from .case_metrics import figure
from .cases import EvaluationError, choose_cases
from .ear_report import evenly_spaced, read_tracks
from .notes import SoloNotes, notes_of_score, track_notes
from .seeds import seed_of
from .track_fit import track_labels

PARTS = ("first", "last")


def stretch(notes: SoloNotes, start: float, seconds: float) -> SoloNotes:
    """The notes that begin within `seconds` from `start`, on a clock that begins there. Their
    voiced share is unknown (NaN)."""
    inside = (notes.onsets >= start) & (notes.onsets < start + seconds)
    return SoloNotes(
        notes.onsets[inside] - start,
        np.minimum(notes.ends[inside] - start, seconds),
        notes.pitches[inside],
        notes.loudness[inside],
        seconds,
        float("nan"),
    )


def ends(
    notes: SoloNotes, labels: np.ndarray, seconds: float
) -> dict[str, dict[str, float | None]]:
    """Figures of the first and the last `seconds` of a solo over its backing.

    Args:
        labels: (T, 4) frame labels of the whole.

    Returns:
        part -> chord_tones, scale_tones, beat_concentration, notes_a_second.

    Raises:
        EvaluationError: for a solo too short to have two such ends.
    """
    if notes.seconds < 2 * seconds:
        raise EvaluationError(
            f"a solo of {notes.seconds:g} s has no first and last {seconds:g} s; "
            "give more --seconds or a shorter --stretch"
        )
    figures = {}
    for part, start in zip(PARTS, (0.0, notes.seconds - seconds), strict=True):
        frame = round(start * FRAME_RATE)
        chords = labels[frame : frame + round(seconds * FRAME_RATE)]
        some = stretch(notes, start, seconds)
        fit = harmony.fit(some, chords) | timing.fit(some, chords)
        figures[part] = {
            "chord_tones": fit["chord_tones"],
            "scale_tones": fit["scale_tones"],
            "beat_concentration": fit["beat_concentration"],
            "notes_a_second": len(some) / seconds,
        }
    return figures


def summary(solos: Sequence[dict[str, dict[str, float | None]]]) -> dict[str, dict[str, Any]]:
    """What `ends` found of many solos: for each figure both means with their intervals, and the
    ratio of the means, last over first, None without one."""
    figures = {}
    for name in solos[0]["first"]:
        parts = {part: figure([solo[part][name] for solo in solos]) for part in PARTS}
        first, last = (parts[part]["value"] for part in PARTS)
        figures[name] = parts | {"ratio": last / first if first and last is not None else None}
    return figures


def measure_drift(
    pairs: Path,
    checkpoint: str | None = None,
    *,
    split: str = "test",
    seconds: float = 180.0,
    part: float = 30.0,
    limit: int = 8,
    seed: int = 0,
) -> dict[str, Any]:
    """`summary` of a model's long solos and of the human's over the same backings.

    Args:
        pairs: folder with manifest.jsonl.
        checkpoint: as in `load_player`.
        seconds: of each solo; part: seconds at both of its ends.
        limit: of the backings, 0 takes all.

    Raises:
        EvaluationError: no such pairs. CheckpointError: no such model.
    """
    import saxsolo
    from saxsolo.weights.loading import load_player

    cases = choose_cases(pairs, split, limit, seconds)
    player = load_player(checkpoint)
    played: dict[str, list[Any]] = {"saxsolo": [], "human": []}
    with Progress("improvising") as progress:
        for place, case in enumerate(cases):
            sound = (case.backing(), SAMPLING_RATE)
            take = saxsolo.improvise(sound, seed=seed, instrument=case.instrument, player=player)
            ours = at_rate(take.solo, take.sampling_rate)
            for name, solo in (("saxsolo", ours), ("human", case.human())):
                notes = track_notes(solo, SAMPLING_RATE)
                played[name].append(ends(notes, case.labels(), part))
            progress(place + 1, len(cases))
    names = {"cases": [case.name for case in cases], "seconds": seconds}
    return names | {name: summary(solos) for name, solos in played.items()}


def measure_plan_drift(
    tracks: Path,
    checkpoint: str | None = None,
    *,
    seconds: float = 300.0,
    part: float = 30.0,
    limit: int = 8,
    seed: int = 0,
) -> dict[str, Any]:
    """`summary` of the notes that a model plans over long tracks, as its ear hears them, judged by
    the tracks' true chords and beats.

    Args:
        tracks: folder of tracks with truth.json. checkpoint: as in `load_player`.
        seconds: of each plan; part: seconds at both of its ends.
        limit: of the tracks, 0 takes all. seed: from which each plan has one of its own.

    Raises:
        EvaluationError: a track that is too short. CheckpointError: no such model.
    """
    from saxsolo.audio.files import open_sound
    from saxsolo.playing.performance import Performance
    from saxsolo.playing.settings import Settings
    from saxsolo.weights.loading import load_player

    chosen = evenly_spaced(read_tracks(tracks), limit)
    player = load_player(checkpoint)
    solos = []
    with Progress("planning") as progress:
        for place, track in enumerate(chosen):
            settings = Settings(seed=seed_of(seed, track.name), seconds=seconds)
            notes = notes_of_score(Performance(player, open_sound(track.path), settings).plan())
            if notes.seconds < 0.99 * seconds:
                raise EvaluationError(
                    f"{track.name} has {notes.seconds:.0f} s, --seconds is {seconds:g}: give "
                    "longer tracks (saxsolo corpus accompany --arranger mma --seconds) or less"
                )
            solos.append(ends(notes, track_labels(track, notes.seconds), part))
            progress((place + 1) * seconds, len(chosen) * seconds)
    return {"tracks": [track.name for track in chosen], "seconds": seconds} | {
        "planner": summary(solos)
    }
