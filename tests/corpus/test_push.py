"""Publishing, against a Hub that lives in this process."""

import pytest

from saxsolo.corpus.tokens import push as pushing
from saxsolo.corpus.tokens.checks import TokensError
from saxsolo.corpus.tokens.push import PushError, push
from saxsolo.corpus.tokens.tokenise import tokenise

from ..command_line import command


class Hub:
    """What `push` uses of HfApi: keeps the files that a commit would bring."""

    files: dict[str, bytes] = {}
    loses = ""

    def __init__(self, endpoint=None):
        pass

    def create_repo(self, name, **_):
        Hub.name = name

    def upload_folder(self, *, folder_path, allow_patterns, delete_patterns, **_):
        from types import SimpleNamespace

        from huggingface_hub.utils import filter_repo_objects

        old = set(filter_repo_objects(Hub.files, allow_patterns=delete_patterns))
        names = [str(p.relative_to(folder_path)) for p in folder_path.rglob("*") if p.is_file()]
        sent = filter_repo_objects(names, allow_patterns=allow_patterns)
        kept = {name: data for name, data in Hub.files.items() if name not in old}
        Hub.files = kept | {name: (folder_path / name).read_bytes() for name in sent}
        return SimpleNamespace(commit_url=f"https://hub/{Hub.name}/commit/1")

    def list_repo_files(self, *_, **__):
        return [name for name in Hub.files if name != Hub.loses]


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    Hub.files, Hub.loses = {"data/train-00000-of-00009.parquet": b"old", ".gitattributes": b""}, ""
    return Hub


@pytest.fixture
def tokens(pairs, codec, tmp_path):
    return tokenise(pairs, codec, tmp_path / "tokens")


def test_the_corpus_arrives_whole_and_loads(hub, tokens, tmp_path):
    import datasets

    assert push(tokens, "user/it") == "https://hub/user/it/commit/1"
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
    with pytest.raises(TokensError, match="damaged"):
        push(tokens, "user/it")
    assert hub.files == before


def test_rows_without_a_licence_are_not_sent(hub, tokens, monkeypatch):
    monkeypatch.setattr(pushing, "unstated_rows", lambda *_: 3)
    with pytest.raises(PushError, match="3 rows"):
        push(tokens, "user/it")
    assert push(tokens, "user/it", accept_rights=True)


def test_a_hub_that_loses_a_file_is_noticed(hub, tokens):
    hub.loses = "tokens.json"
    with pytest.raises(PushError, match="lacks tokens.json"):
        push(tokens, "user/it")


def test_no_corpus(hub, tmp_path, capsys):
    assert command("corpus", "push", tmp_path, "user/it", "--dry-run") == 2
    assert "no token corpus" in capsys.readouterr().err


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(hub, tokens):
    before = dict(hub.files)
    told = push(tokens, "user/it", dry_run=True)
    assert hub.files == before
    for path in (one for one in tokens.rglob("*") if one.is_file()):
        assert f"{path.relative_to(tokens)}  {path.stat().st_size} bytes" in told


def test_a_data_set_of_the_hub_is_fetched_to_train_on(tokens, monkeypatch):
    from saxsolo.corpus.tokens.shards import load_tokens

    asked = []

    def fetch(name, repo_type):
        asked.append((name, repo_type))
        return str(tokens)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    assert load_tokens("user/it", "train") and asked == [("user/it", "dataset")]
    monkeypatch.undo()
    with pytest.raises(TokensError, match=r"no/where is no folder here"):
        load_tokens("no/where", "train")
