"""One accompaniment from a seed: chart, style, players, sound, damage, and the truth about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.corpus.render.bar_plan import Stroke
from saxsolo.corpus.render.damage import to_level

from .band import RANGES, Instrument, Studio, choose_harmony, strokes_of
from .basslines import play_bass
from .charts import Chart
from .comping import choose_comper, comp
from .damage import at_speed, set_level, stage, wear
from .drumming import CLICK, STICK, WOODBLOCK, choose_drummer, count_in, play_drums
from .form import Style, choose_style, fit_chart, make_plan
from .melody import play_melody
from .plan import METRES, Bar, Note, Plan
from .progressions import chance_chart, written_chart
from .transcribed import Passage, transcribed_plan
from .truth import Row, bass_rows, beat_rows, chord_rows

STEM_DB = {"bass": -22.0, "chords": -23.0, "second": -26.0, "drums": -24.0, "soloist": -20.0}
SPREAD_DB = {"bass": 5.0, "chords": 4.0, "second": 4.0, "drums": 6.0, "soloist": 3.5}
# line-ups and how often
LINE_UPS = (
    (0.70, ("bass", "chords", "drums")), (0.10, ("bass", "chords")), (0.035, ("chords",)),
    (0.05, ("bass", "drums")), (0.025, ("bass",)), (0.04, ("drums",)),
    (0.03, ("chords", "drums")), (0.01, ()),
)  # fmt: skip


@dataclass(frozen=True)
class Accompaniment:
    """`audio`: float32 (channels, samples) at `rate` Hz; `truth`: ready for JSON."""

    audio: np.ndarray
    rate: int
    truth: dict[str, Any]


@dataclass(frozen=True)
class Options:
    """What may happen. `rate`: Hz of the files. `shortest`, `longest`: seconds of music."""

    rate: int = 22050
    shortest: float = 40.0
    longest: float = 110.0
    soloists: float = 0.25
    damage: float = 1.0
    detuned: float = 0.6


@dataclass
class _Take:
    """Stems and pitched strokes as they come."""

    samples: int
    stems: list[np.ndarray] = field(default_factory=list)
    pitched: list[Stroke] = field(default_factory=list)
    bass: list[Stroke] = field(default_factory=list)
    band: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, stem: np.ndarray, instrument: Instrument,
            rng: np.random.Generator) -> None:  # fmt: skip
        balance = float(np.clip(rng.normal(0, SPREAD_DB[name]), -12, 9))
        self.stems.append(to_level(stem, STEM_DB[name] + balance))
        self.band[name] = {
            "family": instrument.family, "sound": instrument.sound, "program": instrument.program,
            "balance_db": round(balance, 1),
        }  # fmt: skip


def render_accompaniment(
    seed: int,
    charts: Sequence[Chart],
    studio: Studio,
    options: Options,
    passages: Sequence[Passage] = (),
) -> Accompaniment:
    """Arrange and render one accompaniment: equal arguments give equal samples on one machine.

    `charts`: what may be played beside the written progressions; may be empty. `passages`: one of
    them is played instead, where there are any.
    Raises MissingSoundError where instruments are missing.
    """
    rng = np.random.default_rng([seed & 0xFFFFFFFFFFFFFFFF, 12])
    if passages:
        return _transcribed(seed, passages, studio, options, rng)
    style = choose_style(rng)
    chart = fit_chart(_draw_chart(charts, style, rng), style, rng)
    chances = np.array([share for share, _ in LINE_UPS])
    line_up = LINE_UPS[int(rng.choice(len(LINE_UPS), p=chances / chances.sum()))][1]
    players = set(line_up)
    harmony = choose_harmony(style.feel, rng)
    if "chords" in players and len(harmony) > 1:
        players.add("second")
    seconds = float(rng.uniform(options.shortest, options.longest))
    plan = make_plan(chart, style, seconds, frozenset(players), rng)
    return _performed(plan, style, players, harmony, None, seed, studio, options, rng)


def _transcribed(
    seed: int, passages: Sequence[Passage], studio: Studio, options: Options,
    rng: np.random.Generator,
) -> Accompaniment:  # fmt: skip
    passage = passages[int(rng.integers(len(passages)))]
    players = {"bass", "chords"} | ({"drums"} if rng.random() < 0.9 else set())
    harmony = choose_harmony(passage.score.feel, rng)
    if len(harmony) > 1:
        players.add("second")
    seconds = float(rng.uniform(options.shortest, options.longest))
    plan, style, bass = transcribed_plan(passage, seconds, frozenset(players), rng)
    return _performed(plan, style, players, harmony, bass, seed, studio, options, rng)


def _performed(
    plan: Plan, style: Style, players: set[str], harmony: list[str], bass: list[Note] | None,
    seed: int, studio: Studio, options: Options, rng: np.random.Generator,
) -> Accompaniment:  # fmt: skip
    """`bass`: its line, where it is not for the bassist to choose."""
    end = plan.seconds(plan.bars[-1].end)
    tail = float(rng.choice((0.0, 1.5))) if plan.bars[-1].part != "end" else 1.0
    take = _Take(int((min(end, options.longest * 1.15) + tail) * SAMPLING_RATE))
    _band(take, plan, style, players, harmony, bass, studio, rng)
    if rng.random() < (options.soloists if players else 0.6):
        _soloist(take, plan, studio, rng)
    return _mixed(take, plan, seed, options, rng)


def _draw_chart(charts: Sequence[Chart], style: Style, rng: np.random.Generator) -> Chart:
    draw = rng.random()
    if draw < 0.16:
        return chance_chart(rng)
    if draw < 0.4 or not charts:
        return written_chart(rng)
    size = {"3/4": 3, "5/4": 5}.get(style.metre, 4)
    own = [chart for chart in charts if chart.size == size]
    if own and (size == 4 or rng.random() < 0.5):
        return own[int(rng.integers(len(own)))]
    fours = [chart for chart in charts if chart.size == 4]
    return fours[int(rng.integers(len(fours)))] if fours else written_chart(rng)


def _band(
    take: _Take, plan: Plan, style: Style, players: set[str], harmony: list[str],
    bass: list[Note] | None, studio: Studio, rng: np.random.Generator,
) -> None:  # fmt: skip
    feel = style.feel
    if "bass" in players:
        electric = rng.random() < (0.75 if feel in ("funk", "pop") else 0.15)
        instrument = studio.choose("electric_bass" if electric else "bass", rng)
        notes = play_bass(plan, feel, rng) if bass is None else bass
        strokes = strokes_of(plan, notes, rng, late=float(rng.normal(0, 0.006)),
                             loose=float(rng.uniform(0.001, 0.009)))  # fmt: skip
        take.bass = strokes
        take.pitched += strokes
        take.add("bass", studio.play(instrument, strokes, take.samples), instrument, rng)
    for name, family in zip(("chords", "second"), harmony, strict=False):
        if name not in players:
            continue
        instrument = studio.choose(family, rng)
        comper = choose_comper(plan, family, feel, rng)
        notes = comp(plan, name, comper, rng)
        strokes = strokes_of(plan, notes, rng, late=float(rng.normal(0.004, 0.008)),
                             loose=float(rng.uniform(0.001, 0.008)))  # fmt: skip
        take.pitched += strokes
        take.add(name, studio.play(instrument, strokes, take.samples), instrument, rng)
        take.band[name] |= {"rhythm": comper.rhythm, "voicings": sorted(comper.voicer.kinds)}
    _drums(take, plan, feel, players, studio, rng)


def _drums(
    take: _Take, plan: Plan, feel: str, players: set[str], studio: Studio,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    counted = any(bar.part == "count" for bar in plan.bars)
    if "drums" not in players and not counted:
        return
    soft = {"ballad": 0.8, "swing": 0.25, "bossa": 0.15}.get(feel, 0.05)
    brushes = bool(rng.random() < soft)
    family = "brushes" if brushes else "sticks"
    if feel in ("funk", "pop") and rng.random() < 0.3:
        family = "machine"
    instrument = studio.choose(family, rng)
    drummer = choose_drummer(feel, METRES[plan.metre], brushes, rng)
    # only the sampled brushes have a sweep on the key where fonts have a hand clap
    drummer.sweep = instrument.sound == "drums_swirly"
    notes = play_drums(plan, drummer, rng)
    if counted:
        key = int(rng.choice((STICK, CLICK, WOODBLOCK, 42, 31)))
        if instrument.sound not in studio.fonts:
            key = 42
        notes = count_in(plan, key, bool(rng.random() < 0.5), float(rng.uniform(60, 110))) + notes
    strokes = strokes_of(plan, notes, rng, late=float(rng.normal(0, 0.003)),
                         loose=float(rng.uniform(0.0005, 0.006)))  # fmt: skip
    take.add("drums", studio.play(instrument, strokes, take.samples), instrument, rng)


def _soloist(take: _Take, plan: Plan, studio: Studio, rng: np.random.Generator) -> None:
    instrument = studio.choose("soloist", rng)
    low, high = RANGES.get(instrument.sound, (54, 84))
    notes = play_melody(plan, rng, low, high)
    strokes = strokes_of(plan, notes, rng, late=float(rng.normal(0.01, 0.02)), loose=0.012)
    take.add("soloist", studio.play(instrument, strokes, take.samples), instrument, rng)


def _mixed(
    take: _Take, plan: Plan, seed: int, options: Options, rng: np.random.Generator
) -> Accompaniment:
    # nobody plays: the noise of a room, in which nothing is to be heard
    stems = take.stems or [rng.standard_normal(take.samples).astype(np.float32)]
    audio = stage(stems, rng, wide=bool(rng.random() < 0.3))
    audio, damage = wear(audio, rng, options.damage)
    cents = float(rng.normal(0, 2))
    if rng.random() < options.detuned:
        cents = float(rng.uniform(-50, 50))
    speed = 2.0 ** (cents / 1200)
    audio = at_speed(audio, cents, options.rate)
    audio = set_level(audio, float(rng.uniform(-38, -12)))
    duration = audio.shape[1] / options.rate
    spans = [
        (plan.seconds(s.start) / speed, plan.seconds(s.end) / speed, s.symbol) for s in plan.chart
    ]
    pitched = [Stroke(s.time / speed, s.duration / speed, s.key, s.velocity) for s in take.pitched]
    truth = {
        "title": plan.title, "seed": seed, "metre": plan.metre,
        "tempo": round(plan.tempo * speed, 3), "tuning_cents": round(cents, 2),
        "duration": round(duration, 4),
        "beats": beat_rows(plan, duration, speed) if take.stems else [],
        "chords": chord_rows(spans, pitched, duration),
        "chart": [[round(a, 4), round(b, 4), name] for a, b, name in spans if a < duration],
        "bass_notes": bass_rows(take.bass, duration, speed),
        "count_in": _count_in(plan, speed),
        "parts": _parts(plan.bars, plan, speed), "swing": round(plan.swing, 3),
        "band": take.band, "damage": damage,
    }  # fmt: skip
    return Accompaniment(audio, options.rate, truth)


def _count_in(plan: Plan, speed: float) -> list[float] | None:
    bars = [bar for bar in plan.bars if bar.part == "count"]
    if not bars:
        return None
    return [
        round(plan.seconds(bars[0].start) / speed, 4),
        round(plan.seconds(bars[-1].end) / speed, 4),
    ]


def _parts(bars: Sequence[Bar], plan: Plan, speed: float) -> list[Row]:
    rows: list[Row] = []
    for bar in bars:
        name = "rubato" if bar.feel == "rubato" else bar.part
        if not rows or rows[-1][1] != name:
            rows.append([round(plan.seconds(bar.start) / speed, 4), name])
    return rows
