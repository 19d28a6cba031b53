"""Atomic writes: the old content or the new, never a mixture, also with several writers."""

import json
import threading

import pytest

from saxsolo.atomic import (
    partial_path,
    remove_folder,
    remove_partial,
    replacing_folder,
    write_json,
    write_text,
)
from saxsolo.errors import OutputError


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_text_is_written_whole_and_nothing_else_stays(tmp_path):
    path = tmp_path / "new" / "text.txt"
    write_text(path, "first\n")
    write_text(path, "second\n")
    assert path.read_bytes() == b"second\n" and names(path.parent) == ["text.txt"]


def test_the_same_text_leaves_the_file_as_it_is(tmp_path):
    write_text(tmp_path / "text", "same")
    before = (tmp_path / "text").stat().st_mtime_ns
    write_text(tmp_path / "text", "same")
    assert (tmp_path / "text").stat().st_mtime_ns == before


def test_many_writers_leave_one_whole_file(tmp_path):
    path = tmp_path / "value.json"
    threads = [
        threading.Thread(target=write_json, args=(path, [number] * 5000)) for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    values = json.loads(path.read_text())
    assert len(values) == 5000 and len(set(values)) == 1
    assert names(tmp_path) == ["value.json"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="folder"):
        write_text(tmp_path / "folder", "a folder stands there")


def test_a_folder_replaces_an_earlier_one_whole(tmp_path):
    folder = tmp_path / "it"
    for content in ("old", "new"):
        with replacing_folder(folder) as partial:
            (partial / content).write_text(content)
    assert names(folder) == ["new"] and names(tmp_path) == ["it"]


def test_an_error_leaves_the_earlier_folder(tmp_path):
    folder = tmp_path / "it"
    with replacing_folder(folder) as partial:
        (partial / "old").write_text("old")
    with pytest.raises(KeyError), replacing_folder(folder) as partial:
        (partial / "new").write_text("new")
        raise KeyError
    assert names(folder) == ["old"] and names(tmp_path) == ["it"]


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / ".pair.1-2.partial").mkdir()
    (tmp_path / ".other.1-2.partial").write_text("half")
    remove_partial(tmp_path, "pair.*")
    assert names(tmp_path) == [".other.1-2.partial"]
    remove_partial(tmp_path)
    assert names(tmp_path) == []


def test_a_folder_is_removed_at_once_and_may_be_missing(tmp_path):
    (tmp_path / "it").mkdir()
    (tmp_path / "it" / "file").write_text("x")
    remove_folder(tmp_path / "it")
    remove_folder(tmp_path / "it")
    assert names(tmp_path) == []


def test_every_thread_has_a_place_of_its_own(tmp_path):
    places = {partial_path(tmp_path / "it")}
    thread = threading.Thread(target=lambda: places.add(partial_path(tmp_path / "it")))
    thread.start()
    thread.join()
    assert len(places) == 2
