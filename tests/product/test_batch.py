"""Several backings in one command: what is good is played, what is bad is told."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from saxsolo.audio.writing import FORMATS
from saxsolo.errors import SettingError
from saxsolo.playing.requests import collect_jobs, read_playlist
from saxsolo.playing.settings import Settings

from .conftest import chords

ROOT = Path(__file__).resolve().parents[2]
RATE = 22050


@pytest.fixture
def play(run, checkpoint, tmp_path):
    """Runs `improvise ARGUMENTS` over a second each, into tmp_path/out."""

    def call(*arguments: object) -> tuple[int, str, str]:
        options = ("--out", tmp_path / "out", "--checkpoint", checkpoint, "--seconds", 1)
        return run("improvise", *arguments, *options)

    return call


@pytest.fixture
def folder(tmp_path) -> Path:
    """Twenty files, twelve of them good."""
    place = tmp_path / "in"
    place.mkdir()
    sound = chords(1.5, RATE)
    for i in range(3):
        for kind in ("wav", "flac", "ogg", "mp3"):
            sf.write(place / f"good {i} {kind}.{kind}", sound, RATE)
    (place / "text.wav").write_text("no sound at all\n" * 40)
    (place / "empty.mp3").touch()
    sf.write(place / "short.wav", sound[:2000], RATE)
    sf.write(place / "silent.flac", np.zeros(40000), RATE)
    spoilt = sound.copy()
    spoilt[-3] = np.nan
    sf.write(place / "nan.wav", spoilt, RATE, subtype="FLOAT")
    data = (place / "good 0 flac.flac").read_bytes()
    (place / "cut.flac").write_bytes(data[: len(data) // 2])
    data = (place / "good 0 ogg.ogg").read_bytes()
    (place / "cut.ogg").write_bytes(data[: len(data) // 2])
    (place / "gone.wav").symlink_to(place / "nowhere.wav")
    (place / "cover.jpg").write_bytes(b"\xff\xd8")
    return place


def names(place: Path) -> list[str]:
    return sorted(p.name for p in place.iterdir())


def test_a_folder_of_good_and_bad(play, folder, tmp_path):
    code, stdout, stderr = play(folder)
    assert code == 2
    told = stderr[stderr.index("saxsolo: ") :].splitlines()
    assert told[0] == "saxsolo: 12 of 20 played, not played:"
    reasons = {
        "text.wav": "is not an audio file",
        "empty.mp3": "zero bytes",
        "short.wav": "at least 1 s",
        "silent.flac": "is silent",
        "nan.wav": "NaN",
        "cut.flac": "breaks off",
        "cut.ogg": "breaks off",
        "gone.wav": "no such file",
    }
    assert len(told) == 1 + len(reasons)
    for name, reason in reasons.items():
        assert any(name in line and reason in line for line in told), (name, told)
    out = tmp_path / "out"
    assert names(out) == sorted(f"good {i} {k}" for i in range(3) for k in FORMATS)
    for place in out.iterdir():
        assert names(place) == ["mix.wav", "run.json", "solo.wav"]
    assert stdout.count("times as fast") == 12


def test_all_bad_writes_nothing(play, folder, tmp_path):
    code, stdout, stderr = play(folder / "text.wav", folder / "nan.wav")
    assert (code, stdout) == (2, "") and "0 of 2 played" in stderr
    assert not (tmp_path / "out").exists()


def test_files_of_one_name_and_takes_of_each(play, tmp_path, backing):
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(backing, other / "Backing.wav")
    code, _, stderr = play(backing, other / "Backing.wav", "--takes", 2, "--seed", 5)
    assert code == 0, stderr
    out = tmp_path / "out"
    assert names(out) == ["Backing-2", "backing"]
    assert names(out / "backing") == ["take-1", "take-2", "takes.json"]
    runs = [json.loads((out / "backing" / f"take-{i}" / "run.json").read_text()) for i in (1, 2)]
    assert [one["seed"] for one in runs] == [5, 6]
    assert "improvising 4 takes" in stderr


def test_takes_at_once_are_those_played_alone_and_hear_once(play, tmp_path, backing, monkeypatch):
    from saxsolo.playing import hearing

    heard, whole = [], hearing.hear_backing
    monkeypatch.setattr(hearing, "hear_backing", lambda *a: heard.append(a) or whole(*a))
    out = tmp_path / "out"
    found = []
    for at_once in (1, 3):
        code, _, stderr = play(backing, "--takes", 3, "--at-once", at_once)
        assert code == 0, stderr
        assert ("improvising 3/3" in stderr) == (at_once == 1)
        found.append([(out / f"take-{i}" / "solo.wav").read_bytes() for i in (1, 2, 3)])
        shutil.rmtree(out)
    assert found[0] == found[1] and len(set(found[0])) == 3
    assert len(heard) == 2


@pytest.mark.parametrize("kind", list(FORMATS))
def test_formats(play, backing, tmp_path, kind):
    code, stdout, stderr = play(backing, "--format", kind)
    assert code == 0, stderr
    assert names(tmp_path / "out") == sorted([f"mix.{kind}", "run.json", f"solo.{kind}"])
    for name, channels in (("solo", 1), ("mix", 2)):
        info = sf.info(tmp_path / "out" / f"{name}.{kind}")
        assert (info.samplerate, info.channels) == (32000, channels)
        # MP3 codes whole blocks of 1152 samples
        assert 32000 <= info.frames < 32000 + 2 * 1152 and info.format == FORMATS[kind][0]


def test_notes_score_and_picture(play, backing, tmp_path):
    for library in ("mido", "music21", "matplotlib", "swift_f0"):
        pytest.importorskip(library, reason="needs pip install saxsolo[notes]")
    code, stdout, stderr = play(backing, "--midi", "--musicxml", "--plot", "--instrument", "alto")
    assert code == 0, stderr
    extras = ["solo.mid", "solo.musicxml", "solo.png"]
    assert [Path(line).name for line in stdout.splitlines()[3:6]] == extras
    heads = [(tmp_path / "out" / name).read_bytes()[:6] for name in extras]
    assert heads == [b"MThd\0\0", b"<?xml ", b"\x89PNG\r\n"]
    assert len(names(tmp_path / "out")) == 6
    assert "<chromatic>-9</chromatic>" in (tmp_path / "out" / "solo.musicxml").read_text()


@pytest.mark.parametrize("option", ["midi", "musicxml", "plot"])
def test_a_missing_library_is_named_first(play, backing, tmp_path, monkeypatch, option):
    monkeypatch.setattr("saxsolo.playing.take_files.find_spec", lambda _: None)
    code, _, stderr = play(backing, f"--{option}")
    assert code == 2 and "[notes]" in stderr and "pip install" in stderr and stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_standard_input(backing, tmp_path, checkpoint):
    line = [sys.executable, "-m", "saxsolo", "improvise", "-", "--out", tmp_path, "--seconds", "1"]
    line += ["--checkpoint", checkpoint, "--json"]
    with backing.open("rb") as sound:
        done = subprocess.run(line, cwd=ROOT, stdin=sound, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["takes"][0]["backing"] == "-"
    assert json.loads((tmp_path / "run.json").read_text())["backing"]["name"] == "standard input"


def test_standard_input_that_is_no_sound(play, tmp_path, monkeypatch):
    class Piped(io.StringIO):
        buffer = io.BytesIO(b"no sound" * 100)

    monkeypatch.setattr("sys.stdin", Piped())
    code, _, stderr = play("-")
    assert code == 2 and "standard input is not an audio file" in stderr
    assert not (tmp_path / "out").exists()


def test_json_and_quiet(play, folder, tmp_path):
    code, stdout, stderr = play(folder / "good 0 wav.wav", folder / "text.wav", "--json", "--quiet")
    assert code == 2 and "improvising" not in stderr
    told = json.loads(stdout)
    (take,), (failed,) = told["takes"], told["failed"]
    assert [Path(p).name for p in take["files"]] == ["solo.wav", "mix.wav", "run.json"]
    assert all(Path(p).is_file() for p in take["files"]) and take["audio_seconds"] == 1
    assert "is not an audio file" in failed["reason"]
    code, stdout, stderr = play(folder / "good 0 wav.wav", "--quiet")
    assert (code, stdout, stderr) == (0, "", "")


def test_a_defect_in_one_is_told_and_the_others_are_played(play, folder, tmp_path, monkeypatch):
    from saxsolo.playing import take

    whole = take.Take.save

    def broken(self, place, **options):
        if "flac" in str(place):
            raise ZeroDivisionError("oops")
        return whole(self, place, **options)

    monkeypatch.setattr("saxsolo.playing.take.Take.save", broken)
    code, _, stderr = play(*(folder / f"good 0 {k}.{k}" for k in ("wav", "flac", "mp3")))
    assert code == 1
    assert "2 of 3 played" in stderr and "a defect: ZeroDivisionError: oops" in stderr
    assert names(tmp_path / "out") == ["good 0 mp3", "good 0 wav"]


@pytest.mark.parametrize("at_once", [1, 3])
def test_interrupted_between_keeps_what_is_done(play, folder, tmp_path, monkeypatch, at_once):
    from saxsolo.audio import writing as output

    whole, seen = output.Scratch.append, []

    def interrupted(self, samples):
        if self not in seen:
            seen.append(self)
        if len(seen) == 2:
            raise KeyboardInterrupt
        whole(self, samples)

    monkeypatch.setattr("saxsolo.playing.performance.Scratch.append", interrupted)
    backings = [folder / f"good 0 {k}.{k}" for k in ("wav", "flac", "mp3")]
    code, _, _ = play(*backings, "--at-once", at_once)
    assert code == 130
    out = tmp_path / "out"
    left = names(out) if out.exists() else []
    assert len(left) < 3 and (at_once > 1 or left == ["good 0 wav"])
    for place in left:
        assert names(out / place) == ["mix.wav", "run.json", "solo.wav"]


def test_nothing_half_of_a_take_whose_score_fails(play, backing, tmp_path, monkeypatch):
    pytest.importorskip("music21", reason="needs music21 (pip install saxsolo[notes])")

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("saxsolo.notation.musicxml.write_musicxml", interrupted)
    code, _, _ = play(backing, "--musicxml")
    assert code == 130 and not (tmp_path / "out").exists()


class TestPlaylist:
    @pytest.fixture
    def write(self, tmp_path, backing):
        shutil.copy(backing, tmp_path / "a.wav")

        def call(entries: object) -> Path:
            path = tmp_path / "job.json"
            path.write_text(entries if isinstance(entries, str) else json.dumps(entries))
            return path

        return call

    def test_each_entry_has_its_settings(self, play, write, tmp_path):
        path = write(
            [
                {"backing": "a.wav", "out": "wild/one", "seed": 3, "temperature": 1.5},
                {"backing": "a.wav", "instrument": "alto", "seconds": 2},
                {"backing": "missing.wav"},
            ]
        )
        code, _, stderr = play("--playlist", path, "--top-k", 40)
        assert code == 2 and "2 of 3 played" in stderr and "missing.wav" in stderr
        first, second = (
            json.loads((tmp_path / "out" / name / "run.json").read_text())
            for name in ("wild/one", "a")
        )
        assert (first["seed"], first["settings"]["temperature"]) == (3, 1.5)
        assert (second["settings"]["instrument"], second["audio_seconds"]) == ("alto", 2)
        assert first["settings"]["top_k"] == second["settings"]["top_k"] == 40

    @pytest.mark.parametrize(
        "entries, words",
        [
            ("{", "is not JSON"),
            ({}, "is not a list"),
            ([], "is not a list"),
            (["a.wav"], 'entry 1 is not an object with a "backing"'),
            ([{"backing": "a.wav"}, {"backing": 3}], "entry 2"),
            (
                [{"backing": "a.wav", "speed": 2}],
                "'speed' is unknown; the nearest known one is 'seed'",
            ),
            ([{"backing": "a.wav", "seed": "1"}], "seed is '1'; expected int"),
            ([{"backing": "a.wav", "seed": True}], "seed is True"),
            ([{"backing": "a.wav", "force": 1}], "force is 1; expected bool"),
            ('[{"backing": "a.wav", "seconds": NaN}]', "seconds is nan"),
            ([{"backing": "a.wav", "out": "../b"}], "expected a name inside --out"),
            ([{"backing": "a.wav", "out": "/tmp/b"}], "expected a name inside --out"),
            ([{"backing": "a.wav", "out": ""}], "expected a name inside --out"),
        ],
    )
    def test_what_is_no_playlist(self, write, entries, words):
        with pytest.raises(SettingError, match=words):
            read_playlist(write(entries), Settings())

    def test_a_setting_out_of_range(self, play, write):
        path = write([{"backing": "a.wav"}, {"backing": "a.wav", "temperature": -1}])
        code, _, stderr = play("--playlist", path)
        assert code == 2 and "entry 2: temperature is -1" in stderr

    def test_no_such_playlist(self, play, tmp_path):
        code, _, stderr = play("--playlist", tmp_path / "none.json")
        assert code == 2 and "cannot be read" in stderr


@pytest.mark.parametrize("takes", [0, -1, 10**6])
def test_takes_out_of_range(play, backing, takes):
    code, _, stderr = play(backing, "--takes", takes)
    assert code == 2 and f"{takes} takes is not between" in stderr


def test_nothing_to_play(play):
    code, _, stderr = play()
    assert code == 2 and "nothing to play" in stderr


def test_a_bad_file_of_many_takes_is_told_once(tmp_path):
    jobs = collect_jobs([tmp_path / "no.wav"], None, tmp_path, 5, Settings(seed=1))
    assert len(jobs) == 1 and "no such file" in jobs[0].reason


def test_info(run, checkpoint, tmp_path):
    code, stdout, stderr = run("info", "--checkpoint", checkpoint, "--json")
    assert code == 0, stderr
    facts = json.loads(stdout)
    assert facts["checkpoint"]["name"] == str(checkpoint) and facts["licences"]["code"]
    assert facts["codec"]["sampling_rate"] == 32000
    code, stdout, _ = run("info", "--checkpoint", checkpoint)
    assert code == 0 and "torch: " in stdout and str(checkpoint) in stdout
    code, _, stderr = run("info", "--checkpoint", tmp_path)
    assert code == 2 and "no config.json" in stderr
