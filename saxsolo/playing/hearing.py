"""What is heard in a backing before a solo is played over it, and the beat grid that it holds."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from modeling_saxsolo.backing_saxsolo import BackingMeasure
from modeling_saxsolo.ear_decoding_saxsolo import HeardMusic
from modeling_saxsolo.ear_saxsolo import join_heard
from modeling_saxsolo.ear_stream_saxsolo import label_posteriors
from modeling_saxsolo.vocabulary_saxsolo import LABEL_SIZES
from saxsolo.audio.files import Source
from saxsolo.errors import AudioError, SettingError
from saxsolo.listening.heard import grid_of
from saxsolo.music.beat_grid import BeatGrid, find_grid
from saxsolo.music.placed_chart import PlacedChart
from saxsolo.weights.loading import Player


@dataclass(frozen=True)
class HeardBacking:
    """A backing as a player's processor hears it.

    Attributes:
        frames: T, how many the solo will have.
        measure: loudness, peak and tuning.
        codes: (1, K, T) on the model's device; None where the model reads none.
        ear: name -> (T, classes) probabilities; None for a model without an ear.
        music: beats, bars and chords out of them.
        sheet: the same as the model is given it, see `SaxsoloProcessor.lead_sheet`.
        rests: (N, T) where the solo waits for the band and ends with it, see
            `SaxsoloProcessor.rests`.
        placed: the chart that a person gave, on the backing's clock; None where none was given.
        playing: (T,) bool, where the solo plays and does not rest, where a person said so.
    """

    frames: int
    measure: BackingMeasure
    codes: torch.Tensor | None
    ear: dict[str, torch.Tensor] | None
    music: HeardMusic | None
    sheet: dict[str, torch.Tensor]
    rests: torch.Tensor
    placed: PlacedChart | None = None
    playing: np.ndarray | None = None

    def inputs(self, device: torch.device) -> dict[str, torch.Tensor]:
        """What `generate` is given of the backing; the same tensors as the processor's."""
        # with a mask, as the processor gives it, the last bits can differ
        mask = torch.ones(1, self.frames, dtype=torch.long, device=device)
        inputs = {"attention_mask": mask, "forced_codes": self.rests[None].to(device)}
        if self.codes is not None:
            inputs["backing_codes"] = self.codes
        if self.ear is not None:
            inputs["frame_label_posteriors"] = label_posteriors(self.ear)[None].to(device)
            inputs |= {name: values[None].to(device) for name, values in self.sheet.items()}
        if self.placed is not None:
            # where a chart says something, it is told rather than heard
            told = torch.from_numpy(self.placed.labels(self.frames).T.astype(np.int64))
            inputs["frame_label_inputs"] = told[None].to(device)
        return inputs


def hear_backing(
    player: Player,
    source: Source,
    seconds: float | None = None,
    force: bool = False,
    start: float | None = None,
) -> HeardBacking:
    """Listens to a backing, as every way in does, block by block.

    Args:
        source: the backing. seconds: of it; all of it when None.
        force: take a silent one too.
        start: second at which the solo may begin; None = with the band.

    Raises:
        AudioError: for a sound that is silent, damaged, or holds NaN.
    """
    processor, rate = player.processor, source.sampling_rate
    measure = processor.measure(source.parts, rate, seconds)
    if measure.silent and not force:
        raise AudioError(
            f"{source.name} is silent (peak {measure.peak:.1g}); --force (force=True) plays anyway"
        )
    codes = ear = music = None
    sheet: dict[str, torch.Tensor] = {}
    frames = 0
    if processor.reads_codes:
        parts = processor.listen(source.parts(), rate, measure, seconds)
        codes = torch.cat(list(parts), dim=-1)
        frames = codes.shape[-1]
    if processor.ear is not None:
        stretches = processor.hear(source.parts(), rate, measure, seconds)
        ear = join_heard(stretches, processor.frames_of(source.frames, rate, seconds))
        frames = len(ear["chord"])
        music = processor.music(ear, measure)
        sheet = processor.lead_sheet(ear, music)
    rests = processor.rests(frames, ear, start, seconds is not None, measure.fades_from)
    return HeardBacking(frames, measure, codes, ear, music, sheet, rests)


#: listens as `hear_backing` does
Hear = Callable[[Player, Source, float | None, bool, float | None], HeardBacking]


class HearOnce:
    """`hear_backing` for several solos over the same sources, in any thread: each is listened to
    once, as long as it is remembered among the last few."""

    def __init__(self, remembered: int = 4):
        # with the sources, so that no other takes their place
        self._heard: dict[tuple[Any, ...], tuple[Source, HeardBacking]] = {}
        self._lock, self._remembered = threading.Lock(), remembered

    def __call__(
        self,
        player: Player,
        source: Source,
        seconds: float | None = None,
        force: bool = False,
        start: float | None = None,
    ) -> HeardBacking:
        key = (id(source), seconds, force, start)
        with self._lock:
            if key not in self._heard:
                while len(self._heard) >= self._remembered:
                    del self._heard[next(iter(self._heard))]
                self._heard[key] = source, hear_backing(player, source, seconds, force, start)
            return self._heard[key][1]


def backing_grid(player: Player, heard: HeardBacking) -> BeatGrid | None:
    """Beats, bars and chords of a backing: of the chart that was given, else the ear's, else those
    of the model's label heads; None where none are heard."""
    if heard.placed is not None:
        return heard.placed.grid()
    if heard.music is not None:
        return grid_of(heard.music)
    if heard.codes is None:
        return None
    try:
        return find_grid(hear_codes(player.solo.model, heard.codes))
    except SettingError:
        return None


@torch.inference_mode()
def hear_codes(model: PreTrainedModel, codes: torch.Tensor) -> dict[str, np.ndarray]:
    """What the label heads of a model hear in the codes of a backing of any length.

    Args:
        model: a solo model that was trained with all four frame labels.
        codes: (1, K, T) of the backing, on the model's device.

    Returns:
        Label name -> (T, classes) float32 probabilities.

    Raises:
        SettingError: for a model without those labels, or one that reads no codes.
    """
    solo: Any = model
    names = solo.config.frame_label_names if solo.config.reads_codes else []
    sizes = dict(zip(names, solo.encoder.label_sizes, strict=False))
    if set(sizes) != set(LABEL_SIZES):
        raise SettingError(
            f"this checkpoint names {', '.join(sizes) or 'no labels'} of a backing's codes; beats "
            f"and chords need one that names {', '.join(LABEL_SIZES)}"
        )
    window, frames = solo.config.window_frames, codes.shape[-1]
    logits = torch.zeros(frames, sum(sizes.values()))
    for start in range(0, max(1, frames - window // 2), window // 2):
        part = solo.encoder(codes[..., start : start + window]).frame_label_logits[0].cpu()
        # the edges of a window are heard best by its neighbours
        first = 0 if start == 0 else window // 4
        logits[start + first : start + len(part)] = part[first:]
    parts = logits.split(list(sizes.values()), dim=-1)
    return {name: part.softmax(-1).numpy() for name, part in zip(sizes, parts, strict=True)}
