"""The Space as it stands on the Hub: app, requirements, front matter, and the packages it calls.

Its model goes along, or is named in model.json with the commit it was tried with.
"""

import json
import re
from pathlib import Path

import yaml
from huggingface_hub import SpaceCard

from saxsolo.assets import PACKAGE, asset
from saxsolo.errors import PublishError

from .folder import copy_files

# what an earlier commit may hold that this one replaces
SPACE_FILES = ["*.py", "model.json", "checkpoints/*", "examples/*"]
NEEDED = ("README.md", "app.py", "requirements.txt")
# kinds of files that a Space shows or runs; what else lies about stays at home
SUFFIXES = {".py", ".md", ".txt", ".css", ".js", ".html", ".svg", ".png", ".jpg", ".flac", ".mp3"}
# rooms of the package that the page does not call: the Hub takes fewer files in one commit
UNUSED = {"cli", "corpus", "evaluation", "publishing", "training"}
SKIPPED = {"__pycache__", "assets", "tests", "runs", "takes", "node_modules"}
# the page's own, whatever model plays
EAR = "checkpoints/saxsolo-ear"
# no registry holds them, so they stand beside app.py
PACKAGES = ("saxsolo", "modeling_saxsolo")
MODEL = re.compile(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})")


def lay_out_space(folder: Path, source: Path | None, model: str | None = None) -> None:
    """Fills `folder` with the Space.

    Args:
        source: folder with README.md, app.py and requirements.txt; the project's when None.
        model: OWNER/NAME@COMMIT of the model that it plays; when None what model.json in `source`
            says, and where there is none the default weights go along. The ear always does.

    Raises:
        PublishError: when a file is missing, or the model may move.
    """
    named = model and MODEL.fullmatch(model)
    if model and not named:
        raise PublishError(
            f"{model!r} names no commit; say OWNER/NAME@ and its 40 hexadecimal digits"
        )
    own = source is None
    source = source or asset("space")
    for name in NEEDED:
        if not (source / name).is_file():
            raise PublishError(f"{source} is not a Space: it has no {name}")
    copy_files(source, folder, _names(source, SUFFIXES))
    for package in PACKAGES:
        root = PACKAGE.parent / package
        names = _names(root, {".py", ".css", ".js", ".json"})
        copy_files(root, folder / package, [n for n in names if n.split("/")[0] not in UNUSED])
    examples, checkpoints = asset("examples"), asset("checkpoints")
    copy_files(examples, folder / "examples", _names(examples, {".flac"}))
    copy_files(asset("NOTICE").parent, folder, ["LICENSE", "NOTICE"])
    copy_files(asset(EAR), folder / EAR, _names(asset(EAR), {".json", ".safetensors"}))
    if named:
        place = {"repo": named[1], "revision": named[2]}
        (folder / "model.json").write_text(json.dumps(place, indent=2) + "\n", encoding="utf-8")
        _link_model(folder / "README.md", named[1])
    elif (source / "model.json").is_file():
        copy_files(source, folder, ["model.json"])
    elif own:
        names = _names(checkpoints, {".json", ".safetensors"})
        copy_files(checkpoints, folder / "checkpoints", names)


def _link_model(card: Path, repository: str) -> None:
    """Names the model in the front matter: the Hub then links Space and model both ways."""
    try:
        filled = SpaceCard.load(card)
    except (ValueError, yaml.YAMLError):
        return  # the check of the folder says what is wrong with it
    filled.data.models = [repository]
    card.write_text(str(filled), encoding="utf-8")


def _names(folder: Path, suffixes: set[str]) -> list[str]:
    """Paths of the files of these kinds, without hidden ones and caches."""
    names = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part in SKIPPED for part in parts)
        if path.is_file() and path.suffix in suffixes and not hidden:
            names.append("/".join(parts))
    return names
