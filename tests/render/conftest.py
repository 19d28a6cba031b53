"""Instruments for the tests, skipped with the reason where a machine lacks them."""

from pathlib import Path

import pytest

from saxsolo.corpus.render.sounds import MissingSoundError, Sounds
from saxsolo.music.score import Beat, Note, Score


@pytest.fixture(scope="session")
def font_sounds() -> Sounds:
    """One sound font, the quickest to load: no saxophone timbre but FluidR3's."""
    pytest.importorskip(
        "fluidsynth", reason="needs pyfluidsynth and libfluidsynth3", exc_type=ImportError
    )
    sounds = Sounds(None, soundfont_names=("fluidr3",))
    try:
        sounds.soundfont("fluidr3")
    except MissingSoundError as error:
        pytest.skip(str(error))
    return sounds


@pytest.fixture(scope="session")
def all_sounds(data_dir: Path, font_sounds: Sounds) -> Sounds:
    """The sampled saxophones and bass beside the sound font."""
    pytest.importorskip("pysfizz", reason="needs pysfizz", exc_type=ImportError)
    sounds = Sounds(data_dir, soundfont_names=("fluidr3",))
    if not (sounds.has_mtg() and sounds.has_plucked_bass()):
        pytest.skip(f"no mtg_solo_sax/ or meatbass_pizz/ in {data_dir}")
    sounds._players.update(font_sounds._players)
    return sounds


def make_score(
    pitches: tuple[int, ...] = (60, 64, 67, 70),
    *,
    instrument: str = "tenor",
    feel: str = "swing",
    beats_per_bar: int = 4,
    bass: int | None = None,
    chords: tuple[str, ...] = ("F7", "Bb7"),
    bars: int = 2,
) -> Score:
    """Two notes a bar at 120, detached, over one chord a bar."""
    notes = tuple(Note(0.5 + i, 0.5, pitch, 0.7) for i, pitch in enumerate(pitches))
    beats = tuple(
        Beat(
            0.5 + 0.5 * i,
            i // beats_per_bar + 1,
            i % beats_per_bar + 1,
            beats_per_bar,
            chords[i // beats_per_bar % len(chords)],
            bass,
        )
        for i in range(bars * beats_per_bar)
    )
    return Score(
        id="test_score",
        performer="tester",
        title="Test",
        instrument=instrument,
        style="bebop",
        feel=feel,
        notes=notes,
        beats=beats,
        source="test",
        licence="CC0-1.0",
        attribution="none",
    )
