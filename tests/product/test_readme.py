"""What the documents say can be done."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from saxsolo import cli

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")],
    key=lambda path: path.relative_to(ROOT).parts,
)
# the log and the changes keep names as they were on their day
HISTORY = ("docs/LOG.md", "docs/contributors/log.md", "CHANGELOG.md")
TEXTS = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in DOCUMENTS}
CURRENT = {name: text for name, text in TEXTS.items() if name not in HISTORY}


def blocks(text: str, language: str) -> list[str]:
    """Contents of the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def shell_lines(text: str) -> list[str]:
    """Lines of the shell: of fenced and of indented blocks, continued lines joined."""
    indented = re.findall(r"(?:^|\n\n)((?: {4}\S.*\n?)+)", text)
    lines = "\n".join([*blocks(text, "bash"), *indented]).replace("\\\n", " ").splitlines()
    return [line.split(" #")[0].strip() for line in lines]


def commands(program: str, *, inline: bool) -> list[str]:
    """Every command of a program in the current documents, each once."""
    found = []
    for text in CURRENT.values():
        spans = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text) if inline else shell_lines(text)
        found += [span for span in spans if span.startswith(program + " ")]
    return list(dict.fromkeys(found))


def python_snippets(word: str) -> list[str]:
    """Python blocks that hold the word, each once."""
    found = [block for text in CURRENT.values() for block in blocks(text, "python")]
    return list(dict.fromkeys(block for block in found if word in block))


def find_command(words: list[str]) -> tuple[object, str, list[str]]:
    """The deepest command that the words name, its name, and the words after it."""
    command, name = typer.main.get_command(cli.app), "saxsolo"
    while is_group(command) and words and not words[0].startswith("-"):
        context = typer.Context(command, info_name=name)
        assert words[0] in command.list_commands(context), f"{name} has no command {words[0]}"
        part, command, words = command.resolve_command(context, words)
        name = f"{name} {part}"
    return command, name, words


def is_group(command: object) -> bool:
    """Whether other commands stand below this one."""
    return hasattr(command, "list_commands")


def options_of(command: object) -> set[str]:
    """The options that a command takes; completion is offered by the outermost alone."""
    assert not command.ignore_unknown_options, f"{command.name} takes any option"
    names = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    return names | {"--help"}


@pytest.fixture
def place(tmp_path, backing, checkpoint) -> Path:
    """A folder with what the snippets name."""
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "saxsolo-small").symlink_to(checkpoint)
    (tmp_path / "backing.wav").symlink_to(backing)
    return tmp_path


def test_the_readme_is_short():
    assert len(TEXTS["README.md"].splitlines()) <= 120


@pytest.mark.parametrize("code", python_snippets("import saxsolo"))
def test_snippets_of_saxsolo(code, place, checkpoint, monkeypatch):
    monkeypatch.chdir(place)
    # what is asked of a planner is asked of the default model, which has one
    asked = "density=" in code
    told = ROOT / "checkpoints" / "saxsolo-small" if asked else checkpoint
    monkeypatch.setenv("SAXSOLO_CHECKPOINT", str(told))
    exec(code, {})
    assert ".save(" not in code or list(place.glob("*/**/mix.*"))


@pytest.mark.parametrize("code", python_snippets("transformers"))
def test_snippets_of_transformers(code, place):
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HOME": str(place / "cache")}
    code += "\nimport numpy"
    if "audio =" in code:
        code += "\nassert numpy.ravel(audio).shape == (96000,), numpy.shape(audio)"
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, cwd=place, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_python_snippet_is_run():
    run = {*python_snippets("import saxsolo"), *python_snippets("transformers")}
    assert run == set(python_snippets(""))


@pytest.mark.parametrize("line", commands("saxsolo", inline=False))
def test_commands_can_be_typed_as_shown(line):
    command, name, words = find_command(shlex.split(line)[1:])
    assert words or not is_group(command), f"{name} needs a command"
    assert {word.split("=")[0] for word in words if word.startswith("--")} <= options_of(command)
    if not is_group(command):
        # checks arguments, choices and numbers, and runs nothing
        command.make_context(name, words)


@pytest.mark.parametrize("span", commands("saxsolo", inline=True))
def test_commands_named_in_a_sentence_exist(span):
    command, _, words = find_command(shlex.split(span.replace("...", ""))[1:])
    assert {word.split("=")[0] for word in words if word.startswith("--")} <= options_of(command)


def test_the_page_on_the_command_line_names_every_command():
    page = TEXTS["docs/engineers/command-line.md"]
    for name, command in typer.main.get_command(cli.app).commands.items():
        row = next((line for line in page.splitlines() if f"| `saxsolo {name}` |" in line), None)
        assert row, f"no row of saxsolo {name}"
        parts = command.list_commands(typer.Context(command)) if is_group(command) else []
        assert not [part for part in parts if f"`{part}`" not in row], row


def test_configs_exist():
    for name, text in TEXTS.items():
        for file in re.findall(r"\bconfigs/[\w-]+\.yaml", text):
            assert (ROOT / file).is_file(), (name, file)


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = commands("make", inline=False) + commands("make", inline=True)
    assert lines
    for line in lines:
        assert re.search(rf"^{line.split()[1]}:", makefile, re.MULTILINE), line


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_to_files(name):
    for link in re.findall(r"\]\(([^)\s]+)\)", TEXTS[name]):
        target = link.split("#")[0]
        if "://" not in link and target:
            assert (ROOT / name).parent.joinpath(target).is_file(), link


def test_places_in_the_tables_of_the_house_exist():
    page = TEXTS["docs/contributors/house.md"]
    top, floors = page.split("## Floors")[0], page.split("## Floors")[1].split("## Allowed")[0]
    for folder, table in ((ROOT, top), (ROOT / "saxsolo", floors)):
        places = re.findall(r"^\| `([\w./-]+)`", table, re.MULTILINE)
        assert places
        for place in places:
            assert (folder / place).exists(), place


def test_no_file_of_the_code_unpickles():
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).parts
        if parts[0].startswith(".") or parts[0] in ("tests", "runs", "build"):
            continue
        code = path.read_text(encoding="utf-8")
        # the word alone may stand in a docstring
        unpickles = r"torch\.load\(|\bimport pickle\b|\bpickle\.\w|allow_pickle=True|weights_only"
        assert not re.search(unpickles, code), path
