"""The model plays on one thread, unless the user chose a number; and leaves it as it was."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from modeling_saxsolo import threads_saxsolo

CPU = torch.device("cpu")


@pytest.fixture
def four_threads(monkeypatch):
    """As on a machine of four cores on which nobody chose a number."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads_saxsolo, "_AT_IMPORT", 4)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    yield
    torch.set_num_threads(before)


def seen(device: torch.device = CPU) -> int:
    with threads_saxsolo.one_thread(device):
        return torch.get_num_threads()


def test_one_thread_and_back_again(four_threads):
    assert seen() == 1 and torch.get_num_threads() == 4
    with pytest.raises(ValueError), threads_saxsolo.one_thread(CPU):
        raise ValueError
    assert torch.get_num_threads() == 4


def test_a_variable_is_respected(four_threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert seen() == 4


def test_a_call_is_respected(four_threads):
    torch.set_num_threads(3)
    assert seen() == 3 and torch.get_num_threads() == 3


def test_a_call_before_the_import_is_respected(four_threads, monkeypatch):
    torch.set_num_threads(3)
    monkeypatch.setattr(threads_saxsolo, "_AT_IMPORT", 3)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(4), raising=False)
    assert seen() == 3


def test_other_devices_keep_theirs(four_threads):
    assert seen(torch.device("meta")) == 4


@pytest.mark.slow
def test_generate_alone_plays_on_one_thread():
    """Loaded as the Hub loads it, in a process in which nobody chose a number."""
    script = """
import torch
from transformers import AutoModel
model = AutoModel.from_pretrained("checkpoints/saxsolo-small", trust_remote_code=True)
seen = []
class Count:
    def put(self, value): seen.append(torch.get_num_threads())
    def end(self): pass
before = torch.get_num_threads()
model.generate(frame_label_posteriors=torch.rand(1, 41, 20), streamer=Count())
assert set(seen) == {1} and torch.get_num_threads() == before, (seen, before)
"""
    hidden = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    surroundings = {name: value for name, value in os.environ.items() if name not in hidden}
    root = Path(__file__).parents[2]
    line = [sys.executable, "-c", script]
    done = subprocess.run(line, env=surroundings, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
