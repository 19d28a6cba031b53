"""What every way to the ear shares: it hears tracks and stores what it heard."""

import threading
from pathlib import Path

from saxsolo.audio.files import Source
from saxsolo.listening.heard import Listening
from saxsolo.listening.track import listen
from saxsolo.weights.loading import Weights, load_ear

from .heard_store import HeardStore


class Listener:
    """The ear with the folder that it works in.

    Args:
        root: folder of all files that the page writes.

    Attributes:
        store: the tracks of all visitors.
    """

    def __init__(self, root: Path):
        self.store = HeardStore(root / "heard")
        self._ear: Weights | None = None
        self._loading = threading.Lock()

    def hear(self, source: Source) -> Listening:
        """Hears a whole track, on the CPU: a minute takes about a second there.

        Raises:
            SaxsoloError: AudioError for a sound that is silent or damaged, or CheckpointError.
        """
        with self._loading:
            # at the first track: the first sound of a solo does not wait for it
            self._ear = self._ear or load_ear(device="cpu")
        return listen(source, self._ear)

    def keep(self, source: Source) -> str:
        """Hears a track and stores it; returns its name in the store.

        Raises:
            SaxsoloError: as in `hear`.
        """
        return self.store.put(source, self.hear(source))
