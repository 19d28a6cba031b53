"""`saxsolo train`, and train.py started by a launcher."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig
from modeling_saxsolo.modeling_saxsolo import SaxsoloForConditionalGeneration
from saxsolo.training.errors import SettingsError
from saxsolo.training.settings import TrainSettings, read_settings
from saxsolo.training.trackers import checked_trackers

from ..command_line import command

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
SOLO_CONFIGS = [path for path in CONFIGS if not path.name.startswith(("codec", "ear", "planner"))]


def tiny(out: Path, *more: str) -> list[str]:
    return [str(ROOT / "configs/tiny.yaml"), "--builtin", "--out", str(out), *more]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run") / "look"
    assert command("train", *tiny(out)) == 0
    return out


def test_a_run_leaves_a_model_that_loads(run):
    model = SaxsoloForConditionalGeneration.from_pretrained(run / "final")
    assert model.dtype == torch.bfloat16 and model.config.use_cache
    assert {path.suffix for path in (run / "final").iterdir()} <= {".safetensors", ".json", ".py"}
    figures = json.loads((run / "final/figures.json").read_text())
    assert figures["step"] == 10 and not figures["has_audio"]
    low, high = figures["gap_other_95"]
    assert low <= figures["gap_other"] <= high


def test_the_same_command_again_trains_no_further(run, capsys):
    assert command("train", *tiny(run)) == 0
    kinds = [json.loads(line)["kind"] for line in (run / "log.jsonl").read_text().splitlines()]
    assert kinds.count("train") == 2 and "resume" in kinds


def test_evaluate_only_judges_every_clip(run):
    assert command("train", *tiny(run, "--evaluate-only", "--split", "test")) == 0
    found = json.loads((run / "heldout-test.json").read_text())
    assert len(found["per_clip"]) == found["clips"] == 3
    assert set(found["per_clip"][0]) == {"clip", "solo", "own", "other", "none"}
    again = json.loads((run / "final/figures.json").read_text())
    assert found["loss_own"] == pytest.approx(again["loss_own"], abs=0.02)  # bf16 against fp32


def test_a_run_begins_with_the_weights_of_another(run, tmp_path):
    assert (
        command("train", *tiny(tmp_path / "on", "--init-from", str(run), "--max-steps", "1")) == 0
    )
    first = json.loads((run / "heldout-validation.json").read_text())["loss_own"]
    records = [json.loads(line) for line in (tmp_path / "on/log.jsonl").read_text().splitlines()]
    judged = next(record for record in records if record["kind"] == "heldout")
    assert judged["loss_own"] < first + 0.1 < 4.8


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--set", "learning_rat=3"], "the nearest known one is 'learning_rate'"),
        (["--set", "model.hiden_size=3"], "the nearest known one is 'hidden_size'"),
        (["--set", "label_inputs=.nan"], "label_inputs is nan; it must lie in 0..1"),
        (["--set", "betas=[0.9]"], "betas"),
        (["--set", "seed"], "has no value"),
        (["--tracker", "nothing"], "nothing"),
        (["--set", "batch_size=x"], "batch_size"),
        (["--set", "accumulation=3"], "multiple"),
        (["--set", "model.hidden_size=30"], "hidden_size 30"),
        (["--tokens", "nowhere"], "no token corpus"),
        (["--weimar-dir", "nowhere"], "solos.csv"),
        (["--codec", "nowhere"], "nowhere"),
        (["--init-from", "nowhere"], "nowhere holds no model"),
        (["--evaluate-only"], "final holds no model"),
    ],
)
def test_bad_input_ends_in_one_line(more, message, tmp_path, capsys):
    assert command("train", *tiny(tmp_path, *more)) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert error[-1].startswith("saxsolo: ") and message in error[-1]


def test_init_from_another_size_is_refused(run, tmp_path, capsys):
    wider = ["--set", "model.intermediate_size=96", "--init-from", str(run)]
    assert command("train", *tiny(tmp_path, *wider)) == 2
    assert "use the same model section" in capsys.readouterr().err


@pytest.mark.parametrize("path", SOLO_CONFIGS, ids=lambda path: path.stem)
def test_every_config_reads(path):
    settings = read_settings(path)
    assert isinstance(settings, TrainSettings) and settings.model


def test_scores_and_small_describe_one_model():
    small, scores = (read_settings(ROOT / f"configs/{n}.yaml") for n in ("small", "small-scores"))
    assert small.model == scores.model


def test_base_has_a_hundred_million_weights():
    settings = read_settings(ROOT / "configs/base.yaml")
    with torch.device("meta"):
        model = SaxsoloForConditionalGeneration(SaxsoloConfig(**settings.model))
    assert 0.9e8 < model.num_parameters() < 1.3e8


def test_settings_files_that_are_none(tmp_path):
    for text in ("- 1", "a: [", "\udcff"):
        (tmp_path / "x.yaml").write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(SettingsError, match=r"x\.yaml"):
            read_settings(tmp_path / "x.yaml")


def test_1e_3_is_a_number_in_a_config(tmp_path):
    """YAML 1.1, which PyYAML reads, takes it for a text."""
    (tmp_path / "x.yaml").write_text("learning_rate: 1e-3\n")
    assert read_settings(tmp_path / "x.yaml").learning_rate == 0.001


def test_a_tracker_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("saxsolo.training.trackers.find_spec", lambda _: None)
    with pytest.raises(SettingsError, match="pip install wandb"):
        checked_trackers(["wandb"])
    assert checked_trackers(None) == checked_trackers(["none"]) == []


def test_tensorboard_gets_the_figures_of_the_log(tmp_path):
    pytest.importorskip("tensorboard", reason="needs pip install saxsolo[train]")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    out = tmp_path / "look"
    assert command("train", *tiny(out, "--tracker", "tensorboard", "--max-steps", "5")) == 0
    events = EventAccumulator(str(out / "saxsolo")).Reload()
    (logged,) = events.Scalars("train/loss")
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if line["kind"] == "train"]
    assert logged.step == 5 and [logged.value] == pytest.approx(losses)


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path):
    """The same rows on two processes as in one process of twice the batch: the same losses."""
    losses = []
    # accelerate launch needs a GPU or mpirun for more than one process; on CPUs torchrun does it.
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    for processes, batch in ((1, 4), (2, 2)):
        out = tmp_path / str(processes)
        command = [sys.executable, "-m", "torch.distributed.run", f"--nproc_per_node={processes}"]
        command += [str(ROOT / "train.py"), *tiny(out, "--set", f"batch_size={batch}")]
        command += ["--set", "model.dropout=0", "--set", "log_every=1", "--max-steps", "4"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment)
        assert done.returncode == 0, done.stderr[-2000:]
        records = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
        losses.append([r["loss"] for r in records if r["kind"] == "train"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
