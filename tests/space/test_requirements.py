"""A Space installs everything that the page needs, in the versions that the tests pass with."""

import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


def pinned(path: Path) -> dict[str, str]:
    """Name -> version of a file of NAME==VERSION."""
    lines = [line for line in path.read_text("utf-8").splitlines() if line and line[0] != "#"]
    wanted = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): str(one.specifier)[2:] for one in wanted}


def test_a_space_installs_what_saxsolo_app_wants():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["app"]]
    names = {canonicalize_name(Requirement(one).name) for one in wanted}
    constraints = pinned(ROOT / "constraints.txt")
    front = (ROOT / "space" / "README.md").read_text("utf-8").split("---\n")[1]
    installed = pinned(ROOT / "space" / "requirements.txt")
    # the Hub installs this one by itself
    installed["gradio"] = yaml.safe_load(front)["sdk_version"]
    assert installed == {name: constraints[name] for name in names}
