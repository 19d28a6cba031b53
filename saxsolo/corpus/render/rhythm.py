"""The rhythm section: who plays, on what, and the mix of their stems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from saxsolo.music.score import Score

from .bar_plan import BarPlan, Stroke
from .bass import play_bass
from .comping import play_chords
from .damage import to_level
from .drums import play_drums
from .sounds import MidiEvent, Sounds

# General MIDI programs and how often a section has them
KEYS = {"piano": 0, "bright_piano": 1, "electric_piano": 4, "jazz_guitar": 26, "organ": 17,
        "vibraphone": 11, "nylon_guitar": 24}  # fmt: skip
KEYS_CHANCES = {
    "swing": (0.72, 0.08, 0.04, 0.10, 0.03, 0.03, 0.0),
    "latin": (0.50, 0.08, 0.14, 0.06, 0.02, 0.02, 0.18),
    "funk": (0.25, 0.10, 0.45, 0.10, 0.10, 0.0, 0.0),
}
ACOUSTIC_BASS, FINGERED_BASS, FRETLESS_BASS = 32, 33, 35
STANDARD_KIT, ROOM_KIT, JAZZ_KIT, BRUSH_KIT = 0, 8, 32, 40
FONT_CHANCES = {"fluidr3": 0.45, "musescore": 0.4, "timgm6mb": 0.15}
PLAYERS = ("bass", "keys", "drums")
# dBFS of each stem before the balance varies
STEM_LEVEL = {"bass": -22.0, "keys": -23.0, "drums": -24.0}


def events_of(strokes: Sequence[Stroke]) -> list[MidiEvent]:
    """Strokes -> key events. A key struck again ends its earlier stroke first."""
    events: list[MidiEvent] = []
    held: dict[int, int] = {}
    for stroke in sorted(strokes):
        end = stroke.time + stroke.duration
        if stroke.key in held and events[held[stroke.key]].time >= stroke.time:
            index = held[stroke.key]
            events[index] = events[index]._replace(time=max(0.0, stroke.time - 0.001))
        events.append(MidiEvent(stroke.time, "on", stroke.key, stroke.velocity))
        held[stroke.key] = len(events)
        events.append(MidiEvent(end, "off", stroke.key, 0))
    return events


def render_rhythm(
    score: Score,
    sounds: Sounds,
    rng: np.random.Generator,
    samples: int,
    *,
    players: Sequence[str] | None = None,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Bass, chords and drums on the beats of `score` -> float32 mono (samples,), and the settings.

    `players`: which of PLAYERS are there; None draws, nearly always all three. The result has no
    set level. Raises MissingSoundError where no sound font is installed.
    """
    settings: dict[str, object] = {}
    mix = np.zeros(samples, dtype=np.float32)
    if len(score.beats) < 2:
        return mix, settings
    sounds.check()
    plan = BarPlan(score, rng)
    settings["swing"] = round(plan.swing, 3)
    fonts = sounds.available_soundfonts()
    likely = np.array([FONT_CHANCES[font] for font in fonts])
    absent = _absent(float(rng.random()))
    if players is None:
        players = [name for name in PLAYERS if name != absent]
    for player in players:
        font = str(rng.choice(fonts, p=likely / likely.sum()))
        if player == "bass":
            stem, instrument = _bass(score, plan, sounds, rng, font, samples)
        elif player == "keys":
            stem, instrument = _keys(score, plan, sounds, rng, font, samples)
        else:
            stem, instrument = _drums(score, plan, sounds, rng, font, samples)
        balance = float(np.clip(rng.normal(0, 2.5), -6, 5))
        settings[player] = {**instrument, "balance_db": round(balance, 1)}
        mix += to_level(stem, STEM_LEVEL[player] + balance)
    return mix, settings


def _absent(draw: float) -> str | None:
    """Now and then a duo: without drums, without chords, without bass."""
    return "drums" if draw < 0.05 else "keys" if draw < 0.09 else "bass" if draw < 0.12 else None


def _bass(
    score: Score, plan: BarPlan, sounds: Sounds, rng: np.random.Generator, font: str, samples: int
) -> tuple[np.ndarray, dict[str, Any]]:
    strokes = play_bass(plan, score.feel, rng)
    if sounds.has_plucked_bass() and rng.random() < (0.2 if score.feel == "funk" else 0.5):
        stem = sounds.plucked_bass().play(
            [(s.time, s.duration, s.key, s.velocity) for s in strokes], samples
        )
        return stem, {"sound": "meatbass"}
    program = ACOUSTIC_BASS
    if score.feel in ("funk", "latin") and rng.random() < 0.6:
        program = int(rng.choice((FINGERED_BASS, FINGERED_BASS, FRETLESS_BASS)))
    stem = sounds.soundfont(font).play(events_of(strokes), samples, program=program)
    return stem, {"sound": font, "program": program}


def _keys(
    score: Score, plan: BarPlan, sounds: Sounds, rng: np.random.Generator, font: str, samples: int
) -> tuple[np.ndarray, dict[str, Any]]:
    chances = KEYS_CHANCES.get(score.feel, KEYS_CHANCES["swing"])
    name = str(rng.choice(list(KEYS), p=chances))
    strokes = play_chords(plan, score.feel, rng, legato=name == "organ")
    stem = sounds.soundfont(font).play(events_of(strokes), samples, program=KEYS[name])
    return stem, {"sound": font, "program": KEYS[name], "name": name}


def _drums(
    score: Score, plan: BarPlan, sounds: Sounds, rng: np.random.Generator, font: str, samples: int
) -> tuple[np.ndarray, dict[str, Any]]:
    brushes = score.feel == "ballad" or (
        score.feel in ("swing", "twobeat", "waltz") and bool(rng.random() < 0.15)
    )
    kits = (ROOM_KIT, STANDARD_KIT) if score.feel == "funk" else (JAZZ_KIT, STANDARD_KIT)
    kit = BRUSH_KIT if brushes else int(rng.choice(kits, p=(0.7, 0.3)))
    strokes = play_drums(plan, score.feel, rng, brushes=brushes)
    stem = sounds.soundfont(font).play(events_of(strokes), samples, program=kit, bank=128)
    return stem, {"sound": font, "kit": kit}
