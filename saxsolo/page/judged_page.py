"""What was found in a solo, as HTML: figures beside those of masters, phrases, bars, licks.

It describes and does not grade: no colour and no word says what is good.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from saxsolo.listening.judging import FIGURES

from .judged_store import JudgedStore
from .limits import escaped
from .page import clock

NAMES = {
    "notes_a_second": "Density",
    "chord_tones": "Chord tones",
    "scale_tones": "Scale tones",
    "landing": "Landing",
    "late_ms": "Time",
    "spread_ms": "Spread",
    "swing": "Swing",
    "space": "Space",
    "phrase_beats": "Phrases",
    "range": "Range",
    "lowest": "Lowest",
    "highest": "Highest",
    "repeated": "Repeated",
}
SHARES = {"chord_tones", "scale_tones", "landing", "space", "repeated"}
DOWNLOADS = (("solo.txt", "Text"), ("solo.json", "JSON"), ("solo.png", "Picture (PNG)"))


def show_judged(store: JudgedStore, name: str) -> str:
    """Figures, picture, phrases, bars, licks and downloads of one solo.

    Raises:
        GoneError: when it has expired.
    """
    facts = store.facts(name)
    found, title, at = facts["described"], facts["title"], f"judged/{name}"
    remarks = "".join(f"<li>{escaped(remark)}</li>" for remark in found["remarks"])
    links = "".join(
        f'<li><a download href="{at}/{file}">{text}</a></li>' for file, text in DOWNLOADS
    )
    return f"""
<section class="judged" aria-label="{escaped(title)}">
<h2>{escaped(title)}</h2>
<ul class="notes">{remarks}</ul>
{_figures(found)}
<a class="judged-picture" href="{at}/solo.png?play"><img src="{at}/solo.png?play"
 alt="Notes over the chords; below them chord tones and time, bar by bar"></a>
{_bars(found["bars"])}
{_phrases(found["phrases"])}
{_licks(found["licks"])}
<h3>Downloads</h3>
<ul class="downloads">{links}</ul>
</section>"""


def _figures(found: dict[str, Any]) -> str:
    rows = []
    for name, words in FIGURES.items():
        value, theirs = found["figures"].get(name), found["masters"].get(name)
        masters = [_shown(name, v) for v in theirs] if theirs else ["-"] * 3
        rows.append(
            [f"{NAMES[name]}<small>{escaped(words)}</small>", _shown(name, value), *masters]
        )
    heads = ("Figure", "You", "Masters: 10 %", "median", "90 %")
    return _table("Beside held-out masters of the Weimar Jazz Database", heads, rows)


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0%}" if name in SHARES else f"{value:g}"


def _bars(bars: Sequence[dict[str, Any]]) -> str:
    rows = [
        [
            f"{bar['bar']}",
            escaped(" ".join(bar["chords"])),
            f"{bar['notes']}",
            "-" if bar["chord_tones"] is None else f"{bar['chord_tones']:.0%}",
            escaped(", ".join(bar["outside"])) or "-",
            _behind(bar["late_ms"]),
        ]
        for bar in bars
        if bar["notes"]
    ]
    heads = ("Bar", "Chords", "Notes", "Chord tones", "Longest outside the scale", "Time")
    return _folded("Bar by bar", _table("", heads, rows))


def _phrases(phrases: Sequence[dict[str, Any]]) -> str:
    rows = [
        [
            f"{clock(phrase['start'])} to {clock(phrase['end'])}",
            f"{phrase['notes']}",
            _behind(phrase["late_ms"]),
            "-" if phrase["swing"] is None else f"{phrase['swing']:g} to 1",
        ]
        for phrase in phrases
    ]
    return _folded("Phrases", _table("", ("Phrase", "Notes", "Time", "Eighths"), rows))


def _licks(licks: Sequence[tuple[str, int]]) -> str:
    if not licks:
        return ""
    items = "".join(f"<li>{escaped(notes)}: {count} times</li>" for notes, count in licks)
    return f"<h3>Played more than once</h3><ul>{items}</ul>"


def _behind(late: float | None) -> str:
    if late is None:
        return "-"
    return f"{abs(late):.0f} ms {'behind' if late >= 0 else 'ahead of'} the beat"


def _folded(title: str, table: str) -> str:
    return f"<details><summary>{title}</summary>{table}</details>"


def _table(caption: str, heads: Iterable[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML; a narrow screen scrolls the table, not the page."""
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    words = f"<caption>{caption}</caption>" if caption else ""
    return (
        f'<div class="scroll" tabindex="0"><table>{words}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
