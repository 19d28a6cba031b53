"""No command destroys what it reads, and two that write one folder leave one whole take."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile as sf

from saxsolo import OutputError, improvise
from saxsolo.atomic import (
    PARTIAL,
    output_folder,
    partial_path,
    refuse_overwriting,
    replacing,
    write_text,
)
from saxsolo.scratch import MACHINE, is_dead, remove_dead, scratch_folder

from .conftest import chords

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def mix(tmp_path) -> Path:
    """A backing with the name that a take gives its mix."""
    path = tmp_path / "d" / "mix.wav"
    path.parent.mkdir()
    sf.write(path, chords(2.0, 22050), 22050)
    return path


def ways(mix: Path) -> dict[str, tuple[Path, Path]]:
    """Name and folder that come to the same file."""
    link = mix.parent.parent / "link.wav"
    link.symlink_to(mix)
    hard = mix.parent.parent / "hard.wav"
    os.link(mix, hard)
    folder = mix.parent.parent / "folder"
    folder.symlink_to(mix.parent)
    return {
        "plain": (mix, mix.parent),
        "dots": (mix.parent / ".." / "d" / "mix.wav", mix.parent),
        "a link": (link, mix.parent),
        "a hard link": (hard, mix.parent),
        "a linked folder": (mix, folder),
    }


@pytest.mark.parametrize("way", ["plain", "dots", "a link", "a hard link", "a linked folder"])
def test_a_take_does_not_replace_its_backing(run, checkpoint, mix, monkeypatch, way):
    def never(*_: object, **__: object) -> None:
        raise AssertionError("loaded a model although the backing would be replaced")

    monkeypatch.setattr("saxsolo.weights.loading.load_player", never)
    before = mix.read_bytes()
    path, out = ways(mix)[way]
    code, _, stderr = run("improvise", path, "--out", out, "--checkpoint", checkpoint)
    assert code == 2 and "would be replaced by" in stderr and stderr.count("\n") == 1
    assert mix.read_bytes() == before and os.listdir(mix.parent) == ["mix.wav"]


def test_one_take_does_not_replace_the_backing_of_another(run, checkpoint, mix, tmp_path):
    other = tmp_path / "d.wav"
    shutil.copy(mix, other)
    before = mix.read_bytes()
    options = ("--out", tmp_path, "--checkpoint", checkpoint, "--seconds", 1)
    code, _, stderr = run("improvise", other, mix, *options)
    # d.wav would go into d/, where the backing mix.wav is; mix.wav goes into mix/
    assert code == 2 and "1 of 2 played" in stderr and "would be replaced by" in stderr
    assert mix.read_bytes() == before and (tmp_path / "mix" / "mix.wav").is_file()


def test_what_an_earlier_take_named_is_not_removed_when_it_is_read(run, checkpoint, mix):
    listed = {"files": ["mix.wav", "solo.wav"]}
    (mix.parent / "run.json").write_text(json.dumps(listed))
    options = ("--out", mix.parent, "--checkpoint", checkpoint, "--format", "flac")
    code, _, stderr = run("improvise", mix, *options)
    assert code == 2 and "would be replaced" in stderr and mix.is_file()


def test_a_playlist_is_not_replaced(run, checkpoint, mix, tmp_path):
    playlist = tmp_path / "out" / "a" / "run.json"
    playlist.parent.mkdir(parents=True)
    playlist.write_text(json.dumps([{"backing": str(mix), "out": "a"}]))
    options = ("--out", tmp_path / "out", "--checkpoint", checkpoint)
    code, _, stderr = run("improvise", "--playlist", playlist, *options)
    assert code == 2 and "would be replaced" in stderr
    assert json.loads(playlist.read_text())[0]["out"] == "a"


def test_in_python_too(player, mix):
    take = improvise(mix, player=player, seconds=1.0)
    before = mix.read_bytes()
    with pytest.raises(OutputError, match="would be replaced"):
        take.save(mix.parent)
    assert mix.read_bytes() == before and os.listdir(mix.parent) == ["mix.wav"]


def test_the_codec_does_not_replace_its_sound(run, checkpoint, mix):
    before = mix.read_bytes()
    code, _, stderr = run("codec", mix, "--out", mix, "--codec", checkpoint / "codec")
    assert code == 2 and "would be replaced" in stderr and mix.read_bytes() == before


def test_listening_does_not_replace_its_track(run, mix):
    track = mix.with_suffix(".musicxml")
    mix.rename(track)
    before = track.read_bytes()
    code, _, stderr = run("listen", track, "--musicxml", "--out", track.parent)
    assert code == 2 and "would be replaced" in stderr and track.read_bytes() == before


def test_case_makes_no_difference_where_it_makes_none(mix):
    upper = mix.with_name("MIX.WAV")
    if not upper.exists():
        # as a disk that knows no case would have it
        os.link(mix, upper)
    with pytest.raises(OutputError, match="would be replaced"):
        refuse_overwriting([upper], [mix])
    refuse_overwriting([mix.with_name("solo.wav")], [mix])


def test_an_empty_folder_name_is_refused(run, checkpoint, backing, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, stderr = run("improvise", backing, "--out", "", "--checkpoint", checkpoint)
    assert code == 2 and "empty" in stderr and not list(tmp_path.iterdir())


WRITER = """
import sys
from pathlib import Path
from saxsolo.atomic import locked, output_folder, replacing
folder, word, names = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
for _ in range(40):
    with output_folder(folder), locked(folder):
        with replacing(*(folder / name for name in names), stale=[folder / "stale"]) as places:
            for place in places:
                place.write_text(word)
"""


def test_of_two_processes_one_leaves_all_its_files(tmp_path):
    names = [f"file{number}" for number in range(5)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for _ in range(3):
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(tmp_path / "take"), word, *names],
                env=environment,
            )
            for word in ("one", "two")
        ]
        assert [writer.wait() for writer in writers] == [0, 0]
        contents = {(tmp_path / "take" / name).read_text() for name in names}
        assert len(contents) == 1
        assert sorted(os.listdir(tmp_path / "take")) == names


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_a_killed_process_left_goes_with_the_next_one(tmp_path, dead):
    own = partial_path(tmp_path / "other")
    own.write_text("being written")
    left = tmp_path / f".solo.wav.{MACHINE}.{dead}-1{PARTIAL}"
    left.write_text("half")
    elsewhere = tmp_path / f".solo.wav.0123abcd.{dead}-1{PARTIAL}"
    elsewhere.write_text("of another machine")
    write_text(tmp_path / "new", "text")
    assert {p.name for p in tmp_path.iterdir()} == {own.name, elsewhere.name, "new"}
    assert is_dead(left.name) and not is_dead(own.name) and not is_dead(elsewhere.name)


def test_scratch_folders_of_killed_processes_go(tmp_path, dead):
    left = tmp_path / f"saxsolo-piped-{MACHINE}.{dead}-abc"
    left.mkdir()
    (left / "sound").write_text("an hour of it")
    own = scratch_folder("test", str(tmp_path))
    assert own.is_dir() and not left.exists()
    remove_dead(tmp_path)
    assert own.is_dir()


def test_a_full_disk_is_called_one(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))
    with pytest.raises(OutputError, match="the disk is full"), replacing(tmp_path / "a") as _:
        raise sf.LibsndfileError(2)


def test_takes_side_by_side_make_the_same_folder(tmp_path, monkeypatch) -> None:
    make = Path.mkdir

    def late(folder: Path, *how, **named) -> None:
        # another take comes first, between the look and the making
        if not folder.exists():
            make(folder)
        make(folder, *how, **named)

    monkeypatch.setattr(Path, "mkdir", late)
    with output_folder(tmp_path / "out" / "song" / "take-1") as folder:
        assert folder.is_dir()
    # what another made is not removed on an error
    with pytest.raises(ZeroDivisionError), output_folder(tmp_path / "other" / "take-1"):
        raise ZeroDivisionError
    assert (tmp_path / "other" / "take-1").is_dir()
