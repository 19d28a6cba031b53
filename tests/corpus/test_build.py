"""From recordings to shards: every good one once, every bad one with its reason, nothing twice."""

import json
import multiprocessing
import os
import random
import shutil
import signal
import threading
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
import yaml

from benchmarks.made_up_music import write_bad_files
from modeling_saxsolo.configuration_saxcodec import SaxcodecConfig
from modeling_saxsolo.modeling_saxcodec import SaxcodecModel
from saxsolo.corpus.build import build as corpus_build
from saxsolo.corpus.build.build import SAMPLES, BuildError, build, room_wanted
from saxsolo.corpus.build.stages import BuildPlan
from saxsolo.corpus.config import read_config
from saxsolo.corpus.recordings.sources import Recording, RecordingsError
from saxsolo.corpus.stage_state import (
    SPARE_BYTES,
    DiskFullError,
    StageRecord,
    need_room,
    read_record,
    write_record,
)
from saxsolo.corpus.tokens.checks import read_layout
from saxsolo.corpus.tokens.shards import load_tokens
from saxsolo.publishing import publish

from ..command_line import command

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
sources:
  - path: music
download: {shortest_seconds: 2.0, pause_seconds: 0.0}
separate: {separator: oracle, segment_seconds: 5.0, context_seconds: 0.5}
select: {frame_seconds: 2.0, shortest_seconds: 4.0}
augment: {semitones: [0, 3], tempi: [1.0]}
tokenise: {codec: codec, device: cpu}
"""
GOOD, HELD = 4, 2
PAIRS = 2 * (GOOD - HELD) + HELD


@pytest.fixture(scope="module")
def place(tmp_path_factory, sounds):
    """A folder with config.yaml, a codec of the tiny model's layout, and four good recordings."""
    folder = tmp_path_factory.mktemp("place")
    torch.manual_seed(0)
    layout = SaxcodecConfig(
        codebook_size=128, encoder_size=16, encoder_layers=1, decoder_size=16, decoder_layers=1
    )
    SaxcodecModel(layout).save_pretrained(folder / "codec")
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    for seed in range(GOOD):
        performer = "Art Pepper" if seed < HELD else f"player {seed + 1}"
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
    return {str(one): one.stat().st_mtime_ns for one in out.rglob("*") if one.is_file()}


@pytest.fixture(scope="module")
def built(place, tmp_path_factory):
    out = tmp_path_factory.mktemp("built") / "corpus"
    assert build(read_config(place / "config.yaml"), out)["pairs"] == PAIRS
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
    assert found["pairs"] == PAIRS


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


def test_killed_workers_and_bad_files(place, built, tmp_path):
    """The small edition of benchmarks/kills.py."""
    music = shutil.copytree(place / "music", tmp_path / "music")
    for ending in (".flac", ".backing.flac", ".solo.flac"):
        shutil.copy(music / f"r1{ending}", music / f"second{ending}")
    (music / "second.json").write_text('{"licence": "CC0-1.0", "title": "another name"}')
    reasons = write_bad_files(music)
    text = CONFIG.replace("codec: codec", f"codec: {place / 'codec'}")
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    config = read_config(tmp_path / "config.yaml")
    out = tmp_path / "corpus"
    killer = Killer(pause=0.5, most=5)
    killer.start()
    found = build(config, out, workers=2)
    killer.over.set()
    assert killer.killed and found["defects"] == 0

    wanted, got = rows_of(built), rows_of(out)
    assert wanted.keys() == got.keys(), "every good recording is there once"
    for key, row in wanted.items():
        for name in ("backing_codes", "solo_codes", "score"):
            np.testing.assert_array_equal(row[name], got[key][name])
    told = quarantine(out)
    assert set(told) == {*reasons, "second.flac"}, "every bad one is in quarantine"
    for name, word in {**reasons, "second.flac": "duplicate of r1_"}.items():
        assert word in told[name], (name, told[name])
    assert not list(out.glob("*/.*.partial")) and not list(out.glob("*/*/.*.partial"))

    before = stamps(out)
    build(config, out, workers=2, resume=True)
    assert stamps(out) == before, "a second run does nothing"


def test_spent_audio_goes_and_is_made_again_when_it_is_wanted(place, built, tmp_path):
    def folders(where):
        return {one.name for one in where.glob("*") if one.is_dir()}

    out = shutil.copytree(built, tmp_path / "corpus")
    samples = folders(out / "stems")
    assert len(samples) == SAMPLES < GOOD, "the report's samples stay, the others went"
    rows = [json.loads(line) for line in (out / "pairs" / "manifest.jsonl").open()]
    pairs = {row["pair_id"] for row in rows if row["recording"] in samples}
    assert {one.name for one in (out / "pairs").glob("*/*")} == pairs != set()
    separated = {one: one.read_bytes() for one in (out / "state" / "separate").iterdir()}

    (place / "keys.yaml").write_text(CONFIG.replace("[0, 3]", "[0, -2]"), encoding="utf-8")
    build(read_config(place / "keys.yaml"), out, resume=True)
    keys = {row["semitones"] for row in rows_of(out).values() if row["split"] == "train"}
    assert keys == {0, -2} and len(rows_of(out)) == len(rows)
    assert {one: one.read_bytes() for one in (out / "state" / "separate").iterdir()} == separated
    assert folders(out / "stems") == samples


def test_all_audio_can_be_kept(place, tmp_path):
    out = tmp_path / "corpus"
    config = read_config(place / "config.yaml")
    build(config, out, only=("download", "separate"))
    assert len(list((out / "stems").iterdir())) == GOOD
    build(config, out, only=("select", "augment"), resume=True, keep_audio=True)
    assert len(list((out / "stems").iterdir())) == GOOD
    build(config, out, only=("augment",), resume=True)
    assert len(list((out / "stems").iterdir())) == SAMPLES


@pytest.mark.parametrize(
    ("workers", "keep", "seconds"),
    [
        # of 100 recordings of 60 s: one a worker and the samples, or all; (stems, pairs)
        (1, False, (1, 1 + SAMPLES)),
        (2, False, (2, 2 + SAMPLES)),
        (1, True, (0, 100)),
    ],
)
def test_the_room_that_is_asked_for(place, tmp_path, workers, keep, seconds):
    config = read_config(place / "config.yaml")
    recordings = [Recording(id=f"r{i:03}") for i in range(100)]
    samples = frozenset(one.id for one in recordings[:SAMPLES])
    plan = BuildPlan(tmp_path, config, keep_audio=keep, samples=samples)
    for one in recordings:
        write_record(tmp_path, StageRecord("download", one.id, "", result={"seconds": 60.0}))
    stems, pairs = seconds
    kept = 100 if keep else SAMPLES
    versions = 2
    wanted = 60 * 32000 * (12 * stems + 4 * versions * pairs + 4 * kept) + 6000 * 1600 * versions
    assert room_wanted(plan, recordings, workers) == wanted


def test_a_disk_too_small_is_said_before_the_work(place, tmp_path, capsys, monkeypatch):
    config = read_config(place / "config.yaml")
    build(config, tmp_path / "corpus", only=("download",))
    usage = shutil.disk_usage(tmp_path)._replace(free=SPARE_BYTES + 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    arguments = [str(place / "config.yaml"), "--out", str(tmp_path / "corpus"), "--resume"]
    assert command("corpus", "build", *arguments) == 2
    assert "65 MB free but" in (error := capsys.readouterr().err) and "make room" in error
    assert not (tmp_path / "corpus" / "stems").exists()


def test_what_push_would_send_loads_and_trains(place, built, tmp_path):
    folder = str(tmp_path / "hub")
    publish("dataset", "user/jazz-sax-tokens", built, dry_run=True, out=Path(folder))
    for split, rows in (("train", PAIRS - HELD), ("test", HELD)):
        loaded = datasets.load_dataset(
            folder, "default", split=split, cache_dir=str(tmp_path / "cache")
        )
        assert len(loaded) == rows and np.array(loaded[0]["solo_codes"]).shape[1] == 4
    settings = yaml.safe_load((ROOT / "configs" / "tiny.yaml").read_text("utf-8"))
    settings["model"]["codec_dim"] = SaxcodecConfig().codebook_dim
    settings["max_steps"] = 3
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    run = tmp_path / "run"
    arguments = [str(tmp_path / "tiny.yaml"), "--tokens", folder, "--split", "test"]
    arguments += ["--codec", str(place / "codec"), "--out", str(run)]
    assert command("train", *arguments) == 0
    figures = json.loads((run / "final" / "figures.json").read_text("utf-8"))
    assert figures["step"] == 3 and figures["has_audio"]


def test_no_room_is_said_before(place, tmp_path, monkeypatch):
    with pytest.raises(DiskFullError, match=r"MB free but .* MB are needed; make room"):
        need_room(tmp_path, 2**60)


def test_no_room_stops_the_run_and_blames_no_recording(place, tmp_path, capsys, monkeypatch):
    def full(*_):
        raise DiskFullError(28, "no room; make room, then add --resume")

    monkeypatch.setattr(corpus_build, "need_room", full)
    arguments = ["build", place / "config.yaml", "--out", tmp_path / "corpus"]
    assert command("corpus", *arguments) == 2
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
    path = place / "wrong.yaml"
    path.write_text(CONFIG.replace(old, new), encoding="utf-8")
    assert command("corpus", "build", path, "--out", tmp_path / "corpus") == 2
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
    from saxsolo.corpus.build.report import report

    text = report(built).read_text("utf-8")
    assert f"{GOOD} recordings" in text and "CC0-1.0" in text and "| separate |" in text
    assert (built / "report" / "rms.png").stat().st_size > 1000
    assert len(list((built / "report").glob("r*_k*.png"))) == 3, "samples are drawn"
    found = json.loads((built / "report" / "report.json").read_text("utf-8"))
    assert found["hours_of_music"] == pytest.approx(GOOD * 6 / 3600, rel=0.05)
