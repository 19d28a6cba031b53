"""The planner's data and training: splits, excerpts that keep what they say, one whole run."""

import csv
import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from modeling_saxsolo import SaxsoloConfig, SaxsoloForConditionalGeneration
from modeling_saxsolo.line_saxsolo import END, line_features
from modeling_saxsolo.note_events_saxsolo import NO_OFFSET, NO_PITCH, ROOT, SECTION, WAIT
from modeling_saxsolo.planner_saxsolo import SaxsoloPlanner
from modeling_saxsolo.vocabulary_saxsolo import LOWEST_PITCH, NO_ROOT
from saxsolo.errors import CheckpointError
from saxsolo.evaluation.planner_runs import difference, read_run, runs_text
from saxsolo.training.errors import SettingsError
from saxsolo.training.planner import (
    PlannerTraining,
    install_planner,
    load_planner,
    losses_of,
    read_planner_settings,
    train_planner,
)
from saxsolo.training.planner_ablations import ABLATIONS, AblatedPlanner, without_inputs
from saxsolo.training.planner_data import Noise, excerpt_batch, read_solos, whole_excerpts
from saxsolo.training.planner_losses import planner_losses

ROOT_FOLDER = Path(__file__).resolve().parents[2]
SIZES = {"hidden_size": 16, "num_layers": 1, "num_heads": 2, "dropout": 0.1}
SWING = 0.62


def write_solos(folder: Path, solos: list[tuple[str, str, str]], swing: float = SWING) -> Path:
    """Solos (performer, title, instrument) of swung eighths over a blues, at 150 beats a minute."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows: dict[str, list[dict]] = {"solos": [], "notes": [], "beats": []}
    for performer, title, instrument in solos:
        name = f"{performer}_{title}".replace(" ", "")
        rows["solos"].append(
            {"solo_id": name, "performer": performer, "title": title, "instrument": instrument}
            | {"style": "BEBOP", "rhythmfeel": "SWING", "signature": "4/4"}
        )
        for beat in range(96):
            onset = 1 + 0.4 * beat
            common = {"solo_id": name, "bar": beat // 4 + 1, "beat": beat % 4 + 1}
            chord = ("F7", "Bb7", "C7")[beat // 16 % 3]
            rows["beats"].append(
                {**common, "onset": onset, "signature": "4/4", "chord": chord, "form": "A1"}
                | {"chorus_id": beat // 48 + 1, "bass": 40}
            )
            for tatum in range(2 if beat < 95 else 1):
                pitch = int(rng.choice([53, 57, 60, 63, 65]))
                rows["notes"].append(
                    {**common, "onset": onset + 0.4 * swing * tatum, "duration": 0.15}
                    | {"pitch": pitch, "division": 2, "tatum": tatum + 1, "loud_median": ""}
                )
    for kind, table in rows.items():
        opener = open if kind == "solos" else gzip.open
        suffix = ".csv" if kind == "solos" else ".csv.gz"
        with opener(folder / f"{kind}{suffix}", "wt", newline="") as file:
            writer = csv.DictWriter(file, list(table[0]))
            writer.writeheader()
            writer.writerows(table)
    return folder


@pytest.fixture(scope="module")
def solos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planner")
    saxes = [("A", "One", "ts"), ("Hank Mobley", "Two", "ts"), ("Art Pepper", "Three", "as")]
    others = [("B", "Four", "tp"), ("C", "Three", "tp"), ("Art Pepper", "Five", "cl")]
    return read_solos(
        [write_solos(folder / "saxes", saxes)],
        [write_solos(folder / "others", others)],
        [write_solos(folder / "quantised", [("D", "Six", "as"), ("D", "Two", "as")], 0.5)],
    )


def test_nobody_who_is_judged_is_trained_on_in_any_folder(solos) -> None:
    names = {split: sorted(s.score.id for s in part) for split, part in solos.items()}
    assert names["train"] == ["A_One", "B_Four", "D_Six"]
    assert names["validation"] == ["HankMobley_Two"]
    assert names["test"] == ["ArtPepper_Five", "ArtPepper_Three"]


def test_swung_eighths_are_written_even_and_played_late(solos) -> None:
    events = next(s for s in solos["train"] if s.score.id == "A_One").events[1:]
    assert set(events[:, 0] % 12) == {0, 6}
    late = {phase: set(events[events[:, 0] % 12 == phase, 4]) for phase in (0, 6)}
    # 0.62 of a beat is a tick and a half after its middle
    assert late == {0: {8}, 6: {11}}
    quantised = next(s for s in solos["train"] if s.score.id == "D_Six").events
    assert set(quantised[:, 4]) == {NO_OFFSET}


def test_an_excerpt_is_moved_as_a_whole(solos) -> None:
    """Degrees over the chords stay what they are in any key; nothing leaves the range."""
    part = solos["train"]
    still = Noise(pitch=0, timing=0, hidden_chords=0, lost_chord=0, asked=1.0, octave=0.5)
    degrees = {
        (note.pitch - chord) % 12
        for solo in part
        for note in solo.score.notes
        for chord in (5, 10, 0)
    }
    for seed in range(10):
        batch = excerpt_batch(part, 4, 40, np.random.default_rng(seed), still)
        for row in range(4):
            notes = batch.mask[row] & (batch.events[row, :, 2] != NO_PITCH)
            tick, pitch = batch.events[row, notes, 0], batch.events[row, notes, 2]
            assert (pitch >= 0).all() and (pitch < NO_PITCH).all()
            root = batch.sheet[row, tick // 12, ROOT]
            found = set(((pitch + LOWEST_PITCH - root) % 12)[root < NO_ROOT].tolist())
            assert found <= degrees
            steps = batch.events[row, 1:, 0] - batch.events[row, :-1, 0]
            real = batch.mask[row, 1:]
            assert torch.equal(steps[real], batch.events[row, 1:, 1][real].clamp(max=WAIT))
            low, high = batch.controls[row, 2:4] - 1
            assert low < 0 or (low == pitch.min() and high == pitch.max()) or high < 0


def test_losses_do_not_see_what_they_predict(solos) -> None:
    """The loss of an event is the same whatever comes after it."""
    torch.manual_seed(0)
    planner = SaxsoloPlanner(SIZES)
    planner.reset()
    planner.eval()
    batch = whole_excerpts(solos["validation"], 32)[0]
    short = batch.mask.clone()
    short[:, 10:] = False
    other = batch.events.clone()
    other[:, 10:, 2:5] = 7
    line = torch.from_numpy(np.stack([line_features(row) for row in other.numpy()]))
    for events, features in ((batch.events, batch.line), (other, line)):
        losses = planner_losses(planner, events, batch.sheet, batch.controls, short, features)
        known = {name: float(value.detach()) for name, value in losses.items()}
        assert known == pytest.approx(
            {
                name: float(value.detach())
                for name, value in planner_losses(
                    planner, batch.events, batch.sheet, batch.controls, short, batch.line
                ).items()
            }
        )


def settings(**changes) -> PlannerTraining:
    path = ROOT_FOLDER / "configs" / "planner.yaml"
    values = {"model": SIZES, "max_steps": 40, "evaluate_every": 20, "events": 48, "minutes": 5.0}
    return read_planner_settings(path, {**values, **changes})


def test_a_run_learns_and_its_planner_finds_its_place(solos, tmp_path) -> None:
    figures = train_planner(solos, tmp_path / "run", settings(weight_average=0.5))
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert figures["sum"] == pytest.approx(min(r["validation"]["sum"] for r in rows), abs=1e-3)
    assert rows[-1]["validation"]["sum"] < rows[0]["validation"]["sum"]
    trained = load_planner(tmp_path / "run" / "best")
    config = SaxsoloConfig(codec_dim=0, hidden_size=24, num_attention_heads=2, encoder_layers=1)
    SaxsoloForConditionalGeneration(config).save_pretrained(tmp_path / "model")
    install_planner(tmp_path / "run" / "best", tmp_path / "model")
    model = SaxsoloForConditionalGeneration.from_pretrained(tmp_path / "model")
    assert model.config.plan == "events"
    assert model.config.planner["ranges"]["tenor"] == [53, 65]
    for name, value in trained.state_dict().items():
        torch.testing.assert_close(model.planner.state_dict()[name], value)
    # again, in place of the first
    install_planner(tmp_path / "run" / "best", tmp_path / "model", plan="frames")
    assert SaxsoloForConditionalGeneration.from_pretrained(tmp_path / "model").planner is not None
    # what is measured solo by solo is what was measured together
    run = read_run(tmp_path / "run")
    assert run.mean("sum") == pytest.approx(figures["sum"], abs=1e-5)
    assert difference(run, run, "sum") == (0, (0, 0))
    assert "| a | " in runs_text({"a": run, "b": run})


@pytest.mark.parametrize("without", sorted(set(ABLATIONS) - {"degrees"}))
def test_what_is_taken_away_does_not_change_the_losses(solos, without) -> None:
    """Other chords ahead, another form, another line: a planner without them is as sure."""
    torch.manual_seed(0)
    planner = AblatedPlanner(SIZES, [without])
    planner.reset()
    planner.eval()
    batch = whole_excerpts(solos["validation"], 32)[0]
    other = replace(batch, sheet=batch.sheet.clone(), line=batch.line.clone())
    if without == "form":
        other.sheet[..., SECTION] = 3
    elif without == "chords":
        other.sheet[..., ROOT] = 2
    elif without == "line":
        other.line[..., : END - 1] = 1
    else:
        # no event lies in these beats
        other.sheet[:, int(batch.events[..., 0].max()) // 12 + 1 :, ROOT] = 2
    losses = [
        {k: float(v.detach()) for k, v in losses_of(planner, without_inputs(b, [without])).items()}
        for b in (batch, other)
    ]
    assert losses[0] == losses[1]


def test_without_degrees_a_place_says_nothing_of_pitches(solos) -> None:
    batch = whole_excerpts(solos["validation"], 32)[0]
    tick, pitch = batch.events[..., 0], batch.events[..., 2]
    plain, blind = SaxsoloPlanner(SIZES), AblatedPlanner(SIZES, ["degrees"])
    same = [
        torch.equal(p.place(batch.sheet, tick, pitch), p.place(batch.sheet, tick, pitch * 0))
        for p in (plain, blind)
    ]
    assert same == [False, True]
    assert set(blind.roots(batch.sheet, tick).flatten().tolist()) <= {0, NO_ROOT}


def test_a_planner_that_only_measures_is_not_installed(tmp_path) -> None:
    (tmp_path / "planner.json").write_text(json.dumps({"without": ["line"]}))
    with pytest.raises(CheckpointError, match="only measures"):
        install_planner(tmp_path, tmp_path)
    with pytest.raises(SettingsError, match="choose among"):
        AblatedPlanner(SIZES, ["drums"])
    assert settings(**{"model.num_layers": 7}).model["num_layers"] == 7


def test_what_is_no_model_and_no_setting_is_refused(tmp_path) -> None:
    (tmp_path / "planner.json").write_text("{}")
    with pytest.raises(CheckpointError, match="model.safetensors"):
        install_planner(tmp_path, tmp_path)
    with pytest.raises(SettingsError, match="minuets"):
        settings(minuets=3)
