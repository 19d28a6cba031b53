"""How often the key of a tune is named from its chords, over charts whose key is known."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np

from saxsolo.corpus.accompany.charts import CHARTS_FILE, ChartError, weimar_symbol
from saxsolo.music.chord_symbols import ChordError, parse_chord, pitch_class
from saxsolo.music.key import TimedChord, estimate_key, fit_profiles

FOLDS = 5
Tune = tuple[int, bool, list[TimedChord]]


def read_keyed_tunes(folder: Path) -> list[Tune]:
    """Tonic, whether minor, and chords of each chart with a key.

    Raises:
        ChartError: the file is missing or broken.
    """
    tunes: dict[str, Tune] = {}
    try:
        with gzip.open(folder / CHARTS_FILE, "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                name, _, mode = row["key"].partition("-")
                if mode not in ("maj", "min"):
                    continue
                _, _, chords = tunes.setdefault(
                    row["compid"], (pitch_class(name), mode == "min", [])
                )
                try:
                    chord = parse_chord(weimar_symbol(row["chord"]))
                except ChordError:
                    continue
                chords.append((chord.root, chord.quality, float(row["duration"])))
    except (OSError, EOFError, KeyError, ValueError) as error:
        raise ChartError(f"cannot read {folder / CHARTS_FILE}: {error}") from error
    return [tune for tune in tunes.values() if tune[2]]


def measure_key(folder: Path, seed: int = 0) -> dict[str, float]:
    """Shares of the charts whose key is named by tables fitted without their fold.

    Returns:
        "key": tonic and mode are right; "relative": these, or the relative key's; and the number
        of "charts".
    """
    tunes = read_keyed_tunes(folder)
    order = np.random.default_rng(seed).permutation(len(tunes))
    right = relative = 0
    for fold in range(FOLDS):
        held_out = {int(i) for i in order[fold::FOLDS]}
        profiles = fit_profiles([t for i, t in enumerate(tunes) if i not in held_out])
        for i in held_out:
            tonic, minor, chords = tunes[i]
            key = estimate_key(chords, profiles)
            if key is None:
                continue
            same = (key.tonic, key.minor) == (tonic, minor)
            shift = 3 if minor else -3
            other = (key.tonic, key.minor) == ((tonic + shift) % 12, not minor)
            right += same
            relative += same or other
    return {"key": right / len(tunes), "relative": relative / len(tunes), "charts": len(tunes)}
