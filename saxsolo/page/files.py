"""What a take can be downloaded as, made when it is first asked for: GET /take/NAME/FILE.

Only the names in the table lead anywhere, so no path can be asked for.
"""

import re
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from saxsolo.atomic import replacing
from saxsolo.errors import SaxsoloError

from .take_store import Shelf, TakeGoneError

# file -> its type, and what `Take.save` is told to write it
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
# dB of the balance that a mix may be asked for with
FARTHEST_BALANCE = 20
# making a picture or a score is work: no more than this at once
_AT_ONCE = threading.BoundedSemaphore(1)
PATIENCE = 60.0


class BusyError(SaxsoloError):
    """Too much is asked for at once."""


def routes(shelf: Shelf) -> list[Route]:
    """The one route that gives files of takes."""

    def give(request: Request) -> Response:
        name, file = request.path_params["take"], request.path_params["file"]
        wanted = request.query_params.get("balance", "0")
        try:
            if not re.fullmatch(r"[+-]?\d{1,2}", wanted) or abs(int(wanted)) > FARTHEST_BALANCE:
                return _refusal(400, f"balance {wanted[:20]!r} is not between -20 and 20 dB")
            path, media = make(shelf, name, file, int(wanted))
        except TakeGoneError as error:
            return _refusal(404, str(error))
        except KeyError:
            return _refusal(404, "a take has no such file")
        except BusyError as error:
            return _refusal(503, str(error))
        except SaxsoloError as error:
            return _refusal(422, str(error))
        inline = request.query_params.get("play") is not None
        return FileResponse(
            path,
            media_type=media,
            filename=f"saxsolo-{name[:6]}-{file}",
            content_disposition_type="inline" if inline else "attachment",
        )

    return [Route("/take/{take}/{file}", give, methods=["GET", "HEAD"])]


def make(shelf: Shelf, name: str, file: str, balance: int = 0) -> tuple[Path, str]:
    """The path and media type of a take's file, which is made if it is not there yet.

    Args:
        shelf: where the take is.
        name: of the take.
        file: a name in the tables above, or take.zip.
        balance: dB by which the solo stands further in front of the band in the mix.

    Raises:
        TakeGoneError: no such take. KeyError: no such file. BusyError: too many at once.
        SaxsoloError: what `Take.save` refuses.
    """
    folder = shelf.folder(name)
    if file in READY:
        return folder / file, READY[file]
    media = "application/zip" if file == ARCHIVE else {**SOUNDS, **SHEETS}[file][0]
    if file.startswith("solo."):
        balance = 0
    path = folder / "files" / f"{balance:+d}" / file
    if path.is_file():
        return path, media
    if not _AT_ONCE.acquire(timeout=PATIENCE):
        raise BusyError("many files are being made just now; ask again in a minute")
    try:
        if not path.is_file():
            _write(shelf, name, file, balance, path)
    finally:
        _AT_ONCE.release()
    return path, media


def _write(shelf: Shelf, name: str, file: str, balance: int, path: Path) -> None:
    take = shelf.take(name)
    with tempfile.TemporaryDirectory(dir=path.parents[2]) as place:
        if file == ARCHIVE:
            notes = take.has_score
            take.save(place, midi=notes, musicxml=notes, plot=notes, solo_above=balance)
            shutil.copy(path.parents[2] / "backing.flac", place)
            made = Path(place) / "archive"
            with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
                for member in sorted(Path(place).iterdir()):
                    if member != made:
                        archive.write(member, f"saxsolo-{name[:6]}/{member.name}")
        else:
            take.save(place, solo_above=balance, **{**SOUNDS, **SHEETS}[file][1])
            made = Path(place) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as (partial,):
            shutil.move(made, partial)


def _refusal(status: int, text: str) -> Response:
    return PlainTextResponse(text, status)
