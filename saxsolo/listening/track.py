"""Listening to a track of any length with the ear.

sound -> mono at the ear's rate -> posteriors, fifty frames a second -> beats, bars, chords
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from modeling_saxsolo.backing_saxsolo import SILENCE_PEAK, heard_blocks
from modeling_saxsolo.ear_saxsolo import SaxsoloEar
from modeling_saxsolo.ear_spectrum_saxsolo import SAMPLING_RATE, estimate_tuning
from saxsolo.assets import asset
from saxsolo.audio.files import Sound, open_sound
from saxsolo.errors import AudioError, CheckpointError
from saxsolo.music.ear_decoding import decode

from .heard import Listening

DEFAULT_EAR = asset("checkpoints/saxsolo-ear")


@dataclass(frozen=True)
class Ear:
    """A loaded ear and the folder it came from."""

    model: SaxsoloEar = field(repr=False)
    name: str


def load_ear(folder: Path | str | None = None, device: str | None = None) -> Ear:
    """Loads an ear, in float32, from safetensors alone.

    Args:
        folder: of the checkpoint; the default one when None.
        device: "cpu", "cuda", ...; the CPU when None: an ear is quick there.

    Raises:
        CheckpointError: when the folder holds no ear, or a damaged one.
    """
    place = Path(folder) if folder is not None else DEFAULT_EAR
    if not (place / "config.json").is_file():
        raise CheckpointError(f"{place} is not the folder of an ear: it has no config.json")
    try:
        model = SaxsoloEar.from_pretrained(place, dtype=torch.float32, use_safetensors=True)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        text = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{place} cannot be loaded as an ear: {text}") from error
    torch.nn.Module.to(model, device or "cpu")
    return Ear(model.eval(), str(place))


def listen(sound: Sound, ear: Ear | None = None) -> Listening:
    """Hears key, tempo, metre, tuning, beats, bars and chords in a track.

    Args:
        sound: path of a sound file, or (samples, sampling rate).
        ear: what `load_ear` gave, so that several tracks load it once.

    Raises:
        SaxsoloError: AudioError, for silence too, or CheckpointError, one line each.
    """
    source = open_sound(sound)
    ear = ear or load_ear()
    heard = heard_blocks(source.parts(), source.sampling_rate, SAMPLING_RATE, measure=None)
    samples = torch.cat(list(heard))
    peak = float(samples.abs().max())
    if peak < SILENCE_PEAK:
        raise AudioError(f"{source.name} is silent (peak {peak:.1g}); there is nothing to hear")
    cents = estimate_tuning(samples)[0]
    posteriors = ear.model.hear(samples, cents)
    arrays = {name: value.float().cpu().numpy() for name, value in posteriors.items()}
    return Listening(Path(source.name).stem, source.seconds, decode(arrays, None, cents))
