"""From notes in seconds to a page that a saxophonist reads."""

import shutil
import subprocess
import xml.etree.ElementTree as ET
from fractions import Fraction
from itertools import zip_longest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.score import Note
from saxsolo.notation.musicxml import write_musicxml
from saxsolo.notation.quantise import Lead, quantise
from saxsolo.notation.spelling import key_of
from saxsolo.notation.values import pieces

BEAT = 0.5


def grid(count: int = 16, metre: int = 4, start: float = 0.0, beat: float = BEAT) -> BeatGrid:
    """Two chords in turn, a bar each: D minor and G dominant."""
    place = np.arange(count)
    bar = place // metre % 2
    return BeatGrid(
        start + beat * place, place % metre, metre, np.array([2, 7])[bar], np.array([1, 2])[bar]
    )


def lead(starts: list[float], pitch: int = 62, length: float = 0.2) -> Lead:
    """Notes that begin at places in beats."""
    notes = [Note(BEAT * start, BEAT * length, pitch, 0.5) for start in starts]
    return quantise(notes, grid(), 8.0)


def starts_of(found: Lead) -> list[float]:
    return [float(one.start) for one in found.notes]


@pytest.mark.parametrize("offbeat", [0.45, 0.5, 0.58, 0.66, 0.7])
def test_swing_eighths_are_written_as_eighths(offbeat):
    played = [beat + part for beat in range(8) for part in (0.02, offbeat)]
    found = lead(played)
    assert starts_of(found) == [0.5 * i for i in range(16)]
    assert {one.end - one.start for one in found.notes[:-1]} == {Fraction(1, 2)}


def test_triplets_and_sixteenths():
    assert lead([0, 0.34, 0.65]).notes[1].start == Fraction(1, 3)
    assert starts_of(lead([0, 0.26, 0.52, 0.74])) == [0, 0.25, 0.5, 0.75]
    assert lead([0, 0.17, 0.33, 0.5, 0.67, 0.83]).divisions[0] == 6


def test_an_early_note_belongs_to_the_next_beat():
    assert starts_of(lead([0.95, 1.93, 3.02])) == [1, 2, 3]


def test_a_solo_behind_the_beat_is_written_on_it():
    played = [beat + part + 0.14 for beat in range(8) for part in (0, 0.5)]
    assert starts_of(lead(played)) == [0.5 * i for i in range(16)]


def test_a_short_gap_is_no_rest_and_a_long_one_is():
    found = lead([0, 1, 4], length=0.7)
    assert [(one.start, one.end) for one in found.notes[:2]] == [(0, 1), (1, Fraction(3, 2))]


def test_bars_begin_before_the_first_beat_and_reach_the_end():
    found = quantise([Note(0.1, 0.1, 60, 0.5), Note(9.9, 0.1, 60, 0.5)], grid(9, start=1.2), 10.0)
    # two beats lead from second 0 to the grid's first
    assert found.pickup and found.bars == [2, 4, 4, 4, 4, 4]
    assert found.chords[0][0] == 2 and found.notes[0].start >= 0


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 60), st.integers(40, 99)), max_size=80),
    st.sampled_from([3, 4, 5]),
    st.floats(0.2, 1.4),
    st.integers(0, 4),
)
def test_any_solo_can_be_written(steps, metre, beat, place):
    notes, now = [], 0
    for rest, length, pitch in steps:
        notes.append(Note((now + rest) / 50, length / 50, pitch, 0.5))
        now += rest + length
    base = grid(24, metre, 0.3, beat)
    turned = BeatGrid(base.beats, (base.places + place) % metre, metre, base.roots, base.qualities)
    found = quantise(notes, turned, now / 50)
    assert len(found.notes) + found.dropped == len(notes)
    for one, after in zip_longest(found.notes, found.notes[1:]):
        assert one.start < one.end and (after is None or one.end <= after.start)
    assert sum(found.bars) == len(found.divisions)
    start = 0
    for beats in found.bars:
        divisions = found.divisions[start : start + beats]
        inside = [n for n in found.notes if start <= n.start < start + beats]
        for one in inside:
            end = min(one.end - start, Fraction(beats))
            parts = list(pieces(one.start - start, end, beats, divisions))
            assert sum(length for _, length in parts) == end - (one.start - start)
            for _, length in parts:
                assert (length.numerator, length.denominator) in WRITABLE, length
        start += beats


WRITABLE = {
    *((n, 1) for n in (1, 2, 3, 4)),
    *((n, d) for n in (1, 3) for d in (2, 4, 8)),
    *((n, d) for n, d in ((1, 3), (2, 3), (1, 6))),
}


@pytest.mark.parametrize(
    "start, end, lengths",
    [
        (0, 4, [4]),
        (1, 4, [1, 2]),
        (Fraction(1, 2), 4, [1, Fraction(1, 2), 2]),
        (Fraction(3, 2), 3, [Fraction(1, 2), 1]),
        (0, Fraction(3, 2), [Fraction(3, 2)]),
    ],
)
def test_the_middle_of_the_bar_shows(start, end, lengths):
    assert [length for _, length in pieces(start, Fraction(end), 4, [2] * 4)] == lengths


def test_the_key_fits_the_chords():
    found = lead([0, 1, 2])
    # D minor and G dominant are of C; a tenor reads D, an alto A
    assert [key_of(found, up) for up in (0, 14, 9)] == [0, 2, 3]


@pytest.fixture
def page(tmp_path):
    pytest.importorskip("music21", reason="needs music21 (pip install saxsolo[notes])")
    played = [0, 0.6, 1, 1.33, 1.67, 2, 3.5, 4.5, 6, 6.25, 6.5, 6.75, 9, 12.6]
    return write_musicxml(
        tmp_path / "solo.musicxml", lead(played), instrument="tenor", title="A <tune> & more"
    )


def test_a_tenor_reads_a_ninth_higher(page):
    root = ET.parse(page).getroot()
    assert root.findtext(".//transpose/chromatic") == "-2"
    assert root.findtext(".//transpose/octave-change") == "-1"
    pitches = {
        (n.findtext("step"), n.findtext("octave")) for n in root.iter("pitch") if n is not None
    }
    assert pitches == {("E", "5")}
    assert [n.findtext("root-step") for n in root.iter("root")][:2] == ["E", "A"]
    assert {k.text for k in root.iter("kind")} == {"minor-seventh", "dominant"}
    assert root.findtext(".//key/fifths") == "2"
    assert root.findtext(".//time/beats") == "4"


def test_every_bar_is_full(page):
    root = ET.parse(page).getroot()
    divisions = int(root.findtext(".//divisions"))
    for measure in root.iter("measure"):
        total = sum(int(note.findtext("duration")) for note in measure.iter("note"))
        assert total == 4 * divisions, measure.get("number")


@pytest.mark.slow
def test_musescore_prints_it(page, tmp_path):
    program = shutil.which("mscore3") or shutil.which("musescore3") or shutil.which("mscore")
    if program is None:
        pytest.skip("MuseScore is not installed (Debian: musescore3)")
    out = tmp_path / "solo.pdf"
    surroundings = {"QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    line = [program, "-o", out, page]
    done = subprocess.run(line, env=surroundings, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes()[:5] == b"%PDF-" and out.stat().st_size > 5000
