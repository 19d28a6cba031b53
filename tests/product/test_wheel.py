"""The wheels, installed where nothing of the checkout is in sight: they play."""

import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import soundfile as sf
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from saxsolo.publishing.runtime_files import REQUIREMENTS

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "blues_in_f.flac"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the tree, as `pip wheel .` does."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    subprocess.run([*pip, str(ROOT)], check=True)
    (path,) = folder.glob("saxsolo-*.whl")
    return path


@pytest.mark.slow
def test_the_wheel_owns_two_names_and_carries_weights_and_examples(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    owned = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert owned == {"modeling_saxsolo", "saxsolo"}
    for name in (
        "checkpoints/saxsolo-small/model.safetensors",
        "checkpoints/saxcodec-44khz/model.safetensors",
        "examples/blues_in_f.flac",
        "space/app.py",
        "model_card.md",
        "NOTICE",
    ):
        assert f"saxsolo/assets/{name}" in names, name
    assert {"saxsolo/py.typed", "modeling_saxsolo/py.typed", "saxsolo/page/page.css"} <= {*names}


def test_the_runtime_is_of_this_version_and_wants_what_its_programs_want():
    here, runtime = (
        tomllib.loads((ROOT / place / "pyproject.toml").read_text("utf-8"))["project"]
        for place in ("", "packaging/runtime")
    )
    assert runtime["version"] == here["version"]
    assert tuple(runtime["dependencies"]) == REQUIREMENTS


@pytest.mark.slow
def test_the_runtime_owns_one_name_and_answers_without_torch(tmp_path: Path):
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path)]
    subprocess.run([*pip, str(ROOT / "packaging" / "runtime")], check=True)
    (path,) = tmp_path.glob("saxsolo_runtime-*.whl")
    with zipfile.ZipFile(path) as wheel:
        owned = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" not in name}
        wheel.extractall(tmp_path)
    assert owned == {"saxsolo_runtime"}
    pytest.importorskip("onnxruntime")
    hidden = "import runpy, sys\n" + "".join(
        f"sys.modules[{name!r}] = None\n"
        for name in ("torch", "transformers", "saxsolo", "modeling_saxsolo")
    )
    code = hidden + "runpy.run_module('saxsolo_runtime.command', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(EXAMPLE), "--model", str(tmp_path)],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.endswith("is no folder of `saxsolo export --format onnx`\n")


def required(name: str) -> set[str]:
    """The distributions that one needs without extras, itself included, of those installed here."""
    found, open_names = set(), [name]
    while open_names:
        here = canonicalize_name(open_names.pop())
        if here in found:
            continue
        found.add(here)
        for text in metadata.requires(here) or ():
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                open_names.append(wanted.name)
    return found


def lend_libraries(names: set[str], place: Path) -> None:
    """Links what some distributions installed here into the packages of another environment."""
    for name in names:
        for file in metadata.files(name) or ():
            top = file.parts[0]
            if top != ".." and not (place / top).exists():
                (place / top).symlink_to(
                    Path(str(file.locate())).parents[len(file.parts) - 1] / top
                )


@pytest.mark.slow
def test_an_installed_wheel_plays_outside_the_checkout(wheel: Path, tmp_path: Path):
    """An environment of its own, that has the libraries which the wheel asks for and no others."""
    place = tmp_path / "environment"
    venv.create(place)
    binaries = place / ("Scripts" if os.name == "nt" else "bin")
    python = str(binaries / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, str(wheel)], check=True)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True)
    lend_libraries(required("saxsolo") - {"saxsolo"}, Path(packages.stdout.strip()))
    hidden = ("PYTHONPATH", "SAXSOLO_CHECKPOINT", "SAXSOLO_CODEC", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    command = [str(binaries / "saxsolo"), "improvise", str(EXAMPLE), "--out", "take"]
    # long enough for a note: a solo may begin with a rest
    subprocess.run(
        [*command, "--seconds", "6", "--seed", "1"], check=True, cwd=tmp_path, env=environment
    )
    solo, rate = sf.read(tmp_path / "take" / "solo.wav")
    assert len(solo) == 6 * rate and abs(solo).max() > 0.01
