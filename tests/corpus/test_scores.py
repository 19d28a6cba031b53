"""Chords, scores, labels, splits, and the readers of scores."""

import gzip
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling_saxsolo.vocabulary_saxsolo import LABEL_SIZES
from saxsolo.corpus.scores.builtin import builtin_scores
from saxsolo.corpus.scores.splits import assign_splits, title_key
from saxsolo.corpus.scores.weimar import read_weimar
from saxsolo.music.chord_symbols import ChordError, parse_chord, transpose_chord
from saxsolo.music.frame_labels import (
    fold_pitch,
    frame_labels,
    score_tokens,
    tokens_to_notes,
    transpose_labels,
    transpose_tokens,
)
from saxsolo.music.score import Beat, Note, Score, ScoreError

NAMES = ("C", "C#", "Db", "D", "Eb", "E", "F", "F#", "Gb", "G", "Ab", "A", "Bb", "B")
SUFFIXES = (
    *("", "6", "69", "j7", "j7911#", "-", "-6", "-7", "-7911", "-j7", "7", "79b", "79#", "7913"),
    *("7911#", "7alt", "79b13b", "+7", "+", "+j7", "m7b5", "o", "o7", "sus", "sus7", "sus79"),
)
symbols = st.builds(
    lambda root, suffix, bass: root + suffix + bass,
    st.sampled_from(NAMES),
    st.sampled_from(SUFFIXES),
    st.sampled_from(["", *(f"/{name}" for name in NAMES)]),
)


def make_score(notes=(), beats=(), **fields) -> Score:
    given = {
        "id": "x",
        "performer": "Somebody",
        "title": "Tune",
        "instrument": "tenor",
        "style": "bebop",
        "feel": "swing",
        "source": "test",
        "licence": "CC0-1.0",
        "attribution": "none",
    }
    return Score(**{**given, **fields}, notes=tuple(notes), beats=tuple(beats))


def four_beats(chord: str = "C7", period: float = 0.5) -> list[Beat]:
    return [Beat(0.5 + i * period, 1 + i // 4, 1 + i % 4, 4, chord, 36) for i in range(8)]


@st.composite
def melodies(draw) -> Score:
    """Notes on the grid of frames, at least two frames long, one after another."""
    notes, frame = [], 0
    for _ in range(draw(st.integers(0, 12))):
        frame += draw(st.integers(0, 20))
        length = draw(st.integers(1, 40))
        notes.append(Note(frame / 50, length / 50, draw(st.integers(50, 88)), 0.6))
        frame += length
    return make_score(notes, four_beats())


@pytest.mark.parametrize(
    ("symbol", "root", "quality", "tones", "bass"),
    [
        ("D-7", 2, 1, {2, 5, 9, 0}, 2),
        ("Ebj7", 3, 0, {3, 7, 10, 2}, 3),
        ("Am7b5", 9, 3, {9, 0, 3, 7}, 9),
        ("Fsus79", 5, 5, {5, 10, 0, 3}, 5),
        ("B+7", 11, 2, {11, 3, 7, 9}, 11),
        ("C79b", 0, 2, {0, 4, 7, 10}, 0),
        ("G7alt", 7, 2, {7, 11, 3, 5}, 7),
        ("D/Eb", 2, 0, {2, 6, 9}, 3),
        ("Ebo", 3, 4, {3, 6, 9}, 3),
        ("Db+/C", 1, 6, {1, 5, 9}, 0),
        ("NC", None, 7, set(), None),
    ],
)
def test_chords_of_the_database(symbol, root, quality, tones, bass):
    chord = parse_chord(symbol)
    assert (chord.root, chord.quality, set(chord.tones), chord.bass) == (root, quality, tones, bass)
    assert chord.tones <= chord.scale


@pytest.mark.parametrize("symbol", ["H7", "C7x", "Cmaj7", "7", "C/", "C7b9"])
def test_unknown_chords_are_refused_by_name(symbol):
    with pytest.raises(ChordError, match=symbol):
        parse_chord(symbol)


@given(symbols, st.integers(-14, 14))
def test_a_transposed_chord_is_the_chord_moved(symbol, semitones):
    before, after = parse_chord(symbol), parse_chord(transpose_chord(symbol, semitones))
    assert after.quality == before.quality
    for one, moved in ((before.tones, after.tones), (before.scale, after.scale)):
        assert {(tone + semitones) % 12 for tone in one} == moved
    assert (before.bass + semitones) % 12 == after.bass


@given(melodies())
def test_tokens_give_the_notes_back(score):
    frames = int(score.duration * 50)
    notes = tokens_to_notes(score_tokens(score, frames))
    assert len(notes) == len(score.notes)
    for found, wanted in zip(notes, score.notes, strict=True):
        assert found.pitch == wanted.pitch
        assert found.onset == pytest.approx(wanted.onset)
        assert found.duration == pytest.approx(wanted.duration)


@given(st.lists(st.integers(0, 120), max_size=60))
def test_any_tokens_become_notes_that_become_tokens_again(tokens):
    notes = tokens_to_notes(tokens)
    again = score_tokens(make_score(notes), len(tokens))
    assert (again > 0).tolist() == (np.array(tokens, dtype=int) > 0).tolist()
    assert tokens_to_notes(again) == notes


@settings(max_examples=50)
@given(melodies(), st.integers(-9, 11))
def test_transposing_tokens_is_transposing_the_score(score, semitones):
    frames = int(score.duration * 50)
    moved = score.transpose(semitones)
    wanted = score_tokens(moved, frames)
    assert (transpose_tokens(score_tokens(score, frames), semitones) == wanted).all()
    labels = transpose_labels(frame_labels(score, frames), semitones)
    assert (labels == frame_labels(moved, frames)).all()


def test_a_second_onset_in_a_frame_moves_on_or_is_dropped():
    notes = [Note(1.0, 0.1, 60, 0.6), Note(1.001, 0.1, 62, 0.6), Note(1.002, 0.1, 64, 0.6)]
    tokens = score_tokens(make_score(notes), 100)
    assert [(n.pitch, n.onset) for n in tokens_to_notes(tokens)] == [(60, 1.0), (62, 1.02)]


def test_pitches_fold_by_octaves():
    assert [fold_pitch(pitch) for pitch in (28, 39, 40, 99, 100, 120)] == [40, 51, 40, 99, 88, 96]


def test_labels_describe_the_middle_of_the_frame():
    beats = four_beats("C7")
    beats[4] = replace(beats[4], chord="NC")
    labels = frame_labels(make_score(beats=beats), 300)
    assert (labels[:25] == -100).all()
    assert labels[25].tolist() == [0, 2, 0, 0]  # C, dominant, start of the first beat
    assert labels[49].tolist() == [0, 2, 11, 0]
    assert labels[50].tolist() == [0, 2, 0, 1]
    assert labels[125].tolist() == [12, 7, 0, 0]  # no chord, first beat of the second bar
    assert labels[224, 3] == 3 and (labels[225:] == -100).all()
    phases = labels[25:50, 2]
    assert (np.diff(phases) >= 0).all() and set(phases.tolist()) == set(range(12))


def test_a_hole_between_beats_and_odd_bars_are_marked():
    beats = four_beats()
    late = [replace(beat, onset=beat.onset + 4.0) for beat in beats[4:]]
    labels = frame_labels(make_score(beats=[*beats[:4], *late]), 400)
    assert (labels[105:300] == -100).all() and (labels[330] >= 0).all()
    for length in (1, 9):
        odd = [replace(beat, beats_per_bar=length, beat=1) for beat in beats]
        assert set(frame_labels(make_score(beats=odd), 200)[30:150, 3].tolist()) == {7}


@given(melodies(), st.floats(0.5, 2.0))
def test_tempo_scales_and_comes_back(score, factor):
    faster = score.scale_tempo(factor)
    assert faster.tempo == pytest.approx(score.tempo * factor)
    back = faster.scale_tempo(1 / factor)
    assert [n.onset for n in back.notes] == pytest.approx([n.onset for n in score.notes])


def test_an_excerpt_starts_at_zero_and_cuts_what_sounds_on():
    notes = [Note(0.5, 0.2, 60, 0.5), Note(1.0, 3.0, 62, 0.5), Note(5.0, 1.0, 64, 0.5)]
    part = make_score(notes, four_beats()).excerpt(0.9, 2.0)
    assert [(n.onset, n.duration, n.pitch) for n in part.notes] == [(pytest.approx(0.1), 1.0, 62)]
    assert part.beats[0].onset == pytest.approx(0.1) and len(part.beats) == 2


def test_wrong_scores_are_refused():
    with pytest.raises(ScoreError, match="trumpet"):
        make_score(instrument="trumpet")
    with pytest.raises(ScoreError, match="sort"):
        make_score([Note(1.0, 0.1, 60, 0.5), Note(0.5, 0.1, 60, 0.5)])
    with pytest.raises(ScoreError, match="121"):
        tokens_to_notes([121])


def test_builtin_scores_are_whole_bars_in_range():
    scores = {score.title: score for score in builtin_scores()}
    assert [len(score.notes) > 0 for score in scores.values()] == [True, True, False, False]
    for score in scores.values():
        assert len(score.beats) % 16 in (0, 8)
        assert all(28 <= beat.bass <= 51 for beat in score.beats)
        assert all(44 <= note.pitch <= 78 for note in score.notes)
        assert score.notes == () or score.notes[-1].onset < score.beats[-1].onset + 1
    blues = scores["First Blues"]
    labels = frame_labels(blues, int(blues.duration * 50))
    inside = []
    for note in blues.notes:
        beat = next(beat for beat in blues.beats[::-1] if beat.onset <= note.onset)
        inside.append(note.pitch % 12 in parse_chord(beat.chord).scale)
    assert np.mean(inside) > 0.7
    assert labels[:, 0].max() < LABEL_SIZES["chord_root"]


def test_splits_leak_neither_performers_nor_titles():
    scores = [
        make_score(id="a", performer="Art Pepper", title="All the Things!"),
        make_score(id="b", performer="Hank Mobley", title="all the things"),
        make_score(id="c", performer="Hank Mobley", title="Remember"),
        make_score(id="d", performer="Sonny Rollins", title="Remember "),
        make_score(id="e", performer="Sonny Rollins", title="Airegin"),
    ]
    wanted = {"a": "test", "b": "excluded", "c": "validation", "d": "excluded", "e": "train"}
    assert assign_splits(scores) == wanted
    assert assign_splits(scores[::-1]) == wanted


def test_the_database_reads_whole(data_dir):
    scores = read_weimar(data_dir / "weimar_sax")
    assert len(scores) == 228 and sum(len(score.notes) for score in scores) > 118000
    for score in scores:
        first = min(score.beats[0].onset, score.notes[0].onset)
        assert first == pytest.approx(0.5)
        assert all(0.2 <= note.loudness <= 1.0 for note in score.notes)
        assert all(note.duration > 0 for note in score.notes)
        for chord in {beat.chord for beat in score.beats}:
            parse_chord(chord)
    splits = assign_splits(scores)
    by_split = {name: [s for s in scores if splits[s.id] == name] for name in set(splits.values())}
    assert {name: len(found) for name, found in by_split.items()} == {
        "train": 174,
        "validation": 15,
        "test": 31,
        "excluded": 8,
    }
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        for key in (lambda s: s.performer, lambda s: title_key(s.title)):
            assert not {key(s) for s in by_split[one]} & {key(s) for s in by_split[other]}


def test_a_broken_database_is_refused_by_name(tmp_path, data_dir):
    with pytest.raises(ScoreError, match=r"solos\.csv"):
        read_weimar(tmp_path)
    source = data_dir / "weimar_sax"
    for name in ("solos.csv", "beats.csv.gz"):
        shutil.copyfile(source / name, tmp_path / name)
    whole = (source / "notes.csv.gz").read_bytes()
    (tmp_path / "notes.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ScoreError, match=r"notes\.csv\.gz"):
        read_weimar(tmp_path)
    with gzip.open(tmp_path / "notes.csv.gz", "wt") as file:
        file.write("solo_id,pitch\nArtPepper_BluesForBlanche,60\n")
    with pytest.raises(ScoreError, match="onset|notes"):
        read_weimar(tmp_path)
