"""A solo while the band plays: sound in as it comes, saxophone out as it is due.

    samples -> causal ear, chunk by chunk -> beats and chords so far, carried on into the future
            -> notes of the next half second -> codes -> samples

The solo's half second that begins at t is made when the band has been heard up to t + lookahead.
Below 0 it is made before the band gets there: the solo is in time, and what the band does next is
guessed from the beat so far (or read from a chart). The notes are planned anew for each block over
what was played, so a later look at the beat changes what comes, never what has been.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from modeling_saxsolo.codec_adapter_saxsolo import StreamingDecoder
from modeling_saxsolo.contour_saxsolo import asked_codes
from modeling_saxsolo.delay_saxsolo import apply_delay, undo_delay
from modeling_saxsolo.ear_saxsolo import FRAMES_PER_TOKEN, EarPast, SaxsoloEar, join_heard
from modeling_saxsolo.ear_spectrum_saxsolo import (
    BASS_WINDOW,
    HOP,
    SAMPLING_RATE,
    EarFeatures,
    TuningMeter,
    ear_features,
)
from modeling_saxsolo.ear_stream_saxsolo import label_posteriors
from modeling_saxsolo.fast_decoding_saxsolo import FastDecoder
from modeling_saxsolo.habits_saxsolo import Articulator
from modeling_saxsolo.lead_sheet_saxsolo import LeadSheet, plain_sheet, sheet_of_music
from modeling_saxsolo.note_events_saxsolo import TICKS
from modeling_saxsolo.phrasing_saxsolo import Phrasing
from modeling_saxsolo.planner_features_saxsolo import control_classes
from modeling_saxsolo.planning_saxsolo import LEAST_ROOM, NotePlan, PlanSettings
from modeling_saxsolo.plans_saxsolo import within_instrument
from modeling_saxsolo.played_row_saxsolo import Sampling
from modeling_saxsolo.resample_saxsolo import Resampler
from modeling_saxsolo.sampling_saxsolo import code_draws
from modeling_saxsolo.seeding_saxsolo import own_seed
from modeling_saxsolo.vocabulary_saxsolo import (
    FRAME_RATE,
    FREE,
    LABEL_SIZES,
    REST,
    UNKNOWN_ARTICULATION,
)
from saxsolo.errors import SettingError
from saxsolo.music.placed_chart import PlacedChart
from saxsolo.weights.loading import Player

from .asking import habits_of

BLOCK = 25  # frames that are played at once
CHUNK = 5  # tokens that the ear hears at once, 0.4 s
#: a window of the ear begins every so many tokens and is twice as long: 10 and 20 s
STEP = 125
#: frames of its own past that the decoder knows; beats are searched in so many frames, this often
PAST, SEARCHED, SEARCH_EVERY = 192, 1000, 4
#: steps of the solo that the planner may look back on, 40 s
KNOWN = 2000
#: seconds that are listened to before the first note, where no chart says the beat
WAIT_SECONDS, TUNED_SECONDS = 8.0, 8.0
_REACH = -(-(BASS_WINDOW // 2 - HOP // 2) // HOP)


class LiveEar:
    """The causal ear on samples at 16 kHz as they come.

    Args:
        ear: of the player. cents: how the band is tuned; None measures it until 8 s have come.

    Attributes:
        heard: name -> (f, classes) of the last `SEARCHED` frames at least; first: their first.
    """

    def __init__(self, ear: SaxsoloEar, cents: float | None = None):
        self.ear, self.fixed = ear, cents
        self.meter = TuningMeter(SAMPLING_RATE)
        self.pushed = 0
        self.heard: dict[str, torch.Tensor] = {}
        self.first = 0
        self._samples, self._base, self._done = torch.zeros(0), 0, 0
        # tokens with features: one more than are heard, which the rhythm's convolutions look into
        self._made = 0
        self._level: torch.Tensor | None = None
        self._features: EarFeatures | None = None
        self._start, self._past = 0, EarPast()
        ear.lay_out()

    @property
    def cents(self) -> float:
        """The tuning, in steps of 5 cents."""
        return 5.0 * round((self.meter.cents if self.fixed is None else self.fixed) / 5.0)

    @property
    def frames(self) -> int:
        """Frames that have been heard."""
        return self._done * FRAMES_PER_TOKEN

    @torch.inference_mode()
    def push(self, samples: torch.Tensor) -> None:
        """Take the next (n,) samples."""
        self._samples = torch.cat([self._samples, samples])
        if self.fixed is None:
            self.meter.push(samples)
            if self.pushed > TUNED_SECONDS * SAMPLING_RATE:
                self.fixed = self.meter.cents
        self.pushed += len(samples)
        reach = HOP // 2 + BASS_WINDOW // 2
        while self.pushed >= (self._done + CHUNK) * HOP + reach:
            self._hear_chunk()

    def _hear_chunk(self) -> None:
        count = self._done + CHUNK + 1 - self._made
        at = self._made - self._base
        features = ear_features(self._samples[None], self.cents, at, count, self._level)
        self._level, self._made = features.level, self._made + count
        self._done += CHUNK
        keep = max(self._base, self._made - _REACH)
        self._samples, self._base = self._samples[(keep - self._base) * HOP :], keep
        known = self._features
        self._features = features if known is None else known.followed_by(features)
        if self._done - self._start > 2 * STEP:
            held = self._features.harmony.shape[1]
            self._features, self._start = self._features.part(STEP, held), self._start + STEP
            self._past = EarPast()
        new = self.ear.hear_on(self._features, self._past, CHUNK, CHUNK)
        self.heard = join_heard([self.heard, new]) if self.heard else new
        spare = max(0, len(new["chord"]) + len(self.heard["chord"]) - 2 * SEARCHED)
        self.heard = {name: values[spare:] for name, values in self.heard.items()}
        self.first += spare


def hear_causally(ear: SaxsoloEar, audio: torch.Tensor, cents: float) -> dict[str, torch.Tensor]:
    """What `LiveEar` hears of a whole sound (n,) at 16 kHz, window by window under its mask."""
    whole = ear_features(audio[None], cents)
    tokens = (whole.harmony.shape[1] - 1) // CHUNK * CHUNK
    pieces = []
    with torch.inference_mode():
        for start in range(0, max(1, tokens - STEP), STEP):
            first = 0 if start == 0 else STEP
            end = min(tokens, start + 2 * STEP)
            part = whole.part(start, end + 1)
            pieces.append(ear.hear_window(part, first, end - start - first, CHUNK))
    return join_heard(pieces)


@dataclass(frozen=True)
class LiveSettings:
    """How to play live.

    Attributes:
        lookahead: seconds of the band beyond a block that are heard before it is made.
        seed, temperature, guidance: as `improvise`; None = the model's.
        instrument: one that the model plays. tuning: cents; None measures it.
        wait: seconds before the first note; None = 8, or the chart's beginning.
        articulation: as `improvise`.
    """

    lookahead: float = -0.5
    seed: int = 0
    temperature: float | None = None
    guidance: float | None = None
    instrument: str = "tenor"
    tuning: float | None = None
    wait: float | None = None
    articulation: str | None = None


class LiveSolo:
    """Plays while it is fed: `push` samples of the band, take blocks of the solo.

    Args:
        player: a model that hears by an ear and plans in events, on the CPU.
        sampling_rate: of what is pushed. placed: a chart on the band's clock.

    Attributes:
        parts: (N, t) codes of the solo so far.
    """

    def __init__(
        self,
        player: Player,
        sampling_rate: int,
        settings: LiveSettings | None = None,
        placed: PlacedChart | None = None,
    ):
        how = self.settings = settings or LiveSettings()
        model: Any = player.solo.model
        config = self.config = model.config
        if player.ear is None or config.planner is None or config.reads_codes:
            raise SettingError(f"{player.solo.name} cannot play live: it has no ear or no planner")
        asked = {**player.processor.default_conditions, "instrument": how.instrument}
        if how.instrument not in config.conditions["instrument"]:
            raise SettingError(f"instrument {how.instrument!r} is none of those that it plays")
        self.player, self.placed, self.model = player, placed, model
        self.ids = player.processor._condition_ids([asked])
        low, high = config.planner.get("ranges", {}).get(how.instrument, (None, None))
        self.controls = {"lowest": low, "highest": high}
        control_classes(**self.controls)
        self.ear = LiveEar(player.ear.model, how.tuning)
        self.decoder = player.decoder or FastDecoder(model)
        self.decoder.warm_up()
        self.voice = StreamingDecoder(player.codec.model)
        self.resampler = Resampler(sampling_rate, SAMPLING_RATE)
        self.rate, self.received = sampling_rate, 0
        sampling = model.generation_config
        warm = sampling.temperature if how.temperature is None else how.temperature
        self.plan = PlanSettings(
            temperature=warm,
            pitch_temperature=config.pitch_temperature,
            rhythm_temperature=config.rhythm_temperature,
            guidance=sampling.guidance_scale if how.guidance is None else how.guidance,
            onset_bias=config.onset_bias,
            # each block plans anew: how long the solo waits is `wait`, and what a phrase recalls
            # would change from block to block
            phrasing=replace(Phrasing.of(config.phrasing), entry=0.0, recalls=0.0),
        )
        self.plan = within_instrument(self.plan, asked)
        self.planner = model.planner.folded()
        self.sampling = Sampling(temperature=config.codec_temperature)
        self.delay = max(config.stream_delays)
        wait = WAIT_SECONDS if placed is None else max(0.0, float(placed.grid().beats[0]))
        self.wait = round(FRAME_RATE * (wait if how.wait is None else how.wait))
        self.parts: list[np.ndarray] = []
        # the last steps, and how many came before them
        self._steps = torch.zeros(1, config.num_streams, 0, dtype=torch.long)
        self._earlier = 0
        self._masks = np.zeros(0, np.int16)
        habits = habits_of(player, how.articulation)
        self._articulator = None if habits is None else Articulator(habits, (how.seed,))
        self._sheet: LeadSheet | None = None
        if placed is not None:
            seconds = float(placed.beats[-1])
            labels = placed.labels(round(seconds * FRAME_RATE)).T.astype(np.int64)
            self._sheet = plain_sheet(seconds).told(labels)
        self._blocks = 0
        self._random = torch.Generator().manual_seed(how.seed)

    def push(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        """Take samples (n,) or (n, channels) float32; gives the solo's samples that are due."""
        mono = samples if samples.ndim == 1 else samples.mean(axis=1)
        self.received += len(mono)
        heard = self.resampler.push(torch.from_numpy(np.ascontiguousarray(mono, np.float32)))
        self.ear.push(heard)
        lookahead = self.settings.lookahead
        while self._blocks * BLOCK / FRAME_RATE + lookahead <= self.received / self.rate:
            yield self._block()

    @torch.inference_mode()
    def _block(self) -> np.ndarray:
        """The next half second: (16000,) at the codec's rate, all but what the codec holds back."""
        frames = self._frames()
        self._blocks += 1
        if not frames.shape[-1]:
            return np.zeros(0, np.float32)
        self.parts.append(frames[0].numpy().astype(np.int16))
        self.voice.cents = self.ear.cents
        codebooks = frames[:, -self.config.num_codebooks :]
        audio: np.ndarray = self.voice.push(codebooks).reshape(-1).float().numpy()
        return audio

    def _frames(self) -> torch.Tensor:
        """(1, N, BLOCK) frames that are whole after one more block of steps."""
        config, origin = self.config, self._earlier
        step = self._steps.shape[-1]
        stop = (self._blocks + 1) * BLOCK + self.delay - origin
        sheet = self._lead_sheet(stop + origin)
        first = max(0, step - PAST)
        last = stop + max([0, *(config.lookahead or [])])
        wait = min(stop, max(0, self.wait - origin))
        forced = torch.full((1, config.num_streams, stop), FREE)
        if wait:
            rests = self.player.processor.silence.cpu().repeat(wait, 1).T
            rests = torch.cat([torch.full((1, wait), REST), rests])[None]
            delayed = apply_delay(rests, config.stream_delays, config.pad_token_id)
            forced[..., :wait] = delayed[..., :wait]
        # the solo goes on after this block
        given = np.full(last + LEAST_ROOM, FREE)
        given[:wait] = REST
        given[:step] = self._steps[0, 0].numpy()
        here = replace(sheet, beats=sheet.beats - origin / FRAME_RATE)
        drawn = own_seed(self.model.device, self._random)
        plan = NotePlan(self.planner, here, given, step, self.plan, self.controls, drawn)
        forced[0, 0] = torch.from_numpy(plan.tokens(0, stop))
        inputs: dict[str, Any] = {
            "frame_label_posteriors": self._labels(sheet, first + origin, last + origin)[None],
            "condition_ids": self.ids,
        }
        if self._articulator is not None:
            # how a note ends may lie behind what is played now
            score = plan.tokens(0, last)
            masks = np.full(last, UNKNOWN_ARTICULATION, np.int16)
            known = min(last, len(self._masks))
            masks[:known] = self._masks[:known]
            self._articulator.tell(masks, score, step, stop, origin)
            self._masks = masks
            told = torch.from_numpy(masks[first:].astype(np.int64))
            inputs["articulation"] = told[None]
        past = self.model._without_earlier(self._steps[..., first:])
        heard = self.model.encoder(**inputs)
        asked = asked_codes(config, forced[:, 0, first:], inputs.get("articulation"))
        seed = own_seed(self.model.device, self._random)
        draws = code_draws(seed, 1, config.num_codebooks, first, stop)
        new = self.decoder.play(heard, past, forced[..., first:], self.sampling, draws, asked=asked)
        self._steps = torch.cat([self._steps, new], dim=-1)
        begin = self._blocks * BLOCK - origin
        frames = undo_delay(self._steps[..., begin:], config.stream_delays)
        spare = max(0, self._steps.shape[-1] - KNOWN)
        self._steps, self._earlier = self._steps[..., spare:], origin + spare
        self._masks = self._masks[spare:]
        return frames

    def _labels(self, sheet: LeadSheet, first: int, last: int) -> torch.Tensor:
        """(41, last - first) what was heard, and beyond it what the lead sheet says."""
        told = torch.from_numpy(_posteriors(sheet, first, last))
        heard = self.ear.heard
        if self.placed is not None or not heard:
            return told
        known = label_posteriors(heard)
        begin, end = max(first, self.ear.first), min(last, self.ear.first + known.shape[1])
        if begin < end:
            at = self.ear.first
            told[:, begin - first : end - first] = known[:, begin - at : end - at]
        return told

    def _lead_sheet(self, stop: int) -> LeadSheet:
        """Beats and chords so far, carried on: of the chart, else of the last 20 s heard."""
        seconds = stop / FRAME_RATE + 4.0
        if self.placed is not None and self._sheet is not None:
            return self._sheet
        heard = self.ear.heard
        if not heard:
            return plain_sheet(seconds)
        if self._sheet is None or self._blocks % SEARCH_EVERY == 0:
            part = {name: values[-SEARCHED:] for name, values in heard.items()}
            count = len(part["chord"])
            begin = (self.ear.frames - count) / FRAME_RATE
            measure = self.player.processor.running_measure().measure
            music = self.player.processor.music(part, measure)
            sheet = sheet_of_music(music, seconds + SEARCH_EVERY * BLOCK / FRAME_RATE - begin)
            self._sheet = replace(sheet, beats=sheet.beats + begin)
        return self._sheet


def _posteriors(sheet: LeadSheet, first: int, last: int) -> np.ndarray:
    """(41, last - first) float32: certainty of what a lead sheet says of each frame."""
    beat = sheet.beat_at(np.arange(first, last) / FRAME_RATE)
    index = np.clip(np.floor(beat).astype(int), 0, len(sheet) - 1)
    phase = np.floor((beat - np.floor(beat)) * TICKS).astype(int) % TICKS
    columns = (sheet.roots[index], sheet.qualities[index], phase, sheet.places[index])
    parts = []
    for values, size in zip(columns, LABEL_SIZES.values(), strict=True):
        parts.append(np.eye(size, dtype=np.float32)[np.clip(values, 0, size - 1)])
    return np.concatenate(parts, axis=1).T.copy()
