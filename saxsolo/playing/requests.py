"""What is to be played: files, folders, standard input and playlists become a list of jobs.

A playlist is a JSON list, one object a backing; its paths are seen from its own folder:

    [{"backing": "blues.wav", "out": "blues/wild", "seed": 3, "temperature": 1.2},
     {"backing": "ballad.flac", "instrument": "alto", "seconds": 20}]

No torch here: what is wrong with files is known before anything is loaded.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, Self

from pydantic import model_validator

from saxsolo.atomic import refuse_overwriting
from saxsolo.audio.files import Source, open_sound
from saxsolo.audio.headers import keep_piped
from saxsolo.audio.names import looks_like_sound, printable, readable
from saxsolo.errors import AudioError, OutputError, SettingError
from saxsolo.music.charts.chart import ChartError
from saxsolo.music.given_notes import NOTE_SUFFIXES, notes_of_file
from saxsolo.music.placed_chart import PlacedChart

from .chart_placing import chart_text
from .rendered_band import MIDI_SUFFIXES, RenderedBand, render_chart, render_midi
from .settings import Settings
from .take_files import earlier_files, take_files

STANDARD_INPUT = "-"
MOST_TAKES = 1000


class Entry(Settings):
    """One object of a playlist: settings, the backing, the name of its folder, a chart's file."""

    backing: str
    out: str | None = None
    chart: str | None = None

    @model_validator(mode="after")
    def _chart_for_its_place(self) -> Self:
        # the chart may be that of the whole playlist: checked where both come together
        return self


@dataclass(frozen=True)
class TakeRequest:
    """One take to play.

    Attributes:
        name: what the person called the backing.
        out: folder of the take.
        settings: how to play.
        source: the backing, opened; None where it could not be.
        reason: why it could not be.
        placed: the chart on the backing's clock, where that is known.
        takes: how many of this backing are played.
        band: of a rendered band, what run.json says of it.
        stems: its players' sounds.
    """

    name: str
    out: Path
    settings: Settings = field(default_factory=Settings)
    source: Source | None = None
    reason: str = ""
    placed: PlacedChart | None = None
    takes: int = 1
    band: dict[str, Any] | None = None
    stems: Mapping[str, Source] = field(default_factory=dict)

    def files(self, saving: Mapping[str, Any]) -> list[str]:
        """Names of the files that the take is saved as.

        Args:
            saving: arguments of `Take.save`.
        """
        return take_files(**saving, parts=[*self.stems] or ["backing"])


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
    run: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    defect: bool = False

    def describe(self) -> dict[str, Any]:
        """For JSON: the same in plain values."""
        if self.reason:
            return {"backing": self.job.name, "reason": self.reason}
        names = ("seed", "fit", "audio_seconds", "generation_seconds", "real_time_factor", "notes")
        return {
            "backing": self.job.name,
            "folder": printable(self.job.out),
            "files": self.files,
            **{name: self.run[name] for name in names},
        }


def collect_jobs(
    backings: Sequence[Path], playlist: Path | None, out: Path, takes: int, settings: Settings
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
    checked_takes(takes)
    wanted: list[tuple[Path, str | None, Settings]] = [
        (path, None, settings) for given in backings for path in _files(given)
    ]
    several = len(wanted) > 1 or playlist is not None or any(b.is_dir() for b in backings)
    if playlist is not None:
        wanted += read_playlist(playlist, settings)
    if not wanted:
        raise SettingError("nothing to play: name a backing, a folder or a --playlist")
    if sum(str(path) == STANDARD_INPUT for path, *_ in wanted) > 1:
        raise SettingError("standard input (-) can be played over once, not more")
    jobs: list[TakeRequest] = []
    taken: set[str] = set()
    for path, name, own in wanted:
        place = out
        if several:
            place = out / _free(name or _stem(path), taken)
        job = _opened(TakeRequest(printable(path), place, own), path)
        if takes == 1 or job.source is None:
            jobs.append(job)
            continue
        for number in range(takes):
            seeded = own.changed(seed=own.seed + number)
            folder = place / f"take-{number + 1}"
            jobs.append(replace(job, out=folder, settings=seeded, takes=takes))
    return jobs


def rendered_band(
    backings: Sequence[Path], playlist: Path | None, settings: Settings, choruses: int | None
) -> RenderedBand | None:
    """The band that is to be rendered: of a chart without a backing, or of a MIDI file.

    Args:
        choruses: of a chart; None where none were asked for.

    Returns:
        None where the backings are sounds.

    Raises:
        SettingError: choruses of a backing, or a MIDI file among several backings.
        ChartError: a chart or a MIDI file that cannot be read.
    """
    midi = [path for path in backings if path.suffix.lower() in MIDI_SUFFIXES]
    if choruses is not None and (backings or playlist is not None):
        raise SettingError("--choruses says how often a chart is played; it needs no BACKING")
    if midi:
        if len(backings) > 1 or playlist is not None:
            raise SettingError(f"{printable(midi[0])} is MIDI: play it alone, not among others")
        return render_midi(midi[0], settings)
    if backings or playlist is not None or settings.chords is None:
        return None
    return render_chart(settings, 1 if choruses is None else choruses)


def jobs_of_band(band: RenderedBand, out: Path, takes: int) -> list[TakeRequest]:
    """One job a take over a rendered band; several have folders take-1, take-2 ..."""
    checked_takes(takes)
    return [
        TakeRequest(
            band.source.name,
            out / f"take-{number + 1}" if takes > 1 else out,
            band.settings.changed(seed=band.settings.seed + number),
            band.source,
            placed=band.placed,
            takes=takes,
            band=band.describe(),
            stems=band.sources(),
        )
        for number in range(takes)
    ]


def checked_takes(takes: int) -> None:
    """Raises SettingError for a number of takes that cannot be played."""
    if not 1 <= takes <= MOST_TAKES:
        raise SettingError(f"{takes} takes is not between 1 and {MOST_TAKES}")


def without_overwriting(
    jobs: list[TakeRequest], playlist: Path | None, saving: Mapping[str, Any]
) -> list[TakeRequest]:
    """The same jobs; one whose take would replace a file that is read has that for its reason.

    Args:
        playlist: as in `collect_jobs`.
        saving: arguments of `Take.save`.
    """
    reads = [job.source.path for job in jobs if job.source and job.source.path]
    if playlist is not None:
        reads.append(playlist)
    checked = []
    for job in jobs:
        names = job.files(saving)
        writes = [*(job.out / name for name in names), *earlier_files(job.out, names)]
        try:
            refuse_overwriting(writes, reads)
        except OutputError as error:
            job = replace(job, source=None, reason=str(error))
        checked.append(job)
    return checked


def read_playlist(path: Path, settings: Settings) -> list[tuple[Path, str | None, Settings]]:
    """Backing, name of its folder (or None) and settings of each entry.

    Args:
        settings: for what an entry leaves open.

    Raises:
        SettingError: no such file, no JSON, no list, an unknown key (the nearest known one is
            named), a value of another kind or out of its range.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"playlist {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingError(f"playlist {path} is not JSON: {error}") from error
    if not isinstance(entries, list) or not entries:
        raise SettingError(f"playlist {path} is not a list of objects with a backing in each")
    return [
        _entry(entry, f"playlist {path}, entry {number}", path, settings)
        for number, entry in enumerate(entries, 1)
    ]


def _entry(
    entry: object, where: str, playlist: Path, settings: Settings
) -> tuple[Path, str | None, Settings]:
    if not isinstance(entry, dict) or not isinstance(entry.get("backing"), str):
        raise SettingError(f'{where} is not an object with a "backing"')
    entry = _with_notes(_with_chart(entry, where, playlist), where, playlist)
    listed = Entry.parse(entry, where)
    own = listed.model_dump(include=set(entry) - {"backing", "out", "chart"})
    if listed.out is not None:
        pure = PurePath(listed.out)
        if not pure.parts or pure.is_absolute() or ".." in pure.parts:
            raise SettingError(f"{where}: out is {listed.out!r}; expected a name inside --out")
    path = Path(listed.backing)
    if listed.backing != STANDARD_INPUT:
        path = playlist.parent / path.expanduser()
    return path, listed.out, settings.changed(**own)


def _with_chart(entry: dict[str, Any], where: str, playlist: Path) -> dict[str, Any]:
    """The entry with the chords of the file that its "chart" names."""
    name = entry.get("chart")
    if not isinstance(name, str):
        return entry
    if entry.get("chords") is not None:
        raise SettingError(f"{where}: chords and chart are both given; give one chart")
    try:
        return {**entry, "chords": chart_text(playlist.parent / Path(name).expanduser())}
    except ChartError as error:
        raise SettingError(f"{where}: {error}") from None


def _with_notes(entry: dict[str, Any], where: str, playlist: Path) -> dict[str, Any]:
    """The entry with the notes of the files that its "motif" and "line" name."""
    for name in ("motif", "line"):
        named = entry.get(name)
        if isinstance(named, str) and Path(named).suffix.lower() in NOTE_SUFFIXES:
            try:
                text = notes_of_file(playlist.parent / Path(named).expanduser(), name == "line")
            except SettingError as error:
                raise SettingError(f"{where}: {error}") from None
            entry = {**entry, name: text}
    return entry


def _files(given: Path) -> list[Path]:
    """The sounds of a folder in the order of their names; anything else is itself."""
    if not given.is_dir():
        return [given]
    try:
        sounds = sorted(p for p in given.iterdir() if not p.is_dir() and looks_like_sound(p))
    except OSError as error:
        raise SettingError(f"{printable(given)} cannot be read: {error.strerror}") from error
    sounds = [path for path in sounds if not path.name.startswith(".")]
    if not sounds:
        raise SettingError(f"{printable(given)} is a folder without a sound file")
    return sounds


def _stem(path: Path) -> str:
    return "standard-input" if str(path) == STANDARD_INPUT else readable(path.stem) or "take"


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
            return replace(job, source=_standard_input(job.settings.force))
        return replace(job, source=open_sound(path, partial=job.settings.force))
    except (AudioError, OutputError) as error:
        return replace(job, reason=str(error))


def _standard_input(partial: bool) -> Source:
    """What is piped in, kept in a file until the process ends: a sound is read more than once."""
    if sys.stdin.isatty():
        raise AudioError("standard input is a terminal; pipe a sound into it")
    name = "standard input"
    return open_sound(keep_piped(sys.stdin.buffer, name), name, partial=partial)
