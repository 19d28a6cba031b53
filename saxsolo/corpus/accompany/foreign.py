"""The validation set of the second arranger: MMA's grooves on unheard tunes and instruments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.corpus.pairs_folder import MANIFEST, append_row
from saxsolo.corpus.render.bar_plan import Stroke
from saxsolo.corpus.render.damage import to_level
from saxsolo.corpus.render.pair import seed_of
from saxsolo.corpus.render.sounds import MissingSoundError

from .band import Instrument, Studio
from .build import finished_items, manifest_row, write_item
from .charts import BarChords, Chart, ChartError, chart_split, read_charts
from .damage import at_speed, set_level, stage, wear
from .mma import GROOVES, Arrangement, arrange, bass_agreement, playable
from .plan import METRES
from .render import Accompaniment
from .truth import bass_rows, chord_rows

FOREIGN_FONT = "timgm6mb"
SAMPLED_BAND = {"bass": "bass_sneaky", "chords": "piano_upright_kw", "drums": "drums_virtuosity"}
# keys of General MIDI that the sampled kit lacks, and what it plays instead
_SAMPLED_KIT = {39: 38, 27: 42, 54: 42, 70: 42, 82: 42, 69: 42, 56: 53, 75: 37, 76: 37, 77: 37,
                62: 48, 63: 47, 64: 45, 60: 50, 61: 48, 52: 49, 55: 49, 58: 37, 80: 42, 81: 51,
                65: 48, 66: 45, 73: 37, 74: 37, 31: 37, 33: 37, 34: 37}  # fmt: skip
LEVEL_DB = {"bass": -21.0, "chords": -23.0, "drums": -24.0}


@dataclass(frozen=True)
class ForeignOptions:
    """`detuned`: the share of items at another tape speed, of up to 50 cents either way."""

    count: int = 60
    seconds: float = 60.0
    rate: int = 22050
    detuned: float = 0.2
    damage: float = 0.3


def render_validation(
    out: Path,
    charts_dir: Path,
    studio: Studio,
    *,
    held_out_titles: Iterable[str],
    seed: int = 0,
    options: ForeignOptions | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[dict[str, Any]]:
    """Render `options.count` items of MMA below `out`/validation, by turns with each sound.

    `studio` must have the font FOREIGN_FONT among its fonts, and its `band_dir` the instruments of
    SAMPLED_BAND. Resumable; returns the manifest rows. Raises MissingSoundError, MmaError,
    ChartError.
    """
    _check(studio)
    options = options or ForeignOptions()
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    titles = list(held_out_titles)
    charts = [
        chart
        for chart in read_charts(charts_dir)
        if chart_split(chart.title, titles) == "foreign" and playable(chart)
    ]
    if not charts:
        raise ChartError(f"{charts_dir} has no chart that is kept for validation")
    done = finished_items(out)
    rows = []
    with (out / MANIFEST).open("a", encoding="utf-8") as manifest:
        for number in range(options.count):
            name = f"mma{seed}-{number:03d}"
            if name not in done:
                item = render_foreign(number, seed, charts, studio, options)
                write_item(item, out / "validation" / name)
                done[name] = manifest_row(item, "validation", name)
                done[name]["groove"] = item.truth["band"]["groove"]
                append_row(manifest, done[name])
            rows.append(done[name])
            if progress is not None:
                progress(f"{number + 1}/{options.count} {done[name]['title']}")
    return rows


def _check(studio: Studio) -> None:
    studio.check()
    if studio.sounds.soundfont_path(FOREIGN_FONT) is None:
        raise MissingSoundError(f"the sound font {FOREIGN_FONT} is missing")
    for folder in SAMPLED_BAND.values():
        if not studio.has(folder):
            raise MissingSoundError(f"no sampled instrument {folder} in {studio.band_dir}")


def render_foreign(
    number: int, seed: int, charts: Sequence[Chart], studio: Studio, options: ForeignOptions
) -> Accompaniment:
    """Item `number`: grooves by turns, every second one with the sampled instruments."""
    rng = np.random.default_rng([seed_of("mma", seed, number), 12])
    groove = list(GROOVES)[number % len(GROOVES)]
    metre, _, (low, high) = GROOVES[groove]
    size = METRES[metre]
    tempo = float(rng.uniform(low, high))
    chart = _fitted(charts, number, metre, rng)
    wanted = max(8, int(options.seconds * tempo / 60 / size))
    bars = (chart.bars * (wanted // len(chart.bars) + 1))[:wanted]
    arrangement = arrange(bars, groove, tempo, int(rng.integers(100000)))
    agreement = bass_agreement(arrangement, bars, size, tempo)
    sampled = (number // len(GROOVES) + number) % 2 == 1
    lead = float(rng.uniform(0.05, 1.5))
    arrangement = _later(arrangement, lead)
    end = lead + wanted * size * 60.0 / tempo
    samples = int((end + 1.0) * SAMPLING_RATE)
    stems, band = _play(arrangement, sampled, studio, samples, rng)
    audio = stage(stems, rng, wide=bool(rng.random() < 0.3))
    audio, damage = wear(audio, rng, options.damage)
    cents = float(rng.uniform(-50, 50)) if rng.random() < options.detuned else 0.0
    speed = 2.0 ** (cents / 1200)
    audio = set_level(at_speed(audio, cents, options.rate), float(rng.uniform(-30, -14)))
    duration = audio.shape[1] / options.rate
    spans = _spans(bars, tempo, lead, speed)
    pitched = [
        Stroke(s.time / speed, s.duration / speed, s.key, s.velocity)
        for s in arrangement.bass + arrangement.chords
    ]
    step = 60.0 / tempo
    beats = [
        [round((lead + index * step) / speed, 4), index % size + 1, size]
        for index in range(wanted * size)
    ]
    truth = {
        "title": chart.title, "seed": seed, "metre": metre, "tempo": round(tempo * speed, 3),
        "tuning_cents": round(cents, 2), "duration": round(duration, 4), "beats": beats,
        "chords": chord_rows(spans, pitched, duration),
        "chart": [[round(a, 4), round(b, 4), name] for a, b, name in spans],
        "bass_notes": bass_rows(arrangement.bass, duration, speed), "count_in": None,
        "band": {**band, "groove": groove, "sampled": sampled}, "damage": damage,
        "bass_agreement": round(agreement, 3),
    }  # fmt: skip
    return Accompaniment(audio, options.rate, truth)


def _fitted(charts: Sequence[Chart], number: int, metre: str, rng: np.random.Generator) -> Chart:
    size = METRES[metre]
    # a stride that is prime to the number of charts: no tune comes twice before all have come
    chart = charts[(number * 37 + 5) % len(charts)]
    if metre == "6/8" and chart.size == 4:
        chart = chart.halved()
    elif size == 3 and chart.size == 4 and rng.random() < 0.5:
        chart = chart.halved()
    return chart.refit(size).transpose(int(rng.integers(12)))


def _later(arrangement: Arrangement, seconds: float) -> Arrangement:
    def moved(strokes: list[Stroke]) -> list[Stroke]:
        return [stroke._replace(time=stroke.time + seconds) for stroke in strokes]

    return Arrangement(
        moved(arrangement.bass), moved(arrangement.chords), moved(arrangement.drums),
        arrangement.programs,
    )  # fmt: skip


def _play(
    arrangement: Arrangement, sampled: bool, studio: Studio, samples: int,
    rng: np.random.Generator,
) -> tuple[list[np.ndarray], dict[str, Any]]:  # fmt: skip
    stems = []
    band: dict[str, object] = {}
    for player in ("bass", "chords", "drums"):
        strokes = getattr(arrangement, player)
        if not strokes:
            continue
        program = arrangement.programs.get(player, 0)
        if sampled:
            instrument = Instrument(player, SAMPLED_BAND[player])
            if player == "drums":
                strokes = [s._replace(key=_SAMPLED_KIT.get(s.key, s.key)) for s in strokes]
        else:
            instrument = Instrument(player, FOREIGN_FONT, program, 128 if player == "drums" else 0)
        balance = float(np.clip(rng.normal(0, 2.5), -6, 6))
        stem = studio.play(instrument, strokes, samples)
        stems.append(to_level(stem, LEVEL_DB[player] + balance))
        band[player] = {"sound": instrument.sound, "program": program,
                        "balance_db": round(balance, 1)}  # fmt: skip
    return stems, band


def _spans(
    bars: Sequence[BarChords], tempo: float, lead: float, speed: float
) -> list[tuple[float, float, str]]:
    rows = []
    place = 0.0
    for bar in bars:
        for symbol, beats in bar:
            start, place = place, place + beats
            rows.append(((lead + start * 60 / tempo) / speed, (lead + place * 60 / tempo) / speed,
                         symbol))  # fmt: skip
    return rows
