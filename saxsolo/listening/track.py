"""Listening to a track of any length with the ear.

sound -> mono at the ear's rate -> posteriors, fifty frames a second -> beats, bars, chords
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from modeling_saxsolo.backing_saxsolo import heard_blocks, measure_backing
from modeling_saxsolo.ear_decoding_saxsolo import DecodingCosts, HeardMusic, decode
from modeling_saxsolo.ear_saxsolo import FRAMES_PER_TOKEN, SaxsoloEar, join_heard
from modeling_saxsolo.ear_spectrum_saxsolo import SAMPLING_RATE, num_tokens
from modeling_saxsolo.ear_stream_saxsolo import hear_blocks
from modeling_saxsolo.resample_saxsolo import resampled_length
from saxsolo.audio.files import Sound, Source, open_sound
from saxsolo.errors import AudioError
from saxsolo.weights.loading import Weights, load_ear

from .heard import Listening


def listen(sound: Sound, ear: Weights | None = None) -> Listening:
    """Hears key, tempo, metre, tuning, beats, bars and chords in a track.

    Args:
        sound: path of a sound file, or (samples, sampling rate).
        ear: what `load_ear` gave, so that several tracks load it once.

    Raises:
        SaxsoloError: AudioError, for silence too, or CheckpointError, one line each.
    """
    source = open_sound(sound)
    model = (ear or load_ear(device="cpu")).model
    heard, cents = hear_track(source, model)
    return Listening(Path(source.name).stem, source.seconds, decoded(model, heard, cents))


def hear_track(source: Source, ear: SaxsoloEar) -> tuple[dict[str, torch.Tensor], float]:
    """What an ear hears in a track, name -> (F, classes) probabilities, and its tuning in cents.

    Raises:
        AudioError: for a track that is silent.
    """
    measure = measure_backing(source.parts, source.sampling_rate, SAMPLING_RATE)
    if measure.silent:
        raise AudioError(
            f"{source.name} is silent (peak {measure.peak:.1g}); there is nothing to hear"
        )
    blocks = heard_blocks(source.parts(), source.sampling_rate, SAMPLING_RATE, measure)
    samples = resampled_length(source.frames, source.sampling_rate, SAMPLING_RATE)
    frames = num_tokens(samples) * FRAMES_PER_TOKEN
    return join_heard(hear_blocks(ear, blocks, measure.tuning), frames), measure.cents


def decoded(
    ear: SaxsoloEar,
    heard: Mapping[str, torch.Tensor],
    cents: float,
    costs: DecodingCosts | None = None,
) -> HeardMusic:
    """Beats, bars and chords out of what an ear heard.

    Args:
        ear: knows which chord follows which.
        heard: name -> (F, classes) probabilities. cents: the tuning.
    """
    arrays = {name: values.numpy() for name, values in heard.items()}
    return decode(arrays, costs, cents, ear.progressions.cpu().numpy())
