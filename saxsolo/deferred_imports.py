"""Modules that are run when something of them is first used, and not when they are imported.

`import torch` also reads its exporter, the front end of its compiler and its tools for quantising;
a model also imports what compiles its layers. A deferred module is there after its import, but
empty: the first look at an attribute that it lacks runs it. Where a name is taken out of a module
at once (`from module import name`), a `LaterName` is given for it, which runs the module when it is
called. So nothing is missing; things only come later, or never.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from threading import RLock
from types import ModuleType
from typing import Any

# module -> the names that are taken out of it while it is imported, and what is given for them
Names = Mapping[str, Mapping[str, Any]]

_LOCK = RLock()


class LaterName:
    """A function or class of a deferred module, which is run when it is called or looked into."""

    def __init__(self, module: str, name: str):
        self._place = module, name

    def real(self) -> Any:
        """The function or class."""
        place, name = self._place
        module = import_module(place)
        if isinstance(module, DeferredModule):
            module.run()
        return getattr(module, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.real()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real(), name)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, self.real())

    def __or__(self, other: Any) -> Any:
        # in an annotation, which is computed where it stands
        return Any


def later(module: str, *names: str) -> dict[str, Any]:
    """What is given for names of a module, by name."""
    return {name: LaterName(module, name) for name in names}


class DeferredModule(ModuleType):
    """A module that has been imported and not been run."""

    def __getattr__(self, name: str) -> Any:
        # whoever looks through all modules asks for names such as __warningregistry__
        if name.startswith("__") and name != "__all__":
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self.run()
        if type(self) is not DeferredModule:
            return getattr(self, name)
        if name in vars(self):
            return vars(self)[name]
        raise AttributeError(f"module {self.__name__!r}, half imported, has no attribute {name!r}")

    def run(self) -> None:
        """Runs it, its package first; if it is a part of what is run as a whole, all of that."""
        with _LOCK:
            loader = None if self.__spec__ is None else self.__spec__.loader
            if isinstance(loader, _Later):
                loader.run(self)


class _Later(Loader):
    """Leaves a module empty until it is run."""

    def __init__(self, real: Loader, finder: "Deferred"):
        self.real, self.finder = real, finder

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return DeferredModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(self.finder.names[module.__name__])

    def run(self, module: ModuleType) -> None:
        if self.finder.as_a_whole:
            self.finder.complete()
            return
        parent = sys.modules.get(module.__name__.rpartition(".")[0])
        if isinstance(parent, DeferredModule):
            parent.run()
        spec = module.__spec__
        if spec is None or spec.loader is not self:
            # its package has run it
            return
        module.__loader__ = spec.loader = self.real
        try:
            self.real.exec_module(module)
        except BaseException:
            # as after an import that fails: the next use tries again
            module.__loader__ = spec.loader = self
            raise
        module.__class__ = ModuleType


class AfterImport(MetaPathFinder):
    """Calls a function with each of some modules as soon as the module has been run.

    Args:
        calls: name of a module -> the function.
    """

    def __init__(self, calls: Mapping[str, Callable[[ModuleType], None]]):
        self.calls = calls

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self.calls:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _ThenCall(spec.loader, self.calls[name])
        return spec


class _ThenCall(Loader):
    def __init__(self, real: Loader, call: Callable[[ModuleType], None]):
        self.real, self.call = real, call

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self.real
        if module.__spec__ is not None:
            module.__spec__.loader = self.real
        self.real.exec_module(module)
        self.call(module)


class _ThereAlready(Loader):
    """Gives the module that the run of its package has imported meanwhile."""

    def __init__(self, module: ModuleType):
        self.module, self.spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec


class Deferred(MetaPathFinder):
    """Defers modules that are imported from `start` to `stop`.

    Args:
        names: of the modules.
        whole: a package of which these are parts, to be run together. Parts of a large package
            count on the order in which the package imports them. While it is imported, each is run
            alone if it is used. Afterwards the first use of one, or the import of a module of the
            package that is new, runs them all, in the order of `names`.
    """

    def __init__(self, names: Names, whole: str | None = None):
        self.names, self.whole = names, whole
        self._importing = False
        self._complete = False

    def start(self) -> None:
        """Defers the modules that are imported from now on."""
        self._importing = True
        sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """Defers no more modules."""
        self._importing = False

    @property
    def as_a_whole(self) -> bool:
        """Whether the use of one runs all."""
        return not (self.whole is None or self._importing or self._complete)

    def complete(self) -> None:
        """Runs all of them, and puts names of theirs that others have been given into place."""
        self._complete = True
        for name in self.names:
            deferred = sys.modules.get(name)
            if isinstance(deferred, DeferredModule):
                deferred.run()
        for module in list(sys.modules.values()):
            if module.__name__.partition(".")[0] == self.whole:
                for name, value in list(vars(module).items()):
                    if type(value) is LaterName:
                        setattr(module, name, value.real())

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if self._importing and name in self.names:
            spec = PathFinder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _Later(spec.loader, self)
            return spec
        package, _, _ = name.rpartition(".")
        parent = sys.modules.get(package)
        if self.as_a_whole and name.partition(".")[0] == self.whole:
            with _LOCK:
                self.complete()
        elif isinstance(parent, DeferredModule):
            parent.run()
        else:
            return None
        there = sys.modules.get(name)
        if there is None:
            return None
        # of a module that has appeared meanwhile, the import takes this and not what is returned
        there.__spec__ = ModuleSpec(name, _ThereAlready(there))
        return there.__spec__
