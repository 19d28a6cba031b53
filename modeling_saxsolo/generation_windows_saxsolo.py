"""The steps of a window of `generate()`: what is given, where it ends, what may be drawn there."""

from typing import Any

import torch
from transformers.generation import LogitsProcessorList

from .delay_saxsolo import apply_delay
from .resting_saxsolo import long_rests
from .sampling_saxsolo import PerStream, ScoreGrammar, SoundingNotes, WhenThenWhat, warpers
from .vocabulary_saxsolo import FREE


class SaxsoloWindows:
    """The part of `SaxsoloGenerationMixin` that knows the windows."""

    config: Any

    def _give_rests(self, forced: torch.Tensor, known: int) -> None:
        """Puts silence into `forced` (B, N, S), in place, where a rest has lasted among the first
        `known` steps of the score and the codes are free."""
        config = self.config
        score = forced[:, 0, :known].cpu().numpy()
        resting = torch.from_numpy(long_rests(score, config.score_vocab_size)).to(forced.device)
        for stream, code in enumerate(config.rest_codes or [], start=1):
            delay = config.stream_delays[stream]
            codes = forced[:, stream, delay : delay + known]
            free = (codes == FREE) & resting[:, : codes.shape[-1]]
            codes[free] = code

    def _forced_tokens(
        self, mask: torch.Tensor | None, given: torch.Tensor, prompt_codes: torch.Tensor
    ) -> torch.Tensor:
        """(B, N, S): the prompt, what else is given (B, N, T), and the pads around each stream,
        FREE elsewhere."""
        frames = given.shape[-1]
        tokens = given.clone()
        known = min(prompt_codes.shape[-1], frames)
        tokens[..., :known] = prompt_codes[..., :known]
        if mask is not None:
            # A row without any backing is played for as long as the batch is.
            place = torch.arange(frames, device=mask.device)
            length = ((mask != 0) * (place + 1)).amax(dim=1)
            ended = place >= torch.where(length == 0, frames, length)[:, None]
            tokens = tokens.masked_fill(ended[:, None], self.config.pad_token_id)
        return apply_delay(tokens, self.config.stream_delays, self.config.pad_token_id)

    def _next_window(self, step: int, frames: int) -> tuple[int, int, int]:
        """First and last + 1 frame of the window that continues from `step`, and where it stops."""
        window = self.config.window_frames
        first = min(max(0, step - window // 2), max(0, frames - window))
        last = min(first + window, frames)
        if last == frames:
            return first, last, frames + max(self.config.stream_delays)
        return first, last, last - max([0, *(self.config.lookahead or [])])

    def _without_earlier(self, past: torch.Tensor) -> torch.Tensor:
        """Tokens (B, N, s) of a window without the frames before it, as in training."""
        past = past.clone()
        for stream, delay in enumerate(self.config.stream_delays):
            past[:, stream, :delay] = self.config.pad_token_id
        return past

    def _stream_processors(
        self, settings: Any, pitch_temperature: float, onset_bias: float
    ) -> LogitsProcessorList:
        """Grammar and sampling; without a score stream the library's own sampling is used."""
        config = self.config
        if not config.score_vocab_size:
            return LogitsProcessorList()
        processors = LogitsProcessorList([ScoreGrammar(config)])
        if config.silent_codes:
            processors.append(SoundingNotes(config))
        if settings.do_sample:
            temperature = 1.0 if settings.temperature is None else settings.temperature
            score = warpers(None, settings.top_k, settings.top_p)
            if (temperature, pitch_temperature, onset_bias) != (1, 1, 0):
                choice = WhenThenWhat(config, temperature, pitch_temperature, onset_bias)
                score.insert(0, choice)
            codes = warpers(settings.codec_temperature, settings.codec_top_k, None)
            processors.append(PerStream(config.num_streams, score, codes))
        return processors
