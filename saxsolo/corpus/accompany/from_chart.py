"""A band that plays a person's chart: bass, chords and drums from sound fonts, in steady tempo."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.corpus.render.damage import to_level
from saxsolo.corpus.render.sounds import MissingSoundError, Sounds
from saxsolo.music.charts.chart import Chart
from saxsolo.music.charts.form import played
from saxsolo.music.charts.spelling import NO_CHORD

from .band import Instrument, Studio, strokes_of
from .basslines import play_bass
from .comping import choose_comper, comp
from .drumming import choose_drummer, play_drums
from .form import ALL
from .plan import METRES, Bar, Note, Plan, Span
from .voicings import Voicer

LEAD = 0.1  # seconds of silence before the first bar
TAIL = 1.5  # seconds in which the last chord rings
#: what a person asks for -> manner of the players
MANNERS = {
    "swing": "swing", "waltz": "swing", "twobeat": "swing", "ballad": "ballad", "bossa": "bossa",
    "samba": "samba", "latin": "latin", "funk": "funk", "pop": "pop",
}  # fmt: skip
USUAL_TEMPO = {"ballad": 66.0, "funk": 96.0, "bossa": 130.0, "samba": 200.0, "pop": 110.0}
SWUNG = ("swing", "waltz", "twobeat", "ballad")
LEVELS = {"bass": -20.0, "chords": -23.0, "drums": -23.0}
PANS = {"bass": 0.5, "chords": 0.35, "drums": 0.6}
# program and bank of General MIDI by player and manner
_BASS = {"funk": 33, "pop": 33}
_CHORDS = {"bossa": ("guitar", 24), "samba": ("guitar", 24), "funk": ("electric_piano", 4)}


@dataclass(frozen=True)
class Band:
    """A rendered accompaniment.

    Attributes:
        stems: player -> (n, 2) float32; their sum is the band.
        rate: samples a second.
        first_bar: second at which the chart begins.
        tempo: beats a minute.
    """

    stems: dict[str, np.ndarray]
    rate: int
    first_bar: float
    tempo: float

    @property
    def audio(self) -> np.ndarray:
        """(n, 2) float32, the sum of the stems."""
        return np.stack(list(self.stems.values())).sum(axis=0, dtype=np.float32)


def manner_of(style: str) -> str:
    """A key of MANNERS for a chart's own words: "Medium Up Swing" is "swing"."""
    words = style.lower()
    for name in ("ballad", "bossa", "samba", "latin", "funk", "waltz", "pop", "rock", "even 8"):
        if name in words:
            return {"rock": "pop", "even 8": "latin"}.get(name, name)
    return "swing"


def band_of_chart(
    chart: Chart,
    *,
    tempo: float | None = None,
    feel: str | None = None,
    choruses: int = 1,
    seed: int = 0,
    sounds: Sounds | None = None,
) -> Band:
    """Renders choruses of a chart, and a last chord.

    Args:
        tempo: beats a minute, as a foot taps them; the chart's, else one that is usual for the
            feel.
        feel: a key of MANNERS; the chart's own style when None.
        choruses: how often the form is played.
        seed: equal arguments give equal samples on one machine.
        sounds: the fonts of this machine when None.

    Raises:
        MissingSoundError: no sound font, with the packages that have one.
        ValueError: for another feel.
    """
    feel = feel or manner_of(chart.feel)
    if feel not in MANNERS:
        raise ValueError(f"feel {feel!r} is none of {', '.join(MANNERS)}")
    sounds = sounds or Sounds()
    sounds.check()
    font = sounds.available_soundfonts()[0]
    studio = Studio(sounds, fonts=(font,))
    pace = tempo or chart.tempo or USUAL_TEMPO.get(feel, 140.0)
    plan = _plan(chart, feel, pace, choruses)
    samples = int((plan.seconds(plan.bars[-1].end) + TAIL) * SAMPLING_RATE)
    rng = np.random.default_rng([seed & 0xFFFFFFFFFFFFFFFF, 17])
    parts = _parts(plan, feel, font, studio, rng)
    stems = {}
    for name, (instrument, notes) in parts.items():
        strokes = strokes_of(plan, notes, rng, late=0.0, loose=0.003)
        stems[name] = to_level(studio.play(instrument, strokes, samples), LEVELS[name])
    peak = max(float(np.abs(np.sum(list(stems.values()), axis=0)).max()), 1e-9)
    gain = np.float32(min(1.0, 0.7 / peak))
    placed = {name: _panned(gain * stem, PANS[name]) for name, stem in stems.items()}
    return Band(placed, SAMPLING_RATE, plan.seconds(0.0), pace)


def _plan(chart: Chart, feel: str, tempo: float, choruses: int) -> Plan:
    manner = MANNERS[feel]
    manner = "two" if feel == "twobeat" else manner
    order = played(chart) * max(1, choruses)
    bars: list[Bar] = []
    place = 0.0
    for index in order:
        written = chart.bars[index]
        spans, at = [], place
        for symbol, beats in written.chords:
            spans.append(Span(at, at + beats, symbol))
            at += beats
        bars.append(Bar(place, written.beats, "chorus", manner, ALL, tuple(spans)))
        place += written.beats
    last = chart.bars[order[0]]
    symbol = next((s for s, _ in last.chords if s != NO_CHORD), NO_CHORD)
    end = (Span(place, place + last.beats, symbol),)
    bars.append(Bar(place, last.beats, "end", "ballad", ALL - {"drums"}, end))
    times = LEAD + 60.0 / tempo * np.arange(int(place + last.beats) + 1)
    metre = Counter(chart.bars[index].metre for index in order).most_common(1)[0][0]
    grid = 3 if metre in ("6/8", "9/8", "12/8") else 2
    # measured swing ratios fall from about 2 at slow tempi to nearly even eighths at 300
    ratio = float(np.clip(2.3 - 0.0052 * (tempo - 100), 1.0, 2.4))
    swing = ratio / (1 + ratio) if feel in SWUNG and grid == 2 else 0.5
    spans_all = tuple(span for bar in bars for span in bar.spans)
    known = metre if metre in METRES else "4/4"
    return Plan(chart.title, known, tempo, tuple(bars), times, swing, grid, spans_all)


def _parts(
    plan: Plan, feel: str, font: str, studio: Studio, rng: np.random.Generator
) -> dict[str, tuple[Instrument, list[Note]]]:
    """Each player's instrument and notes."""
    manner = MANNERS[feel]
    bass = Instrument("bass", font, _BASS.get(manner, 32))
    family, program = _CHORDS.get(manner, ("piano", 0))
    comper = choose_comper(plan, family, manner, rng)
    if family == "piano" and manner == "swing":
        # a plain accompanist: rootless voicings in a loose rhythm
        voicer = Voicer({"rootless": 1.0, "guide": 0.5}, 61.0, 48, 78)
        comper = replace(comper, rhythm="free", voicer=voicer)
    brushes = manner == "ballad" and studio.has_preset(font, 40, 128)
    drums = Instrument("brushes" if brushes else "sticks", font, 40 if brushes else 0, 128)
    size = int(Counter(bar.size for bar in plan.bars).most_common(1)[0][0])
    drummer = choose_drummer(manner, size, brushes, rng)
    return {
        "bass": (bass, play_bass(plan, manner, rng)),
        "chords": (Instrument(family, font, program), comp(plan, "chords", comper, rng)),
        "drums": (drums, play_drums(plan, drummer, rng)),
    }


def _panned(stem: np.ndarray, pan: float) -> np.ndarray:
    """(n,) -> (n, 2); 0 is left, 1 right."""
    gains = np.array([np.cos(pan * np.pi / 2), np.sin(pan * np.pi / 2)], np.float32) * np.sqrt(2)
    return (stem[:, None] * gains).astype(np.float32)


__all__ = ["Band", "MANNERS", "MissingSoundError", "band_of_chart", "manner_of"]
