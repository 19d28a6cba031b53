"""The tab that listens, without a browser: what is stored, shown, downloaded and refused."""

import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile as sf
from starlette.applications import Starlette
from starlette.testclient import TestClient

pytest.importorskip("gradio")

from modeling_saxsolo.chord_search_saxsolo import HeardChord
from modeling_saxsolo.ear_decoding_saxsolo import HeardMusic
from saxsolo.listening import exports
from saxsolo.listening.heard import Listening, symbol
from saxsolo.listening.horns import HORNS
from saxsolo.page.controls import EXAMPLES
from saxsolo.page.folder_store import OLDEST_SECONDS, GoneError
from saxsolo.page.handlers import chosen_source
from saxsolo.page.heard_answer import answered
from saxsolo.page.heard_files import heard_routes
from saxsolo.page.heard_page import DOUBTFUL, show_heard
from saxsolo.page.heard_tab import answer
from saxsolo.page.limits import open_upload
from saxsolo.page.listener import Listener

from ..product.conftest import chords

EXAMPLE = EXAMPLES / "two_five_one.flac"


@pytest.fixture(scope="module")
def listener(tmp_path_factory) -> Listener:
    return Listener(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def name(listener) -> str:
    """A track that the default ear has heard."""
    return listener.keep(open_upload(EXAMPLE))


@pytest.fixture(scope="module")
def browser(listener) -> TestClient:
    return TestClient(Starlette(routes=heard_routes(listener.store)))


def without_beats() -> Listening:
    """Two chords over no beat, one of them doubtful."""
    none = np.zeros(0)
    spans = [HeardChord(0.0, 2.0, None, 7, 0.9), HeardChord(2.0, 4.0, 5, 2, 0.4)]
    return Listening("hum", 4.0, HeardMusic(none, none, none, none, spans, 3.0))


def same(one: Listening, other: Listening) -> bool:
    arrays = ("beats", "places", "metres", "beat_confidence")
    return (
        (one.name, one.seconds, one.music.chords, one.music.tuning_cents)
        == (other.name, other.seconds, other.music.chords, other.music.tuning_cents)
    ) and all(np.array_equal(getattr(one.music, a), getattr(other.music, a)) for a in arrays)


def test_what_was_heard_comes_back(listener, name):
    heard = listener.hear(open_upload(EXAMPLE))
    assert same(listener.store.heard(name), heard)
    assert heard.bars and heard.key
    silent = listener.store.put(open_upload(EXAMPLE), without_beats())
    assert same(listener.store.heard(silent), without_beats())


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3", "OGG", "AIFF"])
def test_a_track_is_stored_as_a_browser_plays_it(listener, browser, tmp_path, kind):
    path = tmp_path / f"a tune.{kind.lower()}"
    sf.write(path, chords(3.0, 44100), 44100, format=kind)
    name = listener.store.put(open_upload(path), without_beats())
    sent = browser.get(f"/heard/{name}/track?play")
    assert sent.headers["content-type"] in ("audio/wav", "audio/flac", "audio/mpeg")
    assert sent.headers["content-disposition"].startswith("inline")
    samples, rate = sf.read(io.BytesIO(sent.content))
    assert rate == 44100 and len(samples) == pytest.approx(3 * 44100, abs=2500)
    # a player asks for parts, to seek
    part = browser.get(f"/heard/{name}/track?play", headers={"range": "bytes=100-199"})
    assert part.status_code == 206 and part.content == sent.content[100:200]


@pytest.mark.parametrize("kind", ["json", "lab", "jams", "chordpro"])
def test_downloads_are_those_of_the_command_line(listener, name, browser, kind):
    heard = listener.store.heard(name)
    sent = browser.get(f"/heard/{name}/{kind}")
    assert f'filename="two_five_one.{kind}"' in sent.headers["content-disposition"]
    if kind != "jams":
        assert sent.text == exports.TEXTS[kind](heard)
        return
    jams = pytest.importorskip("jams")
    document = jams.load(io.StringIO(sent.text), fmt="json")
    (annotation,) = document.search(namespace="chord")
    assert [note.value for note in annotation] == [exports.harte(c) for c in heard.music.chords]


def test_lab_and_picture_open(name, browser, tmp_path):
    mir_eval = pytest.importorskip("mir_eval")
    path = tmp_path / "tune.lab"
    path.write_bytes(browser.get(f"/heard/{name}/lab").content)
    _, labels = mir_eval.io.load_labeled_intervals(str(path))
    mir_eval.chord.validate(labels, labels)
    assert browser.get(f"/heard/{name}/png").content.startswith(b"\x89PNG")


@pytest.mark.parametrize("horn", HORNS)
def test_lead_sheets_are_written_for_the_horn(listener, name, browser, horn):
    music21 = pytest.importorskip("music21")
    sent = browser.get(f"/heard/{name}/musicxml", params={"horn": horn})
    score = music21.converter.parseData(sent.text, format="musicxml")
    symbols = score.recurse().getElementsByClass("Harmony")
    # a stretch without a chord has no root
    written = [symbol.root().pitchClass for symbol in symbols if symbol.root() is not None]
    grid = listener.store.heard(name).grid()
    sounding = [int(root) for root in grid.roots]
    changes = [r for n, r in enumerate(sounding) if r < 12 and (not n or sounding[n - 1] != r)]
    up = HORNS[horn].semitones
    assert written[0] == (changes[0] + up) % 12
    assert set(written) == {(root + up) % 12 for root in changes}
    grids = browser.get(f"/heard/{name}/chordpro", params={"horn": horn}).text
    heard = listener.store.heard(name).transposed(up)
    assert (
        grids.split("{start_of_grid}")[1] == exports.as_chordpro(heard).split("{start_of_grid}")[1]
    )
    # what sounds is the same for all horns
    assert browser.get(f"/heard/{name}/lab?horn={horn}").text == exports.as_lab(
        listener.store.heard(name)
    )


def test_without_a_beat_there_is_no_lead_sheet_but_a_chart(listener, browser):
    name = listener.store.put(open_upload(EXAMPLE), without_beats())
    refused = browser.get(f"/heard/{name}/musicxml")
    assert refused.status_code == 422 and "no beat was heard" in refused.text
    shown = show_heard(listener.store, name)
    assert "No beat was heard" in shown and "F7" in shown and "MusicXML" not in shown
    assert browser.get(f"/heard/{name}/json").json()["tempo"] is None


@pytest.mark.parametrize(
    "path, status",
    [
        ("{name}/heard.json", 404),
        ("{name}/track.flac", 404),
        ("{name}/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404),
        ("{zeros}/track", 404),
        ("{zeros}/lab", 404),
        ("%2e%2e/track", 404),
        ("{name}/musicxml?horn=oboe", 400),
        ("{name}/musicxml?horn=../../x", 400),
    ],
)
def test_nothing_else_can_be_read(name, browser, path, status):
    answer = browser.get(f"/heard/{path.format(name=name, zeros='0' * 32)}")
    assert answer.status_code == status and "root:" not in answer.text


class Words(HTMLParser):
    """Counts elements by class, and finds what is not closed."""

    def __init__(self, text: str):
        super().__init__()
        self.classes: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.classes += (dict(attributes).get("class") or "").split()
        if tag != "input":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_chart_shows_every_bar_chord_and_confidence(listener, name):
    heard = listener.store.heard(name)
    shown = show_heard(listener.store, name)
    words = Words(shown)
    assert words.open == []
    in_bars = [chord for bar in heard.bars for _, chord in bar.chords]
    assert words.classes.count("bar") == len(heard.bars)
    assert words.classes.count("chord") == words.classes.count("meter") == len(in_bars)
    doubtful = [chord for chord in in_bars if chord.confidence < DOUBTFUL]
    assert words.classes.count("doubtful") == len(doubtful)
    # once in the legend; a sign, not a colour alone
    assert words.classes.count("mark") == len(doubtful) + 1
    for chord in in_bars:
        assert f"{round(100 * chord.confidence)}<" in shown
        for horn in HORNS.values():
            moved = heard.transposed(horn.semitones).chord_at(chord.start + 0.01)
            assert symbol(moved) in shown
    for fact in exports.facts(heard).values():
        assert fact in shown


def test_a_name_is_shown_and_not_run(listener, tmp_path):
    path = tmp_path / "<img src=x onerror=alert(1)> & more.wav"
    sf.write(path, chords(2.0, 32000), 32000)
    name = listener.store.put(open_upload(path), without_beats())
    assert "img" not in Words(show_heard(listener.store, name)).tags


def test_the_handler_hears_an_example(listener):
    steps = list(answer(listener, "example", "two_five_one", None, None))
    assert "Listening to two_five_one.flac" in steps[0][0]
    status, shown = steps[-1]
    assert "done" in status and 'class="chart"' in shown


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    good = EXAMPLE.read_bytes()
    (folder / "text.wav").write_text("no sound")
    (folder / "cut.flac").write_bytes(good[: len(good) // 2])
    (folder / "empty.wav").touch()
    sf.write(folder / "silent.wav", np.zeros((64000, 2)), 32000)
    nan = chords(3.0, 32000)
    nan[40000] = np.nan
    sf.write(folder / "nan.wav", nan, 32000, subtype="FLOAT")
    return folder


@pytest.mark.parametrize(
    "file, reason",
    [
        ("text.wav", "not an audio file"),
        ("cut.flac", "breaks off"),
        ("empty.wav", "empty"),
        ("silent.wav", "is silent"),
        ("nan.wav", "NaN or infinite"),
        (None, "upload a file first"),
    ],
)
def test_what_cannot_be_heard_ends_in_one_clear_sentence(listener, bad, file, reason):
    before = set(listener.store.root.iterdir())
    path = str(bad / file) if file else None
    *_, (status, shown) = answer(listener, "upload", "ballad", path, None)
    text = re.sub("<[^>]*>", "", status)
    assert 'role="alert"' in status and reason.lower() in text.lower()
    assert text.count(". ") == 0 and str(bad) not in text and shown == ""
    assert set(listener.store.root.iterdir()) == before


def test_only_the_choices_of_the_page_are_taken(listener):
    for source, example in (("elsewhere", "ballad"), ("example", "../../etc/passwd")):
        *_, (status, _) = answer(listener, source, example, None, None)
        assert 'role="alert"' in status


def test_old_tracks_are_cleared_away(tmp_path):
    store = Listener(tmp_path).store
    name = store.put(open_upload(EXAMPLE), without_beats())
    written_at = store.folder(name).stat().st_mtime
    store.clean(written_at)
    assert store.source(name).name == EXAMPLE.name
    store.clean(written_at + OLDEST_SECONDS + 1)
    with pytest.raises(GoneError, match="listen to it again"):
        store.folder(name)


def test_an_answer_holds_bars_and_chords_with_confidences(listener, name):
    heard = listener.store.heard(name)
    facts = json.loads(json.dumps(answered(heard, 600)))
    assert facts["key"] == heard.key.name and facts["metre"] == "4/4"
    assert len(facts["bars"]) == len(heard.bars) == facts["chart"].count("|") - 1
    assert [c["name"] for c in facts["chords"]] == [symbol(c) for c in heard.music.chords]
    for bar in facts["bars"]:
        assert all(1 <= c["beat"] <= bar["beats"] for c in bar["chords"])
        assert all(0 <= c["confidence"] <= 1 for c in bar["chords"])
    part = answered(heard, 10)
    assert all(bar["start"] < 10 for bar in part["bars"]) and part["chords"][-1]["end"] <= 10
    assert part["key"] == facts["key"]
    nothing = json.loads(json.dumps(answered(without_beats(), 600)))
    assert nothing["tempo"] is None and nothing["bars"] == [] and nothing["chart"] == ""


def test_both_tabs_choose_a_track_alike(bad):
    from saxsolo.errors import AudioError, SettingError
    from saxsolo.page.controls import Controls

    with pytest.raises(SettingError, match="upload a file first"):
        chosen_source(Controls(source="upload"), None, None)
    with pytest.raises(AudioError, match="not an audio file"):
        chosen_source(Controls(source="recording"), None, str(bad / "text.wav"))
