"""What was heard, named and written: key, bars, JSON, .lab, ChordPro, JAMS."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling_saxsolo.chord_search_saxsolo import HeardChord
from modeling_saxsolo.ear_decoding_saxsolo import HeardMusic
from modeling_saxsolo.vocabulary_saxsolo import DOMINANT, MAJOR, MINOR, NO_CHORD
from saxsolo.errors import AudioError, SettingError
from saxsolo.listening.exports import (
    as_chart,
    as_chordpro,
    as_dict,
    as_ireal,
    as_jams,
    as_json,
    as_lab,
    as_text,
    chart_of,
    symbol_of,
)
from saxsolo.listening.heard import Listening
from saxsolo.listening.horns import HORNS
from saxsolo.listening.track import listen
from saxsolo.music.charts.reading import chart_of_text
from saxsolo.music.chord_symbols import parse_chord
from saxsolo.music.key import estimate_key

TWO_FIVE_ONE = ((2, MINOR), (7, DOMINANT), (0, MAJOR), (0, MAJOR))


def heard(chords=TWO_FIVE_ONE, beats_per_bar=4, tempo=120.0, lead_in=0.5) -> Listening:
    """A chord a bar, on a click."""
    beat = 60 / tempo
    count = beats_per_bar * len(chords)
    beats = lead_in + beat * np.arange(count)
    bar = beat * beats_per_bar
    named = [HeardChord(0.0, lead_in, None, NO_CHORD, 0.9)]
    for number, (root, quality) in enumerate(chords):
        start = lead_in + number * bar
        named.append(HeardChord(start, start + bar, root, quality, 0.8))
    music = HeardMusic(
        beats,
        np.arange(count) % beats_per_bar + 1,
        np.full(count, beats_per_bar),
        np.full(count, 0.9),
        named,
        -12.0,
    )
    return Listening("tune", lead_in + count * beat, music)


@given(st.integers(0, 11), st.booleans())
def test_a_cadence_names_its_key_in_all_keys(tonic: int, minor: bool):
    second = (2, 3) if minor else (2, MINOR)
    first = (0, MINOR) if minor else (0, MAJOR)
    cadence = (second, (7, DOMINANT), first, first)
    key = estimate_key([((tonic + root) % 12, quality, 1.0) for root, quality in cadence])
    assert key is not None
    assert (key.tonic, key.minor) == (tonic, minor)


def test_no_chord_has_no_key():
    assert estimate_key([(None, NO_CHORD, 3.0)]) is None
    assert estimate_key([]) is None


def test_bars_carry_their_chords():
    bars = heard().bars
    assert [bar.beats for bar in bars] == [4, 4, 4, 4]
    assert [chord.root for bar in bars for _, chord in bar.chords] == [2, 7, 0, 0]
    assert bars[1].start == pytest.approx(2.5)
    assert bars[-1].end == pytest.approx(8.5)


def test_json_holds_what_the_documents_promise():
    facts = json.loads(as_json(heard()))
    assert facts["metre"] == "4/4" and facts["key"] == "C major"
    assert facts["tempo"] == pytest.approx(120) and facts["tuning_cents"] == -12.0
    assert facts["beats"][0] == [0.5, 1] and facts["beats"][5][1] == 2
    assert facts["chords"][0] == [0.0, 0.5, "N.C.", None, "none", 0.9]
    assert facts["chords"][1][2:5] == ["Dm7", 2, "minor"]
    assert facts["tempo_spread"] == pytest.approx(0, abs=1e-9)


def test_lab_is_read_by_mir_eval(tmp_path):
    mir_eval = pytest.importorskip("mir_eval")
    path = tmp_path / "tune.lab"
    path.write_text(as_lab(heard()), encoding="utf-8")
    intervals, labels = mir_eval.io.load_labeled_intervals(str(path))
    mir_eval.chord.validate(labels, labels)
    assert labels[:3] == ["N", "D:min7", "G:7"]
    assert intervals[-1, 1] == pytest.approx(8.5)


def test_jams_is_valid():
    jams = pytest.importorskip("jams")
    import io

    document = jams.load(io.StringIO(as_jams(heard())), fmt="json")
    assert {a.namespace for a in document.annotations} == {"chord", "beat", "tempo", "key_mode"}
    document.validate(strict=True)


def test_chordpro_writes_each_change_once():
    text = as_chordpro(heard())
    assert "{key: C}" in text and "{time: 4/4}" in text
    assert "| Dm7 . . . | G7 . . . | Cmaj7 . . . | Cmaj7 . . . |" in text


@given(st.integers(0, 11))
def test_a_horn_reads_chords_and_key_moved_alike(up: int):
    tune = heard()
    moved = tune.transposed(up)
    assert moved.key is not None and moved.key.tonic == up
    assert [c.root for c in moved.music.chords[1:]] == [(c + up) % 12 for c in (2, 7, 0, 0)]
    assert moved.music.chords[0] == tune.music.chords[0]
    assert moved.transposed(12 - up).music.chords == tune.music.chords


def test_a_chart_is_written_for_a_horn():
    tune = heard()
    assert as_text(tune) == as_text(tune, "concert") and as_chordpro(tune, "concert")
    for horn, first in (("bb", "Em7"), ("eb", "Bm7")):
        assert first in as_text(tune, horn) and f"| {first} . . . |" in as_chordpro(tune, horn)
        assert HORNS[horn].label in as_text(tune, horn)
    with pytest.raises(SettingError, match="concert, bb, eb"):
        as_text(tune, "c")


def test_silence_is_refused_in_one_line():
    with pytest.raises(AudioError, match="is silent"):
        listen((np.zeros(32000, np.float32), 16000))


def test_a_track_without_music_says_so():
    none = np.zeros(0)
    music = HeardMusic(none, none.astype(int), none.astype(int), none, [], 0.0)
    silent = Listening("noise", 3.0, music)
    facts = as_dict(silent)
    assert facts["tempo"] is facts["key"] is facts["metre"] is None
    assert facts["beats"] == facts["chords"] == []
    assert "no beat heard" in as_text(silent) and as_lab(silent) == ""
    assert silent.grid() is None and silent.bars == []


def test_what_is_heard_is_written_as_a_chart_that_is_read_back():
    tune = heard()
    chart = chart_of(tune)
    assert [bar.chords for bar in chart.bars][:2] == [(("D-7", 4.0),), (("G7", 4.0),)]
    assert chart_of_text(as_chart(tune)) == chart
    assert [bar.chords for bar in chart_of_text(as_ireal(tune)).bars] == [
        bar.chords for bar in chart.bars
    ]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 11), st.integers(0, 6)) | st.just((None, NO_CHORD)),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from([3, 4, 5]),
    st.sampled_from(list(HORNS)),
)
def test_every_format_of_what_is_heard_gives_the_same_chords(chords, beats, horn):
    tune = heard(chords, beats)
    wanted = [[parse_chord(symbol_of(chord))] for chord in tune.music.chords[1:]]
    for write in (as_chart, as_ireal, as_chordpro):
        back = chart_of_text(write(tune, horn)).transpose(-HORNS[horn].semitones)
        found = [[parse_chord(symbol) for symbol, _ in bar.chords] for bar in back.bars]
        assert found == wanted and back.metre == f"{beats}/4", write.__name__


def test_a_pick_up_and_a_last_broken_bar_are_no_part_of_the_form():
    tune = heard()
    music = replace(
        tune.music,
        beats=np.concatenate([[0.0], tune.music.beats, [8.5]]),
        places=np.concatenate([[4], tune.music.places, [1]]),
        metres=np.concatenate([[4], tune.music.metres, [4]]),
        beat_confidence=np.concatenate([[0.9], tune.music.beat_confidence, [0.9]]),
    )
    chart = chart_of(replace(tune, music=music))
    assert chart.bars == chart_of(tune).bars
    assert as_ireal(replace(tune, music=music)).startswith("irealb://")
