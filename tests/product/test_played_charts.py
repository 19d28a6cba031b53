"""A chart that is given is told to the model, kept in run.json, and refused in one line."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import saxsolo
from saxsolo import ChartError, SettingError, Settings
from saxsolo.corpus.accompany import from_chart
from saxsolo.corpus.accompany.from_chart import MANNERS, band_of_chart, manner_of
from saxsolo.corpus.accompany.from_midi import band_of_midi
from saxsolo.corpus.render.sounds import MissingSoundError, Sounds
from saxsolo.music.charts.text import read_text
from saxsolo.music.placed_chart import place_by_tempo
from saxsolo.playing import rendered_band
from saxsolo.playing.chart_placing import chart_of_settings
from saxsolo.playing.performance import Performance
from saxsolo.playing.requests import read_playlist

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "blues_in_f.flac"
BLUES = "F7 | Bb7 | F7 | Cm7 F7 | Bb7 | % | F7 | D7 | Gm7 | C7 | F7 D7 | Gm7 C7"
PLACED = {"chords": "F7 | Bb7", "first_bar": 0.5, "tempo": 120}


def has_fonts() -> bool:
    try:
        Sounds().check()
        import fluidsynth  # noqa: F401
    except (MissingSoundError, ImportError, AttributeError):
        return False
    return True


needs_fonts = pytest.mark.skipif(not has_fonts(), reason="no sound font or fluidsynth here")


def test_a_chart_is_told_frame_by_frame(player, backing):
    performance = Performance(player, saxsolo.audio.files.open_sound(backing), Settings(**PLACED))
    inputs = performance.listen().inputs(torch.device("cpu"))
    told = inputs["frame_label_inputs"]
    assert told.shape == (1, 4, 150) and (told[..., :25] == -100).all()
    assert (told[0, 0, 25:125] == 5).all() and (told[0, 0, 125:] == 10).all()


def test_a_chart_lies_where_it_does_in_the_whole_track_however_little_is_played():
    sound = saxsolo.audio.files.open_sound(EXAMPLE)
    player = saxsolo.load_player()
    first = [
        Performance(player, sound, Settings(chords=BLUES, seconds=seconds)).listen().placed
        for seconds in (8.0, 14.0)
    ]
    assert first[0].first_bar == first[1].first_bar
    assert first[0].agreement == first[1].agreement
    assert first[0].beats[-1] < 8 and len(first[0].grid().beats) == len(first[0].beats)


def test_sevens_are_written_in_eighths():
    chart = read_text("Metre: 7/8\nF7 | Bb7")
    placed = place_by_tempo(chart, 0.5, 300, 8.0)
    assert placed.grid().unit.name == "eighth" and placed.until(4.0).grid().beats[-1] < 4
    six = place_by_tempo(read_text("Metre: 6/8\nF7 | Bb7"), 0.5, 90, 8.0)
    assert six.grid().unit.name == "dotted quarter"


def test_other_chords_other_solo_and_the_run_brings_them_back(player, backing):
    take = saxsolo.improvise(backing, player=player, **PLACED)
    other = saxsolo.improvise(backing, player=player, **{**PLACED, "chords": "B7 | E7"})
    assert not np.array_equal(take.codes, other.codes)
    run = json.loads(json.dumps(take.run))
    assert run["chart"]["first_bar"] == 0.5 and run["chart"]["agreement"] is None
    again = saxsolo.improvise(backing, player=player, **Settings.of_run(run).model_dump())
    assert np.array_equal(take.codes, again.codes)
    assert take.grid is not None and set(take.grid.roots.tolist()) <= {5, 10, 12}


def test_a_chart_comes_from_a_file_too(player, backing, tmp_path):
    path = tmp_path / "tune.txt"
    path.write_text("F7 | Bb7")
    place = {"first_bar": 0.5, "tempo": 120}
    take = saxsolo.improvise(backing, player=player, chart=path, **place)
    plain = saxsolo.improvise(backing, player=player, **PLACED)
    assert np.array_equal(take.codes, plain.codes)


def test_a_player_without_an_ear_asks_for_first_bar_and_tempo(player, backing):
    with pytest.raises(SettingError, match="no ear to place a chart with; give --first-bar"):
        saxsolo.improvise(backing, player=player, chords="F7 | Bb7")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"chords": "F7 | H7"}, "chords: bar 2: .*H is B"),
        ({"chords": "F7", "metre": "4/3"}, "metre: .*no time signature"),
        ({"chords": "F7", "tempo": 1000}, "tempo is 1000; it must lie in 30..400"),
        ({"first_bar": 1.0}, "first_bar says where a chart is played; give its chords"),
        ({"chords": 3}, "chords is 3; expected str"),
    ],
)
def test_settings_say_what_is_wrong_with_a_chart(wrong, message):
    with pytest.raises(SettingError, match=message):
        Settings(**wrong)


def test_a_metre_reads_chords_that_name_none_and_refits_a_chart_that_does():
    def beats(**settings):
        chart = chart_of_settings(Settings(**settings))
        return chart and [[b for _, b in bar.chords] for bar in chart.bars]

    assert beats(chords="C G7", metre="3/4") == [[2, 1]]
    assert beats(chords="Metre: 4/4\nC G7", metre="3/4") == [[1.5, 1.5]]
    assert beats() is None


def test_a_playlist_names_a_chart(tmp_path):
    (tmp_path / "tune.txt").write_text("F7 | Bb7")
    playlist = tmp_path / "list.json"
    playlist.write_text(json.dumps([{"backing": "a.wav", "chart": "tune.txt", "tempo": 90}]))
    (_, _, settings), *_ = read_playlist(playlist, Settings())
    assert read_text(settings.chords).bars == read_text("F7 | Bb7").bars and settings.tempo == 90
    (tmp_path / "tune.txt").write_text("F7 | Sol7")
    with pytest.raises(SettingError, match="entry 1: tune.txt: bar 2: .*Sol is G"):
        read_playlist(playlist, Settings())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--chords", "F7 | C7q"], "bar 2: cannot read the chord 'C7q'"),
        (["--chart", "none.txt"], "cannot be read"),
        (["--chords", "F7", "--chart", "a.txt"], "give one chart"),
        (["--tempo", "120"], "give its chords"),
        ([], "nothing to play"),
    ],
)
def test_the_command_refuses_in_one_line(run, tmp_path, options, message):
    code, stdout, stderr = run("improvise", *options, "--out", tmp_path / "take")
    assert (code, stdout) == (2, "") and message in stderr and stderr.count("\n") == 1
    assert not (tmp_path / "take").exists()


def test_choruses_need_no_backing(run, backing, tmp_path):
    options = ("--chords", "F7", "--choruses", 2, "--out", tmp_path / "take")
    code, _, stderr = run("improvise", backing, *options)
    assert code == 2 and "needs no BACKING" in stderr


def test_a_missing_sound_font_is_named(monkeypatch):
    def missing(*_, **__):
        raise MissingSoundError("no sound font: install Debian package fluid-soundfont-gm")

    monkeypatch.setattr(from_chart, "band_of_chart", missing)
    with pytest.raises(SettingError, match="no band can be rendered: .*fluid-soundfont-gm"):
        saxsolo.render_band("C | F")


@pytest.mark.parametrize(
    ("style", "manner"),
    [("Medium Up Swing", "swing"), ("Bossa Nova", "bossa"), ("Rock Pop", "pop"), ("", "swing")],
)
def test_the_style_of_a_chart_is_a_manner_of_the_band(style, manner):
    assert manner_of(style) == manner and manner in MANNERS


@needs_fonts
@pytest.mark.parametrize("metre", ["4/4", "3/4", "6/8", "7/8", "5/4"])
def test_a_band_plays_a_chart_in_time(metre):
    chart = read_text(f"Metre: {metre}\nDm7 | G7 | N.C. | C6/9")
    band = band_of_chart(chart, tempo=200, feel="swing", choruses=1)
    beats = sum(bar.beats for bar in chart.bars) + chart.bars[0].beats
    seconds = band.first_bar + beats * 0.3 + 1.5
    assert len(band.audio) == pytest.approx(seconds * band.rate, abs=2)
    assert np.abs(band.audio).max() < 1 and set(band.stems) == {"bass", "chords", "drums"}
    assert np.allclose(np.sum(list(band.stems.values()), axis=0), band.audio, atol=1e-6)
    again = band_of_chart(chart, tempo=200, feel="swing", choruses=1)
    assert np.array_equal(band.audio, again.audio)


@needs_fonts
def test_a_band_is_played_over_and_written(run, checkpoint, tmp_path):
    code, stdout, stderr = run(
        "improvise", "--chords", "Dm7 | G7", "--tempo", 240, "--seconds", 2, "--quiet",
        "--checkpoint", checkpoint, "--out", tmp_path / "take",
    )  # fmt: skip
    assert code == 0, stderr
    files = {str(p.relative_to(tmp_path / "take")) for p in (tmp_path / "take").rglob("*.wav")}
    assert files == {"band.wav", "solo.wav", "mix.wav", "stems/bass.wav", "stems/chords.wav",
                     "stems/drums.wav"}  # fmt: skip
    run_json = json.loads((tmp_path / "take" / "run.json").read_text())
    assert run_json["settings"]["tempo"] == 240 and run_json["chart"]["first_bar"] == 0.1


@needs_fonts
def test_a_midi_file_keeps_its_tempo_map(tmp_path):
    mido = pytest.importorskip("mido")
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    for tempo, keys in ((120, (48, 64, 67, 70)), (60, (53, 63, 69, 72))):
        track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo)))
        for key in keys:
            track.append(mido.Message("note_on", note=key, velocity=90))
        for place, key in enumerate(keys):
            track.append(mido.Message("note_off", note=key, time=0 if place else 4 * 480))
    path = tmp_path / "band.mid"
    file.save(path)
    band, placed = band_of_midi(path.read_bytes())
    assert placed is not None
    assert placed.beats.tolist() == pytest.approx([0, 0.5, 1, 1.5, 2, 3, 4, 5])
    assert [int(placed.grid().roots[i]) for i in (0, 4)] == [0, 5]
    assert len(band.audio) / band.rate == pytest.approx(6 + 1.5, abs=0.01)
    given = rendered_band.render_midi(path, Settings(chords="Bb7"))
    assert given.placed is not None and set(given.placed.grid().roots.tolist()) == {10}
    (tmp_path / "broken.mid").write_bytes(b"MThd")
    with pytest.raises(ChartError, match="broken.mid: the file is not MIDI"):
        rendered_band.render_midi(tmp_path / "broken.mid", Settings())


def test_a_first_bar_behind_the_end_and_a_chart_in_place_of_a_file_are_refused(player, backing):
    with pytest.raises(SettingError, match="first_bar 90 s lies behind the end of .* \\(3.0 s\\)"):
        saxsolo.improvise(backing, player=player, **{**PLACED, "first_bar": 90.0})
    with pytest.raises(ChartError, match="names no file; give a chart as text with --chords"):
        saxsolo.improvise(backing, player=player, chart="F7 | Bb7")
