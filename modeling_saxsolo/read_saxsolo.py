"""A sound file as samples, whatever reads it: soundfile, PyAV or torchcodec, as installed."""

import os

import numpy as np
import torch
from transformers.utils import is_soundfile_available, is_torchcodec_available

from .errors_saxsolo import AudioError
from .sound_file_saxsolo import CAN_DECODE, SAMPLED, Decoded, decode_file, is_one_ogg


def read_sound(path: str | os.PathLike[str], partial: bool = False) -> tuple[torch.Tensor, int]:
    """The samples (n, channels) float32 of a file as they are, and their rate: not resampled, so
    that every way in resamples alike.

    Args:
        partial: give what is there of a file that breaks off.

    Raises:
        AudioError: no such file, one that is not audio or breaks off, nothing to read it with.
    """
    name = os.fspath(path)
    if not os.path.isfile(name):
        raise AudioError(f"{name}: no such file.")
    with open(name, "rb") as file:
        head = file.read(4)
    counted = head in SAMPLED and (head != b"OggS" or is_one_ogg(name))
    if is_soundfile_available() and (counted or not CAN_DECODE):
        import soundfile

        try:
            samples, rate = soundfile.read(name, dtype="float32", always_2d=True)
            return torch.from_numpy(samples), rate
        except Exception as error:
            # what libsndfile does not know of its own kinds of file, FFmpeg may
            if not CAN_DECODE:
                raise AudioError(f"{name} cannot be read as a sound: {error}") from error
    if CAN_DECODE:
        return _by_ffmpeg(name, partial)
    if is_torchcodec_available():
        from torchcodec.decoders import AudioDecoder

        try:
            sound = AudioDecoder(name).get_all_samples()
            return sound.data.T, sound.sample_rate
        except Exception as error:
            raise AudioError(f"{name} cannot be read as a sound: {error}") from error
    raise AudioError(f"{name}: nothing is installed that reads files; pip install soundfile av")


def _by_ffmpeg(name: str, partial: bool) -> tuple[torch.Tensor, int]:
    known = Decoded()
    parts = list(decode_file(name, known))
    if known.breaks_off and not partial:
        raise AudioError(
            f"{name} breaks off after {known.seconds:.1f} s; force=True plays what is there."
        )
    return torch.from_numpy(np.concatenate(parts)), known.sampling_rate
