"""Sources, from a mirror into a folder: what is there is kept, what is missing is fetched.

A mirror serves MIRROR/NAME/SHA256SUMS and the files that it lists; the table of sources knows the
checksum of each list. `saxsolo corpus sums FOLDER` writes such a list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from tqdm import tqdm

from saxsolo.corpus.stage_state import need_room

from .checksums import SUMS, FetchError, digest_of, read_sums, sha256_of, sums_of
from .download import checked_mirror, download, read_text
from .table import BY_NAME, SOURCES, Source


def chosen_sources(names: Sequence[str]) -> list[Source]:
    """Sources by name; all for none.

    Raises:
        FetchError: an unknown name.
    """
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        raise FetchError(f"--only {unknown[0]!r} is no source; choose from {', '.join(BY_NAME)}")
    return [source for source in SOURCES if not names or source.name in names]


def is_whole(source: Source, folder: Path) -> bool:
    """Whether a folder holds the files of a source and nothing else, by their checksums."""
    return folder.is_dir() and digest_of(sums_of(folder)) == source.sums


def licence_line(source: Source) -> str:
    """What it is and on what terms."""
    return (
        f"{source.name}: {source.what}, {source.files} files, {source.size / 1e6:.1f} MB; "
        f"{source.licence} ({source.terms}), {source.credit}"
    )


def fetch(
    sources: Sequence[Source],
    out: Path,
    mirror: str | None = None,
    say: Callable[[str], None] = print,
) -> list[Source]:
    """Makes sure that sources lie in OUT/NAME, each with its licence shown.

    Args:
        mirror: http(s) address that serves them; None: what is missing is only named.

    Returns:
        Those that are missing, without a mirror.

    Raises:
        FetchError: in one line, for whatever goes wrong; what has come stays.
    """
    base = None if mirror is None else checked_mirror(mirror)
    missing = []
    for source in sources:
        say(licence_line(source))
        folder = out / source.name
        if is_whole(source, folder):
            say(f"  {folder} is whole")
        elif base is not None:
            _from_mirror(source, f"{base}/{source.name}", folder)
            say(f"  {folder} is whole now")
        else:
            missing.append(source)
            state = "differs from what the weights learnt from" if folder.is_dir() else "missing"
            say(f"  {folder} is {state}. To get it: {source.where}; or give --mirror")
    return missing


def _from_mirror(source: Source, address: str, folder: Path) -> None:
    listed = read_text(f"{address}/{SUMS}")
    if digest_of(listed) != source.sums:
        raise FetchError(
            f"{address}/{SUMS} has the SHA-256 {digest_of(listed)}, {source.name} should have "
            f"{source.sums}: this mirror serves other data"
        )
    files = read_sums(listed, f"{address}/{SUMS}")
    folder.mkdir(parents=True, exist_ok=True)
    need_room(folder, source.size)
    with tqdm(
        total=source.size, desc=source.name, unit="B", unit_scale=True, disable=None
    ) as progress:
        for name, digest in files.items():
            path = folder / name
            if path.is_file() and sha256_of(path) == digest:
                progress.update(path.stat().st_size)
            else:
                download(f"{address}/{quote(name)}", path, digest, progress.update)
    if not is_whole(source, folder):
        extra = sorted({p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()})
        more = next((name for name in extra if name not in files), "")
        raise FetchError(f"{folder} holds {more!r} too, which {source.name} has not; move it away")
