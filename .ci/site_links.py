"""MkDocs hook: links out of docs/ into the repository work on the site too.

A page is written so that its links work where the repository is read. The site holds docs/ alone,
so each file that a page links to outside of it (examples, licence, cards) is copied into the site's
repository/, Markdown as a page, and the link is turned there. A link to a solo becomes a player.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = "repository"
LINK = re.compile(r"\[([^\]]*)\]\(([^):#\s]+)(#[^)\s]*)?\)")


def place_of(uri: str) -> str:
    """The path in the repository of the site's file `uri`."""
    head, _, rest = uri.partition("/")
    return rest if head == ELSEWHERE else f"docs/{uri}"


def uri_of(place: str) -> str:
    """The path in the site of the repository's file `place`."""
    return place.removeprefix("docs/") if place.startswith("docs/") else f"{ELSEWHERE}/{place}"


def targets(markdown: str, place: str) -> list[str]:
    """Paths in the repository that the document at `place` links to."""
    folder = posixpath.dirname(place)
    return [posixpath.normpath(posixpath.join(folder, m[2])) for m in LINK.finditer(markdown)]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what pages link to outside docs/, and what those files link to."""
    waiting = [place_of(file.src_uri) for file in files.documentation_pages()]
    while waiting:
        place = waiting.pop()
        for target in targets((ROOT / place).read_text("utf-8"), place):
            known = files.get_file_from_path(uri_of(target)) is not None
            if known or target.startswith("docs/") or not (ROOT / target).is_file():
                continue  # a link that leads nowhere is reported when its page is rendered
            source = str(ROOT / target)
            files.append(File.generated(config, uri_of(target), abs_src_path=source))
            if target.endswith(".md"):
                waiting.append(target)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns each link to the place its target has in the site."""
    place = place_of(page.file.src_uri)

    def turned(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(place), match[2]))
        start = posixpath.dirname(page.file.src_uri) or "."
        link = posixpath.relpath(uri_of(target), start)
        text = f"[{match[1]}]({link}{match[3] or ''})"
        if link.endswith(".ogg"):
            text += f'<br><audio controls preload="none" src="{link}"></audio>'
        return text

    return LINK.sub(turned, markdown)
