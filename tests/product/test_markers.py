"""Markers of form and chords in MIDI, and 24 bits."""

from dataclasses import replace

import pytest
import soundfile as sf

import saxsolo
from saxsolo import SettingError
from saxsolo.music.bars import bars_of
from saxsolo.music.charts.text import read_text
from saxsolo.music.markers import form_marks, markers_of_chart, markers_of_grid
from saxsolo.music.placed_chart import place_by_tempo
from saxsolo.notation.midi import TICKS, write_midi


def test_markers_are_sections_and_full_chord_names(tmp_path):
    mido = pytest.importorskip("mido")
    placed = place_by_tempo(read_text("[A] F7(b9) | % | [B] Bb6 | C7alt"), 2.0, 120, 10.0)
    markers = markers_of_chart(placed)
    assert [second for second, _ in markers] == [2, 2, 2, 6, 6, 8]
    assert [text for _, text in markers if text[0] == "["] == ["[Chorus 1]", "[A]", "[B]"]
    assert "b9" in markers[2][1] and markers_of_grid(placed.grid())[-1][1].startswith("C7")
    bars = bars_of(placed.grid(), 10.0)
    path = write_midi(tmp_path / "solo.mid", [], bars=bars, markers=markers)
    file = mido.MidiFile(str(path))
    named = [message.text for message in file if message.type == "marker"]
    assert named == [text for _, text in markers]
    # on the beats of the tempo map, at the seconds of the sound
    tick = seconds = 0
    for message in file.tracks[0]:
        tick += message.time
        if message.type == "marker":
            assert tick % TICKS == 0
    for message in file:
        seconds += message.time
        if message.type == "marker":
            assert seconds == pytest.approx(markers.pop(0)[0], abs=0.001)


def test_choruses_are_counted_from_where_the_form_begins():
    placed = place_by_tempo(read_text("F7 | Bb7"), 2.0, 120, 11.0)
    assert [(m.beat, m.chorus) for m in form_marks(placed)] == [(4, 1), (12, 2), (20, 3)]
    # a track that begins in bar 2 of the form
    begun = replace(placed, beats=placed.beats[8:], index=placed.index[8:], heard=None)
    assert [(m.beat, m.chorus) for m in form_marks(begun)] == [(4, 2), (12, 3)]


def test_24_bits_are_written_where_they_are_asked_for(player, backing, tmp_path):
    take = saxsolo.improvise(backing, player=player, seconds=1.0)
    take.save(tmp_path / "take", bit_depth=24)
    for name in ("solo.wav", "mix.wav"):
        assert sf.info(str(tmp_path / "take" / name)).subtype == "PCM_24"
    with pytest.raises(SettingError, match="bit depth 20: give 16 or 24"):
        take.save(tmp_path / "other", bit_depth=20)
    with pytest.raises(SettingError, match="ogg has no bit depth"):
        take.save(tmp_path / "other", audio_format="ogg", bit_depth=24)
