"""How the solo model plays: the library's `generate()` on top of three small overrides.

The notes of the next seconds are decided first, then they are played: by the planner in musical
time (`plan` "events", see planning_saxsolo), or with `plan_frames` by the score stream itself,
frame by frame and without the sound, as in training on scores alone ("frames"). In training, the
sound reveals when the next note begins, because the last one fades first. A score stream that hears
the sound learns to rely on this cue instead of the beat, and is out of time when it plays freely.

The N streams share the batch dimension, (B * N, S). A backing longer than the training window is
played window by window: each keeps half a window of the solo's own past as its prompt and stops
early enough for the lookahead, so there is no seam and memory stays bounded.
sampling_saxsolo decides what may be drawn at each step, and at which temperature.
"""

import copy
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import torch
from transformers import GenerationConfig, PreTrainedModel
from transformers.generation import BaseStreamer, GenerationMixin, LogitsProcessorList

from .articulating_saxsolo import Articulation, checked_habits
from .contour_saxsolo import AskedPitch, asked_codes
from .delay_saxsolo import undo_delay
from .fast_decoding_saxsolo import FastDecoder, supports
from .generation_inputs_saxsolo import (
    check_inputs,
    check_sheet,
    first_frames,
    no_codes,
    refuse_unsupported,
    repeated,
    with_null_rows,
)
from .generation_windows_saxsolo import SaxsoloWindows
from .habits_saxsolo import AHEAD
from .plans_saxsolo import PlansAhead, make_plans, plan_settings, planned_by, planned_tokens
from .played_row_saxsolo import Sampling
from .sampling_saxsolo import DrawnCodes, ForcedTokens, code_draws
from .seeding_saxsolo import (
    MOST_AT_ONCE,
    Seed,
    checked_seeds,
    drawn_by_torch,
    generator_of,
    own_seed,
    play_each,
    seed_ahead,
    undrawn,
)
from .streaming_saxsolo import FrameStreamer as FrameStreamer
from .streaming_saxsolo import SkipPrompt
from .threads_saxsolo import one_thread
from .vocabulary_saxsolo import FREE

Parameters = ParamSpec("Parameters")

if TYPE_CHECKING:

    class _Generative(PreTrainedModel, GenerationMixin):
        """What the model is beside this mixin."""

        config: Any
        encoder: Any
        decoder: Any
        planner: Any
        _prepare_generation_config: Any
else:
    _Generative = GenerationMixin


def _on_one_thread(
    method: Callable[Parameters, torch.Tensor],
) -> Callable[Parameters, torch.Tensor]:
    """A method of a model that computes as `one_thread` says."""

    @wraps(method)
    def play(*args: Parameters.args, **kwargs: Parameters.kwargs) -> torch.Tensor:
        model: Any = args[0]
        with one_thread(model.device):
            return method(*args, **kwargs)

    return play


class SaxsoloGenerationMixin(SaxsoloWindows, _Generative):
    """`generate()` for delayed streams over a backing of any length."""

    # other inputs and another output than the library's: a backing, and codes
    @torch.no_grad()
    @_on_one_thread
    def generate(  # type: ignore[override]
        self,
        backing_codes: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        condition_ids: torch.Tensor | None = None,
        frame_label_inputs: torch.Tensor | None = None,
        frame_label_posteriors: torch.Tensor | None = None,
        articulation: torch.Tensor | None = None,
        beat_times: torch.Tensor | None = None,
        beat_places: torch.Tensor | None = None,
        beat_chords: torch.Tensor | None = None,
        prompt_codes: torch.Tensor | None = None,
        forced_codes: torch.Tensor | None = None,
        generation_config: GenerationConfig | None = None,
        logits_processor: LogitsProcessorList | None = None,
        streamer: BaseStreamer | None = None,
        pitch_temperature: float | None = None,
        rhythm_temperature: float | None = None,
        onset_bias: float | None = None,
        plan: str | None = None,
        plan_frames: int | None = None,
        notes_only: bool = False,
        density: float | None = None,
        space: float | None = None,
        lowest: int | None = None,
        highest: int | None = None,
        harmony: float | None = None,
        time: float | None = None,
        codec_temperature: float | None = None,
        codec_top_k: int | None = None,
        habits: str | None = None,
        seed: Seed | Sequence[Seed] | None = None,
        fast: "bool | FastDecoder" = True,
        **kwargs: Any,
    ) -> torch.Tensor:
        """Play a solo over a backing.

        On a processor torch computes on one thread meanwhile, unless `OMP_NUM_THREADS` or
        `torch.set_num_threads` said how many: see `threads_saxsolo`.

        Sampling begins at torch's global generator: `torch.manual_seed` or `seed` makes it
        repeatable.

        Args:
            backing_codes, attention_mask, condition_ids: as in `forward`.
            frame_label_inputs, frame_label_posteriors, articulation: as in `forward`.
            beat_times, beat_places, beat_chords: (B, n), (B, n, 3), (B, n, 2), the lead sheet as
                `SaxsoloProcessor.lead_sheet` gives it, for a model that plans in beats; padded
                with -1. What frame_label_inputs tell takes its place.
            prompt_codes: (B, N, t) frames of the solo to continue, in the order of the streams.
            forced_codes: (B, N, T) frames of the solo that are given where they stand, -1 where the
                model chooses; the processor gives rests before the band begins and after its end.
            generation_config, logits_processor, kwargs: as in the library. temperature, top_k and
                top_p hold for the score stream (for all streams without one); guidance_scale 1 or
                None = no guidance; max_new_tokens = frames to play after the prompt.
            streamer: a `FrameStreamer`, or any streamer of (B * N,) delayed tokens a step.
            pitch_temperature, onset_bias: see `WhenThenWhat`, or `PlanSettings` for "events"; None:
                the model config's. rhythm_temperature: see `PlanSettings`; only for "events".
            plan: "events" or "frames", see the model's config; None: "frames" where plan_frames is
                given, else the model config's.
            notes_only: return the plan, (B, 1, T) of the score stream, without the codebooks. The
                same seed plays these notes.
            density, space, lowest, highest: what the planner is asked for: notes a second, share of
                the time without a note, MIDI pitches; None: nothing, and the range of the
                instrument in condition_ids. Only for "events".
            harmony, time: how far its pitches lean to the chords, and its onsets to beats and bars:
                0 = not at all, 1 = as learnt, more = stricter; None: guidance_scale, and 1. Only
                for "events".
            plan_frames: frames whose notes "frames" decides before they are played, 0 = all
                streams together; None: the model config's. Guidance then holds for the notes alone.
            codec_temperature, codec_top_k: sampling of the codebooks beside a score stream
                (None: the model config's temperature and every code, unless set on the generation
                config since it was loaded; files do not keep them).
            habits: how notes are played that are planned first, as `habits_saxsolo` reads it; None:
                "player", or "free" where articulation is given or the model knows none. What
                articulation says goes before.
            seed: whole numbers or torch generators, one for each solo: each solo is then what it
                would be alone, and the global generator is left as it was. One for all plays each
                solo from that seed. What `FastDecoder` plays is played side by side, in a batch.
            fast: play known notes by `FastDecoder` where it can: on the CPU in float32 or float64,
                with neither processors nor a streamer of the library's. False: the library's loop.
                A decoder of this model (`fast_decoder()`): by that one, in one batch with whatever
                else it plays.

        Returns:
            (B * num_return_sequences, N, T) codes, the score stream first if there is one. Frames
            after the end of a padded row hold the pad token.

        Raises:
            ValueError: for beam search, and for inputs whose shapes do not fit the config.
        """
        config = self.config
        settings, kwargs = self._prepare_generation_config(generation_config, **kwargs)
        refuse_unsupported(settings)
        for name, value in (
            ("codec_temperature", codec_temperature),
            ("codec_top_k", codec_top_k),
        ):
            setattr(settings, name, getattr(settings, name, None) if value is None else value)
        if settings.codec_temperature is None:
            settings.codec_temperature = config.codec_temperature
        if backing_codes is None:
            backing_codes = no_codes(config, frame_label_posteriors)
        inputs: dict[str, Any] = {
            "backing_codes": backing_codes,
            "attention_mask": attention_mask,
            "condition_ids": condition_ids,
            "frame_label_inputs": frame_label_inputs,
            "frame_label_posteriors": frame_label_posteriors,
            "articulation": articulation,
        }
        sheet = {"beat_times": beat_times, "beat_places": beat_places, "beat_chords": beat_chords}
        check_inputs(config, inputs, prompt_codes, forced_codes)
        check_sheet(sheet, len(backing_codes))
        for name in ("temperature", "codec_temperature"):
            value = getattr(settings, name, None)
            if settings.do_sample and value is not None and not 0 < value < float("inf"):
                raise ValueError(
                    f"{name} {value}: it must be above 0; do_sample=False takes the likeliest."
                )
        if forced_codes is None:
            shape = (len(backing_codes), config.num_streams, backing_codes.shape[-1])
            forced_codes = backing_codes.new_full(shape, FREE)
        if pitch_temperature is None:
            pitch_temperature = config.pitch_temperature
        if rhythm_temperature is None:
            rhythm_temperature = config.rhythm_temperature
        for name, value in (
            ("pitch_temperature", pitch_temperature),
            ("rhythm_temperature", rhythm_temperature),
        ):
            if not value > 0:
                raise ValueError(f"{name} {value}: it must be above 0.")
        onset_bias = config.onset_bias if onset_bias is None else onset_bias
        copies = settings.num_return_sequences or 1
        settings.num_return_sequences = 1
        by_events, plan_frames = planned_by(config, plan, plan_frames)
        asked: dict[str, Any] = {
            "density": density,
            "space": space,
            "lowest": lowest,
            "highest": highest,
            "harmony": harmony,
            "time": time,
        }
        if not by_events and any(value is not None for value in asked.values()):
            raise ValueError(f"{asked} are asked of a planner: give plan='events'.")
        if notes_only and not by_events and not plan_frames:
            raise ValueError("notes_only: nothing is planned; give plan='events' or plan_frames.")
        played_like = checked_habits(config, habits)
        if habits is None and articulation is not None:
            played_like = None
        planned = by_events or plan_frames > 0
        given_decoder = None if isinstance(fast, bool) else fast
        fast = bool(fast) and planned and not logits_processor and not kwargs and supports(self)
        fast = fast and (streamer is None or isinstance(streamer, FrameStreamer))
        random = None
        if seed is not None:
            seeds = checked_seeds(seed, len(backing_codes) * copies)
            if streamer is not None and len(seeds) > 1:
                raise ValueError("a streamer takes one solo: call once for each seed.")
            # what is drawn by generators of its own needs the process's one for nothing
            apart = by_events and (fast or notes_only) and not kwargs
            if len(seeds) > 1 or not apart:
                if fast and given_decoder is None:
                    given_decoder = self.fast_decoder()
                play = partial(
                    self.generate,
                    generation_config=settings,
                    logits_processor=logits_processor,
                    streamer=streamer,
                    pitch_temperature=pitch_temperature,
                    rhythm_temperature=rhythm_temperature,
                    onset_bias=onset_bias,
                    plan="events" if by_events else "frames",
                    plan_frames=plan_frames,
                    notes_only=notes_only,
                    **asked,
                    codec_temperature=settings.codec_temperature,
                    codec_top_k=settings.codec_top_k,
                    habits=habits,
                    fast=given_decoder or fast,
                    **kwargs,
                )
                rows = {**inputs, **sheet}
                rows |= {"prompt_codes": prompt_codes, "forced_codes": forced_codes}
                at_once = MOST_AT_ONCE if apart and fast else 1
                one = play if apart else partial(drawn_by_torch, play, self.device)
                return play_each(one, seeds, rows, at_once, config.pad_token_id)
            random = generator_of(seeds[0], self.device)
        inputs = repeated(inputs, copies)
        if prompt_codes is None:
            prompt_codes = backing_codes.new_zeros(len(backing_codes), config.num_streams, 0)
        prompt_codes = prompt_codes.repeat_interleave(copies, dim=0)
        if settings.max_new_tokens is not None:
            frames = prompt_codes.shape[-1] + settings.max_new_tokens
            inputs = first_frames(inputs, 0, frames)
            settings.max_new_tokens = None
        given = forced_codes.repeat_interleave(copies, dim=0)
        given = given[..., : inputs["backing_codes"].shape[-1]].long()
        played = self._forced_tokens(inputs["attention_mask"], given, prompt_codes)
        forced = played.clone()
        step = min(prompt_codes.shape[-1], inputs["backing_codes"].shape[-1])
        if isinstance(streamer, FrameStreamer):
            streamer.start(played[..., :step])
        processors = self._stream_processors(settings, pitch_temperature, onset_bias)
        processors.extend(logits_processor or [])
        plans = None
        if by_events:
            how = {
                "pitch_temperature": pitch_temperature,
                "rhythm_temperature": rhythm_temperature,
                "onset_bias": onset_bias,
            }
            drawn = plan_settings(settings, config, {**asked, **how})
            rows = {**inputs, **repeated(sheet, copies), "score": forced[:, 0]}
            plans = make_plans(self.planner, config, rows, step, drawn, asked, random)
            if notes_only:
                return planned_tokens(plans, inputs["backing_codes"])
        articulator = None
        if played_like is not None and planned and not notes_only:
            articulator = Articulation(config, played_like, inputs, seed_ahead(random))
        if isinstance(streamer, FrameStreamer):
            streamer.articulation = inputs["articulation"]
        decoder = (given_decoder or self.fast_decoder()) if fast else None
        # of known notes; all streams together are drawn as the library draws
        draws = None
        if planned and settings.do_sample and not kwargs:
            count, streams, _ = played.shape
            draws = partial(code_draws, own_seed(self.device, random), count, streams - 1)
        ahead = None if plans is None else PlansAhead(plans)
        while step < played.shape[-1]:
            first, last, stop = self._next_window(step, inputs["backing_codes"].shape[-1])
            if ahead is not None:
                beyond = 0 if articulator is None else AHEAD
                notes = ahead.tokens(step, stop + beyond)
                forced[:, 0, step : step + notes.shape[1]] = torch.from_numpy(notes).to(forced)
                if decoder is not None and stop < played.shape[-1]:
                    following = self._next_window(stop, inputs["backing_codes"].shape[-1])[2]
                    ahead.decide(stop, following + beyond)
            elif plan_frames:
                stop = min(stop, step + plan_frames)
                forced[:, 0, step:stop] = self._plan_notes(
                    first_frames(inputs, first, last),
                    played[..., first:step],
                    forced[:, 0, first:stop],
                    processors,
                    settings,
                    kwargs,
                )
            if notes_only:
                played[:, 0, step:stop] = forced[:, 0, step:stop]
                step = stop
                continue
            if articulator is not None:
                known = stop if plans is None else stop + AHEAD
                articulator.tell(forced[:, 0, :known], step, stop)
            if planned and config.rest_codes:
                self._give_rests(forced, stop)
            contour = asked_codes(config, forced[:, 0, :stop], inputs["articulation"])
            window = first_frames(inputs, first, last)
            past, given = played[..., first:step], forced[..., first:stop]
            numbers = None if draws is None else draws(first, stop)
            if decoder is not None:
                played[..., step:stop] = decoder.play(
                    self.encoder(**window),
                    self._without_earlier(past),
                    given,
                    Sampling.of(settings),
                    numbers,
                    None if streamer is None else streamer.put,
                    None if contour is None else contour[:, first:],
                )
            else:
                lean = [] if contour is None else [AskedPitch(config, contour[:, first:])]
                last_rule = [] if numbers is None else [DrawnCodes(numbers)]
                rules = [*lean, ForcedTokens(given.flatten(0, 1)), *processors, *last_rule]
                with undrawn(self.device) if last_rule else nullcontext():
                    played[..., step:stop] = self._play_window(
                        window,
                        past,
                        LogitsProcessorList(rules),
                        stop - step,
                        settings,
                        1.0 if planned else settings.guidance_scale,
                        None if streamer is None else SkipPrompt(streamer),
                        kwargs,
                    )
            step = stop
        if streamer is not None:
            streamer.end()
        codes = undo_delay(played, config.stream_delays)
        return codes[:, :1] if notes_only else codes

    def fast_decoder(self) -> FastDecoder:
        """A decoder of this model, for `fast`: threads that play by the same one share its steps.
        It holds for the weights as they are.

        Raises:
            ValueError: for a model that it cannot play, see `FastDecoder`.
        """
        return FastDecoder(self)

    def _plan_notes(
        self,
        inputs: dict[str, Any],
        past: torch.Tensor,
        forced: torch.Tensor,
        processors: LogitsProcessorList,
        settings: GenerationConfig,
        kwargs: dict[str, Any],
    ) -> torch.Tensor:
        """The score stream's next steps after `past` (B, N, s), decided without the sound.

        Args:
            forced: (B, s + steps) score tokens that are given, FREE where the model chooses.

        Returns:
            (B, steps).
        """
        past = past.clone()
        past[:, 1:] = self.config.pad_token_id
        known = past.shape[-1]
        rules = past.new_full((*past.shape[:2], forced.shape[-1]), self.config.pad_token_id)
        rules[:, 0] = forced
        rules[:, 0, :known] = past[:, 0]
        notes = self._play_window(
            inputs,
            past,
            LogitsProcessorList([ForcedTokens(rules.flatten(0, 1)), *processors]),
            forced.shape[-1] - known,
            settings,
            settings.guidance_scale,
            None,
            {**kwargs, "score_only": True},
        )
        return notes[:, 0]

    def _play_window(
        self,
        inputs: dict[str, Any],
        past: torch.Tensor,
        processors: LogitsProcessorList,
        steps: int,
        settings: GenerationConfig,
        guidance: float | None,
        streamer: BaseStreamer | None,
        kwargs: dict[str, Any],
    ) -> torch.Tensor:
        """Play `steps` more steps after `past` (B, N, s); returns them (B, N, steps)."""
        config = self.config
        batch, streams, known = past.shape
        past = self._without_earlier(past)
        start = past.new_full((batch, streams, 1), config.decoder_start_token_id)
        prompt = torch.cat([start, past], dim=-1).flatten(0, 1)
        if guidance is not None and guidance != 1:
            inputs = with_null_rows(inputs)
            kwargs = {**kwargs, "guidance": float(guidance)}
        # What is done here must look done to the library; None would mean the model's default.
        settings = copy.deepcopy(settings)
        settings.update(guidance_scale=1.0, max_new_tokens=steps, max_length=None)
        for name in ("pad_token_id", "bos_token_id", "decoder_start_token_id", "eos_token_id"):
            setattr(settings, name, getattr(config, name))
        if config.score_vocab_size and settings.do_sample:
            settings.update(temperature=1.0, top_k=0, top_p=1.0)
        library: Any = super()
        tokens = library.generate(
            encoder_outputs=self.encoder(**inputs),
            decoder_input_ids=prompt,
            generation_config=settings,
            logits_processor=processors,
            streamer=streamer,
            **kwargs,
        )
        return tokens.view(batch, streams, -1)[..., 1 + known :]

    def _prepare_decoder_input_ids_for_generation(  # type: ignore[override]
        self,
        batch_size: int,
        model_input_name: str,
        model_kwargs: dict[str, Any],
        decoder_start_token_id: torch.Tensor,
        device: torch.device | None = None,
    ) -> tuple[torch.Tensor, dict[str, Any]]:
        # Ours already begin with BOS, and their batch is B * N, not the encoder's.
        return model_kwargs.pop("decoder_input_ids"), model_kwargs

    def prepare_inputs_for_generation(  # type: ignore[override]
        self,
        input_ids: torch.Tensor,
        next_sequence_length: int | None = None,
        past_key_values: Any = None,
        encoder_outputs: Any = None,
        use_cache: bool | None = None,
        guidance: float | None = None,
        score_only: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Only what one step of `forward` needs: the decoder makes its own masks."""
        onsets = None
        if self.config.rhythm:
            score = input_ids[:: self.config.num_streams]
            onsets = self.decoder.rhythm.last_onsets(score)
            if next_sequence_length is not None:
                onsets = onsets[:, -next_sequence_length:]
        if next_sequence_length is not None:
            input_ids = input_ids[:, -next_sequence_length:]
        return {
            "decoder_input_ids": input_ids,
            "past_key_values": past_key_values,
            "encoder_outputs": encoder_outputs,
            "use_cache": use_cache,
            "guidance": guidance,
            "onsets": onsets,
            "score_only": score_only,
            "logits_to_keep": 1,
        }
