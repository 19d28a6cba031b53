"""What is to be played: files, folders, standard input and playlists become a list of jobs.

A playlist is a JSON list, one object a backing; its paths are seen from its own folder:

    [{"backing": "blues.wav", "out": "blues/wild", "seed": 3, "temperature": 1.2},
     {"backing": "ballad.flac", "instrument": "alto", "seconds": 20}]

No torch here: what is wrong with files is known before anything is loaded.
"""

import json
import math
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from saxsolo.audio.files import Source, open_sound
from saxsolo.errors import AudioError, SettingError

STANDARD_INPUT = "-"
SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff"}
MOST_TAKES = 1000
# the settings that a playlist may give, and what they must be
KINDS = {
    "seed": (int,),
    "seconds": (int, float),
    "temperature": (int, float),
    "top_k": (int,),
    "guidance": (int, float),
    "instrument": (str,),
    "force": (bool,),
    "feel": (str,),
}


@dataclass(frozen=True)
class TakeRequest:
    """One take to play.

    Attributes:
        name: what the person called the backing.
        out: folder of the take.
        settings: arguments of `improvise`; what is not in it is left to the model.
        source: the backing, opened; None where it could not be.
        reason: why it could not be.
    """

    name: str
    out: Path
    settings: dict = field(default_factory=dict)
    source: Source | None = None
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        job: the job.
        files: what was written, none for one that failed.
        run: as in run.json; empty for one that failed.
        reason: why it failed; empty for one that was played.
        defect: whether that was the program's fault.
    """

    job: TakeRequest
    files: list[str] = field(default_factory=list)
    run: dict = field(default_factory=dict)
    reason: str = ""
    defect: bool = False

    def describe(self) -> dict:
        """For JSON: the same in plain values."""
        if self.reason:
            return {"backing": self.job.name, "reason": self.reason}
        names = ("seed", "audio_seconds", "generation_seconds", "real_time_factor")
        return {
            "backing": self.job.name,
            "folder": str(self.job.out),
            "files": self.files,
            **{name: self.run[name] for name in names},
        }


def collect_jobs(
    backings: Sequence[Path], playlist: Path | None, out: Path, takes: int, settings: dict
) -> list[TakeRequest]:
    """All takes that a command asks for, with their backings opened.

    One take of one backing goes into `out` itself. Of several each backing has a folder there,
    named like its file; several takes of one, with seeds one after another, have take-1, take-2 ...

    Args:
        backings: files, folders (their sounds, not those of folders inside), "-".
        playlist: JSON file, see above.
        out: folder for all.
        takes: of each backing.
        settings: for all; those of a playlist's entry go before.

    Raises:
        SettingError: nothing to play, a playlist that cannot be read, a bad number of takes.
    """
    if not 1 <= takes <= MOST_TAKES:
        raise SettingError(f"{takes} takes is not between 1 and {MOST_TAKES}")
    wanted = [(path, None, settings) for given in backings for path in _files(given)]
    several = len(wanted) > 1 or playlist is not None or any(b.is_dir() for b in backings)
    if playlist is not None:
        wanted += [(path, name, {**settings, **own}) for path, name, own in read_playlist(playlist)]
    if not wanted:
        raise SettingError("nothing to play: name a backing, a folder or a --playlist")
    if sum(str(path) == STANDARD_INPUT for path, *_ in wanted) > 1:
        raise SettingError("standard input (-) can be played over once, not more")
    jobs, taken = [], set()
    for path, name, own in wanted:
        place = out
        if several:
            place = out / _free(name or _stem(path), taken)
        job = _opened(TakeRequest(str(path), place, own), path)
        if takes == 1 or job.source is None:
            jobs.append(job)
            continue
        for number in range(takes):
            seed = own.get("seed", 0) + number
            one = replace(job, out=place / f"take-{number + 1}", settings={**own, "seed": seed})
            jobs.append(one)
    return jobs


def read_playlist(path: Path) -> list[tuple[Path, str | None, dict]]:
    """Backing, name of its folder (or None) and settings of each entry.

    Raises:
        SettingError: no such file, no JSON, no list, an entry with a key or value that is none.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"playlist {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingError(f"playlist {path} is no JSON: {error}") from error
    if not isinstance(entries, list) or not entries:
        raise SettingError(f"playlist {path} is no list of objects with a backing in each")
    return [
        _entry(entry, f"playlist {path}, entry {i}", path) for i, entry in enumerate(entries, 1)
    ]


def _entry(entry: object, where: str, playlist: Path) -> tuple[Path, str | None, dict]:
    if not isinstance(entry, dict) or not isinstance(entry.get("backing"), str):
        raise SettingError(f'{where} is no object with a "backing"')
    settings = dict(entry)
    backing, name = settings.pop("backing"), settings.pop("out", None)
    for key, value in settings.items():
        if key not in KINDS:
            known = ", ".join(("backing", "out", *KINDS))
            raise SettingError(f"{where}: {key!r} is none of {known}")
        # in Python a truth value is a number too
        right = isinstance(value, KINDS[key]) and isinstance(value, bool) == (key == "force")
        if not right or (isinstance(value, float) and not math.isfinite(value)):
            kind = KINDS[key][-1].__name__
            raise SettingError(f"{where}: {key} is {value!r}; expected {kind}")
    if name is not None:
        pure = PurePath(name) if isinstance(name, str) else None
        if pure is None or not pure.parts or pure.is_absolute() or ".." in pure.parts:
            raise SettingError(f"{where}: out is {name!r}; expected a name inside --out")
    path = Path(backing)
    if backing != STANDARD_INPUT:
        path = playlist.parent / path.expanduser()
    return path, name, settings


def _files(given: Path) -> list[Path]:
    """The sounds of a folder in the order of their names; anything else is itself."""
    if not given.is_dir():
        return [given]
    try:
        found = sorted(
            p for p in given.iterdir() if p.suffix.lower() in SUFFIXES and not p.is_dir()
        )
    except OSError as error:
        raise SettingError(f"{given} cannot be read: {error.strerror}") from error
    found = [path for path in found if not path.name.startswith(".")]
    if not found:
        raise SettingError(f"{given} is a folder without a WAV, FLAC, OGG or MP3 file")
    return found


def _stem(path: Path) -> str:
    return "standard-input" if str(path) == STANDARD_INPUT else path.stem or "take"


def _free(name: str, taken: set[str]) -> str:
    """The name, or name-2, name-3 ... where it is taken; upper and lower case are one name."""
    free, number = name, 1
    while free.lower() in taken:
        number += 1
        free = f"{name}-{number}"
    taken.add(free.lower())
    return free


def _opened(job: TakeRequest, path: Path) -> TakeRequest:
    try:
        if job.name == STANDARD_INPUT:
            return replace(job, source=_standard_input())
        return replace(job, source=open_sound(path))
    except AudioError as error:
        return replace(job, reason=str(error))


def _standard_input() -> Source:
    """What is piped in, kept in a file until the process ends: a sound is read more than once."""
    if sys.stdin.isatty():
        raise AudioError("standard input is a terminal; pipe a sound into it")
    # removed with the object that `_KEPT` holds, at the end of the process
    kept = tempfile.TemporaryDirectory(prefix="saxsolo-")
    _KEPT.append(kept)
    path = Path(kept.name) / "sound"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return open_sound(path, "standard input")


_KEPT: list[tempfile.TemporaryDirectory] = []
