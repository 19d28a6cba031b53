"""The default model and codec as a newcomer gets them: a saxophone, every time."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from saxsolo import Performance, Settings, improvise, load_player
from saxsolo.assets import asset
from saxsolo.audio.files import open_sound

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINTS = asset("checkpoints")
EXAMPLES = sorted((ROOT / "examples").glob("*.flac"))
# what the default is trained for, in MIDI numbers, with an octave's grace for folding
LOWEST, HIGHEST = 40, 90


def test_there_are_examples():
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("backing", EXAMPLES, ids=lambda path: path.stem)
def test_it_plays_over_the_examples(run, backing, tmp_path):
    code, _, stderr = run("improvise", backing, "--out", tmp_path, "--seconds", 8, "--seed", 1)
    assert code == 0, stderr
    solo, rate = sf.read(tmp_path / "solo.wav")
    assert rate == 44100 and len(solo) == 8 * rate
    level = 20 * np.log10(np.sqrt(np.mean(solo**2)))
    assert -45 < level < -6, level
    # a saxophone is louder below 5 kHz than above, noise is not
    spectrum = np.abs(np.fft.rfft(solo)) ** 2
    low = len(spectrum) * 5000 * 2 // rate
    assert spectrum[:low].sum() > 10 * spectrum[low:].sum()


def test_its_notes_are_a_saxophones():
    take = improvise(EXAMPLES[0], seconds=15, seed=2)
    pitches = [note.pitch for note in take.notes]
    assert 15 * 1 < len(pitches) < 15 * 12
    assert LOWEST <= min(pitches) and max(pitches) <= HIGHEST
    assert len(set(pitches)) > 5


def test_the_checkpoints_are_safetensors_and_small():
    files = [path for path in CHECKPOINTS.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".py", ".md"}
    assert sum(path.stat().st_size for path in files) < 100e6
    assert (CHECKPOINTS / "saxsolo-small" / "model.safetensors").is_file()


def test_a_plan_has_the_notes_that_are_played():
    """Without the sound, and with it through two windows of the model."""
    player, settings = load_player(), Settings(seed=3, seconds=17.0)
    backing = open_sound(ROOT / "examples" / "blues_in_f.flac")
    played = Performance(player, backing, settings)
    for _ in played:
        pass
    plan = Performance(player, backing, settings).plan()
    np.testing.assert_array_equal(np.concatenate(played.frames, axis=-1)[0], plan)
