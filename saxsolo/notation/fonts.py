"""Fonts for a title in any script: those of the system that have its letters."""

from __future__ import annotations

from functools import lru_cache

from matplotlib import font_manager

# comes with matplotlib
USUAL = "DejaVu Sans"
# what stands for letters that no font of the system has, in place of boxes
MISSING = "…"


def with_fonts(text: str) -> tuple[str, list[str]]:
    """A text and the families that draw it, the usual one first.

    Letters that no font of the system has become one ellipsis for each run of them.
    """
    families = [USUAL]
    missing = {ord(c) for c in text if not c.isspace()} - _letters(USUAL)
    for family in _families() if missing else ():
        found = missing & _letters(family)
        if found:
            families.append(family)
            missing -= found
        if not missing:
            break
    shown = ""
    for letter in text:
        if ord(letter) not in missing:
            shown += letter
        elif not shown.endswith(MISSING):
            shown += MISSING
    return shown, families


@lru_cache(maxsize=1)
def _families() -> tuple[str, ...]:
    return tuple(sorted({entry.name for entry in font_manager.fontManager.ttflist}))


@lru_cache(maxsize=256)
def _letters(family: str) -> frozenset[int]:
    """The code points that a family has."""
    try:
        path = font_manager.findfont(family, fallback_to_default=False)
        return frozenset(font_manager.get_font(path).get_charmap())
    except (OSError, RuntimeError, ValueError):
        return frozenset()
