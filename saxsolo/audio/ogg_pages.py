"""The sums that the pages of an Ogg file carry (RFC 3533): where one is wrong, it is damaged."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_HEAD = 27
# zlib reads bits from the lowest on, Ogg from the highest
_TURNED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def is_damaged(path: Path) -> bool:
    """Whether the sum of a page is wrong, or bytes lie between pages."""
    with path.open("rb") as file:
        return any(page is None or not _is_right(page) for page in _pages(file))


def _pages(file: BinaryIO) -> Iterator[bytes | None]:
    """The pages one after the other; None, and no more, where none begins or one breaks off."""
    while head := file.read(_HEAD):
        sizes = file.read(head[26]) if len(head) == _HEAD and head[:4] == b"OggS" else b""
        body = file.read(sum(sizes))
        if not sizes or len(sizes) < head[26] or len(body) < sum(sizes):
            yield None
            return
        yield head + sizes + body


def _is_right(page: bytes) -> bool:
    told = int.from_bytes(page[22:26], "little")
    turned = (page[:22] + bytes(4) + page[26:]).translate(_TURNED)
    # zlib inverts before and after
    found = zlib.crc32(turned, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{found:032b}"[::-1], 2) == told
