"""The page as an MCP server: what an assistant is offered, what it gets, what is refused."""

import asyncio
import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile as sf

from saxsolo.notation.midi import read_midi
from saxsolo.page.controls import Controls

from ..product.conftest import chords
from .conftest import Server

pytest.importorskip("mcp")

from gradio_client.utils import encode_file_path
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, Tool


def offered(server: Server) -> dict[str, Tool]:
    """The tools by name."""

    async def ask() -> dict[str, Tool]:
        async with (
            streamable_http_client(f"{server.url}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return {tool.name: tool for tool in (await session.list_tools()).tools}

    return asyncio.run(ask())


def called(
    server: Server, tool: str, progress: Callable | None = None, **arguments: object
) -> CallToolResult:
    """What a tool answers; `progress` is told how far it is."""

    async def ask() -> CallToolResult:
        async with (
            streamable_http_client(f"{server.url}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await session.call_tool(tool, arguments, progress_callback=progress)

    return asyncio.run(ask())


def as_data_url(path: Path) -> str:
    return "data:audio/wav;base64," + base64.b64encode(path.read_bytes()).decode()


def test_only_useful_tools_are_offered_and_explained(server):
    tools = offered(server)
    assert set(tools) == {"improvise", "describe_backing"}
    for tool in tools.values():
        assert len(tool.description) > 40
        for name, schema in tool.inputSchema["properties"].items():
            assert schema["description"], f"{tool.name} does not explain {name}"
        # an assistant may leave out everything
        assert not tool.inputSchema.get("required")
    assert "tenor" in tools["improvise"].inputSchema["properties"]["instrument"]["enum"]


def test_an_assistant_gets_a_solo_that_plays(server, tmp_path):
    backing = tmp_path / "backing.wav"
    sf.write(backing, chords(5.0, 44100), 44100)
    messages = []

    async def note(done: float, total: float | None, message: str | None) -> None:
        messages.append(message)

    arguments = {"backing": as_data_url(backing), "seconds": 4, "seed": 3, "guidance": 1}
    answer = called(server, "improvise", note, **arguments)
    assert any("Improvising" in message for message in messages if message)
    assert not answer.isError, answer.content
    answer = json.loads(answer.content[0].text)
    for part, channels in (("solo", 1), ("mix", 2)):
        sound = io.BytesIO(httpx.get(answer[part]).content)
        samples, rate = sf.read(sound, always_2d=True)
        assert rate == 32000 and samples.shape == (4 * 32000, channels)
        assert np.abs(samples).max() > 0
    assert httpx.get(answer["midi"]).content.startswith(b"MThd")
    assert {"tempo", "chart", "chords"} <= set(answer)


def test_an_assistant_has_the_same_say_as_the_page(server, tmp_path):
    """A tool offers what the command line has, and passes it on."""
    offer = offered(server)["improvise"].inputSchema["properties"]
    left_out = {"live", "source", "choruses", "takes", "feel"}
    assert {*Controls.__dataclass_fields__} - left_out <= set(offer)
    say = {"line": "@0.5 0.4 Bb3; @1 0.4 C4", "chords": "F7 | Bb7", "first_bar": 0.5, "tempo": 120}
    quick = {"example": "ballad", "seconds": 4, "guidance": 1}
    answer = called(server, "improvise", **quick, **say)
    assert not answer.isError, answer.content
    facts = json.loads(answer.content[0].text)
    assert "F7" in facts["chart"] and "Bb7" in facts["chart"] and abs(facts["tempo"] - 120) < 0.1
    (tmp_path / "solo.mid").write_bytes(httpx.get(facts["midi"]).content)
    assert [note.pitch for note in read_midi(tmp_path / "solo.mid")] == [58, 60]


def test_the_same_seed_gives_the_same_solo(server):
    arguments = {"example": "ballad", "seconds": 4, "seed": 1, "guidance": 1}
    answers = [called(server, "improvise", **arguments) for _ in range(2)]
    links = [json.loads(answer.content[0].text)["solo"] for answer in answers]
    solos = [sf.read(io.BytesIO(httpx.get(link).content))[0] for link in links]
    np.testing.assert_array_equal(solos[0], solos[1])


def test_a_file_is_named_by_the_address_of_its_upload(server, tmp_path):
    backing = tmp_path / "two words.wav"
    sf.write(backing, chords(5.0, 44100), 44100)
    # as `gradio upload-mcp` does it
    files = {"files": (backing.name, backing.read_bytes())}
    (path,) = httpx.post(f"{server.url}gradio_api/upload", files=files).json()
    address = f"{server.url}gradio_api/file={encode_file_path(path)}"
    answer = called(server, "describe_backing", backing=address, seconds=4)
    assert not answer.isError, answer.content


def test_an_assistant_hears_what_is_in_a_backing(server):
    answer = called(server, "describe_backing", example="blues_in_f", seconds=10)
    assert not answer.isError, answer.content
    facts = json.loads(answer.content[0].text)
    ends = [chord["end"] for chord in facts["chords"]]
    assert ends and ends == sorted(ends) and all(end <= 10 for end in ends)
    # the whole track is heard where nothing else is said
    whole = called(server, "describe_backing", example="blues_in_f")
    whole = json.loads(whole.content[0].text)
    assert whole["key"] == facts["key"] and whole["tempo"] == facts["tempo"]
    assert whole["metre"] == "4/4" and abs(whole["tuning_cents"]) < 10
    assert len(whole["bars"]) > len(facts["bars"]) > 0
    for chord in (chord for bar in whole["bars"] for chord in bar["chords"]):
        assert chord["name"] and 0 <= chord["confidence"] <= 1


@pytest.mark.parametrize("seconds", [1, 601])
def test_the_limits_hold_for_listening_too(server, seconds):
    answer = called(server, "describe_backing", example="ballad", seconds=seconds)
    assert answer.isError and "Traceback" not in answer.content[0].text


@pytest.mark.parametrize(
    "arguments, reason",
    [
        ({"seconds": 1000}, "120"),
        ({"instrument": "oboe"}, "oboe"),
        ({"articulation": "squeak=1"}, "squeak"),
        ({"line": "@1 1 H4"}, "H4"),
        ({"chords": "F7 | Hm7"}, "bar 2"),
        ({"density": 100}, "20"),
        ({"example": "../../etc/passwd"}, "passwd"),
        ({"seed": 1.5}, "whole number"),
        ({"backing": "/etc/passwd"}, "url"),
        ({"backing": "file:///etc/passwd"}, "url"),
        ({"backing": "http://127.0.0.1:9/gradio_api/file=/etc/passwd"}, "."),
        ({"backing": "http://127.0.0.1:9/backing.wav"}, "."),
        ({"backing": "data:audio/wav;base64,bm8gc291bmQ="}, "(no sound|not an audio) file"),
    ],
)
def test_the_limits_of_the_page_hold_for_tools(server, arguments, reason):
    answer = called(server, "improvise", **{"seconds": 4, "example": "ballad", **arguments})
    (content,) = answer.content
    assert answer.isError and "Traceback" not in content.text and "root:" not in content.text
    assert re.search(reason, content.text), content.text


def test_a_request_of_any_size_is_not_read(server):
    for headers in ({}, {"transfer-encoding": "chunked"}):
        body = b"x" * 40_000_000
        content = iter([body]) if headers else body
        try:
            answer = httpx.post(f"{server.url}gradio_api/mcp/", content=content, timeout=60)
            assert answer.status_code in (400, 413)
        except httpx.TransportError:
            # the server hung up in the middle of it
            pass
    assert httpx.get(server.url).status_code == 200
