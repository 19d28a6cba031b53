"""The ear: hears chords, bass, beats and bars in a backing that nobody annotated.

Log-frequency spectra in (see ear_spectrum_saxsolo.py), twelve and a half tokens a second through a
small transformer that treats all keys alike (see ear_layers_saxsolo.py), and fifty frames a second
out: each token describes the four frames inside it.

Two ways to hear, with the same weights: the whole track at once, or causally. Causally the tokens
stand in chunks, and a token attends to its own chunk and to all before it (chunk-wise masks, Zhang
et al. 2020, arXiv 2012.05481), so the look-ahead does not grow with the layers.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from torch.nn import functional as F
from transformers import PretrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.utils import ModelOutput

from .ear_layers_saxsolo import (
    PITCH_CLASSES,
    EarLayer,
    LaidOut,
    LayerPast,
    LogConv,
    OctaveFold,
    PitchLinear,
    PitchNorm,
    RecentMix,
    rotary_angles,
)
from .ear_pulse_saxsolo import PULSE_BANDS, PULSE_SIZE, PULSES, pulses, rises
from .ear_spectrum_saxsolo import (
    BINS_PER_SEMITONE,
    REACH,
    RHYTHM_BANDS,
    RHYTHM_COLUMNS,
    SEMITONES,
    TOKEN_RATE,
    EarFeatures,
    ear_features,
    estimate_tuning,
    num_tokens,
)

FRAME_RATE = 50
FRAMES_PER_TOKEN = 4
#: chord classes are root * 7 + quality (see `saxsolo.music.chord_symbols`), then "no chord"
QUALITIES = 7
CHORDS = PITCH_CLASSES * QUALITIES + 1
#: twelfths of a beat; places in the bar, the last one for bars of more than seven beats
PHASES, PLACES = 12, 8
#: metre class m: m + 2 beats in a bar
METRES = 6
#: what sounds: nothing, a count-in, the band
ACTIVITIES = 3
#: outputs of one class a frame whose logits a temperature may divide
TEMPERED = ("chord", "bass", "phase", "place", "metre")
_PATCH = 9


@strict
class SaxsoloEarConfig(PretrainedConfig):
    """Configuration of `SaxsoloEar`.

    Args:
        note_channels: channels of the note detector for each semitone.
        channels: C, channels for each pitch class.
        scalars: S, channels without a pitch.
        num_hidden_layers, num_attention_heads: of the transformer.
        expansion: width of a gated MLP over the hidden width.
        rhythm_channels: channels of the rhythm convolutions.
        ratio_channels: channels that look for ratios of tempi.
        dropout: share of what a layer adds that is left out in training.
        temperatures: what the logits of an output are divided by, for those that are not 1; found
            on held-out items after training, so that probabilities are as sure as they are right.
    """

    model_type = "saxsolo_ear"

    note_channels: int = 8
    channels: int = 16
    scalars: int = 64
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    expansion: int = 2
    rhythm_channels: int = 48
    ratio_channels: int = 12
    dropout: float = 0.0
    initializer_range: float = 1.0
    temperatures: dict[str, float] | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        heads = self.num_attention_heads
        if self.channels % heads or self.scalars % (2 * heads):
            raise ValueError(
                f"num_attention_heads={heads} must divide channels={self.channels} and half of "
                f"scalars={self.scalars}; choose multiples of 8 for both."
            )
        wrong = {
            name: heat
            for name, heat in (self.temperatures or {}).items()
            if name not in TEMPERED or not heat > 0
        }
        if wrong:
            raise ValueError(
                f"temperatures={wrong}: each must be above 0 and one of {', '.join(TEMPERED)}"
            )
        super().__post_init__(**kwargs)

    def divisor(self, name: str) -> float:
        """What the logits of an output are divided by."""
        return (self.temperatures or {}).get(name, 1.0)

    @property
    def hidden_size(self) -> int:
        """Values in a token, 12 C + S."""
        return PITCH_CLASSES * self.channels + self.scalars


@dataclass
class EarPast:
    """What the causal ear keeps of a window: how many tokens, and what each layer keeps of them."""

    count: int = 0
    layers: list[LayerPast] = field(default_factory=list)


@dataclass
class SaxsoloEarOutput(ModelOutput):
    """Logits of F = 4 T frames.

    Attributes:
        chord: (B, F, 85) root * 7 + quality, the last for no chord.
        bass: (B, F, 13) pitch class of the bass note that sounds, the last for none.
        phase: (B, F, 12) place in the beat, in twelfths.
        place: (B, F, 8) beat of the bar from 0 on.
        beats: (B, F, 2) sigmoid logits: a beat begins here; the first beat of a bar begins here.
        metre: (B, F, 6) beats in a bar, from 2 on.
        activity: (B, F, 3) nothing, a count-in, the band.
    """

    chord: torch.Tensor | None = None
    bass: torch.Tensor | None = None
    phase: torch.Tensor | None = None
    place: torch.Tensor | None = None
    beats: torch.Tensor | None = None
    metre: torch.Tensor | None = None
    activity: torch.Tensor | None = None


class SaxsoloEarStem(nn.Module):
    """Spectra to tokens: notes are found and folded into pitch classes, rhythm and pulse join."""

    def __init__(self, config: SaxsoloEarConfig):
        super().__init__()
        notes, rhythm = config.note_channels, config.rhythm_channels
        self.patch = nn.Linear(2 * _PATCH, notes)
        self.notes = LogConv(SEMITONES, notes, notes)
        self.fold = OctaveFold(SEMITONES, notes, config.channels, config.scalars)
        self.beat_one = nn.Conv1d(RHYTHM_BANDS, rhythm, 5, stride=2, padding=2)
        self.beat_two = nn.Conv1d(rhythm, rhythm, 5, stride=2, padding=2)
        self.rhythm = nn.Linear(RHYTHM_COLUMNS // 4 * rhythm, config.scalars)
        self.pulse_in = nn.Linear(PULSE_SIZE, 2 * config.scalars)
        self.ratios = LogConv(PULSES, PULSE_BANDS, config.ratio_channels)
        self.ratio_in = nn.Linear((PULSES + 1) * config.ratio_channels, 2 * config.scalars)
        self.ratio_in.starts_at_zero = True  # type: ignore[assignment]
        self.pulse_out = nn.Linear(2 * config.scalars, config.scalars)
        self.pitched = PITCH_CLASSES * config.channels

    def forward(
        self, harmony: torch.Tensor, bass: torch.Tensor, rhythm: torch.Tensor, first: int = 0
    ) -> torch.Tensor:
        """Tokens from `first` on; what swings with the rhythm began before them."""
        harmony, bass = harmony[:, first:], bass[:, first:]
        batch, length, _ = harmony.shape
        patches = torch.cat([_patches(harmony), _patches(bass)], dim=-1)
        notes = F.silu(self.patch(patches))
        notes = notes + F.silu(self.notes(notes))
        hidden = self.fold(notes)
        beat = F.silu(self.beat_one(rhythm.transpose(1, 2)))
        beat = F.silu(self.beat_two(beat)).transpose(1, 2).reshape(batch, first + length, -1)
        with torch.no_grad():
            swinging = pulses(rhythm.float()).to(beat.dtype)
        heard = self.rhythm(beat[:, first:]) + self._pulse(swinging[:, first:])
        hidden = hidden + F.pad(heard, (self.pitched, 0))
        return hidden

    def _pulse(self, swinging: torch.Tensor) -> torch.Tensor:
        """(B, T, 4, 2, 66) -> (B, T, S): the resonators, and which ratios of tempi sound together.

        The mean over all tempi says the ratio alone, 3 to 1 for a waltz, fast or slow.
        """
        loud = torch.log1p(swinging.square().sum(dim=3)).transpose(2, 3)
        ratios = F.silu(self.ratios(loud))
        ratios = torch.cat([ratios, ratios.mean(dim=2, keepdim=True)], dim=2).flatten(2)
        inner = self.pulse_in(swinging.flatten(2)) + self.ratio_in(ratios)
        out: torch.Tensor = self.pulse_out(F.silu(inner))
        return out


def _patches(bins: torch.Tensor) -> torch.Tensor:
    """(B, T, 3 N) -> (B, T, 72, 9): each semitone with its neighbours, zeros above the last."""
    around = (_PATCH - BINS_PER_SEMITONE) // 2
    padded = F.pad(bins, (around, around + BINS_PER_SEMITONE * SEMITONES - bins.shape[-1]))
    return padded.unfold(-1, _PATCH, BINS_PER_SEMITONE)


class SaxsoloEar(PreTrainedModel):
    """Hears chords, bass, beats and bars; see the module's docstring."""

    config: SaxsoloEarConfig
    config_class = SaxsoloEarConfig
    base_model_prefix = "ear"
    main_input_name = "harmony"
    _no_split_modules = ["EarLayer"]
    progressions: torch.Tensor

    def __init__(self, config: SaxsoloEarConfig):
        super().__init__(config)
        channels, scalars = config.channels, config.scalars
        self.stem = SaxsoloEarStem(config)
        self.layers = nn.ModuleList(
            EarLayer(
                channels, scalars, config.num_attention_heads, config.expansion, config.dropout
            )
            for _ in range(config.num_hidden_layers)
        )
        self.norm = PitchNorm(channels, scalars)
        pitched = FRAMES_PER_TOKEN * (QUALITIES + 1)
        self.scalar_sizes = [1, 1, PHASES, PLACES, 2, METRES, ACTIVITIES]
        scalar = FRAMES_PER_TOKEN * sum(self.scalar_sizes)
        self.head = PitchLinear(channels, scalars, pitched, scalar, bias=True)
        # nats by which a chord follows another likelier than by chance: from a quality, up by so
        # many semitones, to a quality; counted in what the ear has learnt from
        self.register_buffer("progressions", torch.zeros(QUALITIES, PITCH_CLASSES, QUALITIES))
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, SaxsoloEar):
            init.zeros_(module.progressions)
        if isinstance(module, (nn.Linear, nn.Conv1d)):
            fan_in = module.weight[0].numel()
            # what is added to a trained ear later begins by changing nothing
            std = 0.0 if getattr(module, "starts_at_zero", False) else fan_in**-0.5
            init.normal_(module.weight, std=std)
            init.zeros_(module.bias)  # type: ignore[arg-type]
        elif isinstance(module, (PitchLinear, OctaveFold, LogConv)):
            for name, parameter in module.named_parameters():
                if name == "bias":
                    init.zeros_(parameter)
                else:
                    init.normal_(parameter, std=module.fan_in**-0.5)
        elif isinstance(module, RecentMix):
            init.normal_(module.weight, std=0.2)
        elif isinstance(module, PitchNorm):
            init.ones_(module.weight)

    def forward(
        self,
        harmony: torch.Tensor,
        bass: torch.Tensor,
        rhythm: torch.Tensor,
        chunk: int | None = None,
    ) -> SaxsoloEarOutput:
        """Logits for features as `ear_features` makes them.

        Args:
            harmony: (B, T, 216). bass: (B, T, 108). rhythm: (B, 8 T, 40).
            chunk: tokens that are heard together; None = all of them.
        """
        # what layers add up keeps the precision of the weights, also where products are rounded
        hidden = self.stem(harmony, bass, rhythm).to(self.norm.weight.dtype)
        length = hidden.shape[1]
        pairs = self.config.scalars // self.config.num_attention_heads // 2
        rotary = rotary_angles(length, pairs, hidden.device)
        mask = None if chunk is None else chunk_mask(length, chunk, hidden.device)
        for layer in self.layers:
            hidden = layer(hidden, rotary, mask)
        return self._outputs(self.head(self.norm(hidden)))

    def lay_out(self) -> None:
        """Lays all weights out as matrices once, which takes some 30 MB: for many short calls."""
        for module in self.modules():
            if isinstance(module, LaidOut):
                module.lay_out()

    def _outputs(self, logits: torch.Tensor) -> SaxsoloEarOutput:
        batch, length, _ = logits.shape
        frames = length * FRAMES_PER_TOKEN
        size = FRAMES_PER_TOKEN * (QUALITIES + 1) * PITCH_CLASSES
        pitched = logits[..., :size].reshape(batch, frames, QUALITIES + 1, PITCH_CLASSES)
        scalar = torch.split(
            logits[..., size:].reshape(batch, frames, -1), self.scalar_sizes, dim=-1
        )
        no_chord, no_bass, phase, place, beats, metre, activity = scalar
        chord = pitched[:, :, :QUALITIES].transpose(2, 3).flatten(2)
        choices = {
            "chord": torch.cat([chord, no_chord], dim=-1),
            "bass": torch.cat([pitched[:, :, QUALITIES], no_bass], dim=-1),
            "phase": phase,
            "place": place,
            "metre": metre,
        }
        for name in self.config.temperatures or {}:
            choices[name] = choices[name] / self.config.divisor(name)
        return SaxsoloEarOutput(**choices, beats=beats, activity=activity)

    @torch.inference_mode()
    def hear(
        self, audio: torch.Tensor, cents: float | None = None, chunk: int | None = None
    ) -> dict[str, torch.Tensor]:
        """What is heard in a whole track; `ear_stream_saxsolo.hear_blocks` hears one by blocks.

        Args:
            audio: (n,) at 16 kHz.
            cents: how the track is tuned; estimated when not given.
            chunk: as in `forward`: causal, and then windows look back only.

        Returns:
            The outputs' names with probabilities (F, classes) float32, "root" (F, 13) and
            "quality" (F, 8) summed from them, and "rises" (F, 2): how much the sound rises in each
            10 ms, log magnitude, the mean over bands.
        """
        if cents is None:
            cents = estimate_tuning(audio.cpu())[0]
        features = ear_features(audio[None].to(self.device), cents)
        spans = windows(num_tokens(len(audio)), chunk)
        # a window's end is heard better by the one after it
        ends = [first for _, first, _ in spans[1:]] + [spans[-1][2]]
        pieces = [
            self.hear_window(features.part(start, end), first - start, last - first, chunk)
            for (start, first, end), last in zip(spans, ends, strict=True)
        ]
        return join_heard(pieces)

    def hear_window(
        self, features: EarFeatures, first: int, count: int, chunk: int | None = None
    ) -> dict[str, torch.Tensor]:
        """Probabilities of `count` tokens from `first` on, as `hear` names them, on the CPU.

        Args:
            features: of the tokens heard together, (1, T, ...).
        """
        out = self(features.harmony, features.bass, features.rhythm, chunk)
        return self._named(out, features, first, first, count)

    def hear_on(
        self, features: EarFeatures, past: "EarPast", count: int, chunk: int
    ) -> dict[str, torch.Tensor]:
        """As `hear_window` of the last `count` tokens of a window that is heard as it grows.

        Args:
            features: of the window from its first token on, and of one token more, into which the
                rhythm's convolutions look.
            past: of the tokens that are known; continued by what is new.
            chunk: as in `forward`; what is known and what is new end with a chunk.
        """
        known, stop = past.count, features.harmony.shape[1] - 1
        hidden = self.stem(features.harmony, features.bass, features.rhythm, known)
        hidden = hidden[:, : stop - known].to(self.norm.weight.dtype)
        pairs = self.config.scalars // self.config.num_attention_heads // 2
        rotary = rotary_angles(stop, pairs, hidden.device)[:, known:]
        mask = chunk_mask(stop, chunk, hidden.device)[known:]
        layers: Any = self.layers
        if not past.layers:
            past.layers = [layer.attention.no_past(hidden) for layer in layers]
        for layer, before in zip(layers, past.layers, strict=True):
            hidden = layer(hidden, rotary, mask, before)
        past.count = stop
        out = self._outputs(self.head(self.norm(hidden[:, -count:])))
        return self._named(out, features, 0, stop - count, count)

    def _named(
        self, out: SaxsoloEarOutput, features: EarFeatures, first: int, place: int, count: int
    ) -> dict[str, torch.Tensor]:
        """Probabilities of `count` tokens from the one at `first` in the logits, `place` in the
        features."""
        kept = slice(first * FRAMES_PER_TOKEN, (first + count) * FRAMES_PER_TOKEN)
        heard = {
            name: logits[0, kept].sigmoid() if name == "beats" else logits[0, kept].softmax(-1)
            for name, logits in out.items()
        }
        heard["root"], heard["quality"] = root_and_quality(heard["chord"])
        there = slice(place * FRAMES_PER_TOKEN, (place + count) * FRAMES_PER_TOKEN)
        heard["rises"] = rises(features.rhythm).mean(dim=-1).reshape(-1, 2)[there]
        return {name: values.float().cpu() for name, values in heard.items()}


def join_heard(
    pieces: Iterable[dict[str, torch.Tensor]], frames: int | None = None
) -> dict[str, torch.Tensor]:
    """Stretches one after the other, each name -> (f, classes), as one.

    Args:
        frames: at least how many there will be: each stretch is then put into its place when it
            comes, and what is heard of an hour is in memory once and not twice.
    """
    if frames is None:
        held = list(pieces)
        return {name: torch.cat([piece[name] for piece in held]) for name in held[0]}
    whole: dict[str, torch.Tensor] = {}
    end = 0
    for piece in pieces:
        start, end = end, end + len(next(iter(piece.values())))
        for name, values in piece.items():
            if name not in whole:
                whole[name] = values.new_empty(frames, *values.shape[1:])
            whole[name][start:end] = values
    return {name: values[:end] for name, values in whole.items()}


def root_and_quality(chord: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums of joint probabilities (.., 85): roots (.., 13) and qualities (.., 8), none last."""
    joint = chord[..., :-1].reshape(*chord.shape[:-1], PITCH_CLASSES, QUALITIES)
    none = chord[..., -1:]
    return torch.cat([joint.sum(-1), none], -1), torch.cat([joint.sum(-2), none], -1)


def chunk_mask(length: int, chunk: int, device: torch.device) -> torch.Tensor:
    """(T, T) bool: True where the row may hear the column. Raises ValueError for chunk < 1."""
    if chunk < 1:
        raise ValueError(f"chunk={chunk} tokens; a token needs at least its own chunk of 1")
    place = torch.arange(length, device=device) // chunk
    return place[None, :] <= place[:, None]


def lookahead_seconds(chunk: int) -> float:
    """How far past the beginning of a frame the causal ear reads at most, seconds.

    To the middle of the last token of its chunk, and from there half the longest window.
    """
    return (chunk - 0.5) / TOKEN_RATE + REACH


#: tokens heard at once, and of those, how many only help to hear the others: 48 s and 9.6 s
WINDOW, CONTEXT = 600, 120


def windows(tokens: int, chunk: int | None = None) -> list[tuple[int, int, int]]:
    """(start, first kept, end) of the windows that cover a track; the next one takes over after.

    Without a chunk a window's kept part ends where the next one's begins, `CONTEXT` before its
    end. Causally, what is kept comes after at least half a window of past.
    """
    if tokens <= WINDOW:
        return [(0, 0, tokens)]
    if chunk is None:
        starts = range(0, tokens - CONTEXT, WINDOW - 2 * CONTEXT)
        return [(s, s + CONTEXT if s else 0, min(tokens, s + WINDOW)) for s in starts]
    # windows begin with a chunk, so that chunks are the same in all
    step = max(1, WINDOW // 2 // chunk) * chunk
    result = [(0, 0, min(tokens, 2 * step))]
    for start in range(step, tokens - step, step):
        result.append((start, start + step, min(tokens, start + 2 * step)))
    return result


SaxsoloEarConfig.register_for_auto_class()
SaxsoloEar.register_for_auto_class("AutoModel")
