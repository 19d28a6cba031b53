"""From recordings to shards: every good one once, every bad one with its reason, nothing twice."""

import json
import multiprocessing
import os
import random
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dataset_scripts import corpus_build
from dataset_scripts.corpus_build import BuildError, build, main
from dataset_scripts.corpus_config import read_config
from dataset_scripts.jazz_sax_tokens import load_tokens
from dataset_scripts.recordings import RecordingsError
from dataset_scripts.stage_state import DiskFullError, need_room, read_record
from dataset_scripts.token_checks import read_layout

RATE = 32000
CONFIG = """
sources:
  - path: music
download: {shortest_seconds: 2.0, pause_seconds: 0.0}
separate: {separator: oracle, segment_seconds: 5.0, context_seconds: 0.5}
select: {frame_seconds: 2.0, shortest_seconds: 4.0}
augment: {semitones: [0, 3], tempi: [1.0]}
tokenise: {codec: codec, device: cpu}
"""
GOOD = 4


@pytest.fixture(scope="module")
def place(tmp_path_factory, codec, sounds):
    """A folder with config.yaml, a codec and music: four good recordings."""
    folder = tmp_path_factory.mktemp("place")
    codec.save_pretrained(folder / "codec")
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    for seed in range(GOOD):
        performer = "Art Pepper" if seed == 0 else f"player {seed + 1}"
        sounds.recording(folder / "music", f"r{seed}", 6.0, seed, performer=performer)
    return folder


def rows_of(out: Path) -> dict[str, dict]:
    layout = read_layout(out / "tokens")
    rows = [row for split in layout.rows for row in load_tokens(out / "tokens", split)]
    assert len({row["id"] for row in rows}) == len(rows), "every row once"
    return {row["id"]: row for row in rows}


def quarantine(out: Path) -> dict[str, str]:
    lines = (out / "quarantine.jsonl").read_text("utf-8").splitlines()
    return {Path(one["from"]).name: one["reason"] for one in map(json.loads, lines)}


def stamps(out: Path) -> dict[str, int]:
    kept = ("state", "pairs", "stems", "tokens")
    files = [one for name in kept for one in (out / name).rglob("*") if one.is_file()]
    return {str(one): one.stat().st_mtime_ns for one in files if one.name != "sources.json"}


@pytest.fixture(scope="module")
def built(place, tmp_path_factory):
    out = tmp_path_factory.mktemp("built") / "corpus"
    assert build(read_config(place / "config.yaml"), out)["pairs"] == 2 * (GOOD - 1) + 1
    return out


def test_all_stages_end_in_a_corpus(built):
    rows = rows_of(built)
    assert {row["split"] for row in rows.values()} >= {"train", "test"}
    for row in rows.values():
        assert row["licence"] == "CC0-1.0" and row["tempo"] == 0.0 and row["feel"] == ""
        assert (row["frame_labels"] == -100).all() and (row["score"] > 0).mean() > 0.5
    assert all(row["semitones"] == 0 for row in rows.values() if row["split"] != "train")
    assert not quarantine(built)
    card = (built / "tokens" / "README.md").read_text("utf-8")
    assert "What this means in law" in card and "rendered from scores" not in card


def test_a_second_run_does_nothing(place, built):
    before = stamps(built)
    found = build(read_config(place / "config.yaml"), built, resume=True)
    assert stamps(built) == before and not found["sharded"]
    assert found["pairs"] == 2 * (GOOD - 1) + 1


def test_an_earlier_build_or_foreign_folder_is_not_touched(place, built, tmp_path):
    config = read_config(place / "config.yaml")
    with pytest.raises(BuildError, match="--resume"):
        build(config, built)
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(BuildError, match="not empty"):
        build(config, tmp_path, resume=True)


def test_only_what_a_setting_changes_is_done_again(place, tmp_path, monkeypatch):
    config = read_config(place / "config.yaml")
    out = tmp_path / "corpus"
    build(config, out, only=("download", "separate", "select"))
    name = sorted((out / "state" / "select").glob("*.json"))[0].stem
    old = {stage: read_record(out, stage, name) for stage in ("separate", "select")}
    text = CONFIG.replace("shortest_seconds: 4.0", "shortest_seconds: 60.0")
    (place / "other.yaml").write_text(text, encoding="utf-8")
    build(read_config(place / "other.yaml"), out, resume=True, only=("separate", "select"))
    assert read_record(out, "separate", name) == old["separate"]
    new = read_record(out, "select", name)
    assert not new.result["windows"] and new.losses == [[6.0, "shorter than 60 s"]]


class Killer(threading.Thread):
    """Kills a worker by SIGKILL again and again."""

    def __init__(self, pause: float, most: int):
        super().__init__(daemon=True)
        self.pause, self.most, self.killed, self.over = pause, most, 0, threading.Event()

    def run(self):
        while not self.over.wait(self.pause) and self.killed < self.most:
            workers = multiprocessing.active_children()
            if workers:
                os.kill(random.Random(self.killed).choice(workers).pid, signal.SIGKILL)
                self.killed += 1


def test_killed_workers_lose_nothing_and_do_nothing_twice(place, built, tmp_path):
    killer = Killer(pause=0.5, most=5)
    killer.start()
    build(read_config(place / "config.yaml"), tmp_path / "corpus", workers=2)
    killer.over.set()
    assert killer.killed
    wanted, got = rows_of(built), rows_of(tmp_path / "corpus")
    assert wanted.keys() == got.keys()
    for key, row in wanted.items():
        for name in ("backing_codes", "solo_codes", "score"):
            np.testing.assert_array_equal(row[name], got[key][name])
    assert not list((tmp_path / "corpus" / "pairs").glob("*/.*"))
    assert not quarantine(tmp_path / "corpus")


def add_bad_files(music: Path) -> dict[str, str]:
    """Ten files that are no good, with a word of the reason that each must get."""
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal(6 * RATE)
    soundfile.write(music / "whole.flac", noise, RATE)
    whole = (music / "whole.flac").read_bytes()
    (music / "whole.flac").unlink()
    (music / "text.wav").write_text("this is no music\n" * 99)
    (music / "cut.flac").write_bytes(whole[: len(whole) // 2])
    (music / "empty.mp3").write_bytes(b"")
    holes = noise.copy()
    holes[5000] = np.nan
    soundfile.write(music / "nan.wav", holes, RATE, subtype="FLOAT")
    with soundfile.SoundFile(music / "hour.flac", "w", 8000, 1) as file:
        for _ in range(60):
            file.write(np.zeros(60 * 8000, np.float32))
    (music / "picture.flac").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(rng.integers(0, 256, 5000)))
    soundfile.write(music / "short.wav", noise[:RATE], RATE)
    soundfile.write(music / "clipped.wav", np.clip(40 * noise, -1, 1), RATE)
    (music / "header.wav").write_bytes(b"RIFF\xff\xff\xff\x7fWAVEfmt ")
    soundfile.write(music / "nolicence.wav", noise, RATE)
    reasons = {
        "text.wav": "no sound",
        "cut.flac": "breaks off",
        "empty.mp3": "empty",
        "nan.wav": "NaN",
        "hour.flac": "silent",
        "picture.flac": "no sound",
        "short.wav": "the least",
        "clipped.wav": "clipped",
        "header.wav": "damaged",
        "nolicence.wav": "no licence",
    }
    for name in reasons:
        told = {} if name == "nolicence.wav" else {"licence": "CC0-1.0"}
        (music / name).with_suffix(".json").write_text(json.dumps(told))
    return reasons


def test_bad_files_are_in_quarantine_with_their_reason(place, sounds, tmp_path):
    music = tmp_path / "music"
    sounds.recording(music, "good", 6.0, 7)
    sounds.recording(music, "again", 6.0, 7, title="another name")
    reasons = add_bad_files(music)
    text = CONFIG.replace("codec: codec", f"codec: {place / 'codec'}")
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    found = build(read_config(tmp_path / "config.yaml"), tmp_path / "corpus")
    assert found["defects"] == 0
    told = quarantine(tmp_path / "corpus")
    assert set(told) == {*reasons, "good.flac"} or set(told) == {*reasons, "again.flac"}
    for name, word in reasons.items():
        assert word in told[name], (name, told[name])
    assert any(reason.startswith("duplicate of") for reason in told.values())
    before = stamps(tmp_path / "corpus")
    build(read_config(tmp_path / "config.yaml"), tmp_path / "corpus", resume=True)
    assert stamps(tmp_path / "corpus") == before


def test_no_room_is_said_before(place, tmp_path, monkeypatch):
    with pytest.raises(DiskFullError, match=r"MB free but .* MB are needed; make room"):
        need_room(tmp_path, 2**60)


def test_no_room_stops_the_run_and_blames_no_recording(place, tmp_path, capsys, monkeypatch):
    def full(*_):
        raise DiskFullError(28, "no room; make room, then add --resume")

    monkeypatch.setattr(corpus_build, "need_room", full)
    assert main([str(place / "config.yaml"), "--out", str(tmp_path / "corpus")]) == 2
    assert "make room" in capsys.readouterr().err
    monkeypatch.undo()
    config = read_config(place / "config.yaml")
    assert build(config, tmp_path / "corpus", resume=True, only=("download",))["quarantined"] == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("codec: codec", "codec: nowhere", "codec nowhere"),
        ("separator: oracle", "separator: htdemucs_6s", "no other host is asked"),
        ("separator: oracle", "separator: orakel", "take one of htdemucs_6s, oracle"),
        ("path: music", "path: musik", "no such file or folder"),
        ("path: music", "path: codec", "no recording found"),
        ("separate:", "seperate:", "the nearest known one is 'separate'"),
    ],
)
def test_what_stands_wrong_in_the_config_ends_in_one_line(place, tmp_path, capsys, old, new, said):
    path = place / f"wrong{abs(hash(new))}.yaml"
    path.write_text(CONFIG.replace(old, new), encoding="utf-8")
    assert main([str(path), "--out", str(tmp_path / "corpus")]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in error
    assert not list((tmp_path / "corpus").glob("tokens*/tokens.json"))


def test_a_description_with_an_unknown_word(place, tmp_path, sounds):
    path = sounds.recording(tmp_path / "music", "a", 3.0, 0)
    path.with_suffix(".json").write_text('{"license": "CC0-1.0"}')
    text = CONFIG.replace("codec: codec", f"codec: {place / 'codec'}")
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(RecordingsError, match="'license' is unknown"):
        build(read_config(tmp_path / "config.yaml"), tmp_path / "corpus")


def test_the_report_says_what_became_of_everything(built):
    from dataset_scripts.corpus_report import report

    text = report(built).read_text("utf-8")
    assert f"{GOOD} recordings" in text and "CC0-1.0" in text and "| separate |" in text
    assert (built / "report" / "rms.png").stat().st_size > 1000
    found = json.loads((built / "report" / "report.json").read_text("utf-8"))
    assert found["hours_of_music"] == pytest.approx(GOOD * 6 / 3600, rel=0.05)
