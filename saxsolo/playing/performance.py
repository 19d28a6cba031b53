"""Listen to a backing, play a solo over it: as a whole (`improvise`) or block by block (`stream`).

    backing -> what is heard in it -> frames of the solo as the model writes them (a thread)
            -> audio, half a second at a time -> the caller, or a scratch file

Audio is never held whole, codes are: an hour is 115 million samples but 180,000 frames. The blocks
have fixed sizes, so that the same seed gives the same bits however fast the machine is.
"""

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Unpack

import numpy as np
import torch

from modeling_saxsolo.generation_saxsolo import FrameStreamer
from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE, UNKNOWN_ARTICULATION
from saxsolo.audio.codes import DECODE_FRAMES, decode_blocks
from saxsolo.audio.files import Sound, Source, open_sound
from saxsolo.audio.writing import Scratch
from saxsolo.device import checked_device
from saxsolo.errors import SettingError
from saxsolo.music.articulations import counted, named_articulations
from saxsolo.music.chart_placing import chart_notes, check_first_bar
from saxsolo.music.charts.chart import Chart
from saxsolo.music.frame_labels import tokens_to_notes
from saxsolo.music.placed_chart import PlacedChart
from saxsolo.progress_bar import Report
from saxsolo.weights.loading import Place, Player, load_player

from .asking import (
    asked_of_planner,
    condition_ids,
    generation_config,
    habits_of,
    tells_labels,
)
from .backing_notes import channel_notes, metre_notes
from .chart_placing import chart_text, place_chart
from .giving import settings_with_notes, with_given_notes
from .hearing import Hear, HeardBacking, backing_grid, hear_backing
from .rendered_band import RenderedBand
from .revision import Revision, in_blocks, revised
from .run_facts import describe
from .settings import Settings, SettingsKeywords
from .take import Take
from .take_fit import fit_of
from .where_to_play import playing_frames


class Performance:
    """One solo while it is played: iterate for its audio, (n,) float32 blocks of half a second.

    Args:
        player: model and codec.
        source: the backing.
        settings: how to play.
        revision: the earlier solo of which a part is kept.
        placed: the chart on the backing's clock, where that is known; else it is looked for.
        hear: listens to a backing, as `hear_backing`.

    Attributes:
        frames: (N, t) codes so far, a list of parts.
        heard: what is heard in the backing, once it has begun.
    """

    def __init__(
        self,
        player: Player,
        source: Source,
        settings: Settings,
        revision: Revision | None = None,
        placed: PlacedChart | None = None,
        hear: Hear = hear_backing,
    ):
        self.placed, self.hear = placed, hear
        self.player, self.source, self.settings = player, source, settings
        self.revision = revision
        self.condition_ids = condition_ids(player, settings)
        self.generation_config = generation_config(player, settings)
        self.asked = asked_of_planner(player, settings)
        self.habits = habits_of(player, settings.articulation)
        rate = player.sampling_rate
        wanted = settings.seconds
        self.length = source.length_at(rate) if wanted is None else round(wanted * rate)
        if revision is not None and revision.stop is not None:
            kept = revision.codes.shape[-1] / FRAME_RATE
            if kept < self.seconds:
                raise SettingError(
                    f"the earlier solo lasts {kept:g} s, less than the {self.seconds:g} s wanted"
                )
        self.frames: list[np.ndarray] = []
        self._masks: torch.Tensor | None = None
        self.heard: HeardBacking | None = None

    @property
    def seconds(self) -> float:
        """Length of the solo."""
        return self.length / self.player.sampling_rate

    def __iter__(self) -> Iterator[np.ndarray]:
        left = self.length
        # the tuning is known once the backing has been heard
        heard = self.heard = self.listen()
        codebooks = self._codebooks(heard)
        blocks = decode_blocks(self.player.codec.model, codebooks, heard.measure.tuning)
        while True:
            # not around the yield: the caller's own torch keeps its threads
            with _one_thread():
                audio = next(blocks, None)
            if audio is None:
                break
            block = audio[:left]
            left -= len(block)
            if len(block):
                yield block
        assert left == 0, (left, self.length)

    def _codebooks(self, heard: HeardBacking) -> Iterator[torch.Tensor]:
        new = self._generated(heard)
        parts: Iterator[torch.Tensor] = new
        if self.revision is not None:
            parts = in_blocks(revised(new, self.revision), DECODE_FRAMES)
        for frames in parts:
            self.frames.append(frames[0].to(torch.int16).numpy())
            yield frames[:, -self.player.processor.num_codebooks :]

    def listen(self) -> HeardBacking:
        """What is heard in the backing.

        Raises:
            AudioError: for a sound that is silent, damaged, or holds NaN.
            SettingError: for a chart that cannot be placed.
        """
        with _one_thread():
            how = self.settings
            heard = self.hear(self.player, self.source, how.seconds, how.force, how.start)
            placed = self.placed or self._placed(heard)
        if placed is not None and not tells_labels(self.player):
            raise SettingError(
                f"{self.player.solo.name} takes no chords: it was trained without frame labels"
            )
        return self._resting(replace(heard, placed=placed))

    def _resting(self, heard: HeardBacking) -> HeardBacking:
        """With rests wherever the settings leave the band alone, and the notes that they give."""
        how, name, silence = self.settings, self.source.name, self.player.processor.silent_codes
        if (how.solo, how.trade, how.motif, how.line) == (None,) * 4:
            return heard
        if (how.motif or how.line) and not self.player.solo.model.config.score_vocab_size:
            raise SettingError(f"{self.player.solo.name} writes no notes, so it takes none")
        grid = backing_grid(self.player, heard)
        rests = heard.rests
        playing = playing_frames(how, heard.frames, heard.placed, grid, name)
        if playing is not None:
            rests = torch.where(torch.from_numpy(playing), rests, silence[:, None])
        rests = with_given_notes(rests, silence, how, heard.placed, grid, name)
        return replace(heard, rests=rests, playing=playing)

    def plan(self, heard: HeardBacking | None = None) -> np.ndarray:
        """The score stream (T,) that this performance would play, without its sound.

        Args:
            heard: what `listen` gave for the same backing and length, with a chart and rests; it
                listens when None.

        Raises:
            ValueError: for a model that does not plan its notes before it plays them.
        """
        heard = self.heard = heard or self.listen()
        model = self.player.solo.model
        with _one_thread(), torch.inference_mode():
            planned = model.generate(
                **heard.inputs(model.device),
                condition_ids=self.condition_ids,
                prompt_codes=self._prompt(),
                generation_config=self.generation_config,
                notes_only=True,
                seed=self.settings.seed,
                **self.asked,
            )
        tokens: np.ndarray = planned[0, 0].cpu().numpy()
        return tokens

    def _placed(self, heard: HeardBacking) -> PlacedChart | None:
        """The chart of the settings where it lies in the whole track, however little is played."""
        how, ear, cents = self.settings, heard.ear, heard.measure.cents
        check_first_bar(how.first_bar, self.source.seconds, self.source.name)
        by_ear = how.chords is not None and (how.first_bar is None or how.tempo is None)
        if by_ear and ear is not None and self.seconds < self.source.seconds:
            whole = self.hear(self.player, self.source, None, how.force, how.start)
            ear, cents = whole.ear, whole.measure.cents
        placed = place_chart(how, self.player, ear, cents, self.seconds, self.source.name)
        return None if placed is None else placed.until(self.seconds)

    @property
    def notes(self) -> list[str]:
        """What a person should know of the backing, one line each."""
        notes, heard = list(self.source.notes), self.heard
        if heard is None:
            return notes
        notes += channel_notes(self.source.name, heard.measure.mono)
        if heard.placed is not None:
            notes += chart_notes(heard.placed)
        elif heard.music is not None:
            notes += metre_notes(self.source.name, heard.music)
        return notes

    def _generated(self, heard: HeardBacking) -> Generator[torch.Tensor, None, None]:
        """Yields (1, N, t) frames of the solo as the model completes them."""
        queue: SimpleQueue[Any] = SimpleQueue()
        model = self.player.solo.model
        stopped = threading.Event()
        prompt = self._prompt()

        def take(frames: torch.Tensor) -> None:
            if stopped.is_set():
                raise _Stopped
            queue.put(frames)

        streamer = FrameStreamer(model.config, take, DECODE_FRAMES)

        def work() -> None:
            try:
                with _one_thread(), torch.inference_mode():
                    model.generate(
                        **heard.inputs(model.device),
                        condition_ids=self.condition_ids,
                        prompt_codes=prompt,
                        generation_config=self.generation_config,
                        **self.asked,
                        **self._told(heard.frames),
                        streamer=streamer,
                        seed=self.settings.seed,
                        fast=self.player.decoder or True,
                    )
                queue.put(None)
            except _Stopped:
                pass
            except BaseException as error:
                queue.put(error)

        thread = threading.Thread(target=work, name="saxsolo", daemon=True)
        thread.start()
        try:
            while (item := queue.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stopped.set()
            thread.join()
            self._masks = streamer.articulation

    def _told(self, frames: int) -> dict[str, Any]:
        """How notes are played, as `generate` takes it: what is asked for, and what is kept."""
        kept = self.revision
        if self.habits is None:
            return {"habits": self.settings.articulation}
        told: dict[str, Any] = {"habits": str(self.habits)}
        if kept is not None and kept.articulation is not None:
            masks = torch.full((1, frames), UNKNOWN_ARTICULATION)
            known = min(kept.start, frames, len(kept.articulation))
            masks[0, :known] = torch.from_numpy(kept.articulation[:known].astype(np.int64))
            told["articulation"] = masks.to(self.player.solo.model.device)
        return told

    @property
    def articulation(self) -> np.ndarray | None:
        """(T,) int16, how the notes of what has been played were asked to be played, a mask a frame
        (`vocabulary_saxsolo.ARTICULATIONS`, -1 = nobody said); None where nothing was told."""
        if self._masks is None:
            return None
        masks = self._masks[0].cpu().numpy().astype(np.int16)
        return masks if self.revision is None else self.revision.articulation_of(masks)

    def _prompt(self) -> torch.Tensor | None:
        """(1, N, t) frames of the earlier solo that come before the new ones."""
        if self.revision is None or self.revision.start == 0:
            return None
        kept = self.revision.codes[:, : self.revision.start].astype(np.int64)
        return torch.from_numpy(kept)[None].to(self.player.solo.model.device)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Torch computes on the calling thread alone: the small matrices of one frame are done sooner
    than a second thread is woken (saxsolo benchmark real-time)."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Stopped(Exception):
    """Nobody listens any more."""


def improvise(
    backing: Sound | RenderedBand,
    *,
    checkpoint: Place | None = None,
    codec: Place | None = None,
    device: str | None = None,
    player: Player | None = None,
    progress: Report | None = None,
    scratch: Path | None = None,
    chart: Chart | Path | str | None = None,
    placed: PlacedChart | None = None,
    hear: Hear = hear_backing,
    **settings: Unpack[SettingsKeywords],
) -> Take:
    """Plays a saxophone solo over a backing.

    Args:
        backing: path of a WAV, FLAC, OGG or MP3 file, (samples, sampling rate), or a band that
            `render_band` gave, which is played over with its own chart.
        checkpoint: folder or Hub id of the solo model; the default in checkpoints/ when None.
        codec: folder or Hub id of the codec; the checkpoint's own when None.
        device: "cpu", "cuda" or "mps"; a CUDA GPU where there is one when None.
        player: what `load_player` gave, so that several solos load it once; then `checkpoint`,
            `codec` and `device` are not read.
        progress: called with the seconds that are played and the seconds in all.
        scratch: folder that holds the audio until the take is saved, on disk, under no name.
        chart: a chart, or a file with one, in place of `chords`.
        placed: the chart on the backing's clock, where that is known.
        hear: listens to a backing; `HearOnce` listens once for several solos.
        **settings: seed, seconds, temperature, instrument, feel, chords, density, space, lowest,
            highest, solo, trade, harmony, time, motif and line (text, or a MIDI or MusicXML file)
            ...; see `Settings`.

    Returns:
        The take: `.solo`, `.mix`, `.notes`, `.save(folder)`.

    Raises:
        SaxsoloError: AudioError, SettingError, CheckpointError or OutputError; one line each.
    """
    if chart is not None:
        settings = {**settings, "chords": chart_text(chart)}
    how = settings_with_notes(settings)
    band: dict[str, Any] | None = None
    stems: dict[str, Source] = {}
    if isinstance(backing, RenderedBand):
        band, stems = backing.describe(), backing.sources()
        how = backing.settings.changed(**{name: getattr(how, name) for name in settings})
        placed, backing = placed or backing.placed, backing.source
    source = open_sound(backing, partial=how.force)
    player = player or load_player(checkpoint, codec, checked_device(device))
    performance = Performance(player, source, how, placed=placed, hear=hear)
    solo = Scratch(scratch)
    start = time.perf_counter()
    for block in performance:
        solo.append(block)
        if progress is not None:
            progress(solo.length / performance.player.sampling_rate, performance.seconds)
    take = finished_take(performance, solo, time.perf_counter() - start)
    if band is not None:
        take.run["band"] = band
    return replace(take, _stems=stems)


def finished_take(performance: Performance, solo: Scratch, spent: float) -> Take:
    """The take of a performance that has been played to its end.

    Args:
        performance: whose blocks have all been taken.
        solo: those blocks.
        spent: seconds that they took.
    """
    assert performance.heard is not None, "nothing has been played"
    codes = np.concatenate(performance.frames, axis=-1)
    player = performance.player
    has_score = player.solo.model.config.score_vocab_size
    masks = performance.articulation
    notes = tokens_to_notes(codes[0]) if has_score else []
    notes = named_articulations(notes, masks)
    heard = performance.heard
    # a model that hears by its codes would have to listen again
    named = heard.placed is not None or heard.music is not None
    fit = fit_of(notes, backing_grid(player, heard) if named else None)
    return Take(
        sampling_rate=player.sampling_rate,
        codes=codes,
        notes=notes,
        run={**describe(performance, spent), "fit": fit, "articulations": counted(notes, masks)},
        articulation=masks,
        _backing=performance.source,
        _solo=solo,
        _has_score=bool(has_score),
        _placed=heard.placed,
        _find_grid=partial(backing_grid, player, performance.heard),
    )


def stream(
    backing: Sound,
    *,
    checkpoint: Place | None = None,
    codec: Place | None = None,
    device: str | None = None,
    player: Player | None = None,
    **settings: Unpack[SettingsKeywords],
) -> Iterator[np.ndarray]:
    """Plays a solo block by block while it is made up.

    What is wrong with the arguments is raised by the call itself, what is wrong inside the sound by
    the first block. Stopping early (`close()`, or leaving the loop) stops the model too.

    Args:
        As `improvise`.

    Yields:
        (n,) float32 at the codec's rate (32 kHz), half a second each; together exactly
        `improvise(...).solo`.
    """
    how = settings_with_notes(settings)
    source = open_sound(backing, partial=how.force)
    player = player or load_player(checkpoint, codec, checked_device(device))
    return iter(Performance(player, source, how))
