"""What a take looks like on the page, as HTML. page.js makes it work, page.css gives it looks."""

import soundfile as sf

from saxsolo.errors import SaxsoloError

from .files import ARCHIVE, FARTHEST_BALANCE
from .limits import escaped
from .playing import Step, bar_edges
from .roll import draw_roll
from .take_store import Shelf

SOUND_LINKS = (("wav", "WAV"), ("flac", "FLAC"), ("mp3", "MP3"))
SHEET_LINKS = (
    ("solo.mid", "MIDI"),
    ("solo.musicxml", "MusicXML"),
    ("solo.png", "Picture"),
    (ARCHIVE, "ZIP of all"),
)


def clock(seconds: float) -> str:
    """1:05 for 65."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def progress(step: Step) -> str:
    """How far it is, and how long it takes yet."""
    left = "" if step.left is None else f", about {step.left:.0f} s left"
    return (
        f'<div class="status"><label for="progress">Playing: {clock(step.done)} of '
        f"{clock(step.total)}{left}</label>"
        f'<progress id="progress" max="{step.total:.2f}" value="{step.done:.2f}"></progress></div>'
    )


def message(text: str, wrong: bool = False) -> str:
    """One line that a screen reader speaks."""
    role, kind = ("alert", " wrong") if wrong else ("status", "")
    return f'<div class="status{kind}" role="{role}">{escaped(text)}</div>'


def show_take(shelf: Shelf, name: str) -> str:
    """Player with balance, roll, solo alone, downloads and link of one take."""
    card, take = shelf.card(name), shelf.take(name)
    backing = sf.read(shelf.folder(name) / "backing.flac", dtype="float32", always_2d=True)[0]
    try:
        grid = take.grid
    except SaxsoloError:
        grid = None
    roll = draw_roll(take.notes, take.solo, backing.mean(axis=1), take.sampling_rate, grid)
    bars = len(bar_edges(grid, take.seconds)) - 1
    at = f"take/{name}"
    heard = f" · {bars} bars heard" if bars > 0 else " · no bars heard"
    sounds = "".join(
        f'<li><a download href="{at}/{part}.{kind}" class="{part}-link">{word} {text}</a></li>'
        for part, word in (("solo", "Solo"), ("mix", "Mix"))
        for kind, text in SOUND_LINKS
    )
    sheets = SHEET_LINKS if take.has_score else SHEET_LINKS[-1:]
    sheets = "".join(f'<li><a download href="{at}/{file}">{text}</a></li>' for file, text in sheets)
    return f"""
<section class="take" aria-label="{escaped(card.label)}" data-link="{escaped(card.link)}">
<h2>{escaped(card.label)}</h2>
<p class="facts">over {escaped(card.title)} · {take.seconds:.0f} s{heard}</p>
<div class="mixer" data-solo="{at}/solo.flac?play" data-backing="{at}/backing.flac?play"
 data-gain="{card.gain:.5f}" data-quieter="{card.quieter:.5f}" data-seconds="{take.seconds:.3f}">
<button type="button" class="mixer-play">Play mix</button>
<label class="place"><span>Place</span><input class="mixer-seek" type="range" min="0"
 max="{take.seconds:.2f}" step="0.1" value="0"></label>
<output class="mixer-time">0:00 / {clock(take.seconds)}</output>
<label class="balance"><span>Balance: band</span><input class="mixer-balance" type="range"
 min="-{FARTHEST_BALANCE}" max="{FARTHEST_BALANCE}" step="1" value="0"
 aria-label="Balance between band and solo"><span>solo</span></label>
<output class="mixer-level">0 dB</output>
</div>
<div class="scroll" tabindex="0" role="group" aria-label="Notes, chords and waveforms">{roll}</div>
<p class="solo-player"><span>Solo alone</span>
<audio id="solo-alone" aria-label="Solo alone" controls preload="none"
 src="{at}/solo.mp3?play"></audio></p>
<h3>Download</h3>
<ul class="downloads">{sounds}{sheets}</ul>
<p class="share"><label for="share-link">Link to these settings</label>
<input id="share-link" readonly value="?{escaped(card.link)}">
<button type="button" class="copy">Copy</button><span role="status" class="copied"></span></p>
</section>"""
