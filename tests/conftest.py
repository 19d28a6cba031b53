"""What all tests share: no network, one thread, the marker `slow`, the data folder."""

import os
from pathlib import Path

# before transformers or the Hub client are imported
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow") or os.environ.get("CI") == "true":
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: runs with --slow, or where CI=true"))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with weimar_sax/, mtg_solo_sax/ and meatbass_pizz/: $SAXSOLO_DATA, or
    shared/data beside the repository."""
    folder = Path(os.environ.get("SAXSOLO_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "weimar_sax").is_dir():
        pytest.skip(f"no data in {folder}; README.md says where to get it (or set SAXSOLO_DATA)")
    return folder
