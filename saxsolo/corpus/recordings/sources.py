"""The list of recordings: what the sources of a config come to, with licence and origin.

A folder is searched through, a playlist is opened; each recording gets an id that stays the same
from run to run. The list is made once and kept in OUT/recordings.jsonl.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from saxsolo.atomic import write_text
from saxsolo.corpus.config import CorpusConfig, Description, SourceConfig

SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".m4a", ".webm", ".aac", ".opus", ".aif", ".aiff"}
# what the oracle separator reads lies beside the recordings and is none
STEM_ENDINGS = (".backing", ".solo")


class RecordingsError(ValueError):
    """Sources that give no recordings, or whose description is wrong."""


@dataclass(frozen=True)
class Recording(Description):
    """One recording: `path` of a local file, or `link`; the rest is told, "" where unknown."""

    id: str
    path: str = ""
    link: str = ""
    source: str = ""
    seconds: float = 0.0  # as the metadata say; 0 = they do not

    @property
    def inputs(self) -> list:
        """What a change of must make a recording be worked on again."""
        if self.link:
            return [self.link]
        try:
            found = Path(self.path).stat()
        except OSError:
            return [self.path]
        return [self.path, found.st_size, found.st_mtime_ns]


DESCRIBED = tuple(one.name for one in fields(Description))


def list_recordings(config: CorpusConfig) -> list[Recording]:
    """All recordings of all sources, each once, sorted by id.

    Raises:
        RecordingsError: a path that is not there, no recording at all, a NAME.json that is wrong.
    """
    found: dict[str, Recording] = {}
    for source in config.sources:
        for one in _of_link(source, config) if source.link else _of_path(source):
            found.setdefault(one.id, one)
    if not found:
        names = ", ".join(source.path or source.link for source in config.sources)
        raise RecordingsError(
            f"{names}: no recording found; files ending in {', '.join(sorted(SUFFIXES))} are taken"
        )
    return [found[key] for key in sorted(found)]


def write_recordings(path: Path, recordings: Iterable[Recording]) -> None:
    """Writes the list, one JSON object a line."""
    lines = (json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in recordings)
    write_text(path, "".join(lines))


def read_recordings(path: Path) -> list[Recording]:
    """Reads the list. Raises `RecordingsError` where it is absent or no list."""
    try:
        return [Recording(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]
    except (OSError, ValueError, TypeError) as error:
        raise RecordingsError(f"cannot read {path} ({error}); build the corpus first") from error


def recording_id(name: str, key: str) -> str:
    """A name that a person knows again, made unique by a hash of `key`."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:48] or "recording"
    return f"{plain}_{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def _of_path(source: SourceConfig) -> Iterator[Recording]:
    root = Path(source.path)
    if not root.exists():
        raise RecordingsError(f"{root}: no such file or folder; mend `path` in the config")
    files = sorted(root.rglob("*")) if root.is_dir() else [root]
    for file in files:
        if root.is_dir() and (
            file.suffix.lower() not in SUFFIXES
            or file.stem.endswith(STEM_ENDINGS)
            or file.name.startswith(".")
            or not file.is_file()
        ):
            continue
        key = str(file.relative_to(root)) if root.is_dir() else file.name
        told = {name: getattr(source, name) for name in DESCRIBED} | _told_beside(file)
        yield Recording(
            recording_id(file.stem, key), path=str(file.resolve()), source=root.name, **told
        )


def _told_beside(file: Path) -> dict:
    path = file.with_suffix(".json")
    if not path.exists():
        return {}
    known = (*DESCRIBED, "seconds")
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        unknown = sorted(set(told) - set(known))
    except (OSError, ValueError, TypeError) as error:
        raise RecordingsError(f"{path} is no JSON object: {error}") from error
    if unknown:
        raise RecordingsError(
            f"{path}: {unknown[0]!r} is unknown; a recording is described by {', '.join(known)}"
        )
    return told


def _of_link(source: SourceConfig, config: CorpusConfig) -> Iterator[Recording]:
    from .links import open_link

    told = {name: getattr(source, name) for name in DESCRIBED}
    for entry in open_link(source.link, config.download):
        found = {key: told[key] or entry.get(key, "") for key in ("title", "licence")}
        described = told | found
        name = entry.get("name") or described["title"]
        one = Recording(recording_id(name, entry["link"]), link=entry["link"])
        yield replace(one, source=source.link, seconds=entry.get("seconds", 0.0), **described)
