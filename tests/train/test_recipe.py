"""`make train`: every command of the recipe is a real one, and they run one after the other."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from saxsolo.weights.loading import load_player

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "corpus fetch",
    "corpus solos",
    "corpus accompany",
    "train-ear",
    "train-codec",
    "corpus tokenise",
    "train ",
    "export",
    "train-planner",
    "refine-planner",
)
SETTING = re.compile(r"--set (?:'([^']+)'|(\S+))")
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*words: str) -> subprocess.CompletedProcess[str]:
    saxsolo = f"{sys.executable} -m saxsolo"
    return subprocess.run(
        ["make", "--no-print-directory", "train", f"SAXSOLO={saxsolo}", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )


def test_the_recipe_names_every_step_in_order(tmp_path: Path) -> None:
    lines = make("--dry-run", f"RUNS={tmp_path}").stdout.replace("\\\n", " ").splitlines()
    said = [line.partition(" -m saxsolo ")[2] for line in lines if " -m saxsolo " in line]
    for command in COMMANDS:
        assert any(line.startswith(command) for line in said), command
    places = [next(i for i, x in enumerate(said) if x.startswith(c)) for c in COMMANDS]
    assert places[0] == 0 and places[-1] == len(said) - 1
    # tokens want solos and codec, what is exported all of these and the ear
    assert places[5] > max(places[1], places[4]) and places[7] > max(places[1:7])


def test_the_recipe_plays_as_the_default_does() -> None:
    solo = ROOT / "checkpoints/saxsolo-small"
    shipped = {
        **json.loads((solo / "config.json").read_text()),
        **json.loads((solo / "generation_config.json").read_text()),
    }
    lines = make("--dry-run", "RUNS=none").stdout.replace("\\\n", " ").splitlines()
    (export,) = (line for line in lines if " -m saxsolo export " in line)
    asked = dict(pair for one, two in SETTING.findall(export) if (pair := (one or two).split("=")))
    assert {"guidance_scale", "onset_bias", "phrasing"} <= set(asked)
    for name, value in asked.items():
        assert yaml.safe_load(value) == shipped[name], name


@pytest.mark.slow
def test_the_small_recipe_makes_a_model_that_loads(tmp_path: Path, data_dir: Path) -> None:
    done = make("SMALL=1", f"RUNS={tmp_path}", f"DATA={data_dir}")
    assert done.returncode == 0, done.stderr[-2000:]
    player = load_player(tmp_path / "checkpoints/solo")
    assert player.solo.model.config.planner is not None and player.ear is not None
    again = make("SMALL=1", f"RUNS={tmp_path}", f"DATA={data_dir}")
    assert " -m saxsolo " not in again.stdout
