"""Sampled instruments (SFZ) played by sfizz at the rate of the mix, in long blocks.

As `dataset_scripts.render.sounds.play_sfz`, but in a half to four fifths of the time: accompaniments are many, and
sfizz's own resampling is good enough under a band.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dataset_scripts.render.rate import SAMPLING_RATE, fit
from dataset_scripts.render.sounds import MidiEvent, MissingSoundError, in_order

BLOCK = 1024


def play_sampled(path: Path, events: Sequence[MidiEvent], samples: int) -> np.ndarray:
    """Events ("on" and "off") played by the instrument at `path` -> float32 mono (samples,), 32 kHz.

    A fresh synthesiser each time, because round robins carry over. Raises MissingSoundError where
    the player or the instrument is absent.
    """
    try:
        import pysfizz
    except ImportError as error:
        raise MissingSoundError("the SFZ player is missing: pip install pysfizz") from error
    player = pysfizz.Synth(sample_rate=SAMPLING_RATE, block_size=BLOCK)
    if not path.is_file() or not player.load_sfz_file(path):
        raise MissingSoundError(f"no SFZ instrument at {path}")
    synth = player._synth
    synth.render_block()
    ordered = in_order(events)
    blocks = []
    index = 0
    for start in range(0, samples, BLOCK):
        while index < len(ordered):
            event = ordered[index]
            delay = max(0, round(event.time * SAMPLING_RATE) - start)
            if delay >= BLOCK:
                break
            if event.kind == "on":
                synth.note_on(delay, event.number, int(event.value))
            elif event.kind == "off":
                synth.note_off(delay, event.number, 0)
            index += 1
        # the array is the synthesiser's own buffer, overwritten by the next block
        left, right = synth.render_block()[:2]
        blocks.append(0.5 * (left + right))
    return fit(np.concatenate(blocks).astype(np.float32), samples)
