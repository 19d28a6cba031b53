"""Does a solo sound the notes that were planned, and rest where none was?

The planned notes are those of the score stream; the pitch of the sound is SwiftF0's. Tracks may
come from anywhere: nothing but the solo is judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from saxsolo.audio.files import open_sound
from saxsolo.audio.pitch import track_f0
from saxsolo.playing.performance import Performance
from saxsolo.playing.settings import Settings
from saxsolo.weights.loading import Player

from .ear_report import Track
from .notes import SoloNotes, notes_of_score

# the pitch of a note's beginning and of its last frame belongs to two notes
ATTACK, RELEASE = 0.03, 0.01
IN_TUNE_CENTS = 50.0
# what sounds so long after a note is no release; so far below the notes it is not heard
RELEASE_SECONDS, SILENT_DB = 0.2, -50.0
FADED_DB = -25.0


@dataclass(frozen=True)
class Voicing:
    """One solo beside its plan.

    Attributes:
        name: of the track. notes: planned.
        pitched: share of the frames in notes that have a pitch.
        in_tune: share of those within 50 cents of the planned pitch, the track's tuning included.
        off: median cents from it.
        faded: share of the frames in notes 25 dB and more below the notes' median level.
        sounding_rests: share of the frames in rests, from 0.2 s after a note on, that are louder
            than 50 dB below that level; nan without such rests.
    """

    name: str
    notes: int
    pitched: float
    in_tune: float
    off: float
    faded: float
    sounding_rests: float


def voicing_over_tracks(
    player: Player, tracks: Sequence[Track], seconds: float, seed: int = 1
) -> list[Voicing]:
    """Plays over the beginning of each track and compares each solo with its plan."""
    rows = []
    for track in tqdm(tracks, disable=None):
        settings = Settings(seed=seed, seconds=seconds)
        performance = Performance(player, open_sound(track.path), settings)
        sound = np.concatenate(list(performance)).reshape(-1)
        notes = notes_of_score(np.concatenate(performance.frames, axis=-1)[0])
        cents = performance.heard.measure.tuning if performance.heard else 0.0
        rows.append(voicing(track.name, notes, sound, player.sampling_rate, cents))
    return rows


def voicing(
    name: str, notes: SoloNotes, sound: np.ndarray, sampling_rate: int, cents: float = 0.0
) -> Voicing:
    """A sound (n,) beside its notes, all of them `cents` above A = 440."""
    times, f0 = track_f0(sound.astype(np.float32), sampling_rate)
    planned = np.full(len(times), np.nan)
    for onset, end, pitch in zip(notes.onsets, notes.ends, notes.pitches, strict=True):
        planned[(times >= onset + ATTACK) & (times < end - RELEASE)] = pitch
    inside, voiced = np.isfinite(planned), f0 > 0
    heard = 100 * (69 + 12 * np.log2(np.maximum(f0, 1.0) / 440)) - cents
    off = (heard - 100 * planned)[inside & voiced]
    level, sounding, resting = _levels(notes, sound, sampling_rate)
    usual = float(np.median(level[sounding])) if sounding.any() else 0.0
    return Voicing(
        name=name,
        notes=len(notes),
        pitched=_share(voiced[inside]),
        in_tune=_share(np.abs(off) < IN_TUNE_CENTS),
        off=float(np.median(off)) if len(off) else float("nan"),
        faded=_share(level[sounding] < usual + FADED_DB),
        sounding_rests=_share(level[resting] > usual + SILENT_DB),
    )


def voicing_table(rows: Sequence[Voicing]) -> str:
    """Markdown, a row a track and their means."""
    lines = [
        "| track | notes | pitched | in tune | cents off | faded | sounding rests |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        lines.append(
            f"| {row.name} | {row.notes} | {row.pitched:.3f} | {row.in_tune:.3f} | {row.off:.1f} | "
            f"{row.faded:.3f} | {row.sounding_rests:.3f} |"
        )
    names = ("pitched", "in_tune", "off", "faded", "sounding_rests")
    means = {name: float(np.nanmean([getattr(row, name) for row in rows])) for name in names}
    lines.append(
        f"| mean | {sum(row.notes for row in rows)} | {means['pitched']:.3f} | "
        f"{means['in_tune']:.3f} | {means['off']:.1f} | {means['faded']:.3f} | "
        f"{means['sounding_rests']:.3f} |"
    )
    return "\n".join(lines)


def _levels(
    notes: SoloNotes, sound: np.ndarray, sampling_rate: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Level (F,) in dB every 20 ms, frames in notes (F,), frames in rests after the release."""
    hop = sampling_rate // 50
    frames = sound[: len(sound) // hop * hop].astype(np.float64).reshape(-1, hop)
    level = 10 * np.log10((frames**2).mean(axis=1) + 1e-12)
    middles = (np.arange(len(level)) + 0.5) / 50
    sounding = np.zeros(len(level), bool)
    covered = np.zeros(len(level), bool)
    for onset, end in zip(notes.onsets, notes.ends, strict=True):
        sounding |= (middles >= onset) & (middles < end)
        covered |= (middles >= onset) & (middles < end + RELEASE_SECONDS)
    begun = middles >= notes.onsets[0] if len(notes) else np.zeros(len(level), bool)
    return level, sounding, begun & ~covered


def _share(which: np.ndarray) -> float:
    return float(which.mean()) if len(which) else float("nan")
