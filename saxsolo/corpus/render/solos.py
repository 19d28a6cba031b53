"""Scores -> a folder of saxophone solos alone, at 44.1 kHz: what a codec learns from, and what a
solo model learns to voice notes from.

    OUT/manifest.jsonl                                  one row a finished solo
    OUT/<set>/<name>/{solo.flac, solo.f0.npy, notes.json, labels.npz}

`solo.f0.npy` is the pitch of the dry sound every 5 ms, hertz (`saxsolo.audio.fine_pitch`); a codec
alone needs it. `notes.json` says how each note was played (`player_saxsolo.PlayedNote`),
`labels.npz` holds notes, chords, beats and articulations of each frame. Sets:

- train, validation, test: performers as everywhere, on the horns of training;
- unseen: test performers on a horn that no training hears;
- font: test performers on the tenors of two sound fonts, which no training hears either.
"""

from __future__ import annotations

import json
import math
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from modeling_saxsolo.player_saxsolo import Player, interpret
from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.atomic import replacing_folder
from saxsolo.audio.fine_pitch import fine_f0
from saxsolo.corpus.pairs_folder import MANIFEST, append_row, read_manifest, write_labels
from saxsolo.corpus.scores.splits import SPLITS, assign_splits
from saxsolo.music.frame_labels import frame_labels, score_tokens
from saxsolo.music.score import Score

from .articulation_masks import NOTES, articulation_masks, as_played
from .damage import room, to_level
from .horn_sound import add_noises, shape
from .horns import TRAINING_HORNS, UNSEEN_FONTS, UNSEEN_HORN, Horn, check_horns
from .key_events import key_events
from .pair import seed_of
from .pairs import CorpusError, later
from .saxophone import CC_NOISE, CC_RELEASE, CC_VOLUME, FONT_RELEASE
from .sounds import MidiEvent, Sounds, play_sfz

RATE = 44100
SETS = (*SPLITS, "unseen", "font")
ROOM_SHARE = 0.3


@dataclass(frozen=True)
class SoloPlan:
    """One solo to render: a stretch of a score, its horn and its place."""

    name: str
    set: str
    score: Score
    horn: Horn
    seed: int


def plan_solos(
    scores: Iterable[Score], *, hours: float, held_out: int, seconds: float, seed: int
) -> list[SoloPlan]:
    """`hours` of training solos, and `held_out` of each other set; stretches of `seconds`."""
    scores = list(scores)
    splits = assign_splits(scores)
    planned: list[SoloPlan] = []
    for name in SETS:
        split = "test" if name in ("unseen", "font") else name
        chosen = [score for score in scores if splits[score.id] == split and score.notes]
        if not chosen:
            raise CorpusError(f"no score of split {split!r}: give a folder with more performers")
        count = round(hours * 3600 / seconds) if name == "train" else held_out
        rng = np.random.default_rng(seed_of("solos", name, seed))
        order: list[Score] = []
        while len(order) < count:
            order += [chosen[int(i)] for i in rng.permutation(len(chosen))]
        for number, score in enumerate(order[:count]):
            piece = _stretch(score, seconds, rng)
            horn = _drawn(name, number, rng)
            planned.append(
                SoloPlan(
                    f"{number:04d}_{score.id}_{horn.name}",
                    name,
                    fitted(piece, horn),
                    horn,
                    seed_of(seed, name, number) >> 1,
                )
            )
    return planned


def _drawn(name: str, number: int, rng: np.random.Generator) -> Horn:
    if name == "unseen":
        return UNSEEN_HORN
    if name == "font":
        return UNSEEN_FONTS[number % len(UNSEEN_FONTS)]
    weights = np.array([horn.weight for horn in TRAINING_HORNS])
    return TRAINING_HORNS[int(rng.choice(len(weights), p=weights / weights.sum()))]


def _stretch(score: Score, seconds: float, rng: np.random.Generator) -> Score:
    """From a note on, `seconds` long, half a second of silence before."""
    last = max(0.0, score.notes[-1].onset - seconds)
    start = float(rng.uniform(0, last + 1e-9))
    start = min((note.onset for note in score.notes), key=lambda onset: abs(onset - start))
    return later(score.excerpt(start, start + seconds), 0.5)


def fitted(score: Score, horn: Horn) -> Score:
    """The score in the key nearest to its own in which most notes lie in the horn's range; what is
    left outside is moved by octaves, or to the nearest key of a horn of less than an octave."""
    pitches = np.array([note.pitch for note in score.notes])
    middle = 0.5 * (horn.low + horn.high)

    def misfit(shift: int) -> tuple[int, float]:
        moved = pitches + shift
        outside = int(((moved < horn.low) | (moved > horn.high)).sum())
        return outside, abs(float(np.median(moved)) - middle) + 0.5 * abs(shift % 12 - 0)

    moved = score.transpose(min(range(-36, 37), key=misfit))
    notes = []
    for note in moved.notes:
        pitch = note.pitch
        while pitch < horn.low:
            pitch += 12
        while pitch > horn.high:
            pitch -= 12
        notes.append(replace(note, pitch=max(pitch, horn.low)))
    return replace(moved, notes=tuple(notes))


def render_solo_alone(
    plan: SoloPlan, sounds: Sounds, *, pitch: bool = True
) -> tuple[np.ndarray, np.ndarray | None, dict[str, Any]]:
    """Audio (samples,) float32 at 44.1 kHz, its pitch every 5 ms (F,) if asked for, and the truth.

    Raises:
        MissingSoundError: the horn is not on this machine.
    """
    rng = np.random.default_rng(plan.seed)
    player = Player.draw(rng, plan.score.feel)
    played = interpret(plan.score.notes, player, rng)
    seconds = plan.score.notes[-1].onset + plan.score.notes[-1].duration + 0.7
    # whole frames, so that a codec of any rate has as many
    samples = math.ceil(seconds * FRAME_RATE) * RATE // FRAME_RATE
    events = key_events(played, plan.horn.lags)
    if plan.horn.file is None:
        font = sounds.soundfont(plan.horn.name)
        events = [event for event in events if event.kind != "cc"]
        audio = font.play(
            events, samples, program=plan.horn.program, release=FONT_RELEASE, wanted=RATE
        )
    else:
        assert sounds.samples_dir is not None, "check_horns refused a missing folder"
        setup = [
            MidiEvent(0.0, "cc", CC_VOLUME, 127),
            MidiEvent(0.0, "cc", CC_RELEASE, int(rng.integers(4, 12))),
            MidiEvent(0.0, "cc", CC_NOISE, 0),
        ]
        audio = play_sfz(plan.horn.path(sounds.samples_dir), setup + events, samples, RATE)
    audio = shape(audio, played, RATE, rng)
    f0 = fine_f0(audio, RATE).astype(np.float32) if pitch else None
    if sounds.samples_dir is not None:
        add_noises(audio, played, plan.horn.instrument, sounds.samples_dir, RATE, rng)
    wet = 0.0
    if rng.random() < ROOM_SHARE:
        wet = float(rng.uniform(0.03, 0.2))
        audio = room(audio, rng, seconds=float(rng.uniform(0.15, 0.7)), wet=wet, rate=RATE)
    audio = to_level(audio, -20.0 + float(rng.uniform(-2, 2)))
    truth = {
        "horn": plan.horn.name,
        "instrument": plan.horn.instrument,
        "seed": plan.seed,
        "room": round(wet, 3),
        "player": {name: round(value, 3) for name, value in vars(player).items()},
        "notes": [note.row() for note in played],
    }
    return audio, f0, truth


def write_solo(plan: SoloPlan, out: Path, sounds: Sounds, pitch: bool = True) -> dict[str, Any]:
    """Render one solo, put its folder in place and return its manifest row."""
    audio, f0, truth = render_solo_alone(plan, sounds, pitch=pitch)
    score = plan.score
    frames = len(audio) * FRAME_RATE // RATE
    with replacing_folder(out / plan.set / plan.name) as folder:
        soundfile.write(folder / "solo.flac", audio, RATE, subtype="PCM_16")
        if f0 is not None:
            np.save(folder / "solo.f0.npy", f0)
        (folder / NOTES).write_text(json.dumps(truth), encoding="utf-8")
        tokens = score_tokens(score, frames)
        masks = articulation_masks(as_played(truth["notes"]), tokens)
        write_labels(folder, tokens, frame_labels(score, frames), masks)
    return {
        "pair_id": plan.name,
        "split": plan.set,
        "score_id": score.id,
        "performer": score.performer,
        "title": score.title,
        "instrument": plan.horn.instrument,
        "style": score.style,
        "feel": score.feel,
        "tempo": round(score.tempo, 2),
        "timbre": plan.horn.timbre,
        "semitones": 0,
        "tempo_factor": 1.0,
        "source": score.source,
        "horn": plan.horn.name,
        "seed": plan.seed,
        "seconds": round(len(audio) / RATE, 3),
        "frames": frames,
        "licence": score.licence,
        "attribution": score.attribution,
        "horn_licence": plan.horn.licence,
        "horn_attribution": plan.horn.attribution,
    }


def render_solos(
    scores: Iterable[Score],
    out: Path,
    sounds: Sounds,
    *,
    hours: float = 4.0,
    held_out: int = 12,
    seconds: float = 60.0,
    sets: Sequence[str] = SETS,
    seed: int = 0,
    workers: int = 1,
    pitch: bool = True,
    progress: Callable[[str], None] | None = None,
) -> list[dict[str, Any]]:
    """Render what `plan_solos` says below `out`; what an earlier call finished stays.

    `pitch`: also write the pitch every 5 ms, which takes half of the time.

    Raises:
        MissingSoundError: a horn is not on this machine; nothing is written then.
        CorpusError: scores without held-out performers, or a set of another name.
    """
    unknown = sorted(set(sets) - set(SETS))
    if unknown:
        raise CorpusError(f"set {unknown[0]!r} is unknown: take any of {', '.join(SETS)}")
    check_horns((*TRAINING_HORNS, UNSEEN_HORN, *UNSEEN_FONTS), sounds)
    planned = plan_solos(scores, hours=hours, held_out=held_out, seconds=seconds, seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    rows = read_manifest(out) if (out / MANIFEST).exists() else []
    done = {(row["split"], row["pair_id"]) for row in rows}
    waiting = [p for p in planned if p.set in sets and (p.set, p.name) not in done]
    with (out / MANIFEST).open("a", encoding="utf-8") as manifest:
        for count, row in enumerate(_written(waiting, out, sounds, workers, pitch), start=1):
            append_row(manifest, row)
            rows.append(row)
            if progress is not None:
                progress(f"{count}/{len(waiting)} {row['split']} {row['pair_id']}")
    return rows


def _written(
    waiting: list[SoloPlan], out: Path, sounds: Sounds, workers: int, pitch: bool
) -> Iterator[dict[str, Any]]:
    write = partial(write_solo, out=out, sounds=sounds, pitch=pitch)
    if workers <= 1:
        yield from map(write, waiting)
        return
    # sfizz and fluidsynth have threads of their own: fork would copy them half
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield from pool.map(write, waiting)
