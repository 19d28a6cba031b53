"""Measures of hearing: right is 1, wrong is 0, and what is not known does not count."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from saxsolo.evaluation.damage import DAMAGES, TUNINGS, detuned, mp3_bytes, with_soloist
from saxsolo.evaluation.ear_listeners import Hearing
from saxsolo.evaluation.ear_metrics import (
    BEAT_METRICS,
    CHORD_METRICS,
    ChordTrack,
    beat_metrics,
    calibration_error,
    chord_metrics,
    chord_track,
    harte,
    root_confusions,
)
from saxsolo.evaluation.ear_report import (
    comparison_table,
    confusion_list,
    difference_table,
    judge,
    listen_to,
    read_tracks,
    robustness_table,
    summary,
)

ROWS = [
    [0.0, 2.0, "Cj7", 0, 0, 0],
    [2.0, 4.0, "A-7", 9, 1, 9],
    [4.0, 6.0, "D7", 2, 2, 2],
    [6.0, 8.0, "NC", None, 7, None],
]
BEATS = np.arange(16) * 0.5
PLACES = np.arange(16) % 4 + 1


@pytest.mark.parametrize(
    ("symbol", "root", "quality", "label"),
    [
        ("Cj7", 0, 0, "C:maj7"),
        ("Eb", 3, 0, "Eb:maj"),
        ("F#m7b5", 6, 3, "Gb:hdim7"),
        ("G79b", 7, 2, "G:7"),
        ("C#7alt", 1, 2, "Db:7(#5)"),
        ("C6911#", 0, 0, "C:maj6(9)"),
        ("Bb-6/F", 10, 1, "Bb:min6"),
        ("Gsus79", 7, 5, "G:sus4(b7)"),
        ("", 9, 2, "A:7"),
        ("NC", None, 7, "N"),
    ],
)
def test_harte_keeps_sixths_and_sevenths_of_the_symbol(symbol, root, quality, label):
    assert harte(root, quality, symbol) == label


def test_the_truth_scores_one():
    track = chord_track(ROWS)
    assert chord_metrics(track, track) == dict.fromkeys(CHORD_METRICS, 1.0)
    assert beat_metrics(BEATS, PLACES, BEATS, PLACES) == dict.fromkeys(BEAT_METRICS, 1.0)
    assert root_confusions(track, track)[1:].sum() == 0


def test_another_third_keeps_the_root_alone():
    heard = chord_track([[0.0, 8.0, "C-7", 0, 1, 0]])
    figures = chord_metrics(chord_track(ROWS[:1]), heard)
    assert figures["root"] == 1.0 and figures["majmin"] == figures["thirds"] == 0.0


def test_chords_count_by_their_time():
    heard = chord_track([[0.0, 3.0, "Cj7", 0, 0, 0], [3.0, 6.0, "A-7", 9, 1, 9]])
    assert chord_metrics(chord_track(ROWS[:3]), heard)["root"] == pytest.approx(3 / 6)


def test_nothing_heard_is_no_chord():
    empty = ChordTrack(np.zeros((0, 2)), [])
    assert chord_metrics(chord_track(ROWS), empty)["root"] == pytest.approx(2 / 8)
    assert np.isnan(chord_metrics(empty, chord_track(ROWS))["root"])


def test_confusions_are_listed_by_interval():
    heard = chord_track([[0.0, 8.0, "G7", 7, 2, 7]])
    seconds = root_confusions(chord_track(ROWS), heard)
    # G over C is a fifth, over A a minor seventh, over D a fourth
    np.testing.assert_allclose(seconds[[7, 10, 5, 13]], 2.0, atol=0.06)
    assert seconds.sum() == pytest.approx(8.0, abs=0.1)


def test_the_first_seconds_of_beats_count():
    late = BEATS[8:]
    assert beat_metrics(BEATS, PLACES, late, PLACES[8:])["beat_f1"] < 0.7


def test_half_tempo_is_forgiven_by_amlt_alone():
    figures = beat_metrics(BEATS, PLACES, BEATS[::2], PLACES[::2])
    assert figures["amlt"] > 0.9 and figures["cmlt"] == 0.0


def test_a_bar_that_breaks_off_is_counted_where_the_metre_is_constant():
    short = np.delete(PLACES, 6)
    assert beat_metrics(BEATS, PLACES, np.delete(BEATS, 6), short)["steady_bars"] == 0.0
    changing = beat_metrics(np.delete(BEATS, 6), short, BEATS, PLACES)["steady_bars"]
    assert np.isnan(changing)


def test_beats_outside_the_annotation_do_not_count():
    more = np.concatenate([[-1.0, -0.5], BEATS, [8.0, 8.5]])
    places = np.concatenate([[3, 4], PLACES, [1, 2]])
    assert beat_metrics(BEATS, PLACES, more, places)["beat_f1"] == 1.0


def test_calibration_is_the_distance_from_the_diagonal():
    sure = np.full(100, 0.75)
    assert calibration_error(sure, np.arange(100) < 75) == pytest.approx(0.0)
    assert calibration_error(sure, np.zeros(100)) == pytest.approx(0.75)
    assert np.isnan(calibration_error(np.zeros(0), np.zeros(0)))


@pytest.fixture
def folder(tmp_path):
    item = tmp_path / "validation" / "tune"
    item.mkdir(parents=True)
    sound = 0.1 * np.random.default_rng(0).standard_normal(8 * 16_000)
    soundfile.write(item / "backing.flac", sound, 16_000)
    beats = [[float(t), int(p), 4] for t, p in zip(BEATS, PLACES, strict=True)]
    truth = {"tuning_cents": 10.0, "beats": beats, "chords": ROWS, "bass_notes": []}
    (item / "truth.json").write_text(json.dumps(truth))
    soundfile.write(tmp_path / "other.wav", sound, 16_000)
    (tmp_path / "other.lab").write_text("0.0 4.0 C:maj\n4.0 8.0 G:7\n")
    return tmp_path


def perfect(audio, rate):
    return Hearing(chord_track(ROWS), BEATS, PLACES, np.full(4, 0.9), 12.0)


def test_tracks_of_both_kinds_are_read(folder):
    rendered, annotated = read_tracks(folder)
    assert rendered.name == "tune" and rendered.tuning_cents == 10.0
    assert annotated.beats is None and annotated.chords.labels == ["C:maj", "G:7"]


def test_a_folder_without_truth_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"truth\.json"):
        read_tracks(tmp_path)


def test_figures_of_a_listener_who_is_right(folder):
    results = list(listen_to(read_tracks(folder)[:1], perfect))
    means = summary(results)
    assert all(means[name] == 1.0 for name in (*CHORD_METRICS, *BEAT_METRICS))
    assert means["tuning_error"] == 2.0 and means["calibration_error"] == pytest.approx(0.1)
    assert confusion_list(results) == ""


def test_a_listener_of_beats_alone_has_no_chords_and_no_bars(folder):
    beats_only = Hearing(None, BEATS, np.zeros(len(BEATS), int))
    figures = judge(read_tracks(folder)[0], beats_only, 8.0).figures
    assert figures["beat_f1"] == 1.0
    assert np.isnan(figures["root"]) and np.isnan(figures["downbeat_f1"])


def test_tables_name_every_listener_and_every_damage(folder):
    tracks = read_tracks(folder)[:1]
    table = comparison_table(tracks, {"ours": perfect, "again": perfect})
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == ["ours", "again"]
    solo = with_soloist(np.sin(np.arange(16_000) / 10).astype(np.float32), 16_000)
    rows = robustness_table(tracks, perfect, {"a soloist": solo}).splitlines()[2:]
    assert len(rows) == len(DAMAGES) + len(TUNINGS) + 1


def test_a_listener_gains_nothing_over_itself_and_something_over_a_deaf_one(folder):
    tracks = read_tracks(folder)[:1]

    def deaf(sound, rate):
        return replace(perfect(sound, rate), chords=ChordTrack(np.array([[0.0, 8.0]]), ["N"]))

    def gains(before):
        rows = difference_table(tracks, perfect, before).splitlines()[2:]
        return {cells[1].strip(): cells[2:5] for cells in (row.split("|") for row in rows)}

    assert all(float(cell) == 0 for row in gains(perfect).values() for cell in row)
    assert all(float(cell) > 0 for cell in gains(deaf)["root"])


@pytest.mark.parametrize("name", list(DAMAGES))
def test_damage_keeps_shape_and_stays_below_full_scale(name):
    sound = 0.3 * np.random.default_rng(1).standard_normal((2, 32_000)).astype(np.float32)
    sound = np.clip(sound, -1, 1)
    damaged = DAMAGES[name](sound, 32_000)
    assert damaged.dtype == np.float32 and len(damaged) == 2 and np.abs(damaged).max() <= 1.01
    assert damaged.shape == sound.shape


def test_detuning_changes_length_as_tape_speed_does():
    sound = np.zeros((1, 32_000), np.float32)
    assert detuned(45)(sound, 32_000).shape[1] == pytest.approx(31_179, abs=2)


def test_a_tuning_is_counted_from_440_wherever_the_track_was(folder):
    track = read_tracks(folder)[0]
    length = soundfile.info(track.path).frames
    heard: list[int] = []

    def listener(sound, rate):
        heard.append(sound.shape[1])
        return perfect(sound, rate)

    list(listen_to([replace(track, tuning_cents=-20.0)], listener, tuning_cents=-45))
    assert heard == [pytest.approx(length * 2 ** (25 / 1200), abs=2)]


def test_the_lossy_codec_runs_at_the_rate_its_name_says():
    rng = np.random.default_rng(2)
    sound = (0.1 * rng.standard_normal((2, 44_100 * 5))).astype(np.float32)
    assert len(mp3_bytes(sound, 44_100)) * 8 / 5 == pytest.approx(64_000, rel=0.05)


def test_the_lossy_codec_keeps_the_time():
    sound = np.zeros((1, 44_100), np.float32)
    sound[0, 20_000:20_040] = 0.9
    assert abs(int(np.abs(DAMAGES["MP3 64 kbit/s"](sound, 44_100)[0]).argmax()) - 20_020) < 1_300
