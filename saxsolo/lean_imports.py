"""torch and transformers without the parts that playing never uses, for processes that only play.

torch imports its exporter, the front end of its compiler, its decompositions of operators and its
tools for quantising; transformers imports whatever is installed: the losses bring SciPy, sharded
training brings torch.distributed's tensors (and SymPy), chat templates bring Jinja and Pillow, the
decorators of its server bring the compiler, and the files of all its models are read for their
names. That is most of the processor time until the first sound.

Here parts of torch are deferred (see deferred_imports), as are Numba and PyAV, and transformers is
told, while it is imported, that others are not installed, which is a state that it supports. If
anything of torch's deferred parts is used after all, all of them are read. A process that trains or
computes on several devices imports everything as it is.
"""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from .deferred_imports import AfterImport, Deferred, later

# in the order in which torch imports them
_OF_TORCH: dict[str, dict[str, Any]] = {
    "torch.utils.data": {},
    "torch.distributions": {},
    "torch.distributions.constraints": {},
    "torch.optim": {},
    "torch.profiler": {},
    "torch.sparse": {},
    "torch.ao": {},
    "torch.nn.intrinsic": {},
    "torch.nn.qat": {},
    "torch.nn.quantizable": {},
    "torch.nn.quantized": {},
    "torch.quantization": {},
    "torch._lobpcg": later("torch._lobpcg", "lobpcg"),
    "torch.masked": {},
    "torch.export": {},
    "torch.func": later("torch.func", "vmap"),
    "torch._higher_order_ops": later("torch._higher_order_ops", "cond", "while_loop"),
    "torch._higher_order_ops.invoke_subgraph": {"NestedCompileRegionOptions": object},
    "torch._subclasses": {},
    "torch._decomp": {},
    "torch._refs": {},
    "torch._prims": {},
    "torch.distributed._meta_registrations": {},
    "torch._meta_registrations": {},
    "torch._native": {},
    "torch.utils.checkpoint": later("torch.utils.checkpoint", "checkpoint"),
}
_OTHERS: dict[str, dict[str, Any]] = {
    "av": {},
    "modeling_saxsolo.fast_decoding_saxsolo": later(
        "modeling_saxsolo.fast_decoding_saxsolo", "FastDecoder", "Sampling", "supports"
    ),
}
_UNUSED = (
    "is_scipy_available",
    "is_torch_distributed_available",
    "is_torch_flex_attn_available",
    "is_accelerate_available",
    "is_jinja_available",
    "is_vision_available",
)
# these are looked for as attributes of their packages
_LOOKED_FOR = (
    "torch.distributions.constraints",
    "torch._subclasses",
    "torch._decomp",
    "torch._refs",
    "torch._prims",
)
# what playing uses of torch and torch does not import with itself
_PLAYED_WITH = ("torch.utils._device",)
_OF_TRANSFORMERS = (
    "transformers.generation.utils",
    "transformers.modeling_utils",
    "transformers.processing_utils",
    "transformers.models.auto.processing_auto",
)
# of the compiler, masks want one class, and only where they are made of functions
_COMPILER = ("torch._dynamo", "torch._dynamo._trace_wrapped_higher_order_op")


def lean_imports() -> None:
    """Imports torch and transformers without those parts; does nothing where they are imported
    already, or where the environment variable SAXSOLO_ALL_IMPORTS is set."""
    if {"torch", "transformers"} & set(sys.modules) or os.environ.get("SAXSOLO_ALL_IMPORTS"):
        return
    with _no_collection():
        Deferred(_OTHERS).start()
        torch_parts = Deferred(_OF_TORCH, whole="torch")
        torch_parts.start()
        try:
            import_module("torch")
            for name in _LOOKED_FOR + _PLAYED_WITH:
                import_module(name)
            _make_generators()
            _lean_transformers()
        finally:
            torch_parts.stop()


def _make_generators() -> None:
    """What `torch._prims` does, of versions that refuse to make a generator before."""
    set_metaclass = getattr(import_module("torch._C"), "_set_generator_metaclass", None)
    if set_metaclass is not None:
        set_metaclass(import_module("torch._opaque_base").OpaqueBaseMeta)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without the search for unreachable objects: what is imported stays, and is not searched
    later either."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()


def _lean_transformers() -> None:
    absent = _Absent()
    finder = AfterImport({"transformers.utils.import_utils": absent.enter})
    sys.meta_path.insert(0, finder)
    try:
        import torch

        with _replaced(torch.compiler, "disable", _undecorated), _compiler_later():
            for name in _OF_TRANSFORMERS:
                import_module(name)
    except (ImportError, AttributeError):
        # a version of the library that wants something else of them
        for name in [name for name in sys.modules if name.partition(".")[0] == "transformers"]:
            del sys.modules[name]
    finally:
        sys.meta_path.remove(finder)
        absent.leave()


class _Absent:
    """What transformers is told while it is imported."""

    def __init__(self) -> None:
        self._before: dict[str, Any] = {}

    def enter(self, module: Any) -> None:
        """Tells it, in its module `import_utils`, as soon as that has been run."""
        told = {name: _absent for name in _UNUSED if hasattr(module, name)}
        told["define_import_structure"] = partial(_scan_once, module.define_import_structure)
        self._before = {name: getattr(module, name) for name in told}
        vars(module).update(told)

    def leave(self) -> None:
        """Modules that are imported from now on are told what is true."""
        for place in ("transformers.utils", "transformers.utils.import_utils"):
            if place in sys.modules:
                vars(sys.modules[place]).update(self._before)


def _absent(*_: Any, **__: Any) -> bool:
    return False


def _scan_once(scan: Callable[..., Any], path: str, prefix: str | None = None) -> Any:
    # of a file its folder is scanned: named as such, the library knows it already
    return scan(Path(path).parent if Path(path).is_file() else path, prefix)


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
