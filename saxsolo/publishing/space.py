"""The Space as it stands on the Hub: app, requirements, front matter, and the packages it calls."""

from pathlib import Path

from ..errors import PublishError
from .folder import ROOT, copy_files

SPACE_FILES = ["*.py"]
NEEDED = ("README.md", "app.py", "requirements.txt")
# kinds of files that a Space shows or runs; what else lies about stays at home
SUFFIXES = {".py", ".md", ".txt", ".css", ".js", ".html", ".svg", ".png", ".jpg", ".flac", ".mp3"}
SKIPPED = {"__pycache__", "tests", "runs", "takes", "node_modules"}
# no registry holds them, so they stand beside app.py
PACKAGES = ("saxsolo", "modeling_saxsolo", "dataset_scripts/score")


def lay_out_space(folder: Path, source: Path | None) -> None:
    """Fills `folder` with the Space.

    Args:
        source: folder with README.md, app.py and requirements.txt; the project's when None.

    Raises:
        PublishError: when one of them is missing.
    """
    source = source or ROOT / "space"
    for name in NEEDED:
        if not (source / name).is_file():
            raise PublishError(f"{source} is no Space: it has no {name}")
    copy_files(source, folder, _names(source, SUFFIXES))
    for package in PACKAGES:
        copy_files(ROOT / package, folder / package, _names(ROOT / package, {".py"}))
    copy_files(ROOT, folder, ["dataset_scripts/__init__.py"])
    copy_files(ROOT / "examples", folder / "examples", _names(ROOT / "examples", {".flac"}))
    copy_files(ROOT, folder, ["LICENSE", "NOTICE"])


def _names(folder: Path, suffixes: set[str]) -> list[str]:
    """Paths of the files of these kinds, without hidden ones and caches."""
    names = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part in SKIPPED for part in parts)
        if path.is_file() and path.suffix in suffixes and not hidden:
            names.append("/".join(parts))
    return names
