"""Settings: one class for every way in, and back from run.json; hints and version."""

import json
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import saxsolo
from saxsolo import SettingError, Settings, extras
from saxsolo.audio.files import MAX_SECONDS, MIN_SECONDS
from saxsolo.playing.settings import SettingsKeywords

ROOT = Path(__file__).resolve().parents[2]

valid = st.builds(
    Settings,
    seed=st.integers(0, 2**63 - 1),
    seconds=st.none() | st.floats(MIN_SECONDS, MAX_SECONDS),
    temperature=st.none() | st.floats(0, 10, exclude_min=True),
    top_k=st.none() | st.integers(1, 10**6),
    guidance=st.none() | st.floats(1, 20),
    instrument=st.text(max_size=9),
    force=st.booleans(),
    feel=st.none() | st.text(max_size=9),
    chords=st.just("F7 | Bb7"),
    first_bar=st.none() | st.floats(0, MAX_SECONDS),
    tempo=st.none() | st.floats(30, 400),
    metre=st.none() | st.sampled_from(["4/4", "6/8"]),
)


@given(valid)
def test_run_json_brings_settings_back(settings):
    run = json.loads(json.dumps({"settings": settings.model_dump()}))
    assert Settings.of_run(run) == settings


def test_the_run_of_a_take_brings_its_settings_back(player, backing):
    wanted = {"seed": 7, "seconds": 1.0, "top_k": 9, "instrument": "alto"}
    run = json.loads(json.dumps(saxsolo.improvise(backing, player=player, **wanted).run))
    assert Settings.of_run(run) == Settings(**wanted)
    with pytest.raises(SettingError, match="holds no settings"):
        Settings.of_run({})


@given(valid, st.sampled_from(["seed", "seconds", "temperature", "top_k", "guidance"]))
def test_nan_is_never_a_setting(settings, name):
    with pytest.raises(SettingError, match=name):
        settings.changed(**{name: float("nan")})


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("guidence", "guidance"),
        ("instrment", "instrument"),
        ("topk", "top_k"),
        ("temperatur", "temper"),
    ],
)
def test_an_unknown_name_brings_the_nearest_known_one(wrong, near):
    with pytest.raises(
        SettingError, match=f"'{wrong}' is unknown; the nearest known one is '{near}"
    ):
        Settings(**{wrong: 1})


def test_numbers_of_numpy_are_numbers():
    settings = Settings(seed=np.int64(3), seconds=np.float32(2.0))
    assert settings == Settings(seed=3, seconds=2.0) and type(settings.seed) is int


def test_settings_do_not_change_after_they_were_checked():
    with pytest.raises(ValueError, match="frozen"):
        Settings().seed = 3


def test_editors_see_the_same_settings():
    assert get_type_hints(SettingsKeywords).keys() == Settings.model_fields.keys()


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        (None, 'pip install "saxsolo[notes]"'),
        (
            {"url": "file:///tmp/a%20b/saxsolo-1-py3-none-any.whl"},
            "/tmp/a b/saxsolo-1-py3-none-any",
        ),
        (
            {"url": "https://example.org/saxsolo", "vcs_info": {"vcs": "git"}},
            'pip install "saxsolo[notes] @ git+https://example.org/saxsolo"',
        ),
    ],
    ids=["index", "wheel", "repository"],
)
def test_a_hint_is_true_for_how_it_was_installed(monkeypatch, tmp_path, origin, said):
    class Installed:
        def read_text(self, name):
            assert name == "direct_url.json"
            return origin and json.dumps(origin)

    monkeypatch.setattr(extras, "PACKAGE", tmp_path / "site-packages" / "saxsolo")
    monkeypatch.setattr(extras, "distribution", lambda _: Installed())
    assert said in extras.missing_extra("music21", "notes")


def test_a_hint_in_a_checkout_and_in_a_copy(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    assert 'pip install -e ".[notes]"' in extras.missing_extra("music21", "notes")
    monkeypatch.chdir(tmp_path)
    assert f'pip install -e "{ROOT}[notes]"' in extras.missing_extra("music21", "notes")

    def absent(name):
        raise extras.PackageNotFoundError(name)

    monkeypatch.setattr(extras, "PACKAGE", tmp_path / "saxsolo")
    monkeypatch.setattr(extras, "distribution", absent)
    assert "pip install music21 " in extras.missing_extra("music21", "notes")


def test_version(run):
    code, stdout, _ = run("--version")
    assert (code, stdout) == (0, f"saxsolo {saxsolo.__version__}\n")


def test_a_copy_that_is_not_installed_has_a_version_too(tmp_path):
    (tmp_path / "saxsolo").symlink_to(ROOT / "saxsolo")
    script = "import sys; sys.path[:] = [sys.argv[1], *sys.path]; import saxsolo\n"
    script += "from importlib import metadata\n"
    script += "def absent(_): raise metadata.PackageNotFoundError\n"
    script += "saxsolo.version = absent; print(saxsolo.__version__)"
    line = [sys.executable, "-S", "-c", script, str(tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "0+unknown\n", done.stderr


@pytest.mark.parametrize("group", ["corpus", "measure", "benchmark"])
def test_every_command_of_a_group_has_its_help(run, group):
    listed = run(group, "--help")[1].partition("Commands:\n")[2]
    names = [line.split()[0] for line in listed.splitlines() if line.strip()]
    assert len(names) > 8
    for name in names:
        if group != "benchmark":
            code, stdout, stderr = run(group, name, "--help")
            assert code == 0 and f"Usage: saxsolo {group} {name}" in stdout, stderr


def test_a_benchmark_has_its_options(run):
    code, stdout, stderr = run("benchmark", "stretchers", "--help")
    assert code == 0 and "--pairs" in stdout, stderr
    assert "No such command" in run("benchmark", "nothing")[2]


def test_an_installed_package_says_that_it_has_no_benchmarks(run, monkeypatch, tmp_path):
    monkeypatch.setattr("saxsolo.cli.benchmark.FOLDER", tmp_path / "benchmarks")
    code, _, stderr = run("benchmark", "real-time")
    assert code == 2 and "clone the repository" in stderr and stderr.count("\n") == 1


@pytest.mark.parametrize("keys", ["-3,0,x", "", "1.5"])
def test_a_list_that_is_none(run, tmp_path, keys):
    code, _, stderr = run("corpus", "render", f"--keys={keys}", "--out", tmp_path / "pairs")
    assert code == 2 and "--keys" in stderr and stderr.count("\n") == 1
