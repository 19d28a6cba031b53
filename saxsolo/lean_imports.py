"""transformers without the parts that playing never uses, for processes that only play.

transformers imports whatever is installed: the losses bring SciPy, sharded training brings
torch.distributed's tensors (and SymPy), the decorators of its server bring the compiler, and its
list of models is read from their files twice. That is half of the processor time until the first
sound. Here the library is told, while it is imported, that these parts are not installed, which is
a state that it supports. A process that trains or computes on several devices imports it as it is.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

_UNUSED = (
    "is_scipy_available",
    "is_torch_distributed_available",
    "is_torch_flex_attn_available",
    "is_accelerate_available",
)
# of the compiler, masks want one class, and only where they are made of functions
_COMPILER = ("torch._dynamo", "torch._dynamo._trace_wrapped_higher_order_op")


def lean_transformers() -> None:
    """Imports transformers without those parts; does nothing where it is imported already, or
    where the environment variable SAXSOLO_ALL_IMPORTS is set."""
    if "transformers" in sys.modules or os.environ.get("SAXSOLO_ALL_IMPORTS"):
        return
    try:
        _import_lean()
    except (ImportError, AttributeError):
        # a version of the library that wants something else of them
        for name in [name for name in sys.modules if name.partition(".")[0] == "transformers"]:
            del sys.modules[name]


def _import_lean() -> None:
    import torch
    import transformers.utils
    from transformers.utils import import_utils

    scan = import_utils.define_import_structure

    def scan_once(path: str, prefix: str | None = None) -> Any:
        # of a file its folder is scanned: named as such, the library knows it already
        return scan(Path(path).parent if Path(path).is_file() else path, prefix)

    with ExitStack() as kept:
        for module in (transformers.utils, import_utils):
            for name in _UNUSED:
                kept.enter_context(_replaced(module, name, _absent))
        kept.enter_context(_replaced(import_utils, "define_import_structure", scan_once))
        kept.enter_context(_replaced(torch.compiler, "disable", _undecorated))
        kept.enter_context(_compiler_later())
        import transformers.generation.utils
        import transformers.modeling_utils
        import transformers.processing_utils


def _absent(*_: Any, **__: Any) -> bool:
    return False


def _undecorated(function: Callable[..., Any] | None = None, *_: Any, **__: Any) -> Any:
    """As `torch.compiler.disable` where nothing is compiled."""
    return function if function is not None else lambda other: other


@contextmanager
def _compiler_later() -> Iterator[None]:
    """The compiler's class is imported when it is first made."""
    if any(name in sys.modules for name in _COMPILER):
        yield
        return
    package, stand_in = (ModuleType(name) for name in _COMPILER)
    for decorator in ("allow_in_graph", "assume_constant_result", "disable"):
        setattr(package, decorator, _undecorated)
    stand_in.TransformGetItemToIndex = _transform_items  # type: ignore[attr-defined]
    sys.modules |= dict(zip(_COMPILER, (package, stand_in), strict=True))
    try:
        yield
    finally:
        for name in _COMPILER:
            del sys.modules[name]


def _transform_items() -> Any:
    from torch._dynamo._trace_wrapped_higher_order_op import TransformGetItemToIndex

    return TransformGetItemToIndex()


@contextmanager
def _replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)
