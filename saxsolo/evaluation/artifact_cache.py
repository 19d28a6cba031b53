"""Results are kept, so that an interrupted report continues, and a second one is quick.

Everything is stored under a key that names what it was made from. A sound is always returned as
read back from disk, so an uninterrupted report and a resumed one are the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.atomic import replacing
from saxsolo.audio import note_segmentation, pitch

from . import notes as tracking
from .notes import SoloNotes, track_notes

# threads that make things at once
WORKERS = 2


class ArtifactCache:
    """Sounds, notes and figures of the cases, in files NAME.flac, NAME.npz and NAME.json.

    Args:
        folder: made where it is missing.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        modules = (tracking, note_segmentation, pitch)
        self._tracker = digest([Path(str(m.__file__)).read_text("utf-8") for m in modules])

    def audio(
        self, case: str, name: str, key: object, make: Callable[[], np.ndarray]
    ) -> np.ndarray:
        """The sound (n,) float32 that `make` gives, made once as long as `key` stays the same."""
        path = self.folder / case / f"{name}.flac"
        sign = digest(key)
        if self._sign(path) != sign:
            sound = make()
            self._put(
                path, lambda to: sf.write(to, sound, SAMPLING_RATE, "PCM_16", format="FLAC"), sign
            )
        return sf.read(path, dtype="float32")[0]

    def notes(self, case: str, name: str, audio: np.ndarray, tracker: str) -> SoloNotes:
        """The notes of a sound, tracked once as long as sound and tracker stay the same."""
        path = self.folder / case / f"{name}.npz"
        sign = digest([hashlib.sha256(audio.tobytes()).hexdigest(), tracker, self._tracker])
        if self._sign(path) != sign:
            arrays = asdict(track_notes(audio, SAMPLING_RATE, tracker))

            def write(to: Path) -> None:
                with to.open("wb") as file:
                    np.savez(file, **arrays)

            self._put(path, write, sign)
        with np.load(path, allow_pickle=False) as file:
            kept = {f.name: file[f.name] for f in fields(SoloNotes)}
        return SoloNotes(**{k: v.item() if v.ndim == 0 else v for k, v in kept.items()})

    def value(
        self, case: str, name: str, key: object, make: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """The dict of plain values that `make` gives, made once as long as `key` stays the same."""
        path = self.folder / case / f"{name}.json"
        sign = digest(key)
        if self._sign(path) != sign:
            text = json.dumps(make(), indent=1) + "\n"
            self._put(path, lambda to: to.write_text(text, "utf-8"), sign)
        return json.loads(path.read_text("utf-8"))

    def _sign(self, path: Path) -> str | None:
        try:
            return path.with_name(f"{path.name}.key").read_text("utf-8") if path.exists() else None
        except OSError:
            return None

    def _put(self, path: Path, write: Callable[[Path], object], sign: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        key = path.with_name(f"{path.name}.key")
        key.unlink(missing_ok=True)
        # players that play the same in every case are tracked by several threads at once
        with replacing(path) as (partial,):
            write(partial)
        # last: a file without its key is made again
        with replacing(key) as (partial,):
            partial.write_text(sign, "utf-8")


def digest(key: object) -> str:
    """A short sha256 of plain values."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
