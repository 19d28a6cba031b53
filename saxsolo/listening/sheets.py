"""What was heard, as a lead sheet without notes and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from saxsolo.atomic import output_folder
from saxsolo.errors import SettingError

from .heard import Listening
from .horns import CONCERT, horn_of

if TYPE_CHECKING:
    from saxsolo.audio.files import Source

DRAWN_RATE = 16_000
BLOCK = 10 * DRAWN_RATE
# the two octaves whose chord tones are shaded
LOW, HIGH = 48, 71


def write_lead_sheet(heard: Listening, path: Path, horn: str = CONCERT) -> Path:
    """Bars and chord symbols as MusicXML; needs music21.

    Args:
        heard: as it sounds.
        path: the file.
        horn: a name in `HORNS`, for which it is written.

    Raises:
        SettingError: for another horn, or where no beat was heard: there are no bars to write.
        OutputError: when it cannot be written.
    """
    from saxsolo.notation.musicxml import write_musicxml
    from saxsolo.notation.quantise import quantise

    instrument, grid = horn_of(horn).instrument, heard.grid()
    if grid is None:
        raise SettingError(f"no beat was heard in {heard.name}, so there are no bars to write")
    lead = quantise([], grid, heard.seconds)
    with output_folder(path.parent):
        return write_musicxml(path, lead, instrument=instrument, title=heard.name, composer="")


def write_picture(heard: Listening, source: Source, path: Path) -> Path:
    """Chords and beats over the spectrum of the track as PNG; needs matplotlib.

    Raises:
        OutputError: when it cannot be written.
    """
    from matplotlib.figure import Figure

    from saxsolo.notation.pictures import draw_beats, draw_chords, draw_spectrogram, save_picture

    length = source.length_at(DRAWN_RATE)
    blocks = source.blocks(BLOCK, DRAWN_RATE, length, mono=True)
    samples = np.concatenate([block[:, 0] for block in blocks])
    width = min(max(11.0, 0.4 * heard.seconds), 80.0)
    figure = Figure(figsize=(width, 6), dpi=110, layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2))
    grid = heard.grid()
    if grid is not None:
        frames = round(heard.seconds * 50)
        draw_chords(top, grid.labels(frames), LOW, HIGH, heard.seconds, True)
        draw_beats(top, grid.beats)
    top.set(ylim=(LOW - 0.5, HIGH + 2.5), xlim=(0, heard.seconds), yticks=[], ylabel="chords")
    draw_spectrogram(bottom, samples, DRAWN_RATE)
    bottom.set(xlabel="seconds", ylabel="kHz")
    key, tempo = heard.key, heard.tempo
    facts = [
        heard.name.replace("$", r"\$"),
        key.name if key else "key not heard",
        f"{tempo:.0f} beats a minute, {heard.metre}" if tempo else "no beat heard",
        f"{heard.music.tuning_cents:+.0f} cents",
    ]
    figure.suptitle(" · ".join(facts), size=11)
    with output_folder(path.parent):
        return save_picture(figure, path)
