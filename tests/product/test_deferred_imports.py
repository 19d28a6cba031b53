"""Modules that are run when something of them is first used."""

import sys
from importlib import import_module

import pytest

from saxsolo.deferred_imports import AfterImport, Deferred, DeferredModule, LaterName, later

FILES = {
    "__init__": "ran = ['package']\n",
    "first": "from . import ran\nran.append('first')\nclass One:\n    two = 2\ndef add(a, b):\n"
    "    return a + b\n",
    "second": "from . import first, ran\nran.append('second')\nvalue = first.One.two\n",
    "user": "from .first import add, One\nfrom . import second\n",
    "broken": "raise ImportError('no such library')\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The name of a package of small modules; what it imports is forgotten again."""
    name = "deferred_example"
    folder = tmp_path / name
    folder.mkdir()
    for module, text in FILES.items():
        (folder / f"{module}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    yield name
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]


def test_a_module_is_run_by_the_first_look_into_it(package):
    Deferred({f"{package}.second": {}}).start()
    second = import_module(f"{package}.second")
    assert isinstance(second, DeferredModule) and import_module(package).ran == ["package"]
    assert second.value == 2 and not isinstance(second, DeferredModule)
    assert import_module(package).ran == ["package", "first", "second"]
    with pytest.raises(AttributeError, match="nothing"):
        _ = second.nothing


def test_a_name_that_is_taken_at_once_runs_its_module_when_it_is_called(package):
    place = f"{package}.first"
    Deferred({place: later(place, "add", "One"), f"{package}.second": {}}).start()
    user = import_module(f"{package}.user")
    assert type(user.add) is LaterName and import_module(package).ran == ["package"]
    assert user.add(2, 3) == 5 and user.One.two == 2
    assert isinstance(sys.modules[place].One(), user.One) and not isinstance(1, user.One)
    assert sys.modules[place].add is user.add.real()


def test_parts_of_a_whole_are_run_together_and_in_order(package):
    names = {f"{package}.first": later(f"{package}.first", "add", "One"), f"{package}.second": {}}
    deferred = Deferred(names, whole=package)
    deferred.start()
    user = import_module(f"{package}.user")
    deferred.stop()
    assert user.second.value == 2
    assert import_module(package).ran == ["package", "first", "second"]
    # what others were given is put right
    assert user.add is sys.modules[f"{package}.first"].add


def test_a_new_module_of_a_whole_runs_all_parts(package):
    deferred = Deferred({f"{package}.second": {}}, whole=package)
    deferred.start()
    import_module(f"{package}.second")
    deferred.stop()
    import_module(f"{package}.first")
    assert import_module(package).ran == ["package", "first", "second"]
    assert not isinstance(sys.modules[f"{package}.second"], DeferredModule)


def test_what_cannot_be_imported_says_so_each_time(package):
    Deferred({f"{package}.broken": {}}).start()
    broken = import_module(f"{package}.broken")
    for _ in range(2):
        with pytest.raises(ImportError, match="no such library"):
            _ = broken.anything


def test_a_call_follows_an_import(package):
    seen = []
    sys.meta_path.insert(0, AfterImport({f"{package}.first": lambda module: seen.append(module)}))
    first = import_module(f"{package}.first")
    assert seen == [first] and first.add(1, 1) == 2
