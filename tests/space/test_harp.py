"""The HARP endpoints, called as HARP calls them: `controls`, an upload, `process`, `cancel`."""

import io
import json
import re
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile as sf

from saxsolo.music.score import Note
from saxsolo.notation.midi import read_midi, write_midi

from ..product.conftest import chords
from .conftest import Server

gradio_client = pytest.importorskip("gradio_client")

# what HARP 3.0.1 can read
INPUT_KINDS = {"audio_track", "midi_track", "slider", "text_box", "toggle", "dropdown"}
OUTPUT_KINDS = {"audio_track", "midi_track", "json"}


def started(server: Server, endpoint: str, data: list) -> str:
    """Posts a call; gives the id of its event."""
    url = f"{server.url}gradio_api/call/{endpoint}"
    answer = httpx.post(url, json={"data": data}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()["event_id"]


def ended(server: Server, endpoint: str, event: str) -> tuple[str, object]:
    """How a call ends, read line by line as HARP reads it: ("complete" or "error", its data)."""
    url = f"{server.url}gradio_api/call/{endpoint}/{event}"
    with httpx.stream("GET", url, timeout=300) as stream:
        lines = stream.iter_lines()
        for line in lines:
            for kind in ("complete", "error"):
                if kind in line:
                    return kind, json.loads(next(lines).removeprefix("data: "))
    raise AssertionError("the stream ended without a result")


def called(server: Server, endpoint: str, data: list | None = None) -> tuple[str, object]:
    data = data or []
    return ended(server, endpoint, started(server, endpoint, data))


@pytest.fixture(scope="module")
def description(server) -> dict:
    kind, (description,) = called(server, "controls")
    assert kind == "complete"
    return description


def sent(server: Server, path: Path) -> dict:
    """An uploaded file as HARP refers to it."""
    # HARP sends every file with this type
    files = {"files": (path.name, path.read_bytes(), "audio/midi")}
    (uploaded,) = httpx.post(f"{server.url}gradio_api/upload", files=files, timeout=60).json()
    return {"path": uploaded, "meta": {"_type": "gradio.FileData"}}


@pytest.fixture(scope="module")
def backing(server, tmp_path_factory) -> dict:
    path = tmp_path_factory.mktemp("harp") / "region.wav"
    sf.write(path, chords(30.0, 44100), 44100)
    return sent(server, path)


def values(description: dict, backing: dict | None, **changes: object) -> list:
    """Values of all inputs in their order, numbers in single precision."""
    data = []
    for part in description["inputs"]:
        value = backing if part["type"] == "audio_track" else part.get("value")
        value = changes.get(part["label"], value)
        data.append(float(np.float32(value)) if isinstance(value, int | float) else value)
    return data


QUICK = {"Maximum length (s)": 4, "Guidance": 1, "Temperature": 0.95}


def test_harp_can_draw_what_it_is_told(description):
    card = description["card"]
    assert set(card) == {"name", "description", "author", "tags"}
    assert all(card[key] and isinstance(card[key], str) for key in card if key != "tags")
    assert all(isinstance(tag, str) for tag in card["tags"])
    for part in description["inputs"]:
        assert part["type"] in INPUT_KINDS and part["label"]
        if part["type"] == "slider":
            assert part["minimum"] <= part["value"] <= part["maximum"] and part["step"] > 0
        if part["type"] == "dropdown":
            # HARP shows and sends the first of each pair, and looks the value up among them
            assert part["value"] in [choice[0] for choice in part["choices"]]
            assert all(label == value for label, value in part["choices"])
    assert {part["type"] for part in description["outputs"]} <= OUTPUT_KINDS
    required = {
        part["label"]: part["required"] for part in description["inputs"] if "required" in part
    }
    assert required == {"Backing track": True, "Line": False}


def test_a_region_comes_back_as_a_solo_with_notes_and_chords(server, description, backing):
    kind, data = called(server, "process", values(description, backing, **QUICK))
    assert kind == "complete"
    kinds = [part["type"] for part in description["outputs"]]
    results = dict(zip(kinds, data, strict=True))
    # HARP goes by this mark, and downloads what has an address
    assert results["audio_track"]["meta"]["_type"] == "gradio.FileData"
    samples, rate = sf.read(io.BytesIO(httpx.get(results["audio_track"]["url"]).content))
    assert rate == 32000 and samples.shape == (4 * 32000,) and np.abs(samples).max() > 0
    assert httpx.get(results["midi_track"]["url"]).content.startswith(b"MThd")
    labels = results["json"]
    assert labels["meta"]["_type"] == "pyharp.LabelList"
    for label in labels["labels"]:
        assert label["label_type"] in ("AudioLabel", "MidiLabel")
        assert label["label"] and 0 <= label["t"] < label["t"] + label["duration"] <= 4.01


def test_a_line_of_the_daw_is_voiced_as_it_stands(server, description, backing, tmp_path):
    wanted = [(0.5, 58), (1.0, 62), (2.0, 65)]
    write_midi(tmp_path / "line.mid", [Note(at, 0.4, pitch, 0.5) for at, pitch in wanted])
    given = {"Line": sent(server, tmp_path / "line.mid")}
    kind, data = called(server, "process", values(description, backing, **QUICK | given))
    assert kind == "complete"
    (tmp_path / "solo.mid").write_bytes(httpx.get(data[1]["url"]).content)
    played = [(round(note.onset, 2), note.pitch) for note in read_midi(tmp_path / "solo.mid")]
    assert played == wanted


def test_gradios_own_client_finds_the_endpoints(server, backing):
    client = gradio_client.Client(server.url, verbose=False)
    description = client.predict(api_name="/controls")
    solo, _, labels = client.predict(*values(description, backing, **QUICK), api_name="/process")
    assert len(sf.read(solo)[0]) == 4 * 32000 and "labels" in labels


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"Backing track": None}, "backing track"),
        ({"Temperature": 9}, "maximum|between"),
        ({"Saxophone": "oboe"}, "oboe"),
        ({"Articulation": "squeak=1"}, "squeak"),
        ({"Chords": "F7 | Hm7"}, "bar 2"),
    ],
)
def test_what_cannot_be_played_is_refused(server, description, backing, changes, reason):
    kind, data = called(server, "process", values(description, backing, **QUICK | changes))
    assert kind == "error"
    assert "Traceback" not in json.dumps(data)
    if data and data.get("error"):
        assert re.search(reason, data["error"])


@pytest.mark.slow
def test_cancel_frees_the_player(server, description, backing):
    long = values(description, backing, **QUICK | {"Maximum length (s)": 30})
    event = started(server, "process", long)
    results = []
    waiting = threading.Thread(target=lambda: results.append(ended(server, "process", event)))
    waiting.start()
    while waiting.is_alive():
        assert called(server, "cancel")[0] == "complete"
        time.sleep(0.2)
    ((kind, data),) = results
    assert kind == "error" and "cancelled" in json.dumps(data)
