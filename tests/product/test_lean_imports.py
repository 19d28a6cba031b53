"""A process that only plays leaves out what playing never uses."""

import subprocess
import sys

import pytest

CHILD = """
import sys
from saxsolo.lean_imports import lean_transformers
lean_transformers()
import transformers.utils
import saxsolo
from modeling_saxsolo import SaxsoloForConditionalGeneration
player = saxsolo.load_player()
unused = {"scipy.optimize", "sympy", "accelerate", "torch._dynamo", "torch.distributed.tensor"}
assert not unused & set(sys.modules), unused & set(sys.modules)
# afterwards all is as it was: the library knows what is installed, and the compiler can be imported
assert transformers.utils.is_torch_distributed_available()
from transformers.masking_utils import TransformGetItemToIndex
import torch._dynamo
with TransformGetItemToIndex():
    assert torch._dynamo.is_compiling() is False
"""


@pytest.mark.slow
def test_loading_needs_neither_compiler_nor_training():
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
