"""Downloads of a take, written when first requested: GET /take/NAME/FILE.

Only the names in the tables are served, so a request cannot reach any other path.
"""

import re
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from saxsolo.atomic import replacing
from saxsolo.errors import SaxsoloError

from .folder_store import GoneError
from .take_store import TakeStore

# file -> its media type, and the arguments of `Take.save` that write it
SOUNDS = {
    f"{part}.{kind}": (media, {"audio_format": kind})
    for part in ("solo", "mix")
    for kind, media in (("wav", "audio/wav"), ("flac", "audio/flac"), ("mp3", "audio/mpeg"))
}
SHEETS = {
    "solo.mid": ("audio/midi", {"midi": True}),
    "solo.musicxml": ("application/vnd.recordare.musicxml+xml", {"musicxml": True}),
    "solo.png": ("image/png", {"plot": True}),
}
READY = {"backing.flac": "audio/flac"}
ARCHIVE = "take.zip"
# largest balance of a mix in dB
FARTHEST_BALANCE = 20
# pictures and scores are expensive: only one file is written at a time
_ONE_AT_A_TIME = threading.BoundedSemaphore(1)
PATIENCE_SECONDS = 60.0


class BusyError(SaxsoloError):
    """Too many files are requested at once."""


def routes(store: TakeStore) -> list[Route]:
    """The one route that serves files of takes."""

    def serve(request: Request) -> Response:
        name, file = request.path_params["take"], request.path_params["file"]
        balance = request.query_params.get("balance", "0")
        if not re.fullmatch(r"[+-]?\d{1,2}", balance) or abs(int(balance)) > FARTHEST_BALANCE:
            return refusal(400, f"balance {balance[:20]!r} is not between -20 and 20 dB")
        wanted = f"saxsolo-{name[:6]}-{file}"
        return served(request, lambda: (*make(store, name, file, int(balance)), wanted))

    return [Route("/take/{take}/{file}", serve, methods=["GET", "HEAD"])]


def served(request: Request, find: Callable[[], tuple[Path, str, str]]) -> Response:
    """Sends a file, or says in a sentence why not.

    Args:
        request: "?play" in its address asks for a file to be played, not saved.
        find: gives path, media type and name of the file; a KeyError says that there is none.
    """
    try:
        path, media, filename = find()
    except GoneError as error:
        return refusal(404, str(error))
    except KeyError as error:
        return refusal(404, f"there is no file {str(error.args[0])[:20]!r}")
    except BusyError as error:
        return refusal(503, str(error))
    except SaxsoloError as error:
        return refusal(422, str(error))
    inline = request.query_params.get("play") is not None
    return FileResponse(
        path,
        media_type=media,
        filename=filename,
        content_disposition_type="inline" if inline else "attachment",
    )


def make(store: TakeStore, name: str, file: str, balance: int = 0) -> tuple[Path, str]:
    """The path and media type of a take's file, which is written if it does not exist yet.

    Args:
        store: where the take is stored.
        name: of the take.
        file: a name in the tables above, or take.zip.
        balance: dB by which the solo is louder in the mix than balanced.

    Raises:
        GoneError: no such take.
        KeyError: no such file.
        BusyError: too many files are requested at once.
        SaxsoloError: what `Take.save` refuses.
    """
    folder = store.folder(name)
    if file in READY:
        return folder / file, READY[file]
    media = "application/zip" if file == ARCHIVE else {**SOUNDS, **SHEETS}[file][0]
    if file.startswith("solo."):
        balance = 0
    path = folder / "files" / f"{balance:+d}" / file
    written_once(path, lambda: _write(store, name, file, balance, path))
    return path, media


def written_once(path: Path, write: Callable[[], None]) -> None:
    """Has a file written if it does not exist yet, one at a time whoever asks.

    Raises:
        BusyError: too many files are requested at once.
    """
    if path.is_file():
        return
    if not _ONE_AT_A_TIME.acquire(timeout=PATIENCE_SECONDS):
        raise BusyError("too many downloads are being prepared; try again in a minute")
    try:
        if not path.is_file():
            write()
    finally:
        _ONE_AT_A_TIME.release()


def _write(store: TakeStore, name: str, file: str, balance: int, path: Path) -> None:
    take = store.take(name)
    with tempfile.TemporaryDirectory(dir=path.parents[2]) as folder:
        written = Path(folder) / ("archive" if file == ARCHIVE else file)
        if file == ARCHIVE:
            notes = take.has_score
            take.save(folder, midi=notes, musicxml=notes, plot=notes, solo_above=balance)
            shutil.copy(path.parents[2] / "backing.flac", folder)
            _archive(Path(folder), written, f"saxsolo-{name[:6]}")
        else:
            options: Any = {**SOUNDS, **SHEETS}[file][1]
            take.save(folder, solo_above=balance, **options)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as (partial,):
            shutil.move(written, partial)


def _archive(folder: Path, path: Path, prefix: str) -> None:
    """A ZIP at `path` of all other files in the folder; sounds do not compress further."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for member in sorted(folder.iterdir()):
            if member != path:
                archive.write(member, f"{prefix}/{member.name}")


def refusal(status: int, text: str) -> Response:
    """A sentence in place of a file."""
    return PlainTextResponse(text, status)
