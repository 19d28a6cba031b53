"""A recording as a file that can be read: fetched where it is a link, checked from its first sample
to its last.

Local files stay where they are. What is fetched lies in OUT/recordings/.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modeling_saxsolo.backing_saxsolo import SILENCE_PEAK
from saxsolo.atomic import write_json
from saxsolo.audio.files import Source, open_sound
from saxsolo.corpus.config import DownloadConfig
from saxsolo.corpus.stage_state import ItemError, need_room
from saxsolo.errors import AudioError

from .fingerprints import FINGERPRINT_RATE, FingerprintMaker
from .sources import Recording

_BLOCK = 65_536
# a site's durations are rounded, and MP3 pads
_TOLERANCE_SECONDS, _TOLERANCE = 2.0, 0.01
_FULL_SCALE = 0.9999


@dataclass(frozen=True)
class Fetched:
    """A file that was read to its end. `chroma` and `landmarks`: see fingerprints.py."""

    path: Path
    seconds: float
    chroma: str
    landmarks: str
    licence: str


def download_recording(
    recording: Recording, folder: Path, config: DownloadConfig, *, accept_rights: bool = False
) -> Fetched:
    """Gets one recording and checks it.

    Args:
        folder: where files that are fetched go; what lies there is not fetched again.
        accept_rights: take recordings whose licence nobody has stated.

    Raises:
        ItemError: no stated right to use it, not to be had, unreadable, truncated, silent, too
            short or too long; the reason in one line.
    """
    licence = recording.licence
    if not licence and not accept_rights and not recording.link:
        raise ItemError(_no_right(recording))
    path = Path(recording.path)
    announced = recording.seconds
    if recording.link:
        path, site = _fetched(recording, folder, config)
        licence = licence or str(site.get("license") or "")
        announced = announced or float(site.get("duration") or 0.0)
        if not licence and not accept_rights:
            raise ItemError(_no_right(recording))
    try:
        source = open_sound(path)
        _check_length(source, announced, config)
        texts = _read_through(source, config)
    except (AudioError, ItemError) as error:
        if recording.link:
            # --retry fetches it anew
            path.unlink(missing_ok=True)
        raise ItemError(str(error)) from error
    return Fetched(path, source.seconds, licence=licence, **texts)


def _fetched(
    recording: Recording, folder: Path, config: DownloadConfig
) -> tuple[Path, dict[str, Any]]:
    """The file of a link and what the site told of it, asked for once."""
    from .links import fetch_link

    note = folder / "told" / f"{recording.id}.json"
    there = [path for path in folder.glob(f"{recording.id}.*") if path.is_file()]
    if there and note.exists():
        return there[0], json.loads(note.read_text("utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    need_room(folder, 0)
    path, answer = fetch_link(recording.link, folder, recording.id, config)
    kept = {key: answer[key] for key in ("license", "duration") if answer.get(key)}
    write_json(note, kept)
    return path, kept


def _no_right(recording: Recording) -> str:
    return (
        f"{recording.path or recording.link}: no licence is stated, so no right to use it is known;"
        f" state it (`licence:`), or take it on your own account with --accept-rights"
    )


def _check_length(source: Source, announced: float, config: DownloadConfig) -> None:
    if announced and source.seconds < announced - max(_TOLERANCE_SECONDS, _TOLERANCE * announced):
        raise ItemError(
            f"{source.name} lasts {source.seconds:.1f} s but {announced:.1f} s were announced: it "
            f"is cut off; get a whole one, then build with --retry"
        )
    if source.seconds < config.shortest_seconds:
        raise ItemError(
            f"{source.name} lasts {source.seconds:.1f} s; {config.shortest_seconds:g} s is the "
            f"least (download.shortest_seconds)"
        )
    if source.seconds > config.longest_seconds:
        raise ItemError(
            f"{source.name} lasts {source.seconds / 3600:.1f} h; {config.longest_seconds / 3600:g}"
            f" h is the most (download.longest_seconds)"
        )


def _read_through(source: Source, config: DownloadConfig) -> dict[str, str]:
    """Reads every sample; returns the fingerprint. Raises for silence and clipping."""
    # at the file's own rate first: an hour of silence is found out in a second
    peak, clipped = _extremes(source)
    if peak <= SILENCE_PEAK:
        raise ItemError(f"{source.name} is silent from beginning to end")
    if clipped > config.clipping:
        raise ItemError(
            f"{source.name} is clipped: {clipped:.2%} of its samples are at full scale; "
            f"{config.clipping:.2%} is the most (download.clipping)"
        )
    maker = FingerprintMaker()
    length = source.length_at(FINGERPRINT_RATE)
    for block in source.blocks(_BLOCK, FINGERPRINT_RATE, length, mono=True):
        maker.push(block[:, 0])
    return maker.texts()


def _extremes(source: Source) -> tuple[float, float]:
    """The largest sample, and the share of samples at full scale."""
    peak, clipped, seen = 0.0, 0, 0
    length = source.frames
    for block in source.blocks(_BLOCK, source.sampling_rate, length, mono=False):
        level = np.abs(block)
        peak = max(peak, float(level.max(initial=0.0)))
        clipped += int((level >= _FULL_SCALE).sum())
        seen += level.size
    return peak, clipped / max(1, seen)
