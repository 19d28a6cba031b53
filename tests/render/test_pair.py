"""Pairs: the same every time, aligned with their labels, in tune, of one length, never clipped."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from modeling_saxsolo.vocabulary_saxsolo import SAMPLES_PER_FRAME, SAMPLING_RATE
from saxsolo.corpus.render.damage import active_rms
from saxsolo.corpus.render.pair import render_pair, seed_of
from saxsolo.corpus.render.saxophone import MTG_RANGE
from saxsolo.corpus.render.sounds import MissingSoundError, SoundfontPlayer, Sounds
from saxsolo.music.frame_labels import score_tokens
from saxsolo.music.score import Note

from .conftest import make_score


def heard_pitch(audio: np.ndarray, start: float, end: float) -> float:
    """MIDI pitch of a stretch: the period that repeats best, above 65 Hz."""
    part = audio[int(start * SAMPLING_RATE) : int(end * SAMPLING_RATE)].astype(np.float64)
    spectrum = np.fft.rfft(part * np.hanning(len(part)), 4 * len(part))
    match = np.fft.irfft(np.abs(spectrum) ** 2)
    high = SAMPLING_RATE // 65
    low = int(np.argmax(match < 0))  # past the slope down from lag 0
    # the first period nearly as good as the best: its multiples repeat as well
    limit = 0.9 * match[low:high].max()
    lag = low + int(np.argmax(match[low:high] > limit))
    while match[lag + 1] > match[lag]:
        lag += 1
    return 69 + 12 * np.log2(SAMPLING_RATE / lag / 440)


def onset_after(audio: np.ndarray, label: float) -> float:
    """Seconds between a label and where the sound reaches 30 % of the note's height."""
    start = int((label - 0.1) * SAMPLING_RATE)
    part = np.square(audio[start : start + int(0.35 * SAMPLING_RATE)], dtype=np.float64)
    height = np.sqrt(np.convolve(part, np.ones(160) / 160, mode="same"))
    return float(np.argmax(height > 0.3 * height.max())) / SAMPLING_RATE - 0.1


@pytest.mark.parametrize("timbre", ["mtg", "fluidr3"])
def test_same_seed_same_samples_whatever_was_rendered_before(
    all_sounds: Sounds, timbre: str
) -> None:
    score = make_score()
    first = render_pair(score, 7, all_sounds, timbre)
    other = render_pair(make_score((72, 48), feel="funk"), 8, all_sounds, timbre)
    again = render_pair(score, 7, all_sounds, timbre)
    np.testing.assert_array_equal(first.solo, again.solo)
    np.testing.assert_array_equal(first.backing, again.backing)
    assert first.settings == again.settings
    count = min(len(first.solo), len(other.solo))
    assert not np.array_equal(first.backing[:count], other.backing[:count])


def test_another_seed_is_another_take(font_sounds: Sounds) -> None:
    score = make_score()
    one, two = (render_pair(score, seed, font_sounds) for seed in (1, 2))
    assert not np.array_equal(one.solo, two.solo)
    assert not np.array_equal(one.backing, two.backing)


@pytest.mark.parametrize("feel", ["swing", "latin", "funk", "ballad", "twobeat", "waltz"])
def test_every_feel_is_finite_unclipped_and_audible(font_sounds: Sounds, feel: str) -> None:
    score = make_score(feel=feel, beats_per_bar=3 if feel == "waltz" else 4, bars=3)
    pair = render_pair(score, 3, font_sounds)
    assert len(pair.solo) == len(pair.backing) == pair.num_frames * SAMPLES_PER_FRAME
    assert pair.num_frames * SAMPLES_PER_FRAME / SAMPLING_RATE == pytest.approx(
        score.duration, abs=0.02
    )
    for audio in (pair.solo, pair.backing):
        assert audio.dtype == np.float32
        assert np.isfinite(audio).all()
        assert np.abs(audio).max() < 0.98
        assert active_rms(audio) > 10 ** (-35 / 20)
    assert -23 < 20 * np.log10(active_rms(pair.solo)) < -18


@pytest.mark.parametrize("timbre", ["mtg", "fluidr3"])
@pytest.mark.parametrize("instrument", ["soprano", "alto", "tenor", "baritone"])
def test_sound_starts_where_the_labels_say(
    all_sounds: Sounds, instrument: str, timbre: str
) -> None:
    low, high = MTG_RANGE[instrument]
    pitches = tuple(range(low + 6, high - 6, 4))
    pair = render_pair(make_score(pitches, instrument=instrument), 5, all_sounds, timbre)
    labels = score_tokens(pair.score, pair.num_frames)
    onsets = np.flatnonzero((labels >= 1) & (labels <= 60)) * SAMPLES_PER_FRAME / SAMPLING_RATE
    assert len(onsets) == len(pitches)
    late = [onset_after(pair.solo, onset) for onset in onsets]
    assert abs(np.median(late)) < 0.020, late
    assert np.max(np.abs(late)) < 0.060, late


@pytest.mark.parametrize("timbre", ["mtg", "fluidr3"])
def test_transposing_moves_the_pitch_by_that_much(all_sounds: Sounds, timbre: str) -> None:
    score = make_score((57, 60, 64, 66))
    for semitones in (0, 3, -5):
        pair = render_pair(score.transpose(semitones), 11, all_sounds, timbre)
        for note, written in zip(score.notes, pair.score.notes, strict=True):
            assert written.pitch == note.pitch + semitones
            heard = heard_pitch(pair.solo, note.onset + 0.2, note.onset + 0.45)
            assert heard == pytest.approx(note.pitch + semitones, abs=0.5)


def test_keys_that_slip_an_octave_are_played_by_a_stand_in(font_sounds: Sounds) -> None:
    pair = render_pair(make_score((64, 65, 66, 67)), 4, font_sounds)
    for note in pair.score.notes:
        heard = heard_pitch(pair.solo, note.onset + 0.02, note.onset + 0.15)
        assert heard == pytest.approx(note.pitch, abs=0.7)


def test_notes_out_of_range_are_folded_and_labelled_as_played(all_sounds: Sounds) -> None:
    pair = render_pair(make_score((80, 60)), 1, all_sounds, "mtg")
    assert [note.pitch for note in pair.score.notes] == [68, 60]
    assert heard_pitch(pair.solo, 0.7, 0.95) == pytest.approx(68, abs=0.5)


def test_solos_that_leave_the_samples_go_to_a_sound_font(all_sounds: Sounds) -> None:
    high = make_score((80, 82, 79, 60))
    assert {render_pair(high, seed, all_sounds).timbre for seed in range(4)} == {"fluidr3"}


def test_no_notes_is_a_silent_solo_and_no_beats_a_silent_backing(font_sounds: Sounds) -> None:
    score = make_score()
    without_notes = render_pair(dataclasses.replace(score, notes=()), 1, font_sounds)
    assert not without_notes.solo.any() and without_notes.backing.any()
    without_beats = render_pair(dataclasses.replace(score, beats=()), 1, font_sounds)
    assert without_beats.solo.any()
    assert active_rms(without_beats.backing) == 0.0


def test_unknown_timbre_is_refused_by_name(font_sounds: Sounds) -> None:
    with pytest.raises(ValueError, match="'kazoo'.*mtg, fluidr3, musescore"):
        render_pair(make_score(), 1, font_sounds, "kazoo")


def test_slurred_notes_have_no_gap(all_sounds: Sounds) -> None:
    notes = tuple(Note(0.5 + 0.25 * i, 0.25, 60 + 2 * i, 0.7) for i in range(4))
    pair = render_pair(dataclasses.replace(make_score(), notes=notes), 2, all_sounds, "mtg")
    start, end = int(0.55 * SAMPLING_RATE), int(1.45 * SAMPLING_RATE)
    blocks = pair.solo[start:end][: (end - start) // 320 * 320].reshape(-1, 320)
    levels = np.sqrt(np.mean(np.square(blocks), axis=1))
    assert levels.min() > 0.1 * np.median(levels)


def test_seeds_depend_on_every_part_and_not_on_the_process() -> None:
    assert seed_of(0, "a", 1) == 1272816603999750589
    assert len({seed_of(0, "a", 1), seed_of(0, "a", 2), seed_of(1, "a", 1), seed_of(0, "a1")}) == 4


def test_plucked_bass_is_in_tune_and_on_time(all_sounds: Sounds) -> None:
    pitches = range(38, 52, 2)
    notes = [(0.5 + i, 0.7, pitch, 85) for i, pitch in enumerate(pitches)]
    audio = all_sounds.plucked_bass().play(notes, 8 * SAMPLING_RATE)
    off = [heard_pitch(audio, onset + 0.05, onset + 0.45) - pitch for onset, _, pitch, _ in notes]
    assert np.mean(np.abs(off)) < 0.1 and np.max(np.abs(off)) < 0.3, off
    assert max(abs(onset_after(audio, onset)) for onset, *_ in notes) < 0.015


def test_no_fluidsynth_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fluidsynth", None)
    with pytest.raises(MissingSoundError, match="libfluidsynth3.*pip install pyfluidsynth"):
        SoundfontPlayer(Path("any.sf2"))
