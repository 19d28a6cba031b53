"""Does a note that is asked to be played in some way sound so?

Over held-out rendered solos. What is heard of each kind is judged first where the truth is known:
in the render, notes that were played so against those that could have been. Then the model voices
the same notes twice from one seed, once with the kind asked of all notes that can have it, once of
none, and each note is compared with itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from modeling_saxsolo.codec_adapter_saxsolo import codec_layout, encode_blocks
from modeling_saxsolo.habits_saxsolo import Articulator, Habits
from modeling_saxsolo.note_events_saxsolo import notes_of
from modeling_saxsolo.vocabulary_saxsolo import (
    ARTICULATIONS,
    FRAME_RATE,
    FREE,
    LABEL_SIZES,
    LOWEST_PITCH,
    UNKNOWN_ARTICULATION,
)
from saxsolo.audio.codes import DECODE_FRAMES, decode_blocks
from saxsolo.audio.rates import at_rate
from saxsolo.corpus.pairs_folder import read_manifest
from saxsolo.corpus.render.articulation_masks import read_masks
from saxsolo.errors import SettingError
from saxsolo.intervals import percentile_interval, resamples
from saxsolo.weights.loading import Player

from .articulation_sound import FIGURES, HeardSolo, Place

# plays as slurred as the rules have it, or not at all
NAN = float("nan")
NOTHING = {"slurred": "none,slurred=0"}


@dataclass(frozen=True)
class RenderedSolo:
    """A rendered solo: its row of the manifest, sound, score (T,), labels (T, 4), masks (T,)."""

    row: dict[str, Any]
    audio: np.ndarray
    rate: int
    score: np.ndarray
    labels: np.ndarray
    masks: np.ndarray


@dataclass(frozen=True)
class Effect:
    """What a kind does to its figure.

    Attributes:
        kind: of articulation. notes: with it. plain: median of those without; moved: by which
            those with it differ, median against median or, of pairs, the median difference; low,
            high: 95 % interval of that by resampling notes; right: share of pairs that moved the
            right way, None without pairs.
    """

    kind: str
    notes: int
    plain: float
    moved: float
    low: float
    high: float
    right: float | None


def read_solos(folder: Path, split: str, limit: int, seconds: float) -> list[RenderedSolo]:
    """The beginnings of rendered solos, evenly spaced.

    Raises:
        SettingError: none that say how their notes are played.
    """
    rows = [row for row in read_manifest(folder) if row["split"] == split]
    rows = rows[:: max(1, len(rows) // limit)][:limit] if limit else rows
    solos = []
    for row in rows:
        place = folder / split / row["pair_id"]
        labels = np.load(place / "labels.npz")
        score = labels["score"].astype(np.int64)
        masks = read_masks(place, score)
        if masks is None:
            continue
        frames = min(len(score), round(seconds * FRAME_RATE))
        rate = soundfile.info(place / "solo.flac").samplerate
        audio, _ = soundfile.read(
            place / "solo.flac", frames=frames * rate // FRAME_RATE, dtype="float32"
        )
        told = labels["frame_labels"][:frames].astype(np.int64)
        solos.append(RenderedSolo(row, audio, rate, score[:frames], told, masks[:frames]))
    if not solos:
        raise SettingError(f"{folder} has no {split} solos with notes.json (saxsolo corpus solos)")
    return solos


def asked_masks(text: str, score: np.ndarray, seed: int) -> np.ndarray:
    """(T,) masks of notes that are played as asked."""
    masks = np.full(len(score), UNKNOWN_ARTICULATION, np.int64)
    Articulator(Habits.parse(text), (seed,)).tell(masks, score, 0, len(score))
    return masks


def places(score: np.ndarray) -> list[Place]:
    """The notes of a score, in order."""
    notes = notes_of(score)
    pitches = [LOWEST_PITCH + note.pitch for note in notes]
    return [
        Place(note.start / FRAME_RATE, note.end / FRAME_RATE, pitch, before)
        for note, pitch, before in zip(notes, pitches, pitches[:1] + pitches, strict=False)
    ]


def having(kind: str, masks: np.ndarray, score: np.ndarray) -> np.ndarray:
    """(notes,) whether each note has a kind."""
    bits = np.maximum(masks, 0) >> ARTICULATIONS.index(kind) & 1
    return np.array([bits[note.start : note.end].any() for note in notes_of(score)], bool)


def truth_effects(
    solos: Sequence[RenderedSolo], kinds: Sequence[str], player: Player | None = None
) -> list[Effect]:
    """What each kind does in the renders, or in what the codec of a player makes of them."""
    figures: dict[str, tuple[list[float], list[float]]] = {kind: ([], []) for kind in kinds}
    for solo in solos:
        heard = HeardSolo(solo.audio, solo.rate)
        if player is not None:
            heard = HeardSolo(through_codec(player, solo), player.sampling_rate)
        notes = places(solo.score)
        for kind in kinds:
            has = having(kind, solo.masks, solo.score)
            could = having(kind, asked_masks(f"none,{kind}=1", solo.score, 0), solo.score)
            values = _figures(kind, heard, notes, has | could)
            figures[kind][0].extend(values[has])
            figures[kind][1].extend(values[could & ~has])
    return [_unpaired(kind, *map(np.array, figures[kind])) for kind in kinds]


def model_effects(
    player: Player, solos: Sequence[RenderedSolo], kinds: Sequence[str], seed: int
) -> list[Effect]:
    """What each kind does when the model is asked for it, note by note against the same without."""
    known = player.solo.model.config.articulations or []
    kinds = [kind for kind in kinds if kind in known]
    if not kinds:
        raise SettingError(f"{player.solo.name} knows none of these articulations")
    plain: dict[str, list[np.ndarray]] = {kind: [] for kind in kinds}
    moved: dict[str, list[np.ndarray]] = {kind: [] for kind in kinds}
    for solo in solos:
        notes = places(solo.score)
        played: dict[str, HeardSolo] = {}
        for kind in kinds:
            masks = asked_masks(f"none,{kind}=1", solo.score, seed)
            without = NOTHING.get(kind, "none")
            for text, told in (
                (f"none,{kind}=1", masks),
                (without, asked_masks(without, solo.score, seed)),
            ):
                if text not in played:
                    sound = voice(player, solo, told, seed)
                    played[text] = HeardSolo(sound, player.sampling_rate)
            asked = having(kind, masks, solo.score)
            before = _figures(kind, played[without], notes, asked)[asked]
            after = _figures(kind, played[f"none,{kind}=1"], notes, asked)[asked]
            plain[kind].append(before)
            moved[kind].append(after - before)
    return [_paired(k, np.concatenate(plain[k]), np.concatenate(moved[k])) for k in kinds]


def voice(player: Player, solo: RenderedSolo, masks: np.ndarray, seed: int) -> np.ndarray:
    """(n,) what the model makes of a solo's notes, told its chords and beats."""
    model: Any = player.solo.model
    config, frames = model.config, len(solo.score)
    told = []
    for column, size in zip(solo.labels.T, LABEL_SIZES.values(), strict=True):
        known = (column >= 0)[:, None]
        told.append(np.eye(size, dtype=np.float32)[np.clip(column, 0, size - 1)] * known)
    posteriors = torch.from_numpy(np.concatenate(told, axis=1).T[None])
    forced = torch.full((1, config.num_streams, frames), FREE)
    forced[0, 0] = torch.from_numpy(solo.score)
    ids = [
        values.index(solo.row[name]) if solo.row.get(name) in values else -1
        for name, values in (config.conditions or {}).items()
    ]
    codes = model.generate(
        frame_label_posteriors=posteriors.to(model.device),
        condition_ids=torch.tensor([ids], device=model.device),
        forced_codes=forced.to(model.device),
        articulation=torch.from_numpy(masks)[None].to(model.device),
        do_sample=True,
        seed=seed,
    )
    return decoded(player, codes[:, 1:])


def through_codec(player: Player, solo: RenderedSolo) -> np.ndarray:
    """(n,) a render, encoded and decoded."""
    codec: Any = player.codec.model
    layout = codec_layout(codec)
    audio = at_rate(solo.audio, solo.rate, layout.sampling_rate)
    whole = len(solo.score) * layout.frame_samples
    audio = np.pad(audio, (0, max(0, whole - len(audio))))[:whole]
    blocks = iter([torch.from_numpy(audio).float().view(1, 1, -1)])
    return decoded(player, torch.cat(list(encode_blocks(codec, blocks)), dim=-1))


def decoded(player: Player, codes: torch.Tensor) -> np.ndarray:
    """(n,) float32 of codes (1, K, T)."""
    return np.concatenate(list(decode_blocks(player.codec.model, codes.split(DECODE_FRAMES, -1))))


def _figures(kind: str, heard: HeardSolo, notes: Sequence[Place], wanted: np.ndarray) -> np.ndarray:
    """(notes,) a kind's figure, nan for those that are not wanted."""
    measure = FIGURES[kind][0]
    values = np.full(len(notes), np.nan)
    for index in np.flatnonzero(wanted).tolist():
        values[index] = measure(heard, notes[index])
    return values


def _drawn_medians(values: np.ndarray, seed: int) -> np.ndarray:
    return np.asarray(np.median(values[resamples(len(values), 1000, seed)], axis=1))


def _unpaired(kind: str, with_it: np.ndarray, without: np.ndarray) -> Effect:
    with_it, without = with_it[np.isfinite(with_it)], without[np.isfinite(without)]
    if not len(with_it) or not len(without):
        return Effect(kind, len(with_it), NAN, NAN, NAN, NAN, None)
    drawn = _drawn_medians(with_it, 0) - _drawn_medians(without, 1)
    low, high = percentile_interval(drawn)
    moved = float(np.median(with_it) - np.median(without))
    return Effect(kind, len(with_it), float(np.median(without)), moved, low, high, None)


def _paired(kind: str, plain: np.ndarray, moved: np.ndarray) -> Effect:
    there = np.isfinite(moved)
    plain, moved = plain[there], moved[there]
    if not len(moved):
        return Effect(kind, 0, NAN, NAN, NAN, NAN, None)
    low, high = percentile_interval(_drawn_medians(moved, 0))
    right = float((FIGURES[kind][2] * moved > 0).mean())
    middle = float(np.median(moved))
    return Effect(kind, len(moved), float(np.median(plain)), middle, low, high, right)


def effects_table(title: str, effects: Sequence[Effect]) -> Iterator[str]:
    """Lines of Markdown."""
    yield f"| {title} | figure | notes | without | moved by | 95 % | moved the right way |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for one in effects:
        right = "" if one.right is None else f"{one.right:.0%}"
        yield (
            f"| {one.kind} | {FIGURES[one.kind][1]} | {one.notes} | {one.plain:.1f} | "
            f"{one.moved:+.1f} | {one.low:+.1f} to {one.high:+.1f} | {right} |"
        )


def effects_json(effects: Sequence[Effect]) -> str:
    """The same for programs."""
    return json.dumps([vars(one) for one in effects], indent=2)
