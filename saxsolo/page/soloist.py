"""What every way to a solo shares: it plays solos and stores the takes."""

from collections.abc import Generator
from pathlib import Path

from saxsolo.audio.files import Source
from saxsolo.weights.loading import Player

from .gpu import on_gpu
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
        timbres: whose sounds the model knows; none where it cannot be told.
        articulations: which kinds the model knows; none where it cannot be told.
    """

    def __init__(self, player: Player, root: Path):
        self.store = TakeStore(root / "takes")
        self.uploads = root / "uploads"
        self.outbox = self.uploads / "takes"
        scratch = root / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        self.generation_config = player.solo.model.generation_config
        self.writes_notes = bool(player.solo.model.config.score_vocab_size)
        self.timbres = tuple(player.solo.model.config.conditions.get("timbre", ()))
        self.articulations = tuple(player.solo.model.config.articulations or ())

        @on_gpu(lambda source, request: request.settings.seconds or source.seconds)
        def perform(source: Source, request: SoloRequest) -> Generator[Step, None, None]:
            yield from play(player, self.store, source, request, scratch)

        self._perform = perform

    def play(self, source: Source, request: SoloRequest) -> Generator[Step, None, None]:
        """Plays a solo and stores its take; see `playing.play`."""
        return self._perform(source, request)
