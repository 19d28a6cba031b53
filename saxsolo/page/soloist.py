"""What every way into the page shares: it listens to backings, plays solos, stores the takes."""

from collections.abc import Generator
from pathlib import Path

from saxsolo.audio.files import Source
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.weights.loading import Player

from .gpu import on_gpu
from .listening import listen
from .playing import SoloRequest, Step, play
from .take_store import TakeStore


class Soloist:
    """A model with the folders that it works in.

    Args:
        player: model and codec.
        root: folder of all files that the page writes.

    Attributes:
        store: the takes of all visitors.
        uploads: folder of the files that visitors send and receive.
        outbox: folder in it for the files of takes that are sent.
        writes_notes: whether the model writes notes, so that a take has MIDI.
    """

    def __init__(self, player: Player, root: Path):
        self.store = TakeStore(root / "takes")
        self.uploads = root / "uploads"
        self.outbox = self.uploads / "takes"
        scratch = root / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        self.generation_config = player.solo.model.generation_config
        self.writes_notes = bool(player.solo.model.config.score_vocab_size)

        @on_gpu(lambda source, request: request.settings.seconds)
        def perform(source: Source, request: SoloRequest) -> Generator[Step, None, None]:
            yield from play(player, self.store, source, request, scratch)

        @on_gpu(lambda source, seconds: seconds)
        def hear(source: Source, seconds: float) -> BeatGrid | None:
            return listen(player, source, seconds)

        self._perform, self._hear = perform, hear

    def play(self, source: Source, request: SoloRequest) -> Generator[Step, None, None]:
        """Plays a solo and stores its take; see `playing.play`."""
        return self._perform(source, request)

    def listen(self, source: Source, seconds: float) -> BeatGrid | None:
        """Beats, bars and chords in a backing; see `listening.listen`."""
        return self._hear(source, seconds)
