"""A Space installs everything that the page needs, in versions that the tests pass with."""

import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
# what ZeroGPU supports
ZERO_GPU_TORCH = SpecifierSet(">=2.8,<2.12")
ZERO_GPU_PYTHON = "3.12"


def pinned(path: Path) -> dict[str, str]:
    """Name -> version of a file of NAME==VERSION."""
    lines = [line for line in path.read_text("utf-8").splitlines() if line and line[0] != "#"]
    wanted = [Requirement(line) for line in lines]
    return {canonicalize_name(item.name): str(item.specifier)[2:] for item in wanted}


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def front_matter() -> dict:
    return yaml.safe_load((ROOT / "space" / "README.md").read_text("utf-8").split("---\n")[1])


def test_a_space_installs_what_saxsolo_app_wants():
    wanted = [*project()["dependencies"], *project()["optional-dependencies"]["app"]]
    requirements = [Requirement(line) for line in wanted]
    names = {canonicalize_name(requirement.name) for requirement in requirements}
    constraints = pinned(ROOT / "constraints.txt")
    installed = pinned(ROOT / "space" / "requirements.txt")
    # the Hub installs this one by itself
    installed["gradio"] = front_matter()["sdk_version"]
    for requirement in requirements:
        assert installed[canonicalize_name(requirement.name)] in requirement.specifier
    # torch is pinned by what ZeroGPU supports
    del installed["torch"]
    assert installed == {name: constraints[name] for name in names - {"torch"}}


def test_a_space_runs_on_zero_gpu():
    assert pinned(ROOT / "space" / "requirements.txt")["torch"] in ZERO_GPU_TORCH
    assert front_matter()["python_version"] == ZERO_GPU_PYTHON
    assert ZERO_GPU_PYTHON in SpecifierSet(project()["requires-python"])
