"""Frames of a solo while `generate()` writes it: delayed streams put back in step.

`generate()` calls a streamer with the (B * N,) tokens of one step after another.
"""

from collections.abc import Callable

import torch
from transformers.generation import BaseStreamer

from .configuration_saxsolo import SaxsoloConfig
from .delay_saxsolo import undo_delay


class FrameStreamer(BaseStreamer):
    """Passes frames on as soon as their last stream is known.

    Args:
        config: of the model.
        on_frames: called with codes (B, N, t) on the CPU, in order, prompt left out; frames after
            the end of a padded row hold the pad token.
        frames_at_once: t, except for the last call.

    Attributes:
        articulation: (B, T) how the notes are played, filled window by window; None = not told.
    """

    def __init__(
        self,
        config: SaxsoloConfig,
        on_frames: Callable[[torch.Tensor], None],
        frames_at_once: int = 1,
    ):
        self.config = config
        self.on_frames = on_frames
        self.frames_at_once = frames_at_once
        self.articulation: torch.Tensor | None = None
        self._steps: list[torch.Tensor] = []

    def start(self, steps: torch.Tensor) -> None:
        """Begin a solo whose first steps (B, N, s) are known: s = 0, or a prompt's frames."""
        self._held_back = max(self.config.stream_delays)
        known = min(self._held_back, steps.shape[-1])
        self._steps = list(steps[..., steps.shape[-1] - known :].cpu().unbind(-1))
        # Frames that begin within the known steps belong to the prompt.
        self._to_drop = known

    def put(self, value: torch.Tensor) -> None:
        """Take the tokens (B * N,) of one step."""
        self._steps.append(value.view(-1, self.config.num_streams))
        if len(self._steps) >= self._held_back + self._to_drop + self.frames_at_once:
            self._emit()

    def end(self) -> None:
        """Pass on what is left."""
        self._emit()

    def _emit(self) -> None:
        if len(self._steps) <= self._held_back + self._to_drop:
            return
        steps = torch.stack(self._steps, dim=-1)
        frames = undo_delay(steps, self.config.stream_delays)[..., self._to_drop :]
        self._steps = self._steps[-self._held_back :] if self._held_back else []
        self._to_drop = 0
        self.on_frames(frames)


class SkipPrompt(BaseStreamer):
    """Lets a streamer outlive the windows: skips each one's first `put` (its prompt) and `end`."""

    def __init__(self, streamer: BaseStreamer):
        self.streamer = streamer
        self.prompt = True

    def put(self, value: torch.Tensor) -> None:
        if not self.prompt:
            self.streamer.put(value)
        self.prompt = False

    def end(self) -> None:
        pass
