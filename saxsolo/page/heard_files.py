"""Downloads of what was heard: GET /heard/NAME/FILE, written when first requested.

The files are those of `saxsolo listen`, by the same code. "?horn=bb" or "?horn=eb" asks for a chart
that is written for such a horn. Only the names in the table are served.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from saxsolo.atomic import replacing
from saxsolo.listening import exports
from saxsolo.listening.horns import CONCERT, horn_of
from saxsolo.listening.sheets import write_lead_sheet, write_picture

from .files import refusal, served, written_once
from .heard_store import HeardStore


@dataclass(frozen=True)
class HeardFile:
    """A format.

    Attributes:
        label: what its link says.
        media: media type.
        for_horns: whether it is written for a horn, or always tells what sounds.
        wants_bars: whether it can only be written where beats were heard.
    """

    label: str
    media: str
    for_horns: bool = False
    wants_bars: bool = False


# suffix -> format
HEARD_FILES = {
    "musicxml": HeardFile("MusicXML", "application/vnd.recordare.musicxml+xml", True, True),
    "chordpro": HeardFile("ChordPro", "text/plain; charset=utf-8", True, True),
    "lab": HeardFile("Labels (.lab)", "text/plain; charset=utf-8"),
    "jams": HeardFile("JAMS", "application/json"),
    "json": HeardFile("JSON", "application/json"),
    "png": HeardFile("Picture (PNG)", "image/png"),
}
TRACK = "track"


def heard_routes(store: HeardStore) -> list[Route]:
    """The one route that serves tracks and what was heard in them."""

    def serve(request: Request) -> Response:
        name, file = request.path_params["name"], request.path_params["file"]
        horn = request.query_params.get("horn", CONCERT)

        def find() -> tuple[Path, str, str]:
            if file == TRACK:
                path, media = store.track(name)
                return path, media, path.name
            path, media = make(store, name, file, horn)
            written_for = "" if horn == CONCERT or not HEARD_FILES[file].for_horns else f"-{horn}"
            return path, media, f"{store.heard(name).name}{written_for}.{file}"

        try:
            horn_of(horn)
        except ValueError as error:
            return refusal(400, str(error))
        return served(request, find)

    return [Route("/heard/{name}/{file}", serve, methods=["GET", "HEAD"])]


def make(store: HeardStore, name: str, file: str, horn: str = CONCERT) -> tuple[Path, str]:
    """The path and media type of a file, which is written if it does not exist yet.

    Args:
        store: where the track is stored.
        name: of the track.
        file: a suffix in the table above.
        horn: for which a chart is written.

    Raises:
        GoneError: no such track.
        KeyError: no such file.
        BusyError: too many files are requested at once.
        SaxsoloError: what cannot be written.
    """
    folder, wanted = store.folder(name), HEARD_FILES[file]
    horn = horn if wanted.for_horns else CONCERT
    path = folder / "files" / horn / f"heard.{file}"
    written_once(path, lambda: _write(store, name, file, horn, path))
    return path, wanted.media


def _write(store: HeardStore, name: str, file: str, horn: str, path: Path) -> None:
    heard = store.heard(name)
    with tempfile.TemporaryDirectory(dir=store.folder(name)) as place:
        written = Path(place) / path.name
        if file == "musicxml":
            write_lead_sheet(heard, written, horn)
        elif file == "png":
            write_picture(heard, store.source(name), written)
        else:
            exports.write(exports.text_of(heard, file, horn), written.parent, written.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as (partial,):
            shutil.move(written, partial)
