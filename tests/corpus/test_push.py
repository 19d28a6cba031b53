"""Publishing, against a Hub that lives in this process."""

import pytest

from saxsolo.corpus.tokens.checks import TokensError
from saxsolo.corpus.tokens.tokenise import tokenise
from saxsolo.errors import PublishError
from saxsolo.publishing import publish

from ..command_line import command


class Hub:
    """What `publish` uses of HfApi: keeps the files that a commit would bring."""

    files: dict[str, bytes] = {}
    loses = ""

    def __init__(self, endpoint=None, token=None):
        pass

    def create_repo(self, *, repo_id, **_):
        Hub.name = repo_id

    def upload_folder(self, *, folder_path, delete_patterns, **_):
        from types import SimpleNamespace

        from huggingface_hub.utils import filter_repo_objects

        old = set(filter_repo_objects(Hub.files, allow_patterns=delete_patterns))
        names = [str(p.relative_to(folder_path)) for p in folder_path.rglob("*") if p.is_file()]
        kept = {name: data for name, data in Hub.files.items() if name not in old}
        Hub.files = kept | {name: (folder_path / name).read_bytes() for name in names}
        return SimpleNamespace(commit_url=f"https://hub/{Hub.name}/commit/1")

    def list_repo_files(self, *_, **__):
        return [name for name in Hub.files if name != Hub.loses]


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setattr("saxsolo.publishing.upload.HfApi", Hub)
    monkeypatch.setattr("saxsolo.publishing.upload.get_token", lambda: "hf_test")
    # tests/product/test_publish.py loads what is laid out; here it is what arrives that is loaded
    monkeypatch.setattr("saxsolo.publishing.check.check_dataset", lambda folder: None)
    Hub.files, Hub.loses = {"data/train-00000-of-00009.parquet": b"old", ".gitattributes": b""}, ""
    return Hub


def send(tokens, **options):
    return publish("dataset", "user/it", tokens, **options)


@pytest.fixture
def tokens(pairs, codec, tmp_path):
    return tokenise(pairs, codec, tmp_path / "tokens")


def test_the_corpus_arrives_whole_and_loads(hub, tokens, tmp_path):
    import datasets

    assert send(tokens).url == "https://hub/user/it/commit/1"
    assert "data/train-00000-of-00009.parquet" not in hub.files, "shards of before are gone"
    for name, data in hub.files.items():
        (tmp_path / "there" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "there" / name).write_bytes(data)
    found = datasets.load_dataset(str(tmp_path / "there"), cache_dir=str(tmp_path / "cache"))
    assert {"train", "test"} <= set(found)


def test_a_damaged_shard_is_not_sent(hub, tokens):
    shard = next((tokens / "data").glob("*.parquet"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    before = dict(hub.files)
    with pytest.raises(PublishError, match="damaged"):
        send(tokens)
    assert hub.files == before


def test_rows_without_a_licence_are_not_sent(hub, tokens, monkeypatch):
    monkeypatch.setattr("saxsolo.corpus.tokens.checks.unstated_rows", lambda *_: 3)
    with pytest.raises(PublishError, match="3 rows"):
        send(tokens)
    assert send(tokens, accept_rights=True).url


def test_a_hub_that_loses_a_file_is_noticed(hub, tokens):
    hub.loses = "tokens.json"
    with pytest.raises(PublishError, match="lacks tokens.json"):
        send(tokens)


def test_no_corpus(hub, tmp_path, capsys):
    assert command("corpus", "push", tmp_path, "user/it", "--dry-run") == 2
    assert "no token corpus" in capsys.readouterr().err


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(hub, tokens):
    before = dict(hub.files)
    published = send(tokens, dry_run=True)
    assert hub.files == before and published.url is None
    assert published.files == {
        path.relative_to(tokens).as_posix(): path.stat().st_size
        for path in tokens.rglob("*")
        if path.is_file()
    }


def test_a_data_set_of_the_hub_is_fetched_to_train_on(tokens, monkeypatch):
    from saxsolo.corpus.tokens.shards import load_tokens

    asked = []

    def fetch(name, repo_type):
        asked.append((name, repo_type))
        return str(tokens)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    assert load_tokens("user/it", "train") and asked == [("user/it", "dataset")]
    monkeypatch.undo()
    with pytest.raises(TokensError, match=r"no/where is not a folder here"):
        load_tokens("no/where", "train")
