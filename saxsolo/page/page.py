"""A take on the page, as HTML; page.js makes it work and page.css styles it."""

from typing import Any

import soundfile as sf

from saxsolo.listening.horns import CONCERT, HORNS
from saxsolo.music.beat_grid import BeatGrid

from .files import ARCHIVE, FARTHEST_BALANCE
from .limits import escaped
from .listening import take_grid
from .playing import Step, bar_edges
from .roll import draw_roll
from .take_store import TakeInfo, TakeStore

SOUND_LINKS = (("wav", "WAV"), ("flac", "FLAC"), ("mp3", "MP3"))
SHEET_LINKS = (
    ("solo.mid", "MIDI"),
    ("solo.musicxml", "MusicXML"),
    ("solo.png", "Picture (PNG)"),
    (ARCHIVE, "All files (ZIP)"),
)
# editor.js does what it says
EDITOR = """<div class="editor">
<button type="button" class="edit-notes" aria-pressed="false">Edit the notes</button>
<span class="editing-tools" hidden><button type="button" class="undo-edit" disabled>Undo</button>
<button type="button" class="voice-notes" disabled>Voice these notes</button>
<span class="edit-help">Drag a note to move it, its right edge to make it longer; double-click to
add one. With keys: Page Up and Page Down choose a note, arrows move it, + and - change its length,
Delete removes it, Insert adds one behind it.</span></span>
<span class="edit-status" role="status"></span></div>"""


def clock(seconds: float) -> str:
    """1:05 for 65."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def progress(step: Step, which: str = "") -> str:
    """How much of the solo is done, and how long the rest will take.

    Args:
        which: of several takes, ", take 2 of 3".
    """
    left = "" if step.left is None else f", about {step.left:.0f} s left"
    return (
        f'<div class="status"><label for="progress">Improvising: {clock(step.done)} of '
        f"{clock(step.total)}{left}{which}</label>"
        f'<progress id="progress" max="{step.total:.2f}" value="{step.done:.2f}"></progress></div>'
    )


def message(text: str) -> str:
    """One line that a screen reader announces."""
    return _message(text, "status", "status")


def error_message(error: Exception | str) -> str:
    """An error in one sentence, announced as an alert."""
    text = str(error)
    return _message(text[:1].upper() + text[1:].rstrip(".") + ".", "alert", "status wrong")


def _message(text: str, role: str, css: str) -> str:
    return f'<div class="{css}" role="{role}">{escaped(text)}</div>'


def fit_words(store: TakeStore, name: str) -> str:
    """ ", fit 0.23" for the list of takes; empty where no chords are heard."""
    fit = store.info(name).run.get("fit")
    return f", fit {fit['value']:.2f}" if fit else ""


def fit_order(store: TakeStore, name: str) -> float:
    """By which takes are sorted: the best fit first, those without one last."""
    fit = store.info(name).run.get("fit")
    return -fit["value"] if fit else 9.0


def show_take(store: TakeStore, name: str) -> str:
    """Mixer, notes, solo player, downloads and link of one take.

    Raises:
        GoneError: when the take has expired.
    """
    info, take = store.info(name), store.take(name)
    backing = sf.read(store.folder(name) / "backing.flac", dtype="float32", always_2d=True)[0]
    grid = take_grid(take)
    roll = draw_roll(
        take.notes, take.solo, backing.mean(axis=1), take.sampling_rate, grid, take.placed
    )
    edges = bar_edges(grid, take.seconds)
    bars = len(edges) - 1
    at = f"take/{name}"
    detected = f"{bars} bars detected" if bars > 0 else "no bars detected"
    return f"""
<section class="take" aria-label="{escaped(info.label)}" data-link="{escaped(info.link)}"
 data-horn="{CONCERT}">
<h2>{escaped(info.label)}</h2>
<p class="facts">Over {escaped(info.title)} · {take.seconds:.0f} s · {detected}{_fit(info.run)}</p>
{_notes(info.run)}
{_mixer(at, info, take.seconds, edges, grid)}
{EDITOR if take.has_score else ""}
<div class="scroll" tabindex="0" role="group" aria-label="Notes, chords and waveforms">{roll}</div>
<p class="solo-player"><span>Solo only</span>
<audio id="solo-alone" aria-label="Solo only" controls preload="none"
 src="{at}/solo.mp3?play"></audio></p>
<h3>Downloads</h3>
<ul class="downloads">{_downloads(at, take.has_score)}</ul>
<p class="share"><label for="share-link">Link to these settings</label>
<input id="share-link" readonly value="?{escaped(info.link)}">
<button type="button" class="copy">Copy</button><span role="status" class="copied"></span></p>
</section>"""


def _fit(run: dict[str, Any]) -> str:
    """How the notes fit the chords; see `saxsolo.playing.take_fit`."""
    fit = run.get("fit")
    if not fit:
        return ""
    return f" · fit to the chords {fit['value']:.2f}, {fit['chord_tones']:.0%} chord tones"


def _notes(run: dict[str, Any]) -> str:
    """What is odd about the backing or the place of the chart, in a sentence each."""
    notes = "".join(f"<li>{escaped(note)}</li>" for note in run.get("notes") or ())
    return f'<ul class="notes">{notes}</ul>' if notes else ""


def _practice(bars: int) -> str:
    """Loop, tempo, count-in, what is silent, and for whom the picture is written."""
    speeds = "".join(
        f'<option value="{percent / 100:g}"{" selected" if percent == 100 else ""}>{percent} %'
        for percent in (50, 60, 70, 80, 90, 100)
    )
    horns = "".join(f'<option value="{name}">{escaped(horn.label)}' for name, horn in HORNS.items())
    number = f'type="number" min="1" max="{max(bars, 1)}"'
    return f"""<fieldset class="practice"><legend>Practice</legend>
<label><input type="checkbox" class="loop"> Loop bars</label>
<label>from <input {number} class="loop-from" value="1"></label>
<label>to <input {number} class="loop-to" value="{max(1, min(4, bars))}"></label>
<label>Tempo <select class="speed">{speeds}</select></label>
<label><input type="checkbox" class="count-in"> Count-in</label>
<label><input type="checkbox" class="mute-solo"> Mute solo</label>
<label><input type="checkbox" class="mute-band"> Mute band</label>
<label>Picture for <select class="written-for">{horns}</select></label>
</fieldset>"""


def _mixer(
    at: str, info: TakeInfo, seconds: float, edges: list[float], grid: BeatGrid | None
) -> str:
    """Player of solo and band with position and balance."""
    bars = [round(edge, 3) for edge in edges]
    return f"""<div class="mixer" data-solo="{at}/solo.flac?play"
 data-backing="{at}/backing.flac?play" data-gain="{info.gain:.6g}"
 data-quieter="{info.quieter:.6g}" data-seconds="{seconds:.3f}" data-bars="{bars}"
 data-beats="{grid.beats_per_bar if grid else 0}">
<button type="button" class="mixer-play">Play mix</button>
<label class="place"><span>Position</span><input class="mixer-seek" type="range" min="0"
 max="{seconds:.2f}" step="0.1" value="0"></label>
<output class="mixer-time">0:00 / {clock(seconds)}</output>
<label class="balance"><span>Balance: band</span><input class="mixer-balance" type="range"
 min="-{FARTHEST_BALANCE}" max="{FARTHEST_BALANCE}" step="1" value="0"
 aria-label="Balance between band and solo"><span>solo</span></label>
<output class="mixer-level">0 dB</output>
{_practice(len(edges) - 1)}
</div>"""


def _downloads(at: str, has_score: bool) -> str:
    """Links to all files of a take; a model without notes has no MIDI, score or picture."""
    sounds = "".join(
        f'<li><a download href="{at}/{part}.{kind}" class="{part}-link">{word} {text}</a></li>'
        for part, word in (("solo", "Solo"), ("mix", "Mix"))
        for kind, text in SOUND_LINKS
    )
    sheets = SHEET_LINKS if has_score else SHEET_LINKS[-1:]
    return sounds + "".join(
        f'<li><a download href="{at}/{file}">{text}</a></li>' for file, text in sheets
    )
