"""The list of recordings: what the sources of a config come to, with licence and origin.

A folder is searched through, a playlist is opened; each recording gets an id that stays the same
from run to run. The list is made once and kept in OUT/recordings.jsonl.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from saxsolo.atomic import write_text
from saxsolo.audio.names import SUFFIXES
from saxsolo.corpus.config import CorpusConfig, Description, SourceConfig

# what the oracle separator reads lies beside the recordings and is none
STEM_ENDINGS = (".backing", ".solo")


class RecordingsError(ValueError):
    """Sources that give no recordings, or whose description is wrong."""


class Recording(Description):
    """One recording: `path` of a local file, or `link`; the rest is told, "" where unknown."""

    mistake: ClassVar[type[ValueError]] = RecordingsError

    id: str
    path: str = ""
    link: str = ""
    source: str = ""
    seconds: float = 0.0  # as the metadata say; 0 = they do not

    @property
    def inputs(self) -> list[Any]:
        """What a change of must make a recording be worked on again."""
        if self.link:
            return [self.link]
        try:
            status = Path(self.path).stat()
        except OSError:
            return [self.path]
        return [self.path, status.st_size, status.st_mtime_ns]


DESCRIBED = tuple(Description.model_fields)


def list_recordings(config: CorpusConfig) -> list[Recording]:
    """All recordings of all sources, each once, sorted by id.

    Raises:
        RecordingsError: a path that is not there, no recording at all, a NAME.json that is wrong.
    """
    recordings: dict[str, Recording] = {}
    for source in config.sources:
        for recording in _of_link(source, config) if source.link else _of_path(source):
            recordings.setdefault(recording.id, recording)
    if not recordings:
        names = ", ".join(source.path or source.link for source in config.sources)
        raise RecordingsError(
            f"{names}: no recording found; WAV, FLAC, OGG, MP3, M4A and other sound files are taken"
        )
    return [recordings[key] for key in sorted(recordings)]


def write_recordings(path: Path, recordings: Iterable[Recording]) -> None:
    """Writes the list, one JSON object a line."""
    lines = (json.dumps(each.model_dump(), ensure_ascii=False) + "\n" for each in recordings)
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
        raise RecordingsError(f"{root}: no such file or folder; correct `path` in the config")
    files = sorted(root.rglob("*")) if root.is_dir() else [root]
    for file in files:
        if root.is_dir() and (
            file.suffix.lower().removeprefix(".") not in SUFFIXES
            or file.stem.endswith(STEM_ENDINGS)
            or file.name.startswith(".")
            or not file.is_file()
        ):
            continue
        key = str(file.relative_to(root)) if root.is_dir() else file.name
        described = {name: getattr(source, name) for name in DESCRIBED} | _described_beside(file)
        yield Recording(
            id=recording_id(file.stem, key),
            path=str(file.resolve()),
            source=root.name,
            **described,
        )


def _described_beside(file: Path) -> dict[str, Any]:
    path = file.with_suffix(".json")
    if not path.exists():
        return {}
    known = (*DESCRIBED, "seconds")
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        unknown = sorted(set(described) - set(known))
    except (OSError, ValueError, TypeError) as error:
        raise RecordingsError(f"{path} is not a JSON object: {error}") from error
    if unknown:
        raise RecordingsError(
            f"{path}: {unknown[0]!r} is unknown; a recording is described by {', '.join(known)}"
        )
    return described


def _of_link(source: SourceConfig, config: CorpusConfig) -> Iterator[Recording]:
    from .links import open_link

    stated = {name: getattr(source, name) for name in DESCRIBED}
    for entry in open_link(source.link, config.download):
        texts = {key: stated[key] or entry.get(key, "") for key in ("title", "licence")}
        described = stated | texts
        name = entry.get("name") or described["title"]
        yield Recording(
            id=recording_id(name, entry["link"]),
            link=entry["link"],
            source=source.link,
            seconds=entry.get("seconds", 0.0),
            **described,
        )
