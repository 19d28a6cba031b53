"""Accompaniments: what is played, what is written down about it, and that both agree."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.corpus.accompany.band import Instrument, Studio
from saxsolo.corpus.accompany.basslines import HIGHEST, LOWEST, play_bass
from saxsolo.corpus.accompany.build import render_accompaniments
from saxsolo.corpus.accompany.charts import Chart, ChartError, chart_split
from saxsolo.corpus.accompany.comping import choose_comper, comp
from saxsolo.corpus.accompany.damage import at_speed, compress, stage, wear
from saxsolo.corpus.accompany.drumming import choose_drummer, count_in, play_drums
from saxsolo.corpus.accompany.form import ALL, STYLES, Style, choose_style, fit_chart, make_plan
from saxsolo.corpus.accompany.mma import GROOVES, arrange, bass_agreement
from saxsolo.corpus.accompany.plan import METRES, Harmony, Note, Plan
from saxsolo.corpus.accompany.progressions import written_chart
from saxsolo.corpus.accompany.render import Accompaniment, Options, render_accompaniment
from saxsolo.corpus.accompany.transcribed import transcribed_passages, transcribed_plan
from saxsolo.corpus.accompany.truth import chord_rows
from saxsolo.corpus.accompany.voicings import KINDS, Voicer
from saxsolo.corpus.render.bar_plan import Stroke
from saxsolo.corpus.render.sounds import MissingSoundError, Sounds
from saxsolo.corpus.scores.builtin import builtin_scores
from saxsolo.music.chord_symbols import (
    PITCH_NAMES,
    QUALITY_SYMBOLS,
    parse_chord,
    transpose_chord,
)
from saxsolo.music.score import Score

SHORT = Options(shortest=8, longest=12, damage=0.0, soloists=0.0)
SEEDS = range(12)


@dataclass
class SineStudio(Studio):
    """Every key a fading sine: plays at once, without samples or fonts."""

    def check(self) -> None:
        pass

    def choose(self, family: str, rng: np.random.Generator) -> Instrument:
        return Instrument(family, "sine", int(rng.integers(2)))

    def play(self, instrument: Instrument, strokes: Sequence[Stroke], samples: int) -> np.ndarray:
        out = np.zeros(samples, dtype=np.float32)
        for stroke in strokes:
            start = round(stroke.time * SAMPLING_RATE)
            count = min(round(stroke.duration * SAMPLING_RATE), samples - start)
            if count > 0:
                time = np.arange(count) / SAMPLING_RATE
                tone = np.sin(2 * np.pi * 440 * 2 ** ((stroke.key - 69) / 12) * time)
                out[start : start + count] += stroke.velocity / 127 * tone * np.exp(-2 * time)
        return out


@pytest.fixture(scope="module")
def studio() -> SineStudio:
    return SineStudio(Sounds(None))


@pytest.fixture(scope="module")
def items(studio: SineStudio) -> list[Accompaniment]:
    return [render_accompaniment(seed, (), studio, SHORT) for seed in SEEDS]


def plan_of(seed: int, metre: str | None = None, players: frozenset[str] = ALL) -> Plan:
    rng = np.random.default_rng(seed)
    style = choose_style(rng, metre)
    chart = fit_chart(written_chart(rng), style, rng)
    return make_plan(chart, style, 30.0, players, rng)


@pytest.mark.parametrize("metre", METRES)
def test_bars_follow_each_other_and_chords_fill_them(metre: str) -> None:
    for seed in range(8):
        plan = plan_of(seed, metre)
        assert plan.metre == metre
        at = 0.0
        for bar in plan.bars:
            assert bar.start == at
            assert bar.size + bar.missing == METRES[metre]
            if bar.spans:
                assert bar.spans[0].start == bar.start and bar.spans[-1].end == bar.end
            at = bar.end
        assert len(plan.times) == at + 1
        assert (np.diff(plan.times) > 0).all()
        places = [plan.seconds(beat) for beat in np.arange(0, at + 1, 0.25)]
        assert (np.diff(places) > 0).all()


def test_tempi_and_metres_are_those_of_real_bands() -> None:
    styles = [choose_style(np.random.default_rng(seed)) for seed in range(600)]
    tempi = np.array([style.tempo for style in styles])
    assert 45 <= tempi.min() < 60 and 260 < tempi.max() <= 300
    assert ((tempi > 60) & (tempi < 280)).mean() > 0.85
    assert {style.metre for style in styles} == set(METRES)
    assert {style.name for style in styles} == set(STYLES)


@pytest.mark.parametrize("kind", KINDS)
def test_voicings_hold_what_names_the_chord(kind: str) -> None:
    rng = np.random.default_rng(3)
    for root in PITCH_NAMES:
        for symbol in QUALITY_SYMBOLS:
            chord = parse_chord(root + symbol[1:])
            assert chord.root is not None
            keys = Voicer({kind: 1.0}, 60, 42, 84).voice(chord, rng)
            assert list(keys) == sorted(keys) and 30 <= keys[0] and keys[-1] <= 84
            steps = {(key - chord.root) % 12 for key in keys}
            thirds = {(tone - chord.root) % 12 for tone in chord.tones} & {3, 4, 5}
            if kind != "quartal":
                assert steps & thirds, (root + symbol[1:], keys)
            if kind == "guide":
                assert len(keys) == 2


def test_hands_move_less_than_chords_do() -> None:
    rng = np.random.default_rng(1)
    voicer = Voicer({"rootless": 1.0}, 60, 42, 84)
    before = None
    ways = []
    for symbol in ["D-7", "G7", "Cj7", "A7", "D-7", "G7", "E-7", "A7", "Abj7", "G7"] * 3:
        keys = voicer.voice(parse_chord(symbol), rng)
        if before:
            ways.append(abs(np.mean(keys) - np.mean(before)))
        before = keys
    assert np.mean(ways) < 4


@pytest.mark.parametrize("feel", ["swing", "ballad", "bossa", "samba", "latin", "funk", "pop"])
def test_the_bass_is_one_voice_and_gives_the_roots(feel: str) -> None:
    hits = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        style = Style(feel, "4/4", 120, 2, 0.6)
        chart = Chart("x", 4, tuple(((f"{root}7", 4.0),) for root in ("C", "F", "Bb", "Eb") * 4))
        plan = make_plan(chart, style, 30.0, ALL, rng)
        notes = play_bass(plan, feel, rng)
        assert all(LOWEST <= note.key <= HIGHEST for note in notes)
        ends = [note.beat + note.length for note in notes]
        starts = [note.beat for note in notes[1:]]
        assert all(end <= start + 1e-9 for end, start in zip(ends, starts, strict=False))
        at = {round(note.beat, 3): note for note in notes}
        for bar in plan.bars:
            if "bass" in bar.players and bar.start in at and bar.spans:
                chord = parse_chord(bar.spans[0].symbol)
                hits.append(at[bar.start].key % 12 in (chord.root, chord.bass))
    assert np.mean(hits) > (0.6 if feel == "swing" else 0.75)


@pytest.mark.parametrize("metre", METRES)
def test_every_player_keeps_to_the_bars_where_it_plays(metre: str) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        plan = plan_of(seed, metre, frozenset({"bass", "chords", "drums"}))
        feel = plan.bars[-1].feel
        drummer = choose_drummer(feel, METRES[metre], False, rng)
        played = {
            "bass": play_bass(plan, feel, rng),
            "chords": comp(plan, "chords", choose_comper(plan, "piano", feel, rng), rng),
            "drums": play_drums(plan, drummer, rng),
        }
        for player, notes in played.items():
            bars = [bar for bar in plan.bars if player in bar.players]
            assert bool(notes) == bool(bars), (metre, seed, player)
            for note in notes:
                # fills end on the next first beat
                assert any(bar.start - 0.01 <= note.beat <= bar.end + 0.01 for bar in bars)
                assert note.length > 0 and 0 <= note.key <= 127


def test_a_count_in_is_clicks_alone() -> None:
    counted = [plan for plan in map(plan_of, range(40)) if plan.bars[0].part == "count"]
    assert counted
    for plan in counted:
        bars = [bar for bar in plan.bars if bar.part == "count"]
        clicks = count_in(plan, 37, False, 90)
        assert [click.beat for click in clicks] == list(np.arange(bars[-1].end))
        assert all(not bar.players and not bar.spans for bar in bars)


def test_the_truth_covers_the_sound(items: list[Accompaniment]) -> None:
    for item in items:
        truth = item.truth
        duration = item.audio.shape[1] / item.rate
        assert truth["duration"] == pytest.approx(duration, abs=1e-3)
        chords = truth["chords"]
        assert chords[0][0] == 0 and chords[-1][1] == pytest.approx(duration, abs=0.03)
        for row, following in zip(chords, chords[1:], strict=False):
            assert row[1] == pytest.approx(following[0], abs=1e-3) and row[2] != following[2]
        for _, _, symbol, root, quality, bass in chords:
            chord = parse_chord(symbol)
            assert (root, quality, bass) == (chord.root, chord.quality, chord.bass)
        seconds = [beat[0] for beat in truth["beats"]]
        assert seconds == sorted(seconds)
        for (_, beat, size), (_, after, _) in zip(truth["beats"], truth["beats"][1:], strict=False):
            assert after == beat % size + 1
        assert {size for _, _, size in truth["beats"]} <= {METRES[truth["metre"]]}
        assert np.isfinite(item.audio).all() and np.abs(item.audio).max() <= 1
        json.dumps(truth)


def test_chords_that_nobody_plays_are_not_claimed(items: list[Accompaniment]) -> None:
    for item in items:
        if not {"bass", "chords", "second"} & set(item.truth["band"]):
            assert {row[2] for row in item.truth["chords"]} == {"NC"}
    spans = [(0.0, 2.0, "C7"), (2.0, 4.0, "F7"), (4.0, 6.0, "C7")]
    rows = chord_rows(spans, [Stroke(0.1, 1.0, 60, 80), Stroke(4.0, 1.0, 60, 80)], 7.0)
    assert [row[:3] for row in rows] == [
        [0.0, 2.0, "C7"], [2.0, 4.0, "NC"], [4.0, 6.0, "C7"], [6.0, 7.0, "NC"],
    ]  # fmt: skip


def test_equal_seeds_give_equal_samples(studio: SineStudio, items: list[Accompaniment]) -> None:
    again = render_accompaniment(SEEDS[1], (), studio, SHORT)
    np.testing.assert_array_equal(again.audio, items[1].audio)
    assert again.truth == items[1].truth
    assert items[1].truth != items[2].truth


def test_tape_speed_moves_pitch_and_time_alike() -> None:
    time = np.arange(4 * SAMPLING_RATE) / SAMPLING_RATE
    sharp = at_speed(np.sin(2 * np.pi * 440 * time)[None].astype(np.float32), 50, 22050)[0]
    assert len(sharp) / 22050 == pytest.approx(4 / 2 ** (50 / 1200), abs=1e-3)
    peak = np.argmax(np.abs(np.fft.rfft(sharp * np.hanning(len(sharp))))) / (len(sharp) / 22050)
    assert 1200 * np.log2(peak / 440) == pytest.approx(50, abs=2)


def test_a_detuned_item_keeps_its_beats_on_the_sound(studio: SineStudio) -> None:
    shown = 0
    for seed in range(40):
        item = render_accompaniment(seed, (), studio, SHORT)
        if abs(item.truth["tuning_cents"]) < 20 or len(item.truth["bass_notes"]) < 8:
            continue
        onset, end, key = max(item.truth["bass_notes"], key=lambda note: note[1] - note[0])
        cut = item.audio[0, int(onset * item.rate) : int(end * item.rate)]
        tuned = 440 * 2 ** ((key - 69) / 12 + item.truth["tuning_cents"] / 1200)
        size = 1 << 17
        spectrum = np.abs(np.fft.rfft(cut * np.hanning(len(cut)), size))
        low, high = (int(tuned * ratio / item.rate * size) for ratio in (0.94, 1.06))
        peak = (low + int(np.argmax(spectrum[low:high]))) * item.rate / size
        if set(item.truth["band"]) == {"bass"} or end - onset > 0.5:
            assert abs(1200 * np.log2(peak / tuned)) < 25
            shown += 1
    assert shown >= 3


@pytest.mark.parametrize("channels", [1, 2])
def test_damage_keeps_length_place_and_bounds(channels: int) -> None:
    rng = np.random.default_rng(0)
    clean = np.zeros((channels, 3 * SAMPLING_RATE), dtype=np.float32)
    clean[:, SAMPLING_RATE : SAMPLING_RATE + 4000] = 0.5 * rng.standard_normal(4000)
    for seed in range(12):
        worn, settings = wear(clean, np.random.default_rng(seed), 1.0)
        assert worn.shape == clean.shape and np.isfinite(worn).all(), settings
        power = np.cumsum(worn[0] ** 2)
        if "noise" not in settings:
            assert power[SAMPLING_RATE - 1500] < 0.05 * power[-1], settings
    untouched, settings = wear(clean, rng, 0.0)
    assert settings == {}
    np.testing.assert_array_equal(untouched, clean)


def test_compression_brings_loud_and_soft_together() -> None:
    time = np.arange(2 * SAMPLING_RATE) / SAMPLING_RATE
    tone = np.sin(2 * np.pi * 300 * time) * np.where(time < 1, 0.02, 0.6)
    squeezed = compress(tone[None].astype(np.float32), -30, 8)[0]
    before = tone[40000:60000].std() / tone[8000:28000].std()
    after = squeezed[40000:60000].std() / squeezed[8000:28000].std()
    assert after < 0.6 * before


def test_a_stage_is_mono_or_stereo() -> None:
    rng = np.random.default_rng(0)
    stems = [rng.standard_normal(1000).astype(np.float32) for _ in range(3)]
    assert stage(stems, rng, False).shape == (1, 1000)
    shapes = {stage(stems, np.random.default_rng(seed), True).shape for seed in range(20)}
    assert shapes == {(2, 1000)}


def test_a_build_resumes_where_it_was_cut(tmp_path: Path, studio: SineStudio) -> None:
    def build() -> list[dict]:
        return render_accompaniments(
            tmp_path, None, studio, hours=0.008, seed=5, options=SHORT, workers=1
        )

    rows = build()
    assert sum(row["seconds"] for row in rows) >= 0.008 * 3600
    first = tmp_path / rows[0]["split"] / rows[0]["name"]
    sound, rate = soundfile.read(first / "backing.flac")
    assert rate == SHORT.rate and json.loads((first / "truth.json").read_text())["beats"]
    (first / "backing.flac").unlink()
    kept = tmp_path / rows[1]["split"] / rows[1]["name"] / "backing.flac"
    written = kept.stat().st_mtime_ns
    again = build()
    assert [row["name"] for row in again] == [row["name"] for row in rows]
    np.testing.assert_array_equal(soundfile.read(first / "backing.flac")[0], sound)
    assert kept.stat().st_mtime_ns == written
    names = [json.loads(line)["name"] for line in (tmp_path / "manifest.jsonl").open()]
    assert sorted(names) == sorted({row["name"] for row in rows})


def test_a_missing_band_is_named_before_anything_is_written(tmp_path: Path) -> None:
    absent = Studio(Sounds(None, soundfont_dirs=(str(tmp_path),)), tmp_path / "nowhere")
    with pytest.raises(MissingSoundError, match="sound font"):
        render_accompaniments(tmp_path / "out", None, absent, hours=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("score", builtin_scores(), ids=lambda score: score.title)
def test_a_transcribed_tune_keeps_its_time_its_chords_and_its_bass(score: Score, seed: int) -> None:
    (passage,) = transcribed_passages([score])
    plan, style, bass = transcribed_plan(passage, 20.0, ALL, np.random.default_rng(seed))
    assert METRES[style.metre] == passage.size == plan.bars[0].size
    # the time of the recording, at one pace
    gaps = np.diff([beat.onset for beat in score.beats])
    heard = np.diff(plan.times)
    place, shift = found_in(score, plan, bass)
    pace = heard[:-1] / gaps[place : place + len(heard) - 1]
    assert pace.std() < 1e-9 and 0.8 < pace.mean() < 1.25
    # every beat's chord and bass, moved alike
    for index, beat in enumerate(score.beats[place : place + len(heard)]):
        assert plan.chart and Harmony(plan.bars).span(index).symbol == transpose_chord(
            beat.chord, shift
        )
        sounding = [note for note in bass if note.beat <= index < note.beat + note.length]
        assert [note.key % 12 for note in sounding] == [(beat.bass + shift) % 12]
        assert LOWEST <= sounding[0].key <= HIGHEST


def found_in(score: Score, plan: Plan, bass: list[Note]) -> tuple[int, int]:
    """The beat of the score that a plan begins on, and the semitones that it is moved by."""
    count = len(plan.times) - 1
    line = [next(n.key for n in bass if n.beat <= i < n.beat + n.length) % 12 for i in range(count)]
    for place in range(len(score.beats) - count + 1):
        written = [beat.bass for beat in score.beats[place : place + count]]
        moves = {(key - pitch) % 12 for key, pitch in zip(line, written, strict=True)}
        if len(moves) == 1:
            return place, moves.pop()
    raise AssertionError("the bass is none of the score's")


def test_bars_with_holes_or_of_other_sizes_are_not_played_over() -> None:
    score = builtin_scores()[0]
    beats = list(score.beats)
    late = [replace(beat, onset=beat.onset + 3.0) for beat in beats[40:]]
    torn = transcribed_passages([replace(score, beats=tuple(beats[:40] + late))])
    assert [len(passage.bars) for passage in torn] == [10, 14]
    # a beat that is missing breaks its bar
    torn = transcribed_passages([replace(score, beats=tuple(beats[:41] + beats[42:]))])
    assert [len(passage.bars) for passage in torn] == [10, 13]
    silent = [replace(beat, bass=None) for beat in beats]
    assert transcribed_passages([replace(score, beats=tuple(silent))]) == []


def test_transcribed_tunes_of_held_out_players_are_not_learnt_from(
    tmp_path: Path, studio: SineStudio
) -> None:
    names = ("Hank Mobley", "Art Pepper", "Someone", "Someone Else")
    scores = [
        replace(score, performer=name) for score, name in zip(builtin_scores(), names, strict=True)
    ]
    rows = render_accompaniments(
        tmp_path, None, studio, hours=0.02, transcribed=scores, seed=1, options=SHORT
    )
    assert {row["title"] for row in rows} == {scores[2].title, scores[3].title}
    assert {row["split"] for row in rows} == {"train"}
    # nor those that the second arranger plays
    kept = next(f"Blues {n}" for n in range(200) if chart_split(f"Blues {n}", ()) == "foreign")
    scores[3] = replace(scores[3], title=kept)
    rows = render_accompaniments(
        tmp_path / "kept", None, studio, hours=0.02, transcribed=scores, seed=1, options=SHORT
    )
    assert {row["title"] for row in rows} == {scores[2].title}
    with pytest.raises(ChartError, match="validation"):
        render_accompaniments(
            tmp_path, None, studio, hours=0.02, transcribed=scores[1:], seed=1, options=SHORT
        )


@pytest.mark.slow
@pytest.mark.parametrize("groove", GROOVES)
def test_mma_plays_the_chart_it_was_given(groove: str) -> None:
    metre, _, (low, _) = GROOVES[groove]
    size = METRES[metre]
    roots = ("C", "F#", "A", "Eb", "B", "F", "Ab", "D")
    bars = tuple(((f"{root}7", float(size)),) for root in roots) * 2
    try:
        arrangement = arrange(bars, groove, low, 1)
    except OSError as error:
        pytest.skip(str(error))
    assert max(stroke.time for stroke in arrangement.bass) < len(bars) * size * 60 / low + 0.3
    by_shift = [
        bass_agreement(arrangement, bars[shift:] + bars[:shift], size, low)
        for shift in range(len(roots))
    ]
    assert by_shift[0] > max(by_shift) - 0.1
    assert by_shift[0] > float(np.mean(by_shift[1:])) + 0.1
