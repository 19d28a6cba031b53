"""What every way to the ear shares: it hears tracks and stores what it heard."""

import threading
from pathlib import Path

from saxsolo.audio.files import Source
from saxsolo.listening.heard import Listening
from saxsolo.listening.judged_solo import judge_solo
from saxsolo.listening.track import listen
from saxsolo.music.charts.chart import Chart
from saxsolo.weights.loading import Weights, load_ear

from .heard_store import HeardStore
from .judged_store import JudgedStore


class Listener:
    """The ear with the folder that it works in.

    Args:
        root: folder of all files that the page writes.

    Attributes:
        store: the tracks of all visitors.
        judged: their own solos, described.
    """

    def __init__(self, root: Path):
        self.store = HeardStore(root / "heard")
        self.judged = JudgedStore(root / "judged")
        self._ear: Weights | None = None
        self._loading = threading.Lock()

    def hear(self, source: Source) -> Listening:
        """Hears a whole track, on the CPU: a minute takes about a second there.

        Raises:
            SaxsoloError: AudioError for a sound that is silent or damaged, or CheckpointError.
        """
        return listen(source, self._loaded())

    def _loaded(self) -> Weights:
        with self._loading:
            # at the first track: the first sound of a solo does not wait for it
            self._ear = self._ear or load_ear(device="cpu")
        return self._ear

    def keep(self, source: Source) -> str:
        """Hears a track and stores it; returns its name in the store.

        Raises:
            SaxsoloError: as in `hear`.
        """
        return self.store.put(source, self.hear(source))

    def judge(
        self,
        solo: Path,
        backing: Path,
        chart: Chart | None,
        first_bar: float | None,
        tempo: float | None,
        shift: float,
        title: str,
    ) -> str:
        """Describes a solo and stores what was found; returns its name in `judged`.

        Args:
            solo, backing, chart, first_bar, tempo, shift: as in `judge_solo`.
            title: of the description.

        Raises:
            SaxsoloError: as in `judge_solo`.
        """
        judged = judge_solo(
            solo,
            backing,
            chart,
            first_bar=first_bar,
            tempo=tempo,
            ear=self._loaded(),
            shift=shift,
        )
        return self.judged.put(judged, title)
