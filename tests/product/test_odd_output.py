"""Odd names, full disks, closed pipes: what is written and printed; titles, time references."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile as sf

from saxsolo import improvise
from saxsolo.audio.files import open_sound
from saxsolo.audio.writing import write_audio

from .conftest import chords

ROOT = Path(__file__).resolve().parents[2]
RATE = 44100


@pytest.mark.parametrize("options", [("--bogus",), ("--seconds", "soon"), ("--out=",)])
def test_a_mistake_with_json_is_json(run, backing, tmp_path, options):
    code, stdout, stderr = run("improvise", backing, "--out", tmp_path, "--json", *options)
    assert code == 2 and stderr.count("\n") == 1
    assert json.loads(stdout)["error"] in stderr


def test_one_backing_that_fails_with_json_is_told_once(run, tmp_path):
    code, stdout, stderr = run("improvise", "nothing.wav", "--out", tmp_path, "--json")
    assert code == 2 and stderr == "saxsolo: nothing.wav: no such file\n"
    assert json.loads(stdout)["failed"] == [
        {"backing": "nothing.wav", "reason": "nothing.wav: no such file"}
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_output_that_cannot_be_written_is_no_traceback():
    command = [sys.executable, "-m", "saxsolo", "improvise", "--help"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(command, cwd=ROOT, stdout=theirs, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    assert done.returncode in (1, 141) and "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode here")
def test_a_name_that_is_not_utf8(run, checkpoint, backing, tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    shutil.copy(backing, path)
    options = ("--out", tmp_path / "out", "--checkpoint", checkpoint, "--seconds", 1)
    code, stdout, stderr = run("improvise", os.fsdecode(path), backing, *options)
    assert code == 0, stderr
    assert sorted(os.listdir(tmp_path / "out")) == ["backing", "caf\ufffd"]
    run_facts = json.loads((tmp_path / "out" / "caf\ufffd" / "run.json").read_text())
    assert run_facts["backing"]["name"].endswith("caf\\xe9.wav")


def test_a_control_character_stays_out_of_musicxml(player, tmp_path):
    pytest.importorskip("music21", reason="needs pip install saxsolo[notes]")
    path = tmp_path / "a\x07b\x1b.wav"
    sf.write(os.fspath(path), chords(1.5, RATE), RATE)
    improvise(path, player=player).save(tmp_path / "take", musicxml=True)
    from xml.etree import ElementTree

    ElementTree.parse(tmp_path / "take" / "solo.musicxml")


@pytest.mark.parametrize("title", ["晴れた日", "푸른 밤", "爵士蓝调", "plain", "a 日本 b"])
def test_a_title_has_letters_or_an_ellipsis(title):
    pytest.importorskip("matplotlib", reason="needs pip install saxsolo[notes]")
    from matplotlib.font_manager import findfont, get_font

    from saxsolo.notation.fonts import with_fonts

    shown, families = with_fonts(title)
    letters = {c for family in families for c in get_font(findfont(family)).get_charmap()}
    assert all(ord(letter) in letters for letter in shown if not letter.isspace())
    assert shown == title or "…" in shown


def test_a_broadcast_wav_keeps_its_time(player, tmp_path):
    path = tmp_path / "take 3.wav"
    start = 3600 * RATE + 441
    write_audio(path, [chords(1.5, RATE)], RATE, 2, started=start)
    assert sf.info(path).frames == round(1.5 * RATE)
    source = open_sound(path)
    assert source.started == start
    take = improvise(path, player=player)
    take.save(tmp_path / "out")
    for name in ("solo.wav", "mix.wav"):
        written = open_sound(tmp_path / "out" / name)
        assert written.started == round(start * 32000 / RATE) and written.frames == 48000
    take.save(tmp_path / "flac", audio_format="flac")
    assert open_sound(tmp_path / "flac" / "mix.flac").started is None
