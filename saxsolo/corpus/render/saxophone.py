"""A solo's notes -> the sound of a saxophone.

The transcription says when, how long, which pitch and how loud. What it does not say is generated
here: tonguing and slurs (notes that touch are slurred and start past the attack of their sample),
vibrato that sets in late on long notes, scoops into notes after a rest, falls at the ends of
phrases, a few cents of drift, breath before phrases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import soundfile

from modeling_saxsolo.player_saxsolo import BEND_LIMIT
from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE, TIMBRES
from saxsolo.audio.rates import to_rate
from saxsolo.music.score import Note, Score

from .sounds import MidiEvent, SoundfontPlayer, Sounds, play_sfz

# lowest and highest key of the MTG samples, and of what both sound fonts sound (FluidR3 is silent
# above its alto's 84 and its baritone's 72)
MTG_RANGE = {"soprano": (56, 88), "alto": (49, 81), "tenor": (44, 76), "baritone": (36, 69)}
FONT_RANGE = {"soprano": (54, 91), "alto": (47, 84), "tenor": (40, 84), "baritone": (36, 72)}
# One tenor sample of FluidR3, which MuseScore_General took over, speaks an octave low for its first
# 150 ms: its keys are played on the alto.
SLIPPING_KEYS = {"tenor": range(64, 68)}
FONT_PROGRAM = {"soprano": 64, "alto": 65, "tenor": 66, "baritone": 67}
# a solo that leaves the sampled range this often is given to a sound font instead of being folded
MUCH_OUT_OF_RANGE = 0.04
# How far a note starts into its sample (controller 98 of the SFZ): the whole tongued attack, less
# of it for short notes, next to none for slurred ones.
TONGUED, SHORT, SLURRED = 20, 60, 100
# Seconds from the key to the sound (30 % of its height; medians over the range, two velocities).
ATTACK_LAG = {
    "mtg": {
        "soprano": {TONGUED: 0.017, SHORT: 0.011, SLURRED: 0.011},
        "alto": {TONGUED: 0.030, SHORT: 0.014, SLURRED: 0.013},
        "tenor": {TONGUED: 0.026, SHORT: 0.015, SLURRED: 0.015},
        "baritone": {TONGUED: 0.013, SHORT: 0.007, SLURRED: 0.009},
    },
    "font": {
        "soprano": dict.fromkeys((TONGUED, SHORT, SLURRED), 0.018),
        "alto": dict.fromkeys((TONGUED, SHORT, SLURRED), 0.020),
        "tenor": dict.fromkeys((TONGUED, SHORT, SLURRED), 0.019),
        "baritone": dict.fromkeys((TONGUED, SHORT, SLURRED), 0.006),
    },
}
# the fonts' saxophones ring on into the next note; one horn plays one note
FONT_RELEASE = 0.4
BEND_STEP = 0.008
CC_VOLUME, CC_ATTACK, CC_RELEASE, CC_NOISE = 7, 98, 72, 80


@dataclass(frozen=True)
class Manner:
    """How this take is played: depths in cents, rates in Hz, probabilities in [0, 1]."""

    vibrato_depth: float
    vibrato_rate: float
    scoop_chance: float
    fall_chance: float
    tuning: float
    softest: int
    loudest: int
    slur_gap: float
    breath: float

    @classmethod
    def draw(cls, rng: np.random.Generator, feel: str) -> Manner:
        """A player's habits; ballads get more vibrato and more scoops."""
        slow = 1.5 if feel == "ballad" else 1.0
        return cls(
            vibrato_depth=float(rng.uniform(8, 28)) * slow,
            vibrato_rate=float(rng.uniform(4.6, 6.0)),
            scoop_chance=float(rng.uniform(0.03, 0.25)) * slow,
            fall_chance=float(rng.uniform(0.0, 0.25)),
            tuning=float(rng.normal(0, 4)),
            softest=int(rng.integers(56, 72)),
            loudest=int(rng.integers(112, 126)),
            slur_gap=float(rng.uniform(0.025, 0.06)),
            breath=float(rng.uniform(0.0, 1.0)),
        )


def choose_timbre(score: Score, sounds: Sounds, rng: np.random.Generator) -> str:
    """One of the timbres this machine has: mostly the MTG samples, unless the solo leaves them."""
    weights = {"mtg": 0.6 if sounds.has_mtg() else 0.0}
    for name in ("fluidr3", "musescore"):
        weights[name] = 0.2 if name in sounds.available_soundfonts() else 0.0
    low, high = MTG_RANGE[score.instrument]
    outside = sum(not low <= note.pitch <= high for note in score.notes)
    fonts = weights["fluidr3"] + weights["musescore"]
    if fonts and outside > MUCH_OUT_OF_RANGE * max(1, len(score.notes)):
        weights["mtg"] = 0.0
    total = sum(weights.values())
    if not total:
        sounds.soundfont("fluidr3")  # raises, with the package to install
    return str(rng.choice(list(weights), p=[w / total for w in weights.values()]))


def fold_into_range(score: Score, timbre: str) -> Score:
    """The score with notes the timbre cannot play moved by octaves into its range."""
    low, high = (MTG_RANGE if timbre == "mtg" else FONT_RANGE)[score.instrument]
    notes = []
    for note in score.notes:
        pitch = note.pitch
        while pitch < low:
            pitch += 12
        while pitch > high:
            pitch -= 12
        notes.append(replace(note, pitch=pitch))
    return replace(score, notes=tuple(notes))


def render_solo(
    score: Score, timbre: str, sounds: Sounds, rng: np.random.Generator, samples: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """The notes of `score` (already in range) as float32 mono (samples,), and the manner as dict.

    The level is the synthesiser's. Raises MissingSoundError where the instrument is absent.
    """
    if timbre not in TIMBRES:
        raise ValueError(f"timbre {timbre!r} is unknown: take one of {', '.join(TIMBRES)}")
    manner = Manner.draw(rng, score.feel)
    lags = ATTACK_LAG["mtg" if timbre == "mtg" else "font"][score.instrument]
    events = performance(score.notes, manner, rng, lags)
    if timbre == "mtg":
        setup = [
            MidiEvent(0.0, "cc", CC_VOLUME, 127),
            MidiEvent(0.0, "cc", CC_RELEASE, int(rng.integers(5, 12))),
            MidiEvent(0.0, "cc", CC_NOISE, 0),
        ]
        audio = play_sfz(sounds.mtg_path(score.instrument), setup + events, samples)
        _add_breath(audio, score, sounds, manner, rng)
    else:
        audio = _play_font(score.instrument, events, sounds.soundfont(timbre), samples)
    rounded = {key: round(value, 3) for key, value in vars(manner).items()}
    return audio, rounded


def _play_font(
    instrument: str, events: Sequence[MidiEvent], player: SoundfontPlayer, samples: int
) -> np.ndarray:
    """The events on the font's saxophone, keys that slip on their stand-in."""
    slipping = SLIPPING_KEYS.get(instrument, ())
    lanes: tuple[list[MidiEvent], list[MidiEvent]] = ([], [])
    for event in events:
        if event.kind == "bend":
            lanes[0].append(event)
            lanes[1].append(event)
        elif event.kind in ("on", "off"):
            lanes[event.number in slipping].append(event)
    programs = (FONT_PROGRAM[instrument], FONT_PROGRAM["alto"])
    audio = np.zeros(samples, dtype=np.float32)
    for lane, program in zip(lanes, programs, strict=True):
        if any(event.kind == "on" for event in lane):
            audio += player.play(lane, samples, program=program, release=FONT_RELEASE)
    return audio


def performance(
    notes: Sequence[Note], manner: Manner, rng: np.random.Generator, lags: Mapping[int, float]
) -> list[MidiEvent]:
    """Notes -> key, attack and bend events.

    Keys go down the `lags` (seconds, by kind of attack) before their notes should sound.
    """
    events: list[MidiEvent] = []
    attacks, starts = [], []
    for before, note in zip((None, *notes), notes, strict=False):
        gap = _gap(before, note)
        repeated = before is not None and before.pitch == note.pitch
        slurred = gap < manner.slur_gap and not repeated
        attack = SLURRED if slurred else (SHORT if note.duration < 0.09 else TONGUED)
        attacks.append(attack)
        starts.append(max(0.0, note.onset - lags[attack]))
    for index, (note, attack, start) in enumerate(zip(notes, attacks, starts, strict=True)):
        last = index + 1 == len(notes)
        velocity = manner.softest + (manner.loudest - manner.softest) * note.loudness
        velocity = int(np.clip(velocity + rng.normal(0, 3), 30, 127))
        end = max(note.onset + note.duration, note.onset + 0.03)
        if not last:
            following = starts[index + 1]
            # a slur overlaps by the attack's lag, so that the line does not break
            slur = attacks[index + 1] == SLURRED
            end = notes[index + 1].onset if slur else min(end, following - 0.002)
        events.append(MidiEvent(start, "cc", CC_ATTACK, attack))
        events.append(MidiEvent(start, "on", note.pitch, velocity))
        events.append(MidiEvent(max(end, start + 0.015), "off", note.pitch, 0))
        gap_before = _gap(notes[index - 1] if index else None, note)
        gap_after = np.inf if last else _gap(note, notes[index + 1])
        bends = _bends(note, start, attack == SLURRED, gap_before, gap_after, manner, rng)
        events += [bend for bend in bends if last or bend.time < starts[index + 1]]
    return events


def _gap(before: Note | None, note: Note) -> float:
    """Seconds of silence before a note."""
    return np.inf if before is None else note.onset - (before.onset + before.duration)


def _bends(
    note: Note,
    start: float,
    slurred: bool,
    gap_before: float,
    gap_after: float,
    manner: Manner,
    rng: np.random.Generator,
) -> list[MidiEvent]:
    """Drift, scoop, late vibrato and fall of one note, as bends every BEND_STEP seconds."""
    centre = manner.tuning + float(rng.normal(0, 3))
    scoop = fall = 0.0
    if not slurred and note.duration > 0.14 and gap_before > 0.1:
        if rng.random() < manner.scoop_chance:
            scoop = float(rng.uniform(40, 140))
    if note.duration > 0.25 and gap_after > 0.3 and rng.random() < manner.fall_chance:
        fall = float(rng.uniform(80, 190))
    scoop_length = float(rng.uniform(0.04, 0.09))
    fall_length = min(0.4 * note.duration, 0.18)
    delay = float(rng.uniform(0.15, 0.3))
    depth = manner.vibrato_depth * float(rng.uniform(0.6, 1.3))
    rate = manner.vibrato_rate * float(rng.uniform(0.95, 1.05))
    vibrates = note.duration > delay + 0.12
    if not (scoop or fall or vibrates):
        return [MidiEvent(start, "bend", 0, centre)]
    at = np.arange(0.0, note.duration + 0.02, BEND_STEP)
    cents = np.full(len(at), centre)
    if vibrates:
        swell = np.clip((at - delay) / 0.25, 0, 1)
        cents += depth * swell * np.sin(2 * np.pi * rate * np.maximum(0, at - delay))
    if scoop:
        cents -= scoop * np.clip(1 - at / scoop_length, 0, 1)
    if fall:
        cents -= fall * np.clip((at - note.duration + fall_length) / fall_length, 0, 1) ** 1.5
    cents = np.clip(cents, -BEND_LIMIT, BEND_LIMIT)
    return [
        MidiEvent(start + float(t), "bend", 0, round(float(c), 2))
        for t, c in zip(at, cents, strict=True)
    ]


def _add_breath(
    audio: np.ndarray, score: Score, sounds: Sounds, manner: Manner, rng: np.random.Generator
) -> None:
    """Mix a recorded breath, softly, into some of the rests before a phrase (in place)."""
    folder = sounds.mtg_path(score.instrument).parent / "Samples"
    files = sorted(folder.glob(f"{score.instrument[:3]}_b_*.flac"))
    if not files:
        return
    loudness = float(np.sqrt(np.mean(np.square(audio)))) if len(audio) else 0.0
    ends = [0.0] + [note.onset + note.duration for note in score.notes]
    for end, note in zip(ends, score.notes, strict=False):
        if note.onset - end < 0.6 or rng.random() > 0.5 * manner.breath:
            continue
        sound, rate = soundfile.read(files[int(rng.integers(len(files)))], dtype="float32")
        length = min(len(sound) / rate, note.onset - end - 0.1, 0.8)
        sound = to_rate(sound, rate, int(length * SAMPLING_RATE))
        fade = min(len(sound), SAMPLING_RATE // 20)
        sound[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        level = float(np.sqrt(np.mean(np.square(sound)))) + 1e-6
        start = int((note.onset - 0.05) * SAMPLING_RATE) - len(sound)
        room = audio[max(0, start) : start + len(sound)]
        room += (0.12 * loudness / level) * sound[len(sound) - len(room) :]
