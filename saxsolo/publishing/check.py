"""What is laid out is tried before it is sent: by a process of its own, without the network."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from huggingface_hub import ModelCard, SpaceCard
from packaging.requirements import InvalidRequirement, Requirement

from saxsolo.assets import asset
from saxsolo.errors import PublishError
from saxsolo.scratch import scratch_prefix

# -P and these lines: neither the clone nor an editable install of it is in sight
HIDE = """
import sys
for name in ("saxsolo", "modeling_saxsolo"):
    sys.modules[name] = None
"""
PLAY = """
import numpy as np
from transformers import pipeline

play = pipeline("audio-to-audio", model=sys.argv[1], trust_remote_code=True)
backing = 0.1 * np.sin(np.arange(22050) * 0.05)
solo = play({"array": backing, "sampling_rate": 44100}, seed=0)
wanted = solo["sampling_rate"] // 2
if solo["audio"].shape != (wanted,) or not np.isfinite(solo["audio"]).all():
    raise SystemExit(f"half a second came out as {solo['audio'].shape}, {wanted} are right")
"""
# argv: the folder, a scratch folder
PLAY_GRAPHS = """
import runpy
import sys

for name in ("torch", "transformers"):
    sys.modules[name] = None
import numpy as np
import soundfile

folder, place = sys.argv[1:]
backing, solo = place + ".wav", place + ".solo.wav"
soundfile.write(backing, 0.1 * np.sin(np.arange(88200) * 0.05), 44100)
sys.path.insert(0, folder + "/onnx")
sys.argv = ["play.py", backing, "--out", solo]
runpy.run_path(folder + "/onnx/play.py", run_name="__main__")
if abs(soundfile.info(solo).duration - 2) > 0.1 or not np.isfinite(soundfile.read(solo)[0]).all():
    raise SystemExit(f"two seconds came out as {soundfile.info(solo).duration} s")
"""
LOAD = """
import json
from datasets import load_dataset

data = load_dataset(sys.argv[1], cache_dir=sys.argv[2])
print(json.dumps({split: len(rows) for split, rows in data.items()}))
"""
# argv: the folder, a scratch folder, the checkpoint to play with or nothing
START = """
import os
import sys
from importlib.machinery import PathFinder

OURS = ("saxsolo", "modeling_saxsolo")
folder, _, checkpoint = sys.argv[1:]


class OnlyThere:
    # our packages come from the folder, or are missing
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in OURS:
            return None
        spec = PathFinder.find_spec(name, [folder])
        if spec is None:
            raise ModuleNotFoundError(f"{name} is not in the folder", name=name)
        return spec


sys.meta_path.insert(0, OnlyThere)
sys.path.insert(0, folder)
os.chdir(folder)
import app
import httpx

url = app.launch(host="127.0.0.1", block=False, checkpoint=checkpoint or None)
httpx.get(url, timeout=60).raise_for_status()
httpx.get(url + "config", timeout=60).raise_for_status()
"""
SECRETS = re.compile(rb"\bhf_[A-Za-z0-9]{30,}|-----BEGIN [A-Z ]*PRIVATE KEY-----")
MOST_SECONDS = 600
DEFAULT_MODEL = asset("checkpoints/saxsolo-small")
COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")


def check_secrets(folder: Path) -> None:
    """Refuses hidden files, pickles, and text with an access token or a private key in it.

    Raises:
        PublishError: with the first file.
    """
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if any(part.startswith(".") for part in name.split("/")):
            raise PublishError(f"{name} is hidden and would be published; remove it")
        if not path.is_file():
            continue
        if path.suffix in (".bin", ".pt", ".pth", ".pkl", ".ckpt"):
            raise PublishError(f"{name} may be a pickle; only safetensors are published")
        if path.stat().st_size < 10_000_000 and SECRETS.search(path.read_bytes()):
            raise PublishError(f"{name} holds what looks like a token or key; remove it")


def check_model(folder: Path) -> None:
    """Loads the folder as a stranger does, plays half a second, follows the card's links.

    Raises:
        PublishError: with what went wrong.
    """
    card = ModelCard.load(folder / "README.md")
    if not card.data.eval_results:
        raise PublishError("README.md has no model-index")
    links = re.findall(r"\]\((?!https?://|#)([^)]+)\)", card.text)
    for link in links:
        if not (folder / link).exists():
            raise PublishError(f"README.md links to {link}, which is not in the folder")
    _run(HIDE + PLAY, folder)
    if (folder / "onnx").is_dir():
        _run(HIDE + PLAY_GRAPHS, folder)


def check_dataset(folder: Path) -> None:
    """Loads the folder with `load_dataset` and counts its rows.

    Raises:
        PublishError: with what went wrong.
    """
    rows = json.loads(_run(HIDE + LOAD, folder).splitlines()[-1])
    wanted = json.loads((folder / "tokens.json").read_text("utf-8"))["rows"]
    if rows != wanted:
        raise PublishError(f"load_dataset finds the rows {rows}, tokens.json says {wanted}")


def check_space(folder: Path) -> None:
    """Reads the front matter and the requirements, compiles every file of Python.

    The project's own page is started too, without the network, and asked for itself. A model that
    it takes from the Hub is not there then: the one of this machine stands in for it.

    Raises:
        PublishError: with what is wrong.
    """
    try:
        front = SpaceCard.load(folder / "README.md").data.to_dict()
    except (ValueError, yaml.YAMLError) as error:
        raise PublishError(f"README.md has no front matter that can be read: {error}") from error
    lacking = [key for key in ("title", "sdk", "sdk_version", "app_file") if not front.get(key)]
    if lacking:
        raise PublishError(f"the front matter of README.md lacks {', '.join(lacking)}")
    if front["sdk"] != "gradio" or not re.fullmatch(r"\d+\.\d+\.\d+", str(front["sdk_version"])):
        raise PublishError(
            f"sdk {front['sdk']} {front['sdk_version']} in README.md: write gradio and its exact "
            "version, as 6.1.0"
        )
    if not (folder / front["app_file"]).is_file():
        raise PublishError(f"app_file {front['app_file']} of README.md is not in the folder")
    for key in ("colorFrom", "colorTo"):
        if front.get(key, "blue") not in COLOURS:
            raise PublishError(
                f"{key} {front[key]} of README.md is not one of {', '.join(COLOURS)}"
            )
    if len(front.get("short_description", "")) > 60:
        raise PublishError("short_description of README.md has more than 60 letters")
    for line in (folder / "requirements.txt").read_text("utf-8").splitlines():
        text = line.split(" #")[0].strip()
        if not text or text.startswith(("#", "--")):
            continue
        try:
            wanted = Requirement(text)
        except InvalidRequirement as error:
            raise PublishError(
                f"requirements.txt: {text!r} is not a requirement: {error}"
            ) from error
        if not wanted.url and not any(condition.operator == "==" for condition in wanted.specifier):
            raise PublishError(f"requirements.txt: {text!r} is not pinned; write NAME==VERSION")
    for path in sorted(folder.rglob("*.py")):
        try:
            compile(path.read_bytes(), path.name, "exec")
        except (SyntaxError, ValueError) as error:
            name = path.relative_to(folder)
            raise PublishError(f"{name} does not compile: {error}") from error
    if "saxsolo.page" in (folder / front["app_file"]).read_text("utf-8"):
        along = (folder / "checkpoints" / DEFAULT_MODEL.name).is_dir()
        stand_in = "" if along else os.environ.get("SAXSOLO_CHECKPOINT") or str(DEFAULT_MODEL)
        _run(START, folder, stand_in, hidden=("SAXSOLO_CHECKPOINT", "SAXSOLO_CODEC"))


def _run(code: str, folder: Path, *more: str, hidden: tuple[str, ...] = ()) -> str:
    """Runs code over the folder in a process without network, token or this package."""
    with tempfile.TemporaryDirectory(prefix=scratch_prefix("publish")) as place:
        hidden = ("PYTHONPATH", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", *hidden)
        environment = {k: v for k, v in os.environ.items() if k not in hidden}
        environment |= {"HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": f"{place}/modules"}
        environment |= {"PYTHONDONTWRITEBYTECODE": "1", "TOKENIZERS_PARALLELISM": "false"}
        line = [sys.executable, "-P", "-c", code, str(folder.resolve()), f"{place}/cache", *more]
        try:
            done = subprocess.run(
                line,
                cwd=place,
                env=environment,
                capture_output=True,
                text=True,
                timeout=MOST_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise PublishError(f"the folder does not load within {MOST_SECONDS} s") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise PublishError(f"the folder does not load as it stands: {last}")
    return done.stdout
