"""The corpus folder: resumable, whole pairs only, errors that say where to get what is missing."""

import dataclasses
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from saxsolo.corpus.pairs_folder import PairsError, read_manifest
from saxsolo.corpus.render import pairs as corpus_module
from saxsolo.corpus.render.pairs import CorpusError, excerpts, plan, render_corpus
from saxsolo.corpus.render.sounds import MissingSoundError, Sounds
from saxsolo.music.score import Score

from ..command_line import command
from .conftest import make_score


def many_scores(count: int) -> list[Score]:
    performers = ("A", "B", "Hank Mobley", "Art Pepper")
    return [
        dataclasses.replace(
            make_score((60, 62), bars=1),
            id=f"score{i}",
            performer=performers[i % 4],
            title=f"Tune {i}",
        )
        for i in range(count)
    ]


def test_writes_pairs_labels_and_rows(font_sounds: Sounds, tmp_path: Path) -> None:
    lines: list[str] = []
    rows = render_corpus(
        many_scores(4), tmp_path, font_sounds, keys=(0, 2), workers=1, progress=lines.append
    )
    assert len(rows) == len(lines) == 8
    assert rows == read_manifest(tmp_path)
    assert {row["split"] for row in rows} == {"train", "validation", "test"}
    for row in rows:
        folder = tmp_path / row["split"] / row["pair_id"]
        solo, rate = soundfile.read(folder / "solo.flac", dtype="float32")
        backing, _ = soundfile.read(folder / "backing.flac", dtype="float32")
        assert rate == 32000 and solo.shape == backing.shape == (row["frames"] * 640,)
        assert row["seconds"] == len(solo) / rate
        with np.load(folder / "labels.npz", allow_pickle=False) as labels:
            assert labels["score"].shape == (row["frames"],)
            assert labels["frame_labels"].shape == (row["frames"], 4)
            assert labels["score"].dtype == labels["frame_labels"].dtype == np.int16
            assert 1 + 60 - 40 + row["semitones"] in labels["score"]
            assert (labels["frame_labels"][40, 0] - row["semitones"]) % 12 == 5
        assert row["licence"] == "CC0-1.0" and row["timbre"] == "fluidr3"


def test_resuming_renders_nothing_twice(
    font_sounds: Sounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = many_scores(4)
    render_corpus(scores, tmp_path, font_sounds, limit=3, workers=1)
    before = (tmp_path / "manifest.jsonl").read_bytes()
    rendered = []
    original = corpus_module.render_planned

    def counting(pair_plan: corpus_module.PairPlan, *rest: object) -> dict:
        rendered.append(pair_plan.pair_id)
        return original(pair_plan, *rest)

    monkeypatch.setattr(corpus_module, "render_planned", counting)
    rows = render_corpus(scores, tmp_path, font_sounds, workers=1)
    assert len(rendered) == 1 and len(rows) == 4
    assert (tmp_path / "manifest.jsonl").read_bytes().startswith(before)
    render_corpus(scores, tmp_path, font_sounds, workers=1)
    assert len(rendered) == 1


def test_half_written_pairs_are_rendered_again(font_sounds: Sounds, tmp_path: Path) -> None:
    scores = many_scores(3)
    whole = render_corpus(scores, tmp_path, font_sounds, workers=1)
    manifest = tmp_path / "manifest.jsonl"
    folders = [tmp_path / row["split"] / row["pair_id"] for row in whole]
    untouched = (folders[2] / "solo.flac").read_bytes()
    # a kill between two files, and one in the middle of a manifest row
    (folders[0] / "backing.flac").unlink()
    lines = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(lines[0] + lines[2] + lines[1][:40])
    leftover = folders[1].with_name(f".{folders[1].name}.99-1.partial")
    leftover.mkdir()
    (leftover / "solo.flac").write_bytes(b"half")
    rows = render_corpus(scores, tmp_path, font_sounds, workers=1)
    assert {row["pair_id"]: row for row in rows} == {row["pair_id"]: row for row in whole}
    assert not leftover.exists()
    assert (folders[0] / "backing.flac").is_file()
    assert (folders[2] / "solo.flac").read_bytes() == untouched
    assert len(manifest.read_text().splitlines()) == 3
    for line in manifest.read_text().splitlines():
        json.loads(line)


def test_processes_give_the_same_corpus(font_sounds: Sounds, tmp_path: Path) -> None:
    scores = many_scores(2)
    alone = render_corpus(scores, tmp_path / "one", font_sounds, workers=1)
    together = render_corpus(scores, tmp_path / "two", font_sounds, workers=2)
    assert alone == together
    for row in alone:
        files = [tmp_path / n / row["split"] / row["pair_id"] / "solo.flac" for n in ("one", "two")]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_another_seed_in_the_same_folder_is_refused(font_sounds: Sounds, tmp_path: Path) -> None:
    render_corpus(many_scores(1), tmp_path, font_sounds, workers=1)
    with pytest.raises(CorpusError, match="--seed"):
        render_corpus(many_scores(1), tmp_path, font_sounds, seed=1, workers=1)


def test_a_walking_bass_changes_the_band_and_not_the_solo(
    font_sounds: Sounds, tmp_path: Path
) -> None:
    score = many_scores(1)[0]
    pedal = replace(score, beats=tuple(replace(beat, bass=31) for beat in score.beats))
    folders = []
    for basses in ("estimated", "walking"):
        (row,) = render_corpus([pedal], tmp_path / basses, font_sounds, basses=basses, workers=1)
        assert row["basses"] == basses
        folders.append(tmp_path / basses / row["split"] / row["pair_id"])
    for name, same in (("solo.flac", True), ("labels.npz", True), ("backing.flac", False)):
        first, second = ((folder / name).read_bytes() for folder in folders)
        assert (first == second) == same, name
    with pytest.raises(CorpusError, match="walking basses, but estimated"):
        render_corpus([pedal], tmp_path / "walking", font_sounds, workers=1)
    with pytest.raises(CorpusError, match="'slapped'.*estimated or walking"):
        render_corpus([pedal], tmp_path / "none", font_sounds, basses="slapped", workers=1)


def test_broken_manifest_lines_are_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text('{"pair_id": \n{}\n')
    with pytest.raises(PairsError, match="manifest.jsonl:1"):
        read_manifest(tmp_path)


def test_every_beginning_of_the_plan_is_a_fair_sample() -> None:
    scores = many_scores(40)
    planned = plan(scores, keys=(0, 5), tempi=(1.0, 0.9))
    assert len(planned) == 160
    assert {pair_plan.split for pair_plan in planned[:8]} == {"train", "validation", "test"}
    assert {pair_plan.score.id for pair_plan in planned[:40]} == {score.id for score in scores}
    assert {(pair_plan.semitones, pair_plan.tempo) for pair_plan in planned[:40]} == {(0, 1.0)}
    assert [pair_plan.pair_id for pair_plan in planned] == [
        pair_plan.pair_id for pair_plan in plan(scores[::-1], keys=(0, 5), tempi=(1.0, 0.9))
    ]
    only = plan(scores, splits=("test",))
    assert len(only) == 10 and {pair_plan.score.performer for pair_plan in only} == {"Art Pepper"}


def test_long_solos_are_cut_at_bars_without_losing_music() -> None:
    long = make_score((60,) * 500, bars=250)
    parts = excerpts(long)
    assert len(parts) == 3 and len({part.id for part in parts}) == 3
    assert all(part.duration <= 245 for part in parts)
    assert sum(len(part.notes) for part in parts) == len(long.notes)
    assert sum(len(part.beats) for part in parts) == len(long.beats)
    for part in parts:
        assert part.beats[0].beat == 1
        assert part.beats[0].onset == pytest.approx(0.5)
    assert excerpts(make_score()) == [make_score()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"splits": ("dev",)}, "'dev'.*train, validation, test"), ({"tempi": (0.0,)}, "0.25 and 4")],
)
def test_bad_plans_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        plan(many_scores(2), **arguments)


def test_missing_instruments_say_where_to_get_them(tmp_path: Path) -> None:
    without_fonts = Sounds(None, soundfont_dirs=(str(tmp_path),))
    with pytest.raises(MissingSoundError, match="fluid-soundfont-gm"):
        render_corpus(many_scores(1), tmp_path / "out", without_fonts)
    with pytest.raises(MissingSoundError, match="musescore-general-soundfont"):
        without_fonts.soundfont("musescore")
    with pytest.raises(MissingSoundError, match="MTG Solo Saxophones.*CC-BY"):
        Sounds(tmp_path).mtg_path("tenor")
    with pytest.raises(MissingSoundError, match="Karoryfer"):
        Sounds(tmp_path).plucked_bass()
    assert not (tmp_path / "out").exists()


def test_command_ends_in_one_line_for_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--weimar-dir", str(tmp_path / "none"), "--out", str(tmp_path / "out")]
    assert command("corpus", "render", *arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "jazzomat" in error
    assert not (tmp_path / "out").exists()


def test_command_renders_the_builtin_scores(font_sounds: Sounds, tmp_path: Path) -> None:
    arguments = ["--out", str(tmp_path), "--limit", "1", "--workers", "1", "--tempi", "1.5"]
    assert command("corpus", "render", *arguments) == 0
    assert len(read_manifest(tmp_path)) == 1
