"""The command that installs what is missing, as this copy of the package was installed itself.

Optional libraries come with extras (`notes`, `app`, `train`, ...). How pip recorded the origin of a
package stands in direct_url.json: https://packaging.python.org/specifications/direct-url/
"""

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from .assets import PACKAGE

PROJECT = "saxsolo"


def missing_extra(library: str, extra: str) -> str:
    """One line for a person: what is missing, and the command that installs it.

    Args:
        library: as it is imported, "music21".
        extra: one of those in pyproject.toml, or several: "corpus,recordings".
    """
    return f"{library} is not installed; {install_command(library, extra)} installs it"


def install_command(library: str, extra: str) -> str:
    """The pip command for an extra, quoted as every shell takes it.

    A checkout is installed in place, a wheel from its file, a package of an index by its name. A
    copy that was never installed, as in a Space, gets the library alone.
    """
    checkout = PACKAGE.parent
    if (checkout / "pyproject.toml").is_file():
        place = "." if checkout == Path.cwd() else str(checkout)
        return f'pip install -e "{place}[{extra}]"'
    try:
        origin = distribution(PROJECT).read_text("direct_url.json")
    except PackageNotFoundError:
        return f"pip install {library}"
    return f'pip install "{_requirement(json.loads(origin) if origin else None, extra)}"'


def _requirement(origin: dict[str, Any] | None, extra: str) -> str:
    """What follows `pip install`.

    Args:
        origin: contents of direct_url.json; None for a package that came from an index.
    """
    if origin is None:
        return f"{PROJECT}[{extra}]"
    url = str(origin["url"])
    if url.startswith("file:"):
        return f"{url2pathname(urlparse(url).path)}[{extra}]"
    if "vcs_info" in origin:
        url = f"{origin['vcs_info']['vcs']}+{url}"
    return f"{PROJECT}[{extra}] @ {url}"
