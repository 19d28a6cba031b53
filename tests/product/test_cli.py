"""The command line as a person meets it."""

import io
import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from saxsolo.progress_bar import Progress

from .conftest import chords

ROOT = Path(__file__).resolve().parents[2]


def command(*arguments: object, **settings: object) -> subprocess.CompletedProcess:
    line = [sys.executable, "-m", "saxsolo", *map(str, arguments)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120, **settings)


def test_improvise_writes_three_files_and_says_where(run, tmp_path, backing, checkpoint):
    out = tmp_path / "new" / "take"
    code, stdout, stderr = run(
        "improvise", backing, "--out", out, "--checkpoint", checkpoint, "--seconds", 2, "--seed", 4
    )
    assert code == 0, stderr
    assert sorted(p.name for p in out.iterdir()) == ["mix.wav", "run.json", "solo.wav"]
    lines = stdout.splitlines()
    assert lines[:3] == [str(out / name) for name in ("solo.wav", "mix.wav", "run.json")]
    assert "times as fast as it plays" in lines[3] and len(lines) == 4
    assert stderr.splitlines()[-1] == "improvising: 2 of 2 s"
    assert json.loads((out / "run.json").read_text())["seed"] == 4


def test_improvise_as_a_process(tmp_path, backing, checkpoint):
    done = command("improvise", backing, "--out", tmp_path, "--checkpoint", checkpoint)
    assert done.returncode == 0, done.stderr
    assert "arning" not in done.stderr
    assert sf.info(tmp_path / "solo.wav").frames == 96000


def test_a_later_take_replaces_an_earlier_one(run, tmp_path, backing, checkpoint):
    for seconds in (2, 1):
        options = ("--checkpoint", checkpoint, "--seconds", seconds)
        assert run("improvise", backing, "--out", tmp_path, *options)[0] == 0
    assert sf.info(tmp_path / "solo.wav").frames == 32000
    assert len(list(tmp_path.iterdir())) == 3


def test_codec_round_trip(run, tmp_path, checkpoint):
    path = tmp_path / "sound.flac"
    sf.write(path, chords(2.3, 44100), 44100)
    out = tmp_path / "new" / "out.wav"
    code, stdout, stderr = run("codec", path, "--out", out, "--codec", checkpoint / "codec")
    assert (code, stdout) == (0, f"{out}\n"), stderr
    info = sf.info(out)
    assert (info.frames, info.samplerate, info.channels) == (round(2.3 * 32000), 32000, 1)
    assert np.abs(sf.read(out)[0]).max() > 0


@pytest.mark.parametrize("arguments", [["--help"], ["improvise", "--help"], ["codec", "--help"]])
def test_help(run, arguments):
    code, stdout, stderr = run(*arguments)
    assert code == 0 and stderr == "" and "Usage: saxsolo" in stdout


def test_no_arguments_show_the_help(run):
    code, stdout, _ = run()
    assert code == 2 and "improvise" in stdout and len(stdout.splitlines()) > 5


def test_help_and_mistakes_do_not_wait_for_torch():
    script = (
        "import sys\nfrom saxsolo import cli\nsys.argv = 'saxsolo improvise no --out x'.split()"
        "\ntry: cli.main()\nexcept SystemExit as stop: assert stop.code == 2"
        "\nassert not {'torch', 'transformers'} & set(sys.modules)"
    )
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - start < 10


def test_corpus_commands_are_handed_on(run):
    code, stdout, _ = run("corpus", "render", "--help")
    assert code == 0 and "--weimar-dir" in stdout


def test_interrupted_leaves_nothing(run, tmp_path, backing, checkpoint, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("saxsolo.playing.performance.Scratch.append", interrupted)
    out = tmp_path / "new"
    code, _, stderr = run("improvise", backing, "--out", out, "--checkpoint", checkpoint)
    assert code == 130 and not out.exists(), stderr


class TestProgress:
    def test_plain_lines_where_there_is_no_terminal(self, monkeypatch):
        clock = iter([100.0, 106.0, 107.0, 112.0])
        monkeypatch.setattr("saxsolo.progress_bar.time.monotonic", lambda: next(clock))
        text = io.StringIO()
        with Progress("playing", text) as progress:
            for done in (1, 10, 15, 20):
                progress(done, 20)
        assert text.getvalue() == "playing: 10 of 20 s, 7 s left\nplaying: 20 of 20 s\n"

    def test_a_bar_with_the_time_left_on_a_terminal(self):
        ours, theirs = pty.openpty()
        with os.fdopen(theirs, "w") as terminal, Progress("playing", terminal) as progress:
            for done in range(0, 21, 5):
                progress(done, 20)
                time.sleep(0.12)
        shown = os.read(ours, 65536).decode()
        os.close(ours)
        assert "\r" in shown and "left" in shown and "20 of 20 s" in shown
