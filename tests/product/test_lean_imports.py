"""A process that only plays leaves out what playing never uses, and plays the same."""

import json
import os
import subprocess
import sys

import pytest

LEAN = """
import sys
from saxsolo.lean_imports import lean_imports
lean_imports()
from saxsolo.deferred_imports import DeferredModule
"""
PLAYING = """
import hashlib, json
import numpy as np
import saxsolo
player = saxsolo.load_player()
take = saxsolo.improvise("examples/ballad.flac", player=player, seconds=6, seed=3)
weights = hashlib.sha256()
for part in (player.solo, player.codec, player.ear):
    for name, value in sorted(part.model.state_dict().items()):
        weights.update(name.encode() + value.numpy().tobytes())
print(json.dumps([hashlib.sha256(np.asarray(take.solo).tobytes()).hexdigest(),
                  weights.hexdigest()]))
"""
UNUSED = """
unused = {"sympy", "accelerate", "jinja2", "torch._dynamo", "torch._inductor",
          "torch.distributed.tensor", "torch._subclasses.fake_tensor", "torch._refs.fft"}
assert not unused & set(sys.modules), unused & set(sys.modules)
for name in ("torch.export", "torch._meta_registrations", "torch.utils.data", "av"):
    assert isinstance(sys.modules[name], DeferredModule), name
"""
AFTERWARDS = """
import torch, transformers.utils
# the library knows what is installed, and all of torch is there as soon as a part of it is wanted
assert transformers.utils.is_torch_distributed_available()
from transformers.masking_utils import TransformGetItemToIndex
import torch._dynamo
assert not [name for name, module in sys.modules.items()
            if name.startswith("torch") and isinstance(module, DeferredModule)]
with TransformGetItemToIndex():
    assert torch._dynamo.is_compiling() is False
assert torch.vmap(lambda x: x + 1)(torch.zeros(2)).tolist() == [1, 1]
assert torch.vmap is torch.func.vmap
doubled = torch.compile(lambda x: 2 * x, backend="eager")
assert doubled(torch.ones(2)).tolist() == [2, 2]
exported = torch.export.export(torch.nn.Linear(2, 1), (torch.zeros(1, 2),))
assert exported.module()(torch.zeros(1, 2)).shape == (1, 1)
assert list(torch.utils.data.DataLoader([1, 2]))[1].tolist() == [2]
import av
assert av.AudioResampler(format="fltp", layout="mono", rate=8000)
"""
LISTENING = """
import saxsolo
from saxsolo.weights.loading import load_ear
saxsolo.listen("examples/ballad.flac", load_ear())
assert not {"numba", "scipy"} & set(sys.modules)
"""


def run(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_playing_uses_nothing_that_is_left_out_and_is_the_same_to_the_bit():
    lean = run(LEAN + PLAYING + UNUSED)
    assert json.loads(lean) == json.loads(run(PLAYING))


@pytest.mark.slow
def test_listening_needs_no_compiler():
    run(LEAN + LISTENING)


@pytest.mark.slow
def test_what_is_left_out_comes_when_it_is_wanted():
    run(LEAN + AFTERWARDS)


@pytest.mark.slow
def test_all_can_be_imported_at_once():
    run(
        LEAN + "assert not {'torch', 'transformers'} & set(sys.modules)\n"
        "import torch\nassert 'torch._subclasses.fake_tensor' in sys.modules",
        SAXSOLO_ALL_IMPORTS="1",
    )
