"""What is counted and compared of an exported folder for small boards."""

import numpy as np
import pytest
import torch

from benchmarks import aarch64
from saxsolo.errors import SettingError


def test_products_and_convolutions_are_counted_by_their_shapes(tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from benchmarks.operations import CountingSession
    from saxsolo.publishing.onnx_export import Graph, write_graph

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.rand(3, 4))
            self.filter = torch.nn.Conv1d(4, 6, kernel_size=2, groups=2)

        def forward(self, hidden):
            state = hidden @ self.weight
            return self.filter((state @ state.transpose(1, 2) @ state).transpose(1, 2))

    path = tmp_path / "net.onnx"
    hidden = torch.rand(1, 5, 3)
    write_graph(Graph("net", Net(), {"hidden": (hidden, {1: "T"})}, {"out": {2: "T"}}), path)
    session = CountingSession(path)
    for frames in (5, 7):
        before = session.operations
        given = torch.rand(1, frames, 3)
        (out,) = session.run(None, {"hidden": given.numpy()})
        assert out.shape == (1, 6, frames - 1)
        weights, own = frames * 3 * 4, 2 * frames * frames * 4
        # each of 6 outputs reads two steps of two channels
        assert session.operations - before == weights + own + 6 * (frames - 1) * 2 * 2
    assert session.calls == 2
    assert session.moved == 4 * (3 * (5 + 7) + 6 * (4 + 6))


def test_solos_are_compared_by_notes_codes_and_sound():
    codes = np.arange(20).reshape(4, 5)
    ours = {"codes": codes, "samples": np.array([0.0, 0.5])}
    assert aarch64.compared(ours, ours) == ["1.000", "1.000", "none", "0.0e+00"]
    other = codes.copy()
    other[2, 3] = 0
    theirs = {"codes": other, "samples": np.array([0.05, 0.5])}
    assert aarch64.compared(ours, theirs) == ["1.000", "0.933", "3", "1.0e-01"]


def test_missing_programs_are_named_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingError, match="apt-get install qemu-user-static mmdebstrap") as error:
        aarch64.check()
    assert "\n" not in str(error.value)
