"""A later take takes the place of an earlier one: whole, or not at all."""

import json
import os

import pytest

from saxsolo.atomic import replacing
from saxsolo.playing.take import earlier_files

NEW = ("solo.flac", "mix.flac", "run.json")
OLD = ("solo.wav", "mix.wav", "run.json", "solo.mid")


def seen(folder) -> dict[str, str]:
    """What a person sees in a folder."""
    return {p.name: p.read_text() for p in folder.iterdir() if not p.name.startswith(".")}


def swap(folder) -> None:
    stale = [folder / name for name in OLD if name not in NEW]
    with replacing(*(folder / name for name in NEW), stale=stale) as places:
        for place in places:
            place.write_text("new")


@pytest.fixture
def folder(tmp_path):
    for name in OLD:
        (tmp_path / name).write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    return tmp_path


def test_the_new_take_stands_alone(folder):
    swap(folder)
    assert seen(folder) == {**dict.fromkeys(NEW, "new"), "notes.txt": "mine"}
    assert len(list(folder.iterdir())) == 4


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()])
@pytest.mark.parametrize("when", ["before", "after"])
def test_interrupted_anywhere_the_old_take_is_back(folder, monkeypatch, error, when):
    replace = os.replace
    before = seen(folder)
    for stop in range(1, 1 + len(OLD) + len(NEW)):
        calls = []

        def broken(source, target, stop=stop, calls=calls):
            calls.append(source)
            if len(calls) == stop and when == "before":
                raise error
            replace(source, target)
            if len(calls) == stop:
                raise error

        monkeypatch.setattr("saxsolo.atomic.os.replace", broken)
        with pytest.raises((OSError, KeyboardInterrupt)):
            swap(folder)
        assert seen(folder) == before, stop
        assert not list(folder.glob(".*")), stop


def test_killed_anywhere_no_mixture_is_seen(folder, monkeypatch):
    replace, sights = os.replace, []

    def watched(source, target):
        replace(source, target)
        sights.append(set(seen(folder).values()) - {"mine"})

    monkeypatch.setattr("saxsolo.atomic.os.replace", watched)
    swap(folder)
    assert len(sights) == len(OLD) + len(NEW)
    assert all(len(sight) <= 1 for sight in sights), sights
    assert {"new"} in sights and {"old"} in sights


@pytest.mark.parametrize(
    "told, stale",
    [
        (
            json.dumps({"files": ["solo.wav", "mix.wav", "solo.mid"]}),
            ["mix.wav", "solo.mid", "solo.wav"],
        ),
        (json.dumps({"files": ["notes.txt", "../solo.mid", "solo.flac", 3]}), []),
        (json.dumps({"files": "solo.mid"}), []),
        (json.dumps({"seed": 1}), []),
        ("[]", []),
        ("{", []),
        (None, []),
    ],
)
def test_only_what_run_json_names_is_ours(tmp_path, told, stale):
    for name in ("solo.wav", "mix.wav", "solo.mid", "solo.flac", "notes.txt"):
        (tmp_path / name).touch()
    if told is not None:
        (tmp_path / "run.json").write_text(told)
    assert [path.name for path in earlier_files(tmp_path, list(NEW))] == stale


def test_another_format_leaves_no_earlier_one(run, backing, checkpoint, tmp_path):
    (tmp_path / "mix.mp3").write_text("not ours")
    options = ("--out", tmp_path, "--checkpoint", checkpoint, "--seconds", 1, "--quiet")
    for more in (("--midi",), ("--format", "flac")):
        code, _, stderr = run("improvise", backing, *options, *more)
        assert code == 0, stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "mix.flac",
        "mix.mp3",
        "run.json",
        "solo.flac",
    ]
