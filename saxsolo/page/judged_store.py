"""Solos that were described, on disk, and their downloads: GET /judged/NAME/FILE."""

import json
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from saxsolo.listening.judged_solo import JudgedSolo, judged_picture
from saxsolo.listening.judging import as_dict, as_text
from saxsolo.notation.pictures import save_picture

from .files import served
from .folder_store import FolderStore

# file -> its media type
JUDGED_FILES = {
    "solo.txt": "text/plain; charset=utf-8",
    "solo.json": "application/json",
    "solo.png": "image/png",
}


class JudgedStore(FolderStore):
    """The described solos of all visitors.

    Args:
        root: folder that holds nothing else.
    """

    def __init__(self, root: Path):
        super().__init__(root, "judged.json", "this description has expired; ask for it again")

    def put(self, judged: JudgedSolo, title: str) -> str:
        """Stores a description with its picture; returns its name."""
        described: dict[str, Any] = {**as_dict(judged.judgement), "remarks": judged.remarks}
        with self.filling() as (name, partial):
            (partial / "solo.txt").write_text(as_text(judged.judgement), encoding="utf-8")
            plain = json.dumps(described, indent=1)
            (partial / "solo.json").write_text(plain, encoding="utf-8")
            save_picture(judged_picture(judged, title), partial / "solo.png")
            facts = json.dumps({"title": title, "described": described})
            (partial / "judged.json").write_text(facts, encoding="utf-8")
        return name


def judged_routes(store: JudgedStore) -> list[Route]:
    """The one route that serves the files of described solos."""

    def serve(request: Request) -> Response:
        name, file = request.path_params["name"], request.path_params["file"]

        def find() -> tuple[Path, str, str]:
            media = JUDGED_FILES[file]
            return store.folder(name) / file, media, f"saxsolo-{name[:6]}-{file}"

        return served(request, find)

    return [Route("/judged/{name}/{file}", serve, methods=["GET", "HEAD"])]
