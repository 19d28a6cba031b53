"""What a take can be saved as: formats of sound, and what needs the extra `notes`.

What is missing is found before the work begins; nothing is imported for it.
"""

import json
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from saxsolo.audio.writing import FORMATS
from saxsolo.errors import SettingError
from saxsolo.extras import missing_extra

BIT_DEPTHS = (16, 24)
# LUFS that can be asked for
LOWEST_LUFS, HIGHEST_LUFS = -60.0, 0.0
# the stem that is not the backing's
SOLO = "solo"
# what is asked for -> the file, and the libraries it takes
FILES = {"midi": "solo.mid", "musicxml": "solo.musicxml", "plot": "solo.png"}
LIBRARIES = {
    "midi": ("mido", "swift_f0"),
    "musicxml": ("music21",),
    "plot": ("matplotlib",),
}


def check_extras(
    audio_format: str,
    midi: bool,
    musicxml: bool,
    plot: bool,
    bit_depth: int = 16,
    lufs: float | None = None,
    stems: bool = False,
) -> None:
    """Makes sure that a take can be saved as it is asked for.

    Raises:
        SettingError: for an unknown format, or with the first library that is missing.
    """
    if audio_format not in FORMATS:
        raise SettingError(f"format {audio_format!r} is none of {', '.join(FORMATS)}")
    if bit_depth not in BIT_DEPTHS:
        raise SettingError(f"bit depth {bit_depth}: give 16 or 24")
    if bit_depth != 16 and audio_format not in ("wav", "flac"):
        raise SettingError(f"{audio_format} has no bit depth; 24 bits go into wav and flac")
    if lufs is not None and not LOWEST_LUFS <= lufs <= HIGHEST_LUFS:
        raise SettingError(f"{lufs:g} LUFS is not between {LOWEST_LUFS:g} and {HIGHEST_LUFS:g}")
    if stems and audio_format not in ("wav", "flac"):
        raise SettingError(f"stems in {audio_format} would not sum to the mix; give wav or flac")
    for wanted, name in ((midi, "midi"), (musicxml, "musicxml"), (plot, "plot")):
        for library in LIBRARIES[name] if wanted else ():
            if find_spec(library) is None:
                raise SettingError(f"--{name}: {missing_extra(library, 'notes')}")


def take_files(
    audio_format: str = "wav",
    midi: bool = False,
    musicxml: bool = False,
    plot: bool = False,
    bit_depth: int = 16,
    lufs: float | None = None,
    stems: bool = False,
    parts: Sequence[str] = ("backing",),
) -> list[str]:
    """Names of the files that `Take.save` writes with the same arguments, in that order.

    Args:
        parts: the stems of the backing.
    """
    names = [f"solo.{audio_format}", f"mix.{audio_format}", "run.json"]
    if stems:
        names += [f"stem_{part}.{audio_format}" for part in (SOLO, *parts)]
    wanted = {"midi": midi, "musicxml": musicxml, "plot": plot}
    return names + [FILES[name] for name, there in wanted.items() if there]


def all_files() -> list[str]:
    """Names of all files that a take can have."""
    return sorted({name for kind in FORMATS for name in take_files(kind)} | {*FILES.values()})


def earlier_files(folder: Path, names: list[str]) -> list[Path]:
    """Files that an earlier take left in a folder and that a take with `names` does not replace.

    Only what its run.json names, and only names that a take can have: nothing else is ours.
    """
    try:
        listed = json.loads((folder / "run.json").read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    if not isinstance(listed, list):
        return []
    ours = {name for name in listed if name in all_files() or _is_stem(name)} - {*names}
    return [folder / name for name in sorted(ours)]


def _is_stem(name: object) -> bool:
    return isinstance(name, str) and re.fullmatch(r"stem_[a-z0-9-]+\.(wav|flac)", name) is not None
