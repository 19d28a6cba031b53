"""Publishing, against a Hub on loopback: what is laid out, what is refused, what is sent."""

import json
import shutil
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import soundfile as sf
from huggingface_hub import ModelCard, SpaceCard

from saxsolo.errors import OutputError, PublishError
from saxsolo.publishing import check, publish
from saxsolo.publishing.card import METRICS, check_weights, read_results
from saxsolo.publishing.folder import list_files
from saxsolo.publishing.model import lay_out_model
from saxsolo.publishing.space import lay_out_space
from saxsolo.publishing.upload import upload
from saxsolo.weights.loading import weights_sha256

from .conftest import chords
from .fake_hub import fake_hub

ROOT = Path(__file__).resolve().parents[2]
CARD = """---
license: apache-2.0
library_name: transformers
pipeline_tag: audio-to-audio
tags: [music]
base_model: someone/other
---

# tiny

[README.md](README.md) says more, [NOTICE](NOTICE) too.

## Figures

16 held-out cases (test) of 30 s, seed 0, weights {weights}, codec {codec}.

| player | chord tones | fits | n |
| --- | --- | --- | --- |
| saxsolo | 0.43 [0.41, 0.46] | none | 16 |
| human | 0.55 [0.51, 0.58] | none | 16 |
"""
WEIGHTS = ("saxcodec-44khz", "saxsolo-small")
SPACE = {
    "README.md": "---\ntitle: t\nsdk: gradio\nsdk_version: 6.1.0\napp_file: app.py\n---\n",
    "app.py": "print(1)\n",
    "requirements.txt": "numpy==2.4.6  # why\n",
}


@pytest.fixture
def hub(monkeypatch):
    """A Hub that this process sends to with the token `hf_test`."""
    with fake_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch.setenv("HF_TOKEN", "hf_test")
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        yield running


@pytest.fixture
def source(checkpoint, tmp_path) -> Path:
    """A checkpoint with a card of its figures, and with what must stay at home."""
    place = tmp_path / "source"
    shutil.copytree(checkpoint, place)
    card = CARD.format(
        weights=weights_sha256(place)[:12], codec=weights_sha256(place / "codec")[:12]
    )
    (place / "README.md").write_text(card)
    plant(place)
    return place


@pytest.fixture
def space(tmp_path) -> Path:
    place = tmp_path / "space"
    place.mkdir()
    for name, text in SPACE.items():
        (place / name).write_text(text)
    plant(place)
    return place


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder as it would be sent."""
    place = tmp_path / "laid-out"
    (place / "data").mkdir(parents=True)
    (place / "README.md").write_text("---\nlicense: odbl\n---\n")
    (place / "data" / "test.txt").write_text("rows")
    return place


def plant(place: Path) -> None:
    for name in (".env", "__pycache__/a.pyc", "runs/log.txt", "runs/a.py", ".git/config", "old.pt"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text("HF_TOKEN=hf_" + "a" * 34)


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("examples")
    sf.write(place / "vamp.flac", chords(2.0, 32000), 32000)
    return place


class TestModel:
    def test_the_folder_is_whole_and_plays(self, source, examples, tmp_path):
        out = tmp_path / "out"
        out.mkdir()
        lay_out_model(out, "me/tiny", source, dataset="me/tokens", examples=examples, seconds=1.0)
        code = {p.name for p in (ROOT / "modeling_saxsolo").glob("*.py")} - {"__init__.py"}
        assert set(list_files(out)) == code | {
            "LICENSE",
            "NOTICE",
            "README.md",
            "codec/config.json",
            "codec/model.safetensors",
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "processor_config.json",
            "samples/vamp.mp3",
        }
        assert sf.info(out / "samples" / "vamp.mp3").frames >= 32000
        assert not [path for path in out.rglob("*") if path.is_symlink()]
        check.check_secrets(out)
        check.check_model(out)
        card = ModelCard.load(out / "README.md")
        assert card.data.license == "apache-2.0" and card.data.base_model == "someone/other"
        assert card.data.datasets == ["me/tokens"] and card.data.metrics == ["solo_fit"]
        (result,) = card.data.eval_results
        assert (result.metric_value, result.dataset_split) == (0.43, "test")
        assert result.metric_args == {"cases": 16, "seconds": 30.0, "interval_95": [0.41, 0.46]}
        assert 'model="me/tiny"' in card.text and "(README.md)" not in card.text
        assert "me/tiny/resolve/main/samples/vamp.mp3" in card.text
        # what the check is for
        (out / "delay_saxsolo.py").unlink()
        with pytest.raises(PublishError, match="does not load as it stands"):
            check.check_model(out)
        (out / "NOTICE").unlink()
        with pytest.raises(PublishError, match="links to NOTICE"):
            check.check_model(out)

    def test_figures_of_other_weights(self, source, examples, tmp_path):
        text = (source / "README.md").read_text()
        measured = weights_sha256(source)[:12]
        (source / "README.md").write_text(text.replace(measured, "0" * 12))
        with pytest.raises(PublishError, match=f"weights 000000000000.*{measured}.*evaluate"):
            lay_out_model(tmp_path, "me/tiny", source, examples=examples)

    @pytest.mark.parametrize(
        "old, new, words",
        [
            ("license: apache-2.0\n", "", "lacks license"),
            ("tags: [music]", "tags: [", "front matter"),
            ("| saxsolo |", "| someone |", "no figures of saxsolo"),
            ("| player |", "| who |", "no table"),
            ("weights ", "", "names no weights"),
        ],
    )
    def test_cards_that_lack_something(self, source, examples, tmp_path, old, new, words):
        card = source / "README.md"
        card.write_text(card.read_text().replace(old, new))
        out = tmp_path / "out"
        out.mkdir()
        with pytest.raises(PublishError, match=words):
            lay_out_model(out, "me/tiny", source, examples=examples, seconds=1.0)

    def test_graphs_of_a_model_that_has_none_and_of_a_dataset(self, source, examples, tmp_path):
        with pytest.raises(PublishError, match="cannot be exported to ONNX: it hears by codes"):
            lay_out_model(tmp_path, "me/tiny", source, examples=examples, onnx=True)
        with pytest.raises(PublishError, match="--onnx goes with a model, not with a dataset"):
            publish("dataset", "me/tokens", source, dry_run=True, onnx=True)

    def test_folders_that_are_no_model(self, source, tmp_path):
        def refuse(words: str) -> None:
            with pytest.raises(PublishError, match=words):
                publish("model", "me/tiny", source, dry_run=True)

        shutil.rmtree(source / "codec")
        refuse("names the codec codec, which is not there")
        (source / "config.json").write_text('{"model_type": "saxcodec"}')
        refuse("saxcodec model")
        (source / "config.json").write_text("{")
        refuse("cannot be read")
        (source / "config.json").unlink()
        refuse("has no config.json")

    def test_the_default_card_has_the_figures_of_the_default_weights(self):
        card, place = ROOT / "model_card.md", ROOT / "checkpoints"
        check_weights(
            card,
            weights_sha256(place / "saxsolo-small"),
            weights_sha256(place / "saxcodec-44khz"),
            place,
        )
        results = read_results(card, None)
        assert {result.metric_name for result in results} == set(METRICS)
        for result in results:
            low, high = result.metric_args["interval_95"]
            assert low <= result.metric_value <= high


class TestSpace:
    def test_the_folder_is_whole(self, space, tmp_path):
        done = publish("space", "me/sax", space, dry_run=True, out=tmp_path / "out")
        assert done.url is None and set(SPACE) < set(done.files)
        assert {"saxsolo/playing/performance.py", "modeling_saxsolo/__init__.py", "NOTICE"} < set(
            done.files
        )
        assert done.files == list_files(tmp_path / "out")
        leaked = [n for n in done.files if n.startswith((".", "runs", "__")) or n.endswith(".pt")]
        assert not leaked

    @pytest.mark.parametrize(
        "name, old, new, words",
        [
            ("README.md", "title: t\n", "", "lacks title"),
            ("README.md", "---\n", "", "no front matter|lacks title"),
            ("README.md", "6.1.0", "6.x", "exact version"),
            ("README.md", "app.py", "main.py", "main.py of README.md is not"),
            ("README.md", "title: t", "title: [", "front matter"),
            ("requirements.txt", "==2.4.6", ">=2", "not pinned"),
            ("requirements.txt", "numpy==", "numpy=", "is not a requirement"),
            ("app.py", "print(1)", "print(", "app.py does not compile"),
            ("app.py", "1", "'hf_" + "b" * 34 + "'", "token"),
        ],
    )
    def test_spaces_that_are_none(self, space, name, old, new, words):
        path = space / name
        path.write_text(path.read_text().replace(old, new))
        with pytest.raises(PublishError, match=words):
            publish("space", "me/sax", space, dry_run=True)

    def test_the_projects_own_page_with_its_weights(self, tmp_path):
        lay_out_space(tmp_path, None)
        files = list_files(tmp_path)
        unused = ("cli", "corpus", "evaluation", "publishing", "training")
        code = {p.relative_to(ROOT).as_posix() for p in (ROOT / "saxsolo").rglob("*.py")}
        code = {
            name for name in code if not name.startswith(tuple(f"saxsolo/{u}/" for u in unused))
        }
        code |= {"app.py", "packages.txt"}
        code |= {f"saxsolo/page/{n}" for n in ("page.js", "page.css", "heard.js", "heard.css")}
        assert code < set(files)
        assert {f"examples/{p.name}" for p in (ROOT / "examples").glob("*.flac")} < set(files)
        assert {f"checkpoints/{name}/model.safetensors" for name in WEIGHTS} < set(files)
        assert "model.json" not in files

    def test_a_model_is_named_with_its_commit(self, space, tmp_path):
        model = "me/tiny@" + "a1" * 20
        done = publish("space", "me/sax", space, dry_run=True, out=tmp_path / "out", model=model)
        told = json.loads((tmp_path / "out" / "model.json").read_text())
        assert told == {"repo": "me/tiny", "revision": "a1" * 20}
        assert SpaceCard.load(tmp_path / "out" / "README.md").data.models == ["me/tiny"]
        weights = {name.split("/")[1] for name in done.files if name.startswith("checkpoints/")}
        assert weights == {"saxsolo-ear"}

    @pytest.mark.parametrize("model", ["me/tiny", "me/tiny@main", "tiny@" + "a" * 40, ""])
    def test_models_that_may_move(self, run, space, model):
        options = ("--dry-run", "--from", space, "--model", model or "@" + "a" * 40)
        code, _, stderr = run("publish", "space", "me/sax", *options)
        assert code == 2 and "40 hexadecimal digits" in stderr and stderr.count("\n") == 1

    @pytest.mark.slow
    def test_the_page_starts_from_the_folder_alone(self, checkpoint, tmp_path, monkeypatch):
        pytest.importorskip("gradio", reason="needs pip install saxsolo[app]")
        if shutil.which("ffmpeg") is None:
            pytest.skip("ffmpeg is not installed (apt-get install ffmpeg)")
        monkeypatch.setenv("SAXSOLO_CHECKPOINT", str(checkpoint))
        out = tmp_path / "out"
        publish("space", "me/sax", dry_run=True, out=out, model="me/tiny@" + "a" * 40)
        shutil.rmtree(out / "modeling_saxsolo")
        with pytest.raises(PublishError, match="modeling_saxsolo is not in the folder"):
            check.check_space(out)

    def test_no_app(self, space):
        (space / "app.py").unlink()
        with pytest.raises(PublishError, match="has no app.py"):
            publish("space", "me/sax", space, dry_run=True)

    def test_sent_in_one_commit(self, run, space, hub):
        code, stdout, stderr = run("publish", "space", "me/sax", "--from", space)
        assert code == 0, stderr
        assert f"{hub.endpoint}/me/sax/commit/" in stdout.splitlines()[-1]
        assert hub.commits == 1 and hub.tokens <= {"Bearer hf_test", ""}
        sent = hub.files["spaces/me/sax"]
        assert sent["app.py"] == b"print(1)\n" and not [n for n in sent if n.startswith(".env")]
        created = next(body for _, path, body in hub.calls if path.endswith("/create"))
        assert created["sdk"] == "gradio"

    def test_nothing_is_sent_when_the_check_fails(self, run, space, hub):
        (space / "app.py").write_text("print(")
        code, _, stderr = run("publish", "space", "me/sax", "--from", space)
        assert code == 2 and "does not compile" in stderr and stderr.count("\n") == 1
        assert hub.calls == []


class TestUpload:
    def send(self, folder: Path, **more: object) -> str:
        files = list_files(folder)
        return upload(folder, "me/data", "dataset", files, ["data/*"], **more)

    def test_files_of_an_earlier_commit_go(self, hub, folder):
        hub.files["datasets/me/data"] = {"data/old.txt": b"", "mine.txt": b"mine"}
        url = self.send(folder, private=True, revision="next")
        assert url.endswith("1" * 40) and hub.commits == 1
        sent = hub.files["datasets/me/data"]
        assert set(sent) - {".gitattributes"} == {"README.md", "data/test.txt", "mine.txt"}
        assert sent["data/test.txt"] == b"rows"
        paths = [path for _, path, _ in hub.calls]
        assert any(path.endswith("/branch/next") for path in paths)
        assert any(path.endswith("/commit/next") for path in paths)
        created = next(body for _, path, body in hub.calls if path.endswith("/create"))
        assert created["visibility"] == "private"

    @pytest.mark.parametrize("call", ["/repos/create", "/preupload/", "/commit/"])
    @pytest.mark.parametrize(
        "how, words",
        [(401, "auth login"), (403, "write access"), (404, "no such place"), (418, "418")],
    )
    def test_refusals(self, hub, folder, call, how, words):
        hub.fail = {call: how}
        with pytest.raises(PublishError, match=words):
            self.send(folder)
        assert hub.commits == 0

    @pytest.mark.parametrize("call", ["/repos/create", "/commit/"])
    def test_hung_up(self, hub, folder, call):
        hub.fail = {call: "hang up"}
        with pytest.raises(PublishError, match="not reached to the end"):
            self.send(folder)
        assert hub.commits == 0

    def test_nobody_there(self, hub, folder, monkeypatch):
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        with pytest.raises(PublishError, match="not reached"):
            self.send(folder)

    def test_no_token(self, run, space, hub, monkeypatch):
        monkeypatch.setattr("saxsolo.publishing.upload.get_token", lambda: None)
        code, _, stderr = run("publish", "space", "me/sax", "--from", space)
        assert code == 2 and "HF_TOKEN" in stderr and stderr.count("\n") == 1
        assert hub.calls == []


@pytest.mark.parametrize("name", ["sax", "a/b/c", "me/s x", "../x", "-/-"])
def test_names_that_are_none(run, name):
    code, _, stderr = run("publish", "space", "--dry-run", "--", name)
    assert code == 2 and stderr.count("\n") == 1 and repr(name) in stderr


def test_out_is_never_overwritten(space, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(OutputError, match="not empty"):
        publish("space", "me/sax", space, dry_run=True, out=tmp_path / "out")


@pytest.mark.parametrize("name", [".env", "deep/.env", "weights.bin", "notes.md"])
def test_secrets_and_pickles(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("hf_" + "c" * 34)
    with pytest.raises(PublishError, match=name.split("/")[-1]):
        check.check_secrets(tmp_path)


class TestDataset:
    @pytest.fixture
    def tokens(self, tmp_path) -> Path:
        """A token corpus of one shard, and what must stay at home."""
        pytest.importorskip("datasets", reason="needs pip install saxsolo[corpus]")
        import pyarrow as pa
        import pyarrow.parquet as pq

        from saxsolo.corpus.tokens.checks import sha256_of

        place = tmp_path / "tokens"
        shard = place / "data" / "test-00000-of-00001.parquet"
        shard.parent.mkdir(parents=True)
        rows = {"score": [np.zeros(3, np.int16), np.ones(2, np.int16)], "licence": ["odbl"] * 2}
        pq.write_table(pa.table(rows), shard)
        layout = {"num_codebooks": 4, "codebook_size": 2048, "frame_rate": 50, "codec_sha256": ""}
        layout |= {"rows": {"test": 2}, "sha256": {f"data/{shard.name}": sha256_of(shard)}}
        (place / "tokens.json").write_text(json.dumps(layout))
        configs = "configs:\n- config_name: default\n  data_files:\n"
        configs += "  - split: test\n    path: data/test-*.parquet\n"
        (place / "README.md").write_text(f"---\nlicense: odbl\n{configs}---\n# tokens\n")
        plant(place)
        shutil.copy(shard, shard.with_name("test-00001-of-00002.parquet"))
        return place

    def test_laid_out_loaded_and_sent(self, run, tokens, hub, tmp_path):
        out = tmp_path / "out"
        code, stdout, stderr = run(
            "publish", "dataset", "me/tokens", "--from", tokens, "--out", out, "--private"
        )
        assert code == 0, stderr
        files = {"README.md", "tokens.json", "data/test-00000-of-00001.parquet"}
        assert (
            set(list_files(out))
            == files
            == set(hub.files["datasets/me/tokens"]) - {".gitattributes"}
        )
        assert "3 files, checked; http://127.0.0.1" in stdout and hub.commits == 1

    def test_a_wrong_number_of_rows(self, tokens):
        text = (tokens / "tokens.json").read_text().replace('"test": 2', '"test": 3')
        (tokens / "tokens.json").write_text(text)
        with pytest.raises(PublishError, match="'test': 2.*'test': 3"):
            publish("dataset", "me/tokens", tokens, dry_run=True)

    @pytest.mark.parametrize("licences", [["odbl", ""], None])
    def test_rows_without_a_licence_stay_unless_told(self, tokens, licences):
        import pyarrow.parquet as pq

        from saxsolo.corpus.tokens.checks import sha256_of

        shard = tokens / "data" / "test-00000-of-00001.parquet"
        before, table = sha256_of(shard), pq.read_table(shard).drop_columns("licence")
        if licences:
            table = table.append_column("licence", [licences])
        pq.write_table(table, shard)
        layout = tokens / "tokens.json"
        layout.write_text(layout.read_text().replace(before, sha256_of(shard)))
        with pytest.raises(PublishError, match=f"{1 if licences else 2} rows"):
            publish("dataset", "me/tokens", tokens, dry_run=True)
        assert publish("dataset", "me/tokens", tokens, dry_run=True, accept_rights=True).files

    def test_a_damaged_shard_and_none(self, tokens):
        shard = tokens / "data" / "test-00000-of-00001.parquet"
        shard.write_bytes(shard.read_bytes()[:-1] + b"x")
        with pytest.raises(PublishError, match="damaged"):
            publish("dataset", "me/tokens", tokens, dry_run=True)
        shard.unlink()
        with pytest.raises(PublishError, match="missing"):
            publish("dataset", "me/tokens", tokens, dry_run=True)
        with pytest.raises(PublishError, match="--from is missing"):
            publish("dataset", "me/tokens", dry_run=True)
