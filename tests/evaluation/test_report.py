"""The whole report on a corpus of two small tunes: what it finds out, and what it refuses."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

pytest.importorskip("swift_f0", reason="needs swift-f0 (pip install saxsolo[evaluate])")
pytest.importorskip("matplotlib", reason="needs matplotlib (pip install saxsolo[evaluate])")

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo import cli
from saxsolo.corpus.scores.builtin import builtin_scores
from saxsolo.evaluation import artifact_cache as shelf_module
from saxsolo.evaluation import report as report_module
from saxsolo.evaluation.baselines import sines
from saxsolo.evaluation.report_markdown import BEGIN, END
from saxsolo.music.frame_labels import frame_labels, score_tokens
from saxsolo.weights.loading import load_player

from ..command_line import command
from ..product.conftest import save_checkpoint

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 8
SCORES = {score.id: score for score in builtin_scores() if score.notes}
TUNES = sorted(SCORES)


def add_pair(pairs: Path, split: str, name: str, semitones: int = 0) -> dict:
    """Writes one pair of `SECONDS` + 2 and returns its line of the manifest."""
    score = SCORES[name]
    frames = 50 * (SECONDS + 2)
    folder = pairs / split / f"{name}_{split}"
    folder.mkdir(parents=True)
    tokens = score_tokens(score, frames)
    labels = frame_labels(score, frames)
    if semitones:
        from saxsolo.music.frame_labels import transpose_labels, transpose_tokens

        tokens, labels = transpose_tokens(tokens, semitones), transpose_labels(labels, semitones)
    np.savez(folder / "labels.npz", frame_labels=labels, score=tokens)
    sf.write(folder / "solo.flac", sines(score.notes, frames * 640), SAMPLING_RATE)
    rng = np.random.default_rng(0)
    sf.write(folder / "backing.flac", 0.05 * rng.standard_normal(frames * 640), SAMPLING_RATE)
    return {
        "pair_id": folder.name,
        "split": split,
        "semitones": 0,
        "seconds": SECONDS + 2,
        "instrument": score.instrument,
        "feel": score.feel,
        "tempo": score.tempo,
        "title": f"{score.title} {split}",
        "performer": f"player of {name}",
        "style": score.style,
        "timbre": "mtg",
        "tempo_factor": 1.0,
        "frames": frames,
        "source": score.source,
        "licence": score.licence,
        "attribution": score.attribution,
    }


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    rows = [add_pair(folder, "test", name) for name in TUNES]
    rows += [add_pair(folder, "train", name, semitones=2) for name in TUNES]
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture
def evaluate(monkeypatch, capfd, pairs, checkpoint, tmp_path):
    """Runs `saxsolo evaluate` in this process -> (exit code, stderr, report or None)."""

    def call(*arguments: object, data: Path = pairs, out: Path | None = None):
        out = out or tmp_path / "report"
        line = ["evaluate", "--data", data, "--out", out, "--seconds", SECONDS]
        line += ["--checkpoint", checkpoint, "--codec", checkpoint / "codec", *arguments]
        monkeypatch.setattr("sys.argv", ["saxsolo", *map(str, line)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        path = out / "report.json"
        found = json.loads(path.read_text()) if path.exists() else None
        return stop.value.code or 0, capfd.readouterr().err, found

    return call


@pytest.fixture(autouse=True)
def plain(monkeypatch, request):
    """The same baselines on every machine; pictures only where they are looked at."""
    monkeypatch.setattr("saxsolo.evaluation.baselines._has_fluidsynth", lambda: False)
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr("saxsolo.evaluation.pictures.draw_all", lambda *_: [])


@pytest.fixture
def drawn() -> None:
    """Asks for pictures."""


def give_takes(folder: Path, pairs: Path, sounds: dict[str, np.ndarray]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, sound in sounds.items():
        sf.write(folder / f"{name}.wav", sound, SAMPLING_RATE, subtype="FLOAT")
    return folder


def humans(pairs: Path) -> dict[str, np.ndarray]:
    folders = sorted((pairs / "test").iterdir())
    return {f.name: sf.read(f / "solo.flac", dtype="float32")[0] for f in folders}


def value(report: dict, player: str, metric: str) -> float | None:
    return report["systems"][player]["figures"][metric]["value"]


@pytest.fixture(scope="module")
def shared_out(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("shared")


def test_takes_that_listen_and_takes_that_were_swapped(evaluate, pairs, tmp_path, shared_out):
    own = humans(pairs)
    listens = give_takes(tmp_path / "own", pairs, own)
    code, stderr, good = evaluate("--takes", listens, out=shared_out)
    assert code == 0, stderr
    swapped = dict(zip(own, reversed(list(own.values())), strict=True))
    code, stderr, bad = evaluate(
        "--takes", give_takes(tmp_path / "swapped", pairs, swapped), out=shared_out
    )
    assert code == 0, stderr
    assert value(good, "saxsolo", "auc_chord_tones") == 1.0
    assert value(bad, "saxsolo", "auc_chord_tones") == 0.0
    for metric in ("chord_tones", "scale_tones"):
        assert value(good, "saxsolo", metric) > value(bad, "saxsolo", metric) + 0.15
        assert value(bad, "saxsolo", metric) == pytest.approx(
            value(good, "human_wrong_backing", metric)
        )
        assert value(good, "saxsolo", metric) == pytest.approx(value(good, "human", metric))
    # a copy of the humans has their distributions
    assert good["resemblance"]["saxsolo"]["shape"]["intervals"]["value"] == pytest.approx(
        0, abs=1e-6
    )
    assert good["command"].startswith("saxsolo evaluate --data PAIRS")
    assert str(tmp_path) not in good["command"]


def test_the_training_solo_that_fits_is_found_in_another_key(evaluate, pairs, tmp_path, shared_out):
    takes = give_takes(tmp_path / "own", pairs, humans(pairs))
    _, _, report = evaluate("--takes", takes, out=shared_out)
    assert report["retrieved_from"] == [f"{name}_train" for name in TUNES]
    # it is the human's solo but for the rounding of beats
    human = value(report, "human", "chord_tones")
    assert value(report, "retrieval", "chord_tones") == pytest.approx(human, abs=0.1)
    assert value(report, "retrieval", "longest_copy") > 8
    assert value(report, "random_walk", "scale_tones") > 0.9


def test_files_that_a_person_reads(evaluate, pairs, tmp_path, shared_out, drawn):
    takes = give_takes(tmp_path / "own", pairs, humans(pairs))
    evaluate("--takes", takes, out=shared_out)
    text = (shared_out / "report.md").read_text()
    for line in ("## Fit to harmony", "## Fit to time", "| human |", "seed 0", "ranks"):
        assert line in text
    for name in json.loads((shared_out / "report.json").read_text())["systems"]:
        assert f"- {report_names()[name]}: " in text
    pictures = sorted(path.name for path in (shared_out / "pictures").iterdir())
    assert {"beat_phase.png", "fit_over_time.png", "pitch_classes.png"} < set(pictures)
    for name in pictures:
        assert f"(pictures/{name})" in text
        assert (shared_out / "pictures" / name).stat().st_size > 5000


def report_names() -> dict[str, str]:
    from saxsolo.evaluation.report_markdown import NAMES

    return NAMES


def test_the_model_plays_once_and_a_second_report_is_the_same(evaluate, tmp_path, monkeypatch):
    out = tmp_path / "report"
    code, stderr, first = evaluate(out=out)
    assert code == 0, stderr
    assert first["checkpoint"]["sha256"] and first["subject"] == "the model"

    def never(*_: object, **__: object) -> None:
        raise AssertionError("done a second time")

    with monkeypatch.context() as patch:
        patch.setattr("saxsolo.improvise", never, raising=False)
        patch.setattr(shelf_module, "track_notes", never)
        patch.setattr(report_module, "round_trip", never)
        code, stderr, second = evaluate(out=out)
    assert code == 0, stderr
    first.pop("minutes"), second.pop("minutes")
    assert first == second
    with monkeypatch.context() as patch:
        patch.setattr("saxsolo.improvise", never, raising=False)
        with pytest.raises(AssertionError, match="second time"):
            evaluate("--seed", 1, out=out)


def test_other_sampling_makes_another_take(checkpoint, tmp_path):
    player = load_player(str(checkpoint))
    options = report_module.Options(data=tmp_path, out=tmp_path)
    before = report_module.model_key(options, "case", player)
    assert report_module.model_key(options, "case", load_player(str(checkpoint))) == before
    player.solo.model.generation_config.temperature = 0.5
    assert report_module.model_key(options, "case", player) != before


def test_a_run_that_broke_off_goes_on(evaluate, tmp_path, monkeypatch):
    import saxsolo

    out, played = tmp_path / "report", []
    play = saxsolo.improvise

    def once(*arguments: object, **settings: object) -> object:
        if played:
            raise KeyboardInterrupt
        played.append(1)
        return play(*arguments, **settings)

    with monkeypatch.context() as patch:
        patch.setattr("saxsolo.improvise", once, raising=False)
        assert evaluate(out=out)[0] == 130
        assert not (out / "report.json").exists()
    again = []
    monkeypatch.setattr(
        "saxsolo.improvise", lambda *a, **s: again.append(1) or play(*a, **s), raising=False
    )
    assert evaluate(out=out)[0] == 0
    assert len(again) == len(TUNES) - 1


def test_silent_takes_are_null_with_a_reason(evaluate, pairs, tmp_path, shared_out):
    quiet = {name: np.zeros_like(sound) for name, sound in humans(pairs).items()}
    code, stderr, report = evaluate(
        "--takes", give_takes(tmp_path / "quiet", pairs, quiet), out=shared_out
    )
    assert code == 0, stderr
    for metric in ("chord_tones", "auc_chord_tones", "beat_concentration", "seen_share"):
        figure = report["systems"]["saxsolo"]["figures"][metric]
        assert figure["value"] is None and figure["n"] == 0 and figure["reason"]
    assert value(report, "saxsolo", "notes_a_second") == 0
    assert "NaN" not in (shared_out / "report.md").read_text()


def test_chords_nobody_labelled_are_estimated(evaluate, pairs, tmp_path):
    """A user's own backings: chords unknown, everything else stays."""
    data = tmp_path / "unlabelled"
    shutil.copytree(pairs, data)
    for path in (data / "test").glob("*/labels.npz"):
        with np.load(path) as file:
            labels, score = file["frame_labels"], file["score"]
        labels[:, :2] = -100
        np.savez(path, frame_labels=labels, score=score)
        time = np.arange((SECONDS + 2) * SAMPLING_RATE) / SAMPLING_RATE
        chord = sum(np.sin(2 * np.pi * hertz * time) for hertz in (87.3, 220.0, 261.6, 311.1))
        sf.write(path.parent / "backing.flac", 0.1 * chord, SAMPLING_RATE)
    takes = give_takes(tmp_path / "own", pairs, humans(pairs))
    code, stderr, report = evaluate("--takes", takes, data=data)
    assert code == 0, stderr
    assert all(case["chord_frames"] > 0 for case in report["cases"])
    assert value(report, "human", "chord_tones") is not None


def test_likelihood_of_every_stream(evaluate, pairs, checkpoint, tmp_path, shared_out, drawn):
    pytest.importorskip("datasets", reason="needs datasets (pip install saxsolo[train])")
    tokens = tmp_path / "tokens"
    codec = checkpoint / "codec"
    arguments = ["--pairs", pairs, "--codec", codec, "--out", tokens]
    assert command("corpus", "tokenise", *arguments) == 0
    takes = give_takes(tmp_path / "own", pairs, humans(pairs))
    code, stderr, report = evaluate("--takes", takes, "--tokens", tokens, out=shared_out)
    assert code == 0, stderr
    found = report["likelihood"]
    assert found["clips"] == len(TUNES)
    for stream in ("score", "codebook_1", "codebook_4"):
        assert found[f"loss_own_{stream}"] > 0
        low, high = found[f"gap_other_{stream}_95"]
        assert low <= found[f"gap_other_{stream}"] <= high
    text = (shared_out / "report.md").read_text()
    assert "| codebook 4 |" in text and "(pictures/loss.png)" in text


class TestRefused:
    @pytest.fixture
    def refused(self, evaluate, tmp_path):
        def call(*arguments: object, **settings: object) -> str:
            out = tmp_path / "new"
            code, stderr, _ = evaluate(*arguments, out=out, **settings)
            lines = [line for line in stderr.splitlines() if not line.startswith("listening")]
            assert code == 2 and len(lines) == 1 and lines[0].startswith("saxsolo: "), stderr
            assert not (out / "report.json").exists()
            return lines[0]

        return call

    def test_data(self, refused, tmp_path):
        assert "manifest.jsonl is missing" in refused(data=tmp_path / "nothing")
        (tmp_path / "manifest.jsonl").write_text("{\n")
        assert "manifest.jsonl:1 is not valid JSON" in refused(data=tmp_path)
        (tmp_path / "manifest.jsonl").write_text('{"split": "test"}\n')
        assert "manifest.jsonl:1 lacks" in refused(data=tmp_path)

    def test_settings(self, refused):
        assert "no number" in refused("--seconds", "nan")
        assert "longer than 1001 s" in refused("--seconds", 1000)
        assert "limit -1 is negative" in refused("--limit", -1)
        assert "split 'other'" in refused("--split", "other")

    def test_takes(self, refused, pairs, tmp_path):
        assert "no such folder of takes" in refused("--takes", tmp_path / "nothing")
        own = humans(pairs)
        takes = give_takes(tmp_path / "takes", pairs, own)
        first = takes / f"{next(iter(own))}.wav"
        first.unlink()
        assert "lacks the takes of 1 of 2 cases" in refused("--takes", takes)
        sound = next(iter(own.values()))
        for bad, words in (
            (np.where(np.arange(len(sound)) == 99, np.nan, sound), "NaN"),
            (np.zeros(0, np.float32), "holds no samples"),
            (sound[: 3 * SAMPLING_RATE], "lasts 3.0 s, its case 8 s"),
        ):
            sf.write(first, bad, SAMPLING_RATE, subtype="FLOAT")
            assert words in refused("--takes", takes)

    def test_tracker_and_tokens(self, refused, pairs, tmp_path):
        takes = give_takes(tmp_path / "takes", pairs, humans(pairs))
        assert "'ear' is unknown" in refused("--takes", takes, "--tracker", "ear")
        assert "tokens.json is missing" in refused("--takes", takes, "--tokens", tmp_path)
        assert "no such MODULE:FUNCTION" in refused("--takes", takes, "--embedding", "no:where")


class TestCard:
    def test_results_are_rewritten_between_the_marks(self, evaluate, pairs, tmp_path, shared_out):
        card = tmp_path / "card.md"
        card.write_text(f"# A model\n\nbefore\n{BEGIN}\nold figures\n{END}\nafter\n")
        takes = give_takes(tmp_path / "own", pairs, humans(pairs))
        code, stderr, report = evaluate("--takes", takes, "--card", card, out=shared_out)
        assert code == 0, stderr
        text = card.read_text()
        assert text.startswith("# A model\n\nbefore\n") and text.endswith(f"{END}\nafter\n")
        assert "old figures" not in text
        assert report["command"] in text and "seed 0" in text
        assert f"{value(report, 'human', 'chord_tones'):.2f} [" in text
        arguments = ["--report", str(shared_out / "report.json"), "--card", str(card)]
        assert command("measure", "card", *arguments) == 0
        assert card.read_text() == text

    def test_cards_and_reports_that_are_none(self, tmp_path, capsys):
        card, figures = tmp_path / "card.md", tmp_path / "report.json"
        card.write_text("no marks")
        figures.write_text("{}")
        assert command("measure", "card", "--report", figures, "--card", card) == 2
        assert "is not a report.json" in capsys.readouterr().err
        assert card.read_text() == "no marks"


def test_help_does_not_wait_for_torch():
    script = (
        "import sys\nfrom saxsolo import cli\nsys.argv = ['saxsolo', 'evaluate', '--help']"
        "\ntry: cli.main()\nexcept SystemExit as stop: assert not stop.code"
        "\nassert not {'torch', 'transformers', 'matplotlib', 'swift_f0'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--takes" in done.stdout
