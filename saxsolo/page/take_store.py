"""Takes on disk, each in its own folder under a name that nobody can guess.

    solo.flac  backing.flac  codes.npy  take.json   · downloads are written beside them on request

A folder is written under another name and renamed when it is complete. No part of a take stays in
memory: the process that plays (on a borrowed GPU it is not the one that serves) and the one that
serves share the takes through this folder.
"""

import json
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from saxsolo.audio.files import Source, open_sound
from saxsolo.audio.writing import PEAK, Scratch, write_audio
from saxsolo.errors import SaxsoloError
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.frame_labels import tokens_to_notes
from saxsolo.playing.take import Take

BLOCK = 65_536
MOST_TAKES = 200
MOST_BYTES = 2_000_000_000
OLDEST_SECONDS = 2 * 3600.0
NAME = re.compile(r"[0-9a-f]{32}")


class TakeGoneError(SaxsoloError, LookupError):
    """A take that never existed or has expired."""


@dataclass(frozen=True)
class TakeInfo:
    """What take.json says about a take.

    Attributes:
        title: name of the backing.
        run: as in run.json.
        link: the query of the share link, without the question mark.
        label: name of the take in the list of takes.
        gain: factor of solo.flac in the mix at balance 0; `TakeStore.put` measures it.
        quieter: factor of the whole mix that keeps its peak below full scale; also measured there.
    """

    title: str
    run: dict[str, Any]
    link: str
    label: str
    gain: float = 1.0
    quieter: float = 1.0


class TakeStore:
    """The takes of all visitors.

    Args:
        root: folder that holds nothing else.
    """

    def __init__(self, root: Path):
        self.root = root
        self.root.mkdir(parents=True, exist_ok=True)
        self._cleaning = threading.Lock()

    def put(self, take: Take, backing: Source, info: TakeInfo) -> str:
        """Stores a take and returns its name."""
        name = secrets.token_hex(16)
        partial = self.root / f".{name}.partial"
        partial.mkdir()
        try:
            rate, length = take.sampling_rate, len(take.solo)
            quieter = min(1.0, PEAK / max(float(np.abs(take.solo).max()), PEAK))
            solo = (quieter * take.solo[i : i + BLOCK] for i in range(0, length, BLOCK))
            write_audio(partial / "solo.flac", solo, rate, audio_format="flac")
            backing_blocks = backing.blocks(BLOCK, rate, length, mono=False)
            # FLAC holds nothing beyond full scale; a float WAV may
            clipped = (block.clip(-1, 1) for block in backing_blocks)
            write_audio(partial / "backing.flac", clipped, rate, backing.channels, "flac")
            np.save(partial / "codes.npy", take.codes, allow_pickle=False)
            facts = {**asdict(info), "grid": _plain(take.grid), "has_score": bool(take.has_score)}
            # measured on the files just written, which the mixer and the downloads both use
            facts["gain"], facts["quieter"] = _take(partial, facts).mix_levels()
            (partial / "take.json").write_text(json.dumps(facts), encoding="utf-8")
            partial.rename(self.root / name)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        self.clean()
        return name

    def folder(self, name: str) -> Path:
        """The folder of a take.

        Raises:
            TakeGoneError: for an invalid name or a take that has expired.
        """
        folder = self.root / name if NAME.fullmatch(name or "") else None
        if folder is None or not (folder / "take.json").is_file():
            raise TakeGoneError("this take has expired; its link plays it again")
        return folder

    def info(self, name: str) -> TakeInfo:
        """What take.json says about a take."""
        facts = self._facts(name)
        return TakeInfo(**{key: facts[key] for key in TakeInfo.__dataclass_fields__})

    def take(self, name: str) -> Take:
        """A take as `improvise` returned it, ready to be saved in any format."""
        return _take(self.folder(name), self._facts(name))

    def clean(self, now: float | None = None) -> None:
        """Deletes takes that are too old, and the oldest ones beyond the limits."""
        now = time.time() if now is None else now
        with self._cleaning:
            folders = sorted(self._folders_with_times(), reverse=True)
            used = 0
            for rank, (written_at, folder) in enumerate(folders):
                used += _size(folder)
                if rank >= MOST_TAKES or used > MOST_BYTES or now - written_at > OLDEST_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)

    def _folders_with_times(self) -> Iterable[tuple[float, Path]]:
        for folder in self.root.iterdir():
            try:
                yield folder.stat().st_mtime, folder
            except FileNotFoundError:
                continue

    def _facts(self, name: str) -> dict[str, Any]:
        return json.loads((self.folder(name) / "take.json").read_text(encoding="utf-8"))


def _take(folder: Path, facts: dict[str, Any]) -> Take:
    codes = np.load(folder / "codes.npy", allow_pickle=False)
    samples, rate = sf.read(folder / "solo.flac", dtype="float32")
    solo = Scratch(folder)
    solo.append(samples)
    grid = _grid(facts["grid"])
    return Take(
        sampling_rate=rate,
        codes=codes,
        notes=tokens_to_notes(codes[0]) if facts["has_score"] else [],
        run=facts["run"],
        _backing=open_sound(folder / "backing.flac", facts["title"]),
        _solo=solo,
        _has_score=facts["has_score"],
        _find_grid=lambda: grid,
    )


def _size(folder: Path) -> int:
    """Bytes in a folder, while another process may be deleting files from it."""
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_size
        except FileNotFoundError:
            continue
    return size


def _plain(grid: BeatGrid | None) -> dict[str, Any] | None:
    if grid is None:
        return None
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in asdict(grid).items()
    }


def _grid(facts: dict[str, Any] | None) -> BeatGrid | None:
    if facts is None:
        return None
    arrays: dict[str, Any] = {
        name: np.array(value) if isinstance(value, list) else value for name, value in facts.items()
    }
    return BeatGrid(**arrays)
