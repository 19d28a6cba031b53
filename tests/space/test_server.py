"""The running server through plain HTTP and Gradio's client: takes, hostile files, refusals."""

import asyncio
import io
import json
import re
import zipfile
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile as sf

pytest.importorskip("gradio")

from saxsolo.page.controls import Controls

from ..product.conftest import chords
from .conftest import Server, start_server, stop_server

gradio_client = pytest.importorskip("gradio_client")

CONTROLS = {
    **vars(Controls()),
    "example": "ballad",
    "temperature": 0.95,
    "guidance": 1,
    "seconds": 4,
    "live": "solo",
}


class Visitor:
    """One browser's worth of a session, without the browser."""

    def __init__(self, server: Server):
        self.server = server
        self.client = gradio_client.Client(server.url, verbose=False, download_files=False)
        self.selected = None

    def press(self, button: str, upload: Path | None = None, where=(1, 1, 1), **changes) -> str:
        """Presses a button; gives what the status says, and selects the take that came."""
        file = None if upload is None else gradio_client.handle_file(upload)
        controls = {**CONTROLS, **changes}
        arguments = (*controls.values(), file, None, self.selected, *where)
        _, status, history, *_ = self.client.predict(*arguments, api_name=f"/{button}")
        if isinstance(history, dict) and history.get("value"):
            self.selected = history["value"]
        return status

    def get(self, file: str, **query: object) -> httpx.Response:
        """A file of the selected take."""
        url = f"{self.server.url}take/{self.selected}/{file}"
        return httpx.get(url, params=query, timeout=120)

    def sound(self, file: str, **query: object) -> np.ndarray:
        samples, rate = sf.read(io.BytesIO(self.get(file, **query).content))
        assert rate == 32000
        return samples


@pytest.fixture(scope="module")
def visitor(server) -> Visitor:
    """Somebody who has played one take."""
    visitor = Visitor(server)
    assert "done, 0:04 long" in visitor.press("play")
    return visitor


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3"])
def test_every_sound_opens(visitor, kind):
    for part in ("solo", "mix"):
        answer = visitor.get(f"{part}.{kind}")
        assert answer.headers["content-disposition"].startswith("attachment")
        samples, rate = sf.read(io.BytesIO(answer.content))
        assert rate == 32000 and len(samples) >= 4 * 32000 and np.abs(samples).max() > 0


def test_midi_and_musicxml_open(visitor):
    mido, music21 = pytest.importorskip("mido"), pytest.importorskip("music21")
    midi = mido.MidiFile(file=io.BytesIO(visitor.get("solo.mid").content))
    assert any(message.type == "note_on" for track in midi.tracks for message in track)
    score = music21.converter.parseData(visitor.get("solo.musicxml").text, format="musicxml")
    assert len(score.recurse().notes) > 0


def test_the_archive_holds_everything(visitor):
    archive = zipfile.ZipFile(io.BytesIO(visitor.get("take.zip").content))
    assert archive.testzip() is None
    names = {Path(name).name for name in archive.namelist()}
    wanted = {"solo.wav", "mix.wav", "backing.flac", "solo.mid", "solo.musicxml", "solo.png"}
    assert names == wanted | {"run.json"}
    (run,) = (name for name in archive.namelist() if name.endswith("run.json"))
    run = json.loads(archive.read(run))
    assert run["seed"] == 1 and run["settings"]["temperature"] == 0.95


def test_the_balance_changes_the_mix_and_only_the_mix(visitor):
    plain, front = visitor.sound("mix.wav"), visitor.sound("mix.wav", balance=12)
    solo, band = visitor.sound("solo.wav"), visitor.sound("backing.flac")

    def share(mix: np.ndarray) -> float:
        """How loud the solo is beside the band in a mix of both."""
        parts, *_ = np.linalg.lstsq(np.stack([solo, band], axis=1), mix, rcond=None)
        return parts[0] / parts[1]

    assert share(front) / share(plain) == pytest.approx(10 ** (12 / 20), rel=0.02)
    np.testing.assert_array_equal(visitor.sound("solo.wav", balance=12), solo)


@pytest.mark.parametrize("balance", ["21", "nan", "1e9", "../../x", "-99"])
def test_a_balance_that_is_none_is_refused(visitor, balance):
    assert visitor.get("mix.wav", balance=balance).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "take/{take}/take.json",
        "take/{take}/codes.npy",
        "take/{take}/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "take/..%2f..%2fetc/passwd",
        "take/%2e%2e/solo.wav",
        "take/{zeros}/solo.wav",
        "gradio_api/file=/etc/passwd",
        "gradio_api/file=../../../../etc/passwd",
    ],
)
def test_nothing_else_can_be_read(visitor, path):
    path = path.format(take=visitor.selected, zeros="0" * 32)
    answer = httpx.get(visitor.server.url + path)
    assert answer.status_code in (400, 403, 404) and "root:" not in answer.text


@pytest.fixture
def at_first(visitor):
    """The same visitor, back at the first take afterwards."""
    first = visitor.selected
    yield visitor
    visitor.selected = first


def test_the_same_seed_again_and_another_take(at_first):
    first = at_first.sound("solo.flac")
    at_first.press("again")
    np.testing.assert_array_equal(at_first.sound("solo.flac"), first)
    assert "seed 2" in at_first.press("another")
    assert not np.array_equal(at_first.sound("solo.flac"), first)


def test_continue_keeps_what_came_before(at_first):
    before = at_first.sound("solo.flac")
    assert "continued from 0:02" in at_first.press("continue", where=(2, 1, 1), seed=9)
    after = at_first.sound("solo.flac")
    assert len(before) == len(after)
    kept = round(1.9 * 32000)
    # a file is as a whole quieter where a peak would clip: alike but for that
    assert np.corrcoef(before[:kept], after[:kept])[0, 1] > 0.9999
    assert np.corrcoef(before[3 * 32000 :], after[3 * 32000 :])[0, 1] < 0.99


@pytest.mark.parametrize(
    "button, where, reason",
    [
        ("continue", (0, 1, 1), "outside this take"),
        ("continue", (100, 1, 1), "outside this take"),
        ("continue", (None, 1, 1), "Enter a time in seconds"),
        ("bars", (1, 3, 900), "bars"),
        ("bars", (1, 4, 2), "bars"),
    ],
)
def test_places_that_are_not_there(visitor, button, where, reason):
    assert reason in visitor.press(button, where=where)


def test_nothing_to_go_on_from(server):
    assert "Play a take first" in Visitor(server).press("bars")


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 99},
        {"seed": -1},
        {"seconds": 100000},
        {"guidance": 0},
        {"example": "../../etc/passwd"},
        {"source": "elsewhere"},
    ],
)
def test_settings_that_no_control_has(server, changes):
    visitor = Visitor(server)
    try:
        # refused by us, or by the component
        answer = visitor.press("play", **changes)
        assert 'role="alert"' in answer
    except gradio_client.exceptions.AppError as error:
        answer = str(error)
    assert visitor.selected is None and "Traceback" not in answer


@pytest.fixture(scope="module")
def bad(tmp_path_factory) -> dict[str, Path]:
    """Files that are no backing."""
    folder = tmp_path_factory.mktemp("bad")
    files = {name: folder / f"{name}.wav" for name in ("text", "archive", "empty", "nan", "inf")}
    files["text"].write_text("I am no sound\n" * 100)
    with zipfile.ZipFile(files["archive"], "w") as archive:
        archive.writestr("../../evil.wav", b"x" * 10_000)
    files["empty"].touch()
    for name, value in (("nan", np.nan), ("inf", np.inf)):
        sound = chords(3.0, 32000)
        sound[40000] = value
        sf.write(files[name], sound, 32000, subtype="FLOAT")
    files["hour"] = folder / "hour.flac"
    with sf.SoundFile(files["hour"], "w", 44100, 2, format="FLAC") as file:
        for _ in range(3600):
            file.write(np.zeros((44100, 2)))
    files["silent"] = folder / "silent.wav"
    sf.write(files["silent"], np.zeros(64000), 32000)
    return files


@pytest.mark.parametrize(
    "name, reason",
    [
        ("text", "not an audio file"),
        ("archive", "not an audio file"),
        ("empty", "empty"),
        ("nan", "NaN or infinite"),
        ("inf", "NaN or infinite"),
        ("hour", "lasts 60 minutes; the limit is 10 minutes"),
        ("silent", "is silent"),
    ],
)
def test_hostile_files_end_in_a_clear_message(server, bad, name, reason):
    takes = server.root() / "takes"
    before = set(takes.iterdir())
    status = Visitor(server).press("play", source="upload", upload=bad[name])
    assert 'role="alert"' in status and re.search(reason, status) and "Traceback" not in status
    assert str(server.temp) not in status
    assert set(takes.iterdir()) == before


def test_an_upload_is_played_over(server, tmp_path):
    path = tmp_path / "my <b>tune & more.wav"
    sf.write(path, chords(4.0, 44100), 44100)
    visitor = Visitor(server)
    assert "done, 0:04 long" in visitor.press("play", source="upload", upload=path)
    assert visitor.sound("mix.wav").shape == (128000, 2)


def upload(server: Server, name: str, content: bytes) -> httpx.Response:
    files = {"files": (name, content, "audio/wav")}
    return httpx.post(f"{server.url}gradio_api/upload", files=files, timeout=60)


@pytest.mark.parametrize(
    "name", ["../../evil.wav", "/tmp/evil.wav", "..\\..\\evil.wav", "a\x00b.wav", "x" * 400]
)
def test_names_lead_nowhere(server, name):
    answer = upload(server, name, b"RIFF" + bytes(1000))
    if answer.status_code == 200:
        (path,) = answer.json()
        assert Path(path).resolve().is_relative_to(server.root() / "uploads")
    else:
        assert answer.status_code in (400, 413, 422)
    assert not Path("/tmp/evil.wav").exists()
    assert not [p for p in server.temp.rglob("evil.wav") if "uploads" not in p.parts]


def test_too_large_an_upload_is_refused_by_the_server(server):
    answer = upload(server, "large.wav", bytes(26_000_000))
    assert answer.status_code == 413


def test_a_path_of_the_servers_own_is_no_upload(server):
    visitor = Visitor(server)
    stolen = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    controls = {**CONTROLS, "source": "upload"}
    body = {"data": [*controls.values(), stolen, None, [], None, 1, 1, 1]}
    url = f"{server.url}gradio_api/call/play"
    event = httpx.post(url, json={"data": body["data"]}, timeout=60)
    if event.status_code == 200:
        answer = httpx.get(f"{url}/{event.json()['event_id']}", timeout=60).text
        assert "event: error" in answer or 'role=\\"alert\\"' in answer
        assert "root:" not in answer
    assert visitor.selected is None


async def _crowd(server: Server, size: int) -> list[httpx.Response]:
    """Everybody presses the button at once."""
    config = httpx.get(f"{server.url}config").json()
    (play,) = (d["id"] for d in config["dependencies"] if d["api_name"] == "play")
    values = list({**CONTROLS, "seconds": 20}.values())
    data = [*values, None, None, None, None, 1, 1, 1]
    async with httpx.AsyncClient(timeout=60) as client:
        joins = (
            client.post(
                f"{server.url}gradio_api/queue/join",
                json={"data": data, "fn_index": play, "session_hash": f"crowd{i}"},
            )
            for i in range(size)
        )
        return await asyncio.gather(*joins)


@pytest.fixture
def own_server(tmp_path):
    running = start_server(tmp_path)
    yield running
    if running.process.poll() is None:
        stop_server(running)


@pytest.mark.slow
def test_a_crowd_is_refused_politely_and_nothing_stays_behind(own_server):
    answers = asyncio.run(_crowd(own_server, 20))
    refused = [answer for answer in answers if answer.status_code == 503]
    assert refused and len(refused) < 20
    for answer in refused:
        assert "try again in a minute" in answer.json()["detail"]
        assert answer.headers["retry-after"] == "60"
    assert {answer.status_code for answer in answers} == {200, 503}
    # the server still answers, and cleans up when it is ended in the middle of a solo
    assert httpx.get(own_server.url, timeout=30).status_code == 200
    stop_server(own_server)
    assert list(own_server.temp.iterdir()) == []
