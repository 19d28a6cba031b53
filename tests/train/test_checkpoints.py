"""Checkpoints: what was saved comes back; what is torn is passed over."""

import json

import pytest
import torch

from saxsolo.training.run_state import (
    RunStateError,
    TrainingState,
    checkpoints,
    load_checkpoint,
    load_weights,
    manifest_faults,
    newest_whole,
    save_checkpoint,
)


def make(seed: int = 0, width: int = 3):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(2, width), torch.nn.Linear(width, 1))
    return model, torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)


def step(model, optimizer):
    model(torch.ones(4, 2)).square().sum().backward()
    optimizer.step()
    optimizer.zero_grad()


@pytest.fixture
def run(tmp_path):
    """Three checkpoints, of which two are kept."""
    model, optimizer = make()
    for number in (1, 2, 3):
        step(model, optimizer)
        average = {name: p.detach() * 2 for name, p in model.named_parameters()}
        state = TrainingState(number, number * 1.5, 0.25, 1)
        save_checkpoint(tmp_path, model, optimizer, average, state, {"model": {}}, keep=2)
    return tmp_path, model, optimizer


def test_everything_comes_back_and_training_goes_on_the_same(run):
    folder, model, optimizer = run
    other, other_optimizer = make(seed=1)
    state, average = load_checkpoint(newest_whole(folder), other, other_optimizer)
    assert state == TrainingState(3, 4.5, 0.25, 1)
    for name, parameter in model.named_parameters():
        assert torch.equal(average[name], parameter * 2)
    for one, its_optimizer in ((model, optimizer), (other, other_optimizer)):
        step(one, its_optimizer)
    for mine, its in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, its)


def test_old_checkpoints_go(run):
    folder, _, _ = run
    assert [path.name for path in checkpoints(folder)] == [
        "checkpoint-00000002",
        "checkpoint-00000003",
    ]
    assert not list(folder.glob("*.partial"))


@pytest.mark.parametrize(
    "file",
    ["model.safetensors", "optimizer.safetensors", "average.safetensors", "state.json"],
)
@pytest.mark.parametrize("damage", ["truncate", "flip", "delete"])
def test_a_torn_newest_checkpoint_is_passed_over(run, file, damage):
    folder, _, _ = run
    path = checkpoints(folder)[-1] / file
    content = bytearray(path.read_bytes())
    if damage == "delete":
        path.unlink()
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content[: len(content) // 2] if damage == "truncate" else content)
    assert newest_whole(folder).name == "checkpoint-00000002"


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"sha256": {"x": "0"}}'])
def test_a_checkpoint_without_a_good_manifest_is_torn(run, content):
    folder, _, _ = run
    manifest = checkpoints(folder)[-1] / "manifest.json"
    if content is None:
        manifest.unlink()
    else:
        manifest.write_bytes(content)
    assert newest_whole(folder).name == "checkpoint-00000002"


def test_nothing_whole_is_an_error_and_nothing_at_all_is_not(run, tmp_path_factory):
    folder, _, _ = run
    assert newest_whole(tmp_path_factory.mktemp("fresh")) is None
    for path in checkpoints(folder):
        (path / "manifest.json").unlink()
    with pytest.raises(RunStateError, match="none of the 2"):
        newest_whole(folder)


def test_a_manifest_names_its_files(run):
    newest = checkpoints(run[0])[-1]
    assert manifest_faults(newest) == []
    assert set(json.loads((newest / "manifest.json").read_text())["sha256"]) == {
        "model.safetensors",
        "optimizer.safetensors",
        "average.safetensors",
        "state.json",
    }
    assert not [path for path in newest.iterdir() if path.suffix in (".pt", ".pth", ".bin")]


def test_weights_of_another_model_are_refused_with_both_shapes(run, tmp_path):
    wider, _ = make(width=4)
    with pytest.raises(RunStateError, match=r"\(3,\).*\(4,\)"):
        load_weights(wider, newest_whole(run[0]) / "model.safetensors")
    (tmp_path / "x.safetensors").write_bytes(b"no weights")
    with pytest.raises(RunStateError, match="cannot read"):
        load_weights(wider, tmp_path / "x.safetensors")
