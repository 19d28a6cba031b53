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
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FrameType, ModuleType
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
    # fetching from the Hub and sending to it
    "huggingface_hub.hf_api": later("huggingface_hub.hf_api", "HfApi", "RepoFile"),
    "huggingface_hub._commit_api": later("huggingface_hub._commit_api", "CommitOperationAdd"),
    "huggingface_hub._snapshot_download": later(
        "huggingface_hub._snapshot_download", "snapshot_download"
    ),
    "transformers.safetensors_conversion": later(
        "transformers.safetensors_conversion", "auto_conversion"
    ),
    "huggingface_hub.repocard": later("huggingface_hub.repocard", "ModelCard"),
    "huggingface_hub.repocard_data": later("huggingface_hub.repocard_data", "ModelCardData"),
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
    "is_psutil_available",
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
# models of the library that are looked for while it is imported, and a codec of it
_MODELS = ("auto", "encodec", "encoder_decoder")
_Scan = Callable[..., dict[Any, Any]]
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
    finder = AfterImport(
        {
            "transformers.utils.import_utils": absent.enter,
            "transformers.utils.auto_docstring": _without_docstrings,
        }
    )
    sys.meta_path.insert(0, finder)
    try:
        import torch

        with ExitStack() as kept:
            kept.enter_context(_replaced(torch.compiler, "disable", _undecorated))
            kept.enter_context(_replaced(inspect, "getframeinfo", _place_of_frame))
            kept.enter_context(_compiler_later())
            for name in _OF_TRANSFORMERS:
                import_module(name)
    except (ImportError, AttributeError):
        # a version of the library that wants something else of them
        for name in [name for name in sys.modules if name.partition(".")[0] == "transformers"]:
            del sys.modules[name]
    finally:
        sys.meta_path.remove(finder)
        absent.leave()
    modeling = sys.modules.get("transformers.modeling_utils")
    name = "get_model_conversion_mapping"
    if hasattr(modeling, name):
        setattr(modeling, name, partial(_conversions, getattr(modeling, name)))


class _Absent:
    """What transformers is told while it is imported."""

    def __init__(self) -> None:
        self._before: dict[str, Any] = {}

    def enter(self, module: Any) -> None:
        """Tells it, in its module `import_utils`, as soon as that has been run."""
        told: dict[str, Any] = {name: _absent for name in _UNUSED if hasattr(module, name)}
        told["define_import_structure"] = partial(_few_models, module.define_import_structure)
        self._before = {name: getattr(module, name) for name in told}
        vars(module).update(told)

    def leave(self) -> None:
        """Modules that are imported from now on are told what is true."""
        for place in ("transformers.utils", "transformers.utils.import_utils"):
            if place in sys.modules:
                vars(sys.modules[place]).update(self._before)
        for name in ("transformers", "transformers.models"):
            if name in sys.modules:
                _list_later(sys.modules[name], self._before["define_import_structure"])


def _absent(*_: Any, **__: Any) -> bool:
    return False


def _few_models(scan: _Scan, path: str | Path, prefix: str | None = None) -> dict[Any, Any]:
    """What the files of `_MODELS` alone define, for the whole library's list of models."""
    folder = Path(path).parent if Path(path).is_file() else Path(path)
    if folder.name != "models":
        return scan(folder, prefix)
    found: dict[Any, Any] = {frozenset(): {}}
    for model in _MODELS:
        name = model if prefix is None else f"{prefix}.{model}"
        for backends, modules in scan(folder / model, name).items():
            found.setdefault(backends, {}).update(modules)
    return found


def _list_later(package: Any, scan: _Scan) -> None:
    """Reads the list of all models when a name is wanted that is not among the few."""
    lazy = type(package)

    class ListedLater(lazy):  # type: ignore[misc, valid-type]
        def __getattr__(self, name: str) -> Any:
            try:
                return lazy.__getattr__(self, name)
            except AttributeError:
                # a module of the package is imported, not looked up
                if name.startswith("__") or find_spec(f"{self.__name__}.{name}"):
                    raise
            self.__class__ = lazy
            in_library = self.__name__ == "transformers"
            folder = Path(self.__file__).parent / ("models" if in_library else "")
            structure = scan(folder, "models" if in_library else None)
            known = {module: set(names) for module, names in self._import_structure.items()}
            structure[frozenset()] = known | structure[frozenset()]
            listed = lazy(self.__name__, self.__file__, structure, self.__spec__, self._objects)
            places = ("_modules", "_class_to_module", "_object_missing_backend", "__all__")
            for place in (*places, "_import_structure"):
                setattr(self, place, vars(listed)[place])
            return getattr(self, name)

    package.__class__ = ListedLater


def _conversions(real: Callable[..., Any], model: Any, *args: Any, **kwargs: Any) -> Any:
    """How weights of other libraries and times are renamed: those of this package never."""
    ours = type(model).__module__.partition(".")[0] == "modeling_saxsolo"
    return [] if ours else real(model, *args, **kwargs)


def _without_docstrings(module: Any) -> None:
    """Models of the library are not given docstrings, which are put together from their code."""
    module.auto_docstring = _undecorated


def _place_of_frame(frame: FrameType, context: int = 1) -> inspect.Traceback:
    """As `inspect.getframeinfo`, which looks through the files of all modules for the code."""
    code = frame.f_code
    return inspect.Traceback(code.co_filename, frame.f_lineno, code.co_name, None, None)


def _undecorated(function: Callable[..., Any] | None = None, *_: Any, **__: Any) -> Any:
    """As a decorator such as `torch.compiler.disable` that leaves a function as it is."""
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
