"""What the documents say can be done."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def snippets(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def shell_lines(program: str) -> list[str]:
    lines = "\n".join(snippets("bash")).splitlines()
    return [line.split(" #")[0].strip() for line in lines if line.startswith(program + " ")]


@pytest.fixture
def place(tmp_path, backing, checkpoint) -> Path:
    """A folder with what the snippets name."""
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "saxsolo-small").symlink_to(checkpoint)
    (tmp_path / "backing.wav").symlink_to(backing)
    return tmp_path


@pytest.mark.parametrize("code", [s for s in snippets("python") if "import saxsolo" in s])
def test_snippets_of_saxsolo(code, place, checkpoint, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("SAXSOLO_CHECKPOINT", str(checkpoint))
    exec(code, {})
    assert "take.save" not in code or (place / "out" / "mix.wav").stat().st_size > 96000


@pytest.mark.parametrize("code", [s for s in snippets("python") if "transformers" in s])
def test_snippet_of_transformers(code, place):
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HOME": str(place / "cache")}
    code += "\nimport numpy\nassert numpy.ravel(audio).shape == (96000,), numpy.shape(audio)"
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, cwd=place, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", shell_lines("saxsolo"))
def test_commands_take_the_options_that_are_shown(run, line):
    words = line.split()[1:]
    name = words[:2] if words[0] == "corpus" else words[:1]
    code, stdout, stderr = run(*name, "--help")
    assert code == 0, stderr
    for option in re.findall(r"--[a-z-]+", line):
        assert option in stdout


@pytest.mark.parametrize("line", shell_lines("python"))
def test_scripts_take_the_options_that_are_shown(line, monkeypatch, capsys):
    words = line.split()[1:]
    monkeypatch.setattr(sys, "argv", [words[0], "--help"])
    with pytest.raises(SystemExit) as stop:
        if words[0] == "-m":
            # an earlier test may have imported it
            monkeypatch.delitem(sys.modules, words[1], raising=False)
            runpy.run_module(words[1], run_name="__main__")
        else:
            runpy.run_path(str(ROOT / words[0]), run_name="__main__")
    assert not stop.value.code
    shown = capsys.readouterr().out
    for option in re.findall(r"--[a-z-]+", line):
        assert option in shown
    for file in re.findall(r"configs/\S+", line):
        assert (ROOT / file).is_file()


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in shell_lines("make"):
        assert re.search(rf"^{line.split()[1]}:", makefile, re.MULTILINE), line


@pytest.mark.parametrize("document", ["README.md", "model_card.md"])
def test_links_and_places_exist(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    table = text.split("## What is where")[-1].split("\n## ")[0] if document == "README.md" else ""
    places = re.findall(r"`([\w./]+(?:/|\.py))`", table)
    assert links
    for place in links + places:
        assert (ROOT / place).exists(), place


def test_no_file_of_the_code_unpickles():
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).parts
        if parts[0].startswith(".") or parts[0] in ("tests", "runs", "build"):
            continue
        code = path.read_text(encoding="utf-8")
        # the word alone may stand in a docstring
        unpickles = r"torch\.load\(|\bimport pickle\b|\bpickle\.\w|allow_pickle=True|weights_only"
        assert not re.search(unpickles, code), path
