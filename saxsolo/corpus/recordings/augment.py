"""A window of a recording -> pairs in several keys and tempi, as `corpus tokenise` reads them.

Both stems go through the same change, so they stay aligned; the notes, tracked once, are moved by
arithmetic. Signalsmith Stretch (python-stretch, MIT) changes pitch and tempo;
docs/engineers/corpus.md has the comparison.

A separated backing still contains a faint trace of the saxophone that was removed from it. A model
could read the solo there instead of improvising. Masking residue is therefore added to the backing:
the window's own solo, moved to another time and reversed, at the level of such a leak. What the
model hears there then says nothing about the notes of the moment.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE, LABEL_SIZES, SAMPLING_RATE, UNKNOWN
from saxsolo.corpus.config import AugmentConfig
from saxsolo.corpus.pairs_folder import write_pair
from saxsolo.corpus.stage_state import need_room
from saxsolo.music.frame_labels import score_tokens
from saxsolo.music.score import Note, Score

from .separate import HIGHEST_PEAK, STEMS


def versions(config: AugmentConfig, split: str) -> list[tuple[int, float]]:
    """(semitones, tempo) of every version; what is not for training stays as it was played."""
    if split != "train":
        return [(0, 1.0)]
    return [(semitones, tempo) for tempo in config.tempi for semitones in config.semitones]


def stretch(sound: np.ndarray, semitones: int, tempo: float) -> np.ndarray:
    """A mono sound (n,) at 32 kHz, `semitones` higher and `tempo` times as fast.

    The result has round(n / tempo) samples; sample i of the sound is at i / tempo in it. With
    nothing to change the sound comes back as it is.
    """
    wanted = round(len(sound) / tempo)
    if semitones == 0 and tempo == 1.0:
        return sound
    from python_stretch import Signalsmith

    tool = Signalsmith.Stretch()
    tool.preset(1, SAMPLING_RATE)
    tool.setTransposeSemitones(float(semitones))
    tool.setTimeFactor(float(tempo))
    processed: Any = tool.process(np.ascontiguousarray(sound, np.float32)[None])
    changed = processed[0]
    return np.pad(changed[:wanted], (0, max(0, wanted - len(changed)))).astype(np.float32)


def add_residue(
    backing: np.ndarray,
    solo: np.ndarray,
    level_db: float,
    voices: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """The backing with strange residue: `voices` copies of the solo, reversed and each turned by a
    random time, each `level_db` below the solo. No voices: the backing as it is."""
    if voices == 0:
        return backing
    turns = rng.integers(len(solo) // 8, max(len(solo) // 8 + 1, len(solo)), voices)
    strange = np.zeros_like(solo)
    for turn in turns:
        strange += np.roll(solo[::-1], int(turn))
    return backing + (10 ** (level_db / 20) * strange).astype(np.float32)


def write_versions(
    stems: Path,
    windows: list[dict[str, Any]],
    out: Path,
    described: dict[str, Any],
    config: AugmentConfig,
    seed: int,
) -> list[dict[str, Any]]:
    """Writes every version of every window to out/<split>/<pair_id>/; returns manifest rows.

    Args:
        described: `id` and `split` of the recording and what else a manifest row tells.

    Raises:
        DiskFullError: there is no room for the pairs.
    """
    rows = []
    out.mkdir(parents=True, exist_ok=True)
    for window in windows:
        first, end = (round(window[name] * SAMPLING_RATE) for name in ("start", "end"))
        backing, solo = (
            soundfile.read(stems / f"{name}.flac", start=first, stop=end, dtype="float32")[0]
            for name in STEMS
        )
        score = _score(described, window)
        for semitones, tempo in versions(config, described["split"]):
            pair_id = f"{described['id']}_{window['start']:.1f}_k{semitones:+d}_t{tempo:g}"
            rng = np.random.default_rng([seed, zlib.crc32(pair_id.encode())])
            need_room(out, 8 * len(solo))
            played, heard = (stretch(sound, semitones, tempo) for sound in (solo, backing))
            if described["split"] == "train":
                heard = add_residue(heard, played, config.residue_db, config.residue_voices, rng)
            changed = score.transpose(semitones).scale_tempo(tempo)
            frames = math.ceil(len(played) * FRAME_RATE / SAMPLING_RATE)
            write_pair(
                out / described["split"] / pair_id,
                backing=_within_full_scale(heard),
                solo=_within_full_scale(played),
                score=score_tokens(changed, frames),
                labels=np.full((frames, len(LABEL_SIZES)), UNKNOWN, np.int16),
            )
            rows.append(
                {
                    **{key: value for key, value in described.items() if key != "id"},
                    "pair_id": pair_id,
                    "recording": described["id"],
                    "start": window["start"],
                    "semitones": semitones,
                    "tempo_factor": tempo,
                    "seconds": len(played) / SAMPLING_RATE,
                    "frames": frames,
                }
            )
    return rows


def _score(described: dict[str, Any], window: dict[str, Any]) -> Score:
    """The notes as a score, which knows how to change key and tempo. It has no beats, and its
    instrument and feel are read by nobody."""
    notes = tuple(Note(*note) for note in sorted(window["notes"]))
    return Score(described["id"], "", "", "tenor", "", "swing", notes, (), "", "", "")


def _within_full_scale(sound: np.ndarray) -> np.ndarray:
    """The sound, turned down where its peak is too high for a file."""
    peak = float(np.abs(sound).max(initial=0.0))
    return sound * (HIGHEST_PEAK / peak) if peak > HIGHEST_PEAK else sound
