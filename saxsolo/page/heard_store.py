"""Tracks that were listened to, on disk: the sound, what was heard, and downloads beside them."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from modeling_saxsolo.chord_search_saxsolo import HeardChord
from modeling_saxsolo.ear_decoding_saxsolo import HeardMusic
from saxsolo.audio.files import Source, open_sound
from saxsolo.audio.writing import write_audio
from saxsolo.listening.heard import Listening

from .folder_store import FolderStore

BLOCK = 65_536
# what every browser plays, by libsndfile's name; all else is written as FLAC
PLAYABLE = {"WAV": "wav", "FLAC": "flac", "MP3": "mp3", "MPEG": "mp3"}
MEDIA = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg"}


class HeardStore(FolderStore):
    """The tracks of all visitors.

    Args:
        root: folder that holds nothing else.
    """

    def __init__(self, root: Path):
        super().__init__(root, "heard.json", "this track has expired; listen to it again")

    def put(self, source: Source, heard: Listening) -> str:
        """Stores a track and what was heard in it; returns its name."""
        kind = PLAYABLE.get(source.format, "flac")
        with self.filling() as (name, partial):
            track = partial / f"track.{kind}"
            if source.format in PLAYABLE and source.path is not None:
                shutil.copy(source.path, track)
            else:
                blocks = source.blocks(BLOCK, source.sampling_rate, source.frames, mono=False)
                clipped = (block.clip(-1, 1) for block in blocks)
                write_audio(track, clipped, source.sampling_rate, source.channels, kind)
            facts = {"title": source.name, "kind": kind, "heard": _plain(heard)}
            (partial / "heard.json").write_text(json.dumps(facts), encoding="utf-8")
        return name

    def heard(self, name: str) -> Listening:
        """What was heard, as `listen` gave it.

        Raises:
            GoneError: when it has expired.
        """
        facts = self.facts(name)["heard"]
        music: dict[str, Any] = {
            key: np.array(value) if isinstance(value, list) else value
            for key, value in facts["music"].items()
            if key != "chords"
        }
        chords = [HeardChord(**chord) for chord in facts["music"]["chords"]]
        return Listening(**{**facts, "music": HeardMusic(**music, chords=chords)})

    def track(self, name: str) -> tuple[Path, str]:
        """The sound of a track and its media type.

        Raises:
            GoneError: when it has expired.
        """
        kind = self.facts(name)["kind"]
        return self.folder(name) / f"track.{kind}", MEDIA[kind]

    def source(self, name: str) -> Source:
        """The sound of a track, opened under the name that its visitor gave it.

        Raises:
            GoneError: when it has expired.
        """
        return open_sound(self.track(name)[0], self.facts(name)["title"])


def _plain(heard: Listening) -> dict[str, Any]:
    facts = asdict(heard)
    music = facts["music"]
    for key, value in music.items():
        if isinstance(value, np.ndarray):
            music[key] = value.tolist()
    return facts
