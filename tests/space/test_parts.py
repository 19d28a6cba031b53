"""The parts of the page on their own: controls and links, names, stored takes, the model."""

import json
import os
import shutil
import unicodedata
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import GenerationConfig

pytest.importorskip("gradio")

import gradio as gr

from modeling_saxsolo import vocabulary_saxsolo
from saxsolo import improvise
from saxsolo.audio.files import open_sound
from saxsolo.audio.writing import PEAK, Scratch
from saxsolo.errors import CheckpointError, SettingError
from saxsolo.listening.horns import CONCERT
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.charts.text import read_text
from saxsolo.music.markers import markers_of_chart
from saxsolo.music.placed_chart import place_by_tempo
from saxsolo.page import handlers
from saxsolo.page.cleaning import delete_old_files
from saxsolo.page.controls import (
    FEELS,
    INSTRUMENTS,
    METRES,
    RANGES,
    SOURCES,
    TIMBRES,
    Controls,
    checked,
    examples,
    fresh,
    from_query,
)
from saxsolo.page.folder_store import OLDEST_SECONDS, GoneError
from saxsolo.page.limits import LONGEST_NAME, escaped, shown_name
from saxsolo.page.listening import chart, chord_spans, described
from saxsolo.page.model import place_of_model
from saxsolo.page.playing import SoloRequest, as_wav, bar_edges, continued, play, replaced_bars
from saxsolo.page.roll import chord_changes, draw_roll
from saxsolo.page.take_store import TakeInfo, TakeStore
from saxsolo.page.uploaded_audio import own_upload

from ..product.conftest import checkpoint, chords, player  # noqa: F401 (fixtures)

whole_controls = st.builds(
    Controls,
    source=st.sampled_from(SOURCES),
    example=st.sampled_from(examples()),
    instrument=st.sampled_from(INSTRUMENTS),
    timbre=st.sampled_from(["", *TIMBRES]),
    articulation=st.sampled_from(["", "none", "free", "none,fall=0.5", "vibrato=1,scoop=0.25"]),
    feel=st.sampled_from(FEELS),
    seed=st.integers(*RANGES["seed"]),
    temperature=st.floats(*RANGES["temperature"]),
    guidance=st.floats(*RANGES["guidance"]),
    seconds=st.integers(*map(int, RANGES["seconds"])),
    live=st.sampled_from(["mix", "solo"]),
    chords=st.sampled_from(["", "F7 | Bb7 | F7 | Cm7 F7", "Metre: 3/4\n[A] ||: D7alt | % :||"]),
    first_bar=st.none() | st.floats(*RANGES["first_bar"]),
    tempo=st.none() | st.floats(*RANGES["tempo"]),
    metre=st.sampled_from(METRES),
    choruses=st.integers(*RANGES["choruses"]),
    density=st.none() | st.floats(*RANGES["density"]),
    space=st.none() | st.floats(*RANGES["space"]),
    lowest=st.sampled_from(["", "Bb2", "50"]),
    highest=st.sampled_from(["", "F#5", "80"]),
    where=st.sampled_from(["", "0:08-0:40, bars 9-24"]),
    trade=st.integers(*RANGES["trade"]),
    harmony=st.none() | st.floats(*RANGES["harmony"]),
    time=st.none() | st.floats(*RANGES["time"]),
    motif=st.sampled_from(["", "1 1 0.5 Bb3; 1 1.5 0.5 C4"]),
    motif_at=st.integers(*RANGES["motif_at"]),
    # a motif and a line exclude each other
    line=st.just(""),
    takes=st.integers(*RANGES["takes"]),
)


@settings(deadline=None)
@given(whole_controls)
def test_a_link_restores_every_setting(controls):
    from urllib.parse import parse_qsl

    assert from_query(dict(parse_qsl(controls.query())), Controls()) == checked(controls)


def test_a_line_is_linked_and_a_motif_beside_it_is_refused():
    controls = Controls(line="@0.5 0.4 Bb3; @1 0.2 C4")
    assert checked(controls).settings(30).line == "@0.5 0.4 Bb3; @1 0.2 C4"
    assert from_query({"line": controls.line}, Controls()) == controls
    with pytest.raises(SettingError, match="motif and line are both given"):
        checked(replace(controls, motif="1 1 1 C4"))


def test_a_solo_over_the_whole_backing_ends_with_the_band_as_on_the_command_line():
    assert Controls(seconds=30).settings(24.0).seconds is None
    assert Controls(seconds=24).settings(24.0).seconds is None
    assert Controls(seconds=10).settings(24.0).seconds == 10
    assert Controls(seconds=120).settings(300.0).seconds == 120


def test_each_sound_is_named_with_the_saxophone_that_it_is_of():
    from saxsolo.corpus.render.horns import TRAINING_HORNS

    horns = {}
    for horn in TRAINING_HORNS:
        horns.setdefault(horn.timbre, set()).add(horn.instrument)
    for timbre, instruments in horns.items():
        words, only = TIMBRES[timbre]
        assert only == (instruments.pop() if len(instruments) == 1 else None), timbre
        assert only is None or only in words
        assert handlers.timbre_of_horn("tenor", timbre) == ("" if only else gr.skip())
        assert handlers.horn_of_timbre(timbre) == (only or gr.skip())
    assert set(TIMBRES) == set(vocabulary_saxsolo.TIMBRES)


@given(st.dictionaries(st.sampled_from([*vars(Controls())]) | st.text(), st.text(max_size=40)))
def test_no_link_breaks_the_page(query):
    checked(from_query(query, Controls()))


def test_a_fresh_page_has_the_settings_of_the_model():
    config = GenerationConfig(temperature=0.8, guidance_scale=1.35)
    controls = fresh(config)
    assert (controls.temperature, controls.guidance) == (0.8, 1.35)
    assert from_query({"seed": "5"}, controls) == replace(controls, seed=5)
    assert checked(fresh(GenerationConfig(temperature=9.0, guidance_scale=None))).temperature == 1.5


@given(st.text(max_size=300))
def test_shown_names_are_short_and_plain(name):
    shown = shown_name(name)
    assert 0 < len(shown) <= LONGEST_NAME
    assert not [c for c in shown if unicodedata.category(c).startswith("C")]
    assert "/" not in shown and "\\" not in shown
    assert not set("<>\"'") & set(escaped(shown))


@pytest.fixture
def store(tmp_path) -> TakeStore:
    return TakeStore(tmp_path / "takes")


@pytest.fixture(scope="module")
def played(player, tmp_path_factory):  # noqa: F811
    """A store with a take of three seconds, its name, and what `improvise` returned."""
    source = open_sound((chords(3.0, 32000), 32000))
    settings = Controls(seconds=4).settings(source.seconds)
    store = TakeStore(tmp_path_factory.mktemp("played") / "takes")
    *_, last = play(player, store, source, SoloRequest(settings, True, "", "Take 1"))
    take = improvise(source, seed=1, temperature=1, guidance=1, player=player)
    return store, last.take, take


@pytest.fixture
def kept(played, store):
    """The same take in a store of the test's own: (its name, what `improvise` returned)."""
    made, name, take = played
    shutil.copytree(made.folder(name), store.root / name)
    return name, take


def test_a_stored_take_comes_back(store, kept, tmp_path):
    name, take = kept
    back = store.take(name)
    np.testing.assert_array_equal(back.codes, take.codes)
    assert back.notes == take.notes
    back.save(tmp_path / "back")
    take.save(tmp_path / "there")
    written = [sf.read(tmp_path / place / "solo.wav")[0] for place in ("back", "there")]
    # FLAC and WAV round to 16 bits in their own ways
    np.testing.assert_allclose(written[0], written[1], atol=2.5 / 32768)


def test_the_page_and_the_download_mix_alike(store, kept, tmp_path):
    name, _ = kept
    folder, info = store.folder(name), store.info(name)
    solo, band = (sf.read(folder / f"{part}.flac")[0] for part in ("solo", "backing"))
    heard = info.quieter * (info.gain * solo[:, None] + band)
    store.take(name).save(tmp_path / "there")
    written = sf.read(tmp_path / "there" / "mix.wav")[0]
    np.testing.assert_allclose(heard, written, atol=1.5 / 32768)
    assert 0.05 < np.abs(written).max() <= PEAK + 1e-4


def test_the_mix_of_the_page_is_balanced_as_that_of_the_command_line(store, kept):
    _, take = kept
    # softer than full scale, so that nothing is turned down or held back on the way
    soft = Scratch(store.root)
    soft.append(0.1 / np.abs(take.solo).max() * take.solo)
    take = replace(take, _solo=soft)
    info = TakeInfo("backing", take.run, "", "Take 1")
    back = store.info(store.put(take, take._backing, info))
    levels = take.mix_levels()
    assert (back.gain, back.quieter) == pytest.approx((levels.solo, levels.whole), rel=0.02)
    assert 0.1 < back.gain < 10


def test_a_chart_stays_with_its_take(store, kept):
    _, take = kept
    placed = place_by_tempo(read_text("[A] F7b9 | Bb6/D || [B] C7alt"), 0.5, 240, 3.0)
    name = store.put(
        replace(take, _placed=placed), take._backing, TakeInfo("backing", take.run, "", "Take 1")
    )
    back = store.take(name).placed
    roll = draw_roll([], take.solo, take.solo, 32000, back.grid(), back)
    assert all(f">{name}</text>" in roll for name in ("F7b9", "Bb6/D", "C7alt", "G7b9", "D7b9"))
    assert back.chart == placed.chart and markers_of_chart(back) == markers_of_chart(placed)
    np.testing.assert_array_equal(back.labels(150), placed.labels(150))


def test_old_takes_are_cleared_away(store, kept):
    name, _ = kept
    store.clean()
    assert store.folder(name).is_dir()
    written_at = store.folder(name).stat().st_mtime
    store.clean(written_at + OLDEST_SECONDS + 1)
    with pytest.raises(GoneError):
        store.folder(name)


def test_no_more_takes_than_there_is_room_for(store, kept, monkeypatch):
    name, _ = kept
    for i in range(3):
        folder = store.root / f"{i:032x}"
        folder.mkdir()
        (folder / "take.json").write_text("{}")
        os.utime(folder, (i, i))
    monkeypatch.setattr("saxsolo.page.folder_store.MOST_FOLDERS", 2)
    store.clean(10)
    assert name in {path.name for path in store.root.iterdir()}
    assert len(list(store.root.iterdir())) == 2


@pytest.mark.parametrize("name", ["", "..", "../x", "a" * 31, "A" * 32, "0" * 32, "0" * 31 + "\n"])
def test_no_other_folder_is_a_take(store, name):
    with pytest.raises(GoneError):
        store.folder(name)


def grid(beats: int = 17) -> BeatGrid:
    """Four-four at 120 with an upbeat."""
    return BeatGrid(
        beats=0.5 + 0.5 * np.arange(beats),
        places=(np.arange(beats) + 3) % 4,
        beats_per_bar=4,
        roots=np.repeat([0, 5], [9, beats - 9]),
        qualities=np.zeros(beats, int),
    )


def test_bars_are_counted_from_the_first_downbeat():
    assert bar_edges(grid(), 9.0) == [1.0, 3.0, 5.0, 7.0, 9.0]
    codes = np.zeros((5, 450), np.int16)
    revision = replaced_bars(codes, grid(), 2, 3)
    assert (revision.start, revision.stop) == (150, 350)
    assert replaced_bars(codes, grid(), 4, 4).stop is None
    assert continued(codes, 3.0).start == 150
    for first, last in ((0, 1), (2, 1), (1, 5)):
        with pytest.raises(SettingError, match="within bars 1 to 4"):
            replaced_bars(codes, grid(), first, last)
    with pytest.raises(SettingError, match="no bars were detected"):
        replaced_bars(codes, None, 1, 1)


def test_chords_cover_the_beats_and_the_chart_has_one_place_for_each_bar():
    spans = chord_spans(grid(), 9.0)
    assert [(span.start, span.end, span.name) for span in spans] == [
        (0.5, 5.0, "Cmaj7"),
        (5.0, 9.0, "Fmaj7"),
    ]
    assert chart(grid(), 9.0) == "| Cmaj7 | % | Fmaj7 | % |"
    facts = described(grid(), 9.0)
    assert facts["tempo"] == 120 and facts["first_bar"] == 1.0
    assert json.loads(json.dumps(facts)) == facts
    assert json.loads(json.dumps(described(None, 9.0)))["chords"] == []


def test_only_old_files_and_empty_folders_are_deleted(tmp_path):
    old, new, empty = tmp_path / "a" / "old.wav", tmp_path / "b" / "new.wav", tmp_path / "c"
    empty.mkdir()
    for path, written_at in ((old, 0), (new, 100)):
        path.parent.mkdir()
        path.touch()
        os.utime(path, (written_at, written_at))
    os.utime(new.parent, (0, 0))
    os.utime(empty, (0, 0))
    delete_old_files(tmp_path, 60, now=110)
    assert new.exists() and not old.exists() and not empty.exists()


def test_an_address_leads_to_uploads_only(tmp_path):
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    inside, outside = uploads / "two words.wav", tmp_path / "other.wav"
    inside.touch()
    outside.touch()
    at = "http://127.0.0.1:7860/gradio_api/file="
    assert own_upload(f"{at}{uploads}/two%20words.wav", uploads) == inside.resolve()
    for path in (outside, f"{uploads}/../other.wav", uploads, f"{uploads}/none.wav"):
        assert own_upload(f"{at}{path}", uploads) is None
    assert own_upload("https://example.org/a.wav", uploads) is None
    assert own_upload(None, uploads) is None


def test_the_roll_shows_every_note_chord_and_bar(player):  # noqa: F811
    from xml.etree import ElementTree

    take = improvise((chords(9.0, 32000), 32000), player=player)
    svg = ElementTree.fromstring(
        draw_roll(take.notes, take.solo, take.solo, 32000, grid()).replace("<svg", "<svg", 1)
    )
    kinds = [element.get("class") for element in svg]
    assert kinds.count("note") == len(take.notes) > 0
    assert kinds.count("bar") == 4 and kinds.count(f"chord for-{CONCERT}") == 2
    assert [name for _, name in chord_changes(grid())] == ["Cmaj7", "Fmaj7"]
    assert "120 beats per minute" in svg.get("aria-label")


def test_a_block_of_sound_is_a_wav_file():
    import io

    samples, rate = sf.read(io.BytesIO(as_wav(np.array([0.0, 0.5, -1.0, 2.0]), 32000)))
    assert rate == 32000
    np.testing.assert_allclose(samples, [0, 0.5, -1, 1], atol=1e-4)


def test_the_models_revision_must_not_move(tmp_path):
    described = tmp_path / "model.json"
    assert place_of_model(described) is None
    for revision in ("main", "v1", "a" * 39, 5):
        described.write_text(json.dumps({"repo": "a/b", "revision": revision}))
        with pytest.raises(CheckpointError, match="40 hexadecimal digits"):
            place_of_model(described)
    described.write_text("[]")
    with pytest.raises(CheckpointError, match="does not name repo"):
        place_of_model(described)
    described.write_text(json.dumps({"repo": "a/b", "revision": "a" * 40}))
    with pytest.raises(CheckpointError, match="cannot download a/b"):
        place_of_model(described)
