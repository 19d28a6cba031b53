"""The settings of the solo model, checked together when a config is made.

Streams: the K codebooks of the solo and, before them, the optional score stream ("inner score", one
token a frame: 0 rest, 1..60 onset of MIDI pitch 40..99, 61..120 that pitch held). N streams in all.
"""

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .phrasing_saxsolo import Phrasing
from .vocabulary_saxsolo import (
    ARTICULATIONS,
    BEAT_PHASES,
    CONDITIONS,
    FRAME_RATE,
    LABEL_SIZES,
    SAMPLING_RATE,
    SCORE_VOCAB_SIZE,
)

CLOCKS = ("both", "added", "cross", "none")
LISTENS = ("both", "labels", "states")
HEARS = ("codes", "spectrum", "both")
PLANS = ("events", "frames")


class SaxsoloConfigError(ValueError):
    """Settings that do not fit each other; the message names both values and the correction."""


@strict
class SaxsoloConfig(PreTrainedConfig):
    """Configuration of `SaxsoloForConditionalGeneration`.

    Attributes:
        num_codebooks: K, codebooks of the codec.
        codebook_size: V, codes in each codebook.
        delays: K delays in frames, one a codebook (all 0: parallel prediction).
        score_vocab_size: symbols of the score stream; 0 = no score stream.
        score_lead: frames by which the score stream runs ahead of every codebook.
        codec_dim: width of the codec's own code vectors, through which embeddings are factored;
            0 = plain embeddings.
        window_frames: frames the model was trained on and decodes in one piece; a longer backing
            slides this window.
        memory_stride: frames averaged into one memory token of the cross-attention (1 = none).
        lookahead: frames ahead of the one predicted whose encoder state and labels the decoder is
            handed too.
        listen: what the decoder is told of the backing: "labels" (chord and beat as the heads name
            them; few enough words that a small corpus cannot be known by heart), "states" (of the
            encoder) or "both".
        hears: where chord and beat of a frame come from: "codes" (the label heads on the encoder's
            states of the codes), "spectrum" (posteriors of the ear, see ear_saxsolo, which the
            processor makes; needs listen "labels" or "both") or "both" (their normalised geometric
            mean).
        degrees: the score stream also sees and chooses pitches as degrees above the chord's root;
            None = where there is a score stream and a label "chord_root".
        rhythm: the score stream also knows how many beats ago its last notes began; None = where
            there is a score stream and a heard label "beat_phase" of twelfths.
        pitch_range: lowest and highest hertz of the first codebook, where it is the pitch (a codec
            with `pitch_codes`): the decoder then also sees and chooses them by their distance from
            the note, see intonation_saxsolo; None = codes of another kind.
        articulations: kinds of `ARTICULATIONS` that the decoder is told of, frame by frame, see
            articulation_saxsolo; None or empty = it is not told how notes are played.
        clock: how the decoder knows which backing frame is now: "added" (encoder states added to
            its input), "cross" (rotary positions on the common clock in cross-attention), "both"
            or "none".
        frame_labels: labels the encoder predicts for each frame, name -> number of classes, in the
            order of the L axis; an empty dict = none.
        frame_label_weight: weight of their mean loss beside the streams' loss.
        conditions: name -> names of its values, in the order of the C axis of `condition_ids`.
        frame_label_names, condition_names: those two orders as lists (JSON sorts the keys of a
            dict); leave them None.
        pitch_temperature: how boldly `generate` chooses a struck note's pitch, as a factor on its
            temperature. onset_bias: added to the logit of striking a note, above 0 = more notes.
        rhythm_temperature: of the place of notes within a beat, as a factor on the temperature, for
            "events"; below 1 = steadier subdivisions, as many notes.
        phrasing: leans of what "events" draws, and how long it waits before a solo, see
            `Phrasing`; None = none.
        codec_temperature: of the codebooks beside a score stream.
        fast_bits: 8 rounds the decoder's weights to eight bits where known notes are played by
            compiled layers (compiled_layers_saxsolo); None takes them as they are.
        silent_codes: codes of the first codebook that `generate` does not draw while a note is
            played, since notes do not have them; see `saxsolo.corpus.tokens.silent_codes`.
        rest_codes: the frame of codes that silence has; `generate` gives it where a planned rest
            has lasted, see resting_saxsolo. None = it goes on choosing.
        plan: how `generate` decides notes before it plays them: "events" (by the planner, in
            musical time) or "frames" (by the score stream, frame by frame).
        plan_frames: frames whose notes "frames" decides, without the sound, before it plays them;
            0 = notes and sound together.
        planner: sizes of the planner, see `SaxsoloPlanner`, and "ranges": instrument -> lowest and
            highest MIDI pitch that it is asked for; None = no planner.
        frame_rate: frames a second. sampling_rate: samples a second of the codec's audio.

    Raises:
        SaxsoloConfigError: when settings contradict each other.
    """

    model_type = "saxsolo"
    keys_to_ignore_at_inference = ["past_key_values"]
    attribute_map = {"num_hidden_layers": "decoder_layers"}

    num_codebooks: int = 4
    codebook_size: int = 2048
    delays: list[int] | None = None
    score_vocab_size: int = SCORE_VOCAB_SIZE
    score_lead: int = 1
    codec_dim: int = 64
    hidden_size: int = 192
    intermediate_size: int = 512
    num_attention_heads: int = 3
    encoder_layers: int = 4
    decoder_layers: int = 6
    dropout: float | int = 0.1
    norm_eps: float = 1e-6
    rope_theta: float | int = 10000.0
    initializer_range: float = 0.02
    window_frames: int = 768
    memory_stride: int = 4
    lookahead: list[int] | None = None
    listen: str = "both"
    hears: str = "codes"
    degrees: bool | None = None
    rhythm: bool | None = None
    pitch_range: list[float] | None = None
    articulations: list[str] | None = None
    clock: str = "both"
    frame_labels: dict[str, int] | None = None
    frame_label_names: list[str] | None = None
    frame_label_weight: float | int = 0.3
    conditions: dict[str, list[str]] | None = None
    condition_names: list[str] | None = None
    pitch_temperature: float | int = 1.0
    rhythm_temperature: float | int = 1.0
    onset_bias: float | int = 0.0
    phrasing: dict[str, float] | None = None
    codec_temperature: float | int = 1.0
    fast_bits: int | None = None
    silent_codes: list[int] | None = None
    rest_codes: list[int] | None = None
    plan: str = "frames"
    plan_frames: int = 0
    planner: dict[str, Any] | None = None
    frame_rate: float | int = FRAME_RATE
    sampling_rate: int = SAMPLING_RATE
    is_encoder_decoder: bool = True
    use_cache: bool = True
    tie_word_embeddings: bool = False
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    decoder_start_token_id: int | None = None
    eos_token_id: int | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        self.delays = list(range(self.num_codebooks)) if self.delays is None else self.delays
        self.lookahead = [15, 50] if self.lookahead is None else self.lookahead
        labels = dict(LABEL_SIZES) if self.frame_labels is None else self.frame_labels
        conditions = self.conditions
        if conditions is None:
            conditions = {name: list(values) for name, values in CONDITIONS.items()}
        self.frame_labels, self.frame_label_names = _in_order(
            "frame_labels", labels, self.frame_label_names
        )
        self.conditions, self.condition_names = _in_order(
            "conditions", conditions, self.condition_names
        )
        if self.degrees is None:
            self.degrees = self._knows_degrees
        if self.rhythm is None:
            self.rhythm = self._knows_rhythm
        self.pad_token_id = self.codebook_size
        self.bos_token_id = self.decoder_start_token_id = self.codebook_size + 1
        self._check()
        super().__post_init__(**kwargs)

    @property
    def num_streams(self) -> int:
        """N: the codebooks, and the score stream where there is one."""
        return self.num_codebooks + (1 if self.score_vocab_size else 0)

    @property
    def stream_delays(self) -> list[int]:
        """N delays in frames, the score stream (delay 0) first."""
        if not self.score_vocab_size:
            return list(self.delays or [])
        return [0] + [delay + self.score_lead for delay in self.delays or []]

    @property
    def stream_sizes(self) -> list[int]:
        """N vocabulary sizes, without the special tokens."""
        sizes = [self.codebook_size] * self.num_codebooks
        return [self.score_vocab_size, *sizes] if self.score_vocab_size else sizes

    @property
    def vocab_size(self) -> int:
        """Width of the logits of every stream: the codes, then pad, then BOS."""
        return self.codebook_size + 2

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads

    @property
    def reads_codes(self) -> bool:
        """Whether the model looks at the backing's codes at all."""
        return self.listen != "labels" or self.hears != "spectrum"

    @property
    def _knows_degrees(self) -> bool:
        roots = (self.frame_labels or {}).get("chord_root", 0)
        return bool(self.score_vocab_size) and roots >= 12 and self.listen != "states"

    @property
    def _knows_rhythm(self) -> bool:
        phases = (self.frame_labels or {}).get("beat_phase", 0)
        return bool(self.score_vocab_size) and phases == BEAT_PHASES and self.listen != "states"

    @property
    def _hears_as_the_ear(self) -> bool:
        return list((self.frame_labels or {}).items()) == list(LABEL_SIZES.items())

    def _check(self) -> None:
        positive = (
            "num_codebooks codebook_size hidden_size intermediate_size num_attention_heads "
            "encoder_layers decoder_layers window_frames memory_stride frame_rate sampling_rate"
        )
        for name in positive.split():
            if getattr(self, name) <= 0:
                raise SaxsoloConfigError(f"{name} is {getattr(self, name)}: it must be positive.")
        delays, lookahead = self.delays or [], self.lookahead or []
        if len(delays) != self.num_codebooks:
            raise SaxsoloConfigError(
                f"delays {self.delays} are {len(delays)} values for num_codebooks "
                f"{self.num_codebooks}: give one delay a codebook."
            )
        if min(delays) < 0 or min([0, *lookahead]) < 0 or self.score_lead < 0:
            raise SaxsoloConfigError(
                f"delays {self.delays}, lookahead {self.lookahead} and score_lead "
                f"{self.score_lead} must be >= 0."
            )
        if self.hidden_size % self.num_attention_heads or self.head_dim % 4:
            raise SaxsoloConfigError(
                f"hidden_size {self.hidden_size} over num_attention_heads "
                f"{self.num_attention_heads} gives heads of "
                f"{self.hidden_size / self.num_attention_heads:g}: choose a multiple of 4."
            )
        if not 0 <= self.score_vocab_size <= self.codebook_size:
            raise SaxsoloConfigError(
                f"score_vocab_size {self.score_vocab_size} must lie between 0 and codebook_size "
                f"{self.codebook_size}: all streams share the special tokens after the codes."
            )
        if self.score_vocab_size and (self.score_vocab_size < 3 or self.score_vocab_size % 2 == 0):
            raise SaxsoloConfigError(
                f"score_vocab_size {self.score_vocab_size} must be odd: a rest, then as many "
                "onsets as holds (or 0: no score stream)."
            )
        if self.clock not in CLOCKS:
            raise SaxsoloConfigError(f"clock {self.clock!r} is unknown: choose one of {CLOCKS}.")
        if self.listen not in LISTENS:
            raise SaxsoloConfigError(f"listen {self.listen!r} is unknown: choose one of {LISTENS}.")
        if self.listen == "labels" and not self.frame_labels:
            raise SaxsoloConfigError(
                "listen 'labels' with frame_labels {}: nothing would be heard. Give labels, or "
                "listen 'states'."
            )
        if self.hears not in HEARS:
            raise SaxsoloConfigError(f"hears {self.hears!r} is unknown: choose one of {HEARS}.")
        if self.hears != "codes" and (self.listen == "states" or not self._hears_as_the_ear):
            raise SaxsoloConfigError(
                f"hears {self.hears!r} with listen {self.listen!r} and frame_labels "
                f"{self.frame_labels}: the ear names {LABEL_SIZES}. Give these labels and listen "
                "'labels' or 'both', or hears 'codes'."
            )
        if self.degrees and not self._knows_degrees:
            raise SaxsoloConfigError(
                f"degrees need a score stream and a heard label chord_root of 12 pitch classes or "
                f"more; score_vocab_size is {self.score_vocab_size}, frame_labels "
                f"{self.frame_labels}, listen {self.listen!r}: set degrees false or give both."
            )
        if self.rhythm and not self._knows_rhythm:
            raise SaxsoloConfigError(
                f"rhythm needs a score stream and a heard label beat_phase of 12 places; "
                f"score_vocab_size is {self.score_vocab_size}, frame_labels {self.frame_labels}, "
                f"listen {self.listen!r}: set rhythm false or give both."
            )
        if self.pitch_range is not None:
            self._check_pitch_range(self.pitch_range)
        kinds = self.articulations or []
        if len(set(kinds)) < len(kinds) or not set(kinds) <= set(ARTICULATIONS):
            raise SaxsoloConfigError(
                f"articulations are {kinds}: give any of {list(ARTICULATIONS)}, each once."
            )
        margin = max([0, *lookahead]) + max(self.stream_delays)
        if self.window_frames // 2 <= margin:
            raise SaxsoloConfigError(
                f"window_frames {self.window_frames} is too short for lookahead {self.lookahead} "
                f"and stream delays {self.stream_delays}: half a window must be longer than both "
                f"together ({margin})."
            )
        if self.plan_frames < 0 or (self.plan_frames and not self.score_vocab_size):
            raise SaxsoloConfigError(
                f"plan_frames is {self.plan_frames} with score_vocab_size {self.score_vocab_size}: "
                "it must be 0 or more, and 0 without a score stream."
            )
        if self.plan not in PLANS:
            raise SaxsoloConfigError(f"plan {self.plan!r} is unknown: choose one of {PLANS}.")
        if self.planner is not None and self.score_vocab_size != SCORE_VOCAB_SIZE:
            raise SaxsoloConfigError(
                f"planner {self.planner} with score_vocab_size {self.score_vocab_size}: its notes "
                f"are those of a score stream of {SCORE_VOCAB_SIZE}."
            )
        if self.plan == "events" and self.planner is None:
            raise SaxsoloConfigError(
                "plan 'events' with planner None: give the planner's sizes, or plan 'frames'."
            )
        for name in ("pitch_temperature", "rhythm_temperature", "codec_temperature"):
            if not getattr(self, name) > 0:
                raise SaxsoloConfigError(f"{name} is {getattr(self, name)}: it must be positive.")
        try:
            Phrasing.of(self.phrasing)
        except (TypeError, ValueError) as error:
            raise SaxsoloConfigError(str(error)) from error
        if self.fast_bits not in (None, 8):
            raise SaxsoloConfigError(f"fast_bits is {self.fast_bits}: it is 8 or None.")
        silent = self.silent_codes or []
        if silent and not self.score_lead:
            raise SaxsoloConfigError(
                f"silent_codes of {len(silent)} codes with score_lead 0: notes have to be known "
                "before their codes; give a score_lead."
            )
        if silent and not 0 <= min(silent) <= max(silent) < self.codebook_size:
            raise SaxsoloConfigError(
                f"silent_codes lie between {min(silent)} and {max(silent)}: codebook_size is "
                f"{self.codebook_size}."
            )
        rest = self.rest_codes
        if rest is not None and (
            len(rest) != self.num_codebooks or not 0 <= min(rest) <= max(rest) < self.codebook_size
        ):
            raise SaxsoloConfigError(
                f"rest_codes are {rest}: give one code below codebook_size {self.codebook_size} "
                f"for each of num_codebooks {self.num_codebooks}."
            )
        if not 0 <= self.dropout < 1:
            raise SaxsoloConfigError(f"dropout is {self.dropout}: it must lie in [0, 1).")

    def _check_pitch_range(self, hertz: list[float]) -> None:
        if len(hertz) != 2 or not 0 < hertz[0] < hertz[1]:
            raise SaxsoloConfigError(
                f"pitch_range is {hertz}: give the lowest and the highest hertz of the codec."
            )
        if not self.score_vocab_size or self.stream_delays[1] != 1:
            raise SaxsoloConfigError(
                f"pitch_range with score_vocab_size {self.score_vocab_size}, score_lead "
                f"{self.score_lead} and delays {self.delays}: a pitch follows its note one frame "
                "later; give a score stream, score_lead 1 and a first delay of 0."
            )


def _in_order(
    field: str, values: dict[str, Any], names: list[str] | None
) -> tuple[dict[str, Any], list[str]]:
    """The dict in the order of `names`, which survive JSON where the order of keys does not."""
    names = list(values) if names is None else names
    if sorted(names) != sorted(values):
        raise SaxsoloConfigError(
            f"{field} has {sorted(values)} but its order names {sorted(names)}: give the same "
            "names, or no order."
        )
    return {name: values[name] for name in names}, names


SaxsoloConfig.register_for_auto_class()
