"""What was heard in a track, as HTML: facts, player, a chart of bars, downloads.

heard.js moves through the chart while the track plays; heard.css styles it. How sure the ear is of
a chord stands under it as a line and as a number; a question mark stands at a doubtful one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modeling_saxsolo.chord_search_saxsolo import HeardChord
from saxsolo.listening.exports import facts
from saxsolo.listening.heard import Listening, symbol
from saxsolo.listening.horns import CONCERT, HORNS

from .heard_files import HEARD_FILES, TRACK
from .heard_store import HeardStore
from .limits import escaped
from .page import clock

# below this confidence a chord has a question mark
DOUBTFUL = 0.6


@dataclass(frozen=True)
class Cell:
    """A bar of the chart, or a chord of a track without beats.

    Attributes:
        label: what it is called.
        start, end: seconds.
        chords: (width of the chord as a share of beats or seconds, chord).
        note: what is unusual about it.
    """

    label: str
    start: float
    end: float
    chords: Sequence[tuple[float, HeardChord]]
    note: str = ""


def show_heard(store: HeardStore, name: str) -> str:
    """Facts, player, chart and downloads of one track.

    Raises:
        GoneError: when it has expired.
    """
    heard, title = store.heard(name), store.facts(name)["title"]
    at = f"heard/{name}"
    return f"""
<section class="heard" aria-label="{escaped(title)}" data-horn="{CONCERT}">
<h2>{escaped(title)}</h2>
<dl class="heard-facts">{_facts(heard)}</dl>
{_horns()}
<p class="track-player"><audio class="track" aria-label="{escaped(title)}" controls
 preload="metadata" src="{at}/{TRACK}?play"></audio></p>
{_chart(heard)}
<h3>Downloads</h3>
<ul class="downloads">{_downloads(at, heard)}</ul>
</section>"""


def _facts(heard: Listening) -> str:
    """Key, tempo, metre, tuning, as `saxsolo listen` prints them."""
    plain = facts(heard)
    keys = {horn: escaped(facts(heard.transposed(HORNS[horn].semitones))["key"]) for horn in HORNS}
    texts = {name: escaped(text) for name, text in plain.items()} | {"key": _for_each_horn(keys)}
    return "".join(
        f"<div><dt>{name.capitalize()}</dt><dd>{text}</dd></div>" for name, text in texts.items()
    )


def _horns() -> str:
    choices = "".join(
        f'<label><input type="radio" name="horn" value="{name}"'
        f"{' checked' if name == CONCERT else ''}> {escaped(horn.label)}</label>"
        for name, horn in HORNS.items()
    )
    return f'<fieldset class="horns"><legend>Chart written for</legend>{choices}</fieldset>'


def _for_each_horn(texts: dict[str, str]) -> str:
    """HTML for each horn, of which heard.css shows one; once where all are alike."""
    if len(set(texts.values())) == 1:
        return texts[CONCERT]
    return "".join(f'<span class="for-{horn}">{text}</span>' for horn, text in texts.items())


def _chart(heard: Listening) -> str:
    cells = list(_cells(heard))
    if not cells:
        return '<p class="heard-note">No chords were heard.</p>'
    doubtful = sum(chord.confidence < DOUBTFUL for chord in heard.music.chords)
    count = f"{len(heard.bars)} bars" if heard.bars else "No beat was heard, so there are no bars"
    # only one bar is in the order of the Tab key; heard.js moves on with the arrow keys
    items = "".join(_cell(cell, number == 0) for number, cell in enumerate(cells))
    return f"""<p class="heard-note">{count}. The line and the number under a chord tell how sure
the ear is of it, in per cent; <span class="mark">?</span> marks less than {DOUBTFUL:.0%}
({doubtful} of {len(heard.music.chords)} chords). Choose a bar to play from there; the arrow keys
move through the chart.</p>
<ol class="chart" role="list" aria-label="Chart">{items}</ol>"""


def _cells(heard: Listening) -> Iterator[Cell]:
    if not heard.bars:
        for chord in heard.music.chords:
            yield Cell(clock(chord.start), chord.start, chord.end, [(1.0, chord)])
        return
    usual = heard.music.metre
    for number, bar in enumerate(heard.bars, 1):
        starts = [beat for beat, _ in bar.chords]
        widths = [
            after - beat for beat, after in zip(starts, [*starts[1:], bar.beats], strict=False)
        ]
        chords = [(width, chord) for width, (_, chord) in zip(widths, bar.chords, strict=True)]
        note = "" if bar.beats == usual else f"{bar.beats} beat{'s' if bar.beats > 1 else ''}"
        yield Cell(f"{number}", bar.start, bar.end, chords, note)


def _cell(cell: Cell, first: bool) -> str:
    note = f' <span class="beats">{cell.note}</span>' if cell.note else ""
    chords = "".join(_chord(width, chord) for width, chord in cell.chords) or "N.C."
    return (
        f'<li><button type="button" class="bar" data-start="{cell.start:.3f}" '
        f'data-end="{cell.end:.3f}" tabindex="{0 if first else -1}" title="{clock(cell.start)}">'
        f'<span class="bar-head"><span class="hidden-words">Bar </span>{cell.label}{note}</span>'
        f'<span class="bar-chords">{chords}</span></button></li>'
    )


def _chord(width: float, chord: HeardChord) -> str:
    percent = round(100 * chord.confidence)
    names = {}
    for horn in HORNS:
        root = None if chord.root is None else (chord.root + HORNS[horn].semitones) % 12
        names[horn] = escaped(symbol(HeardChord(0, 0, root, chord.quality, 0)))
    doubtful = chord.confidence < DOUBTFUL
    mark = '<span class="mark">?</span>' if doubtful else ""
    return (
        f'<span class="chord{" doubtful" if doubtful else ""}" style="flex-grow:{width:g}" '
        f'data-start="{chord.start:.3f}" data-end="{chord.end:.3f}">'
        f'<span class="name">{_for_each_horn(names)}{mark}</span> '
        f'<span class="sure"><span class="meter" aria-hidden="true">'
        f'<i style="width:{percent}%"></i></span>{percent}'
        f'<span class="hidden-words"> per cent sure. </span></span></span>'
    )


def _downloads(at: str, heard: Listening) -> str:
    kinds = {
        suffix: kind
        for suffix, kind in HEARD_FILES.items()
        if heard.grid() is not None or not kind.wants_bars
    }
    return "".join(
        f'<li><a download href="{at}/{suffix}"{" data-horns" if kind.for_horns else ""}>'
        f"{kind.label}</a></li>"
        for suffix, kind in kinds.items()
    )
