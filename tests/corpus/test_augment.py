"""Keys and tempi: both stems stay together to the sample, the labels with them."""

import json

import numpy as np
import pytest
import soundfile

from modeling_saxsolo.vocabulary_saxsolo import HOLD, ONSET
from saxsolo.corpus.config import AugmentConfig
from saxsolo.corpus.recordings.augment import add_residue, stretch, versions, write_versions

RATE = 32000
CHANGES = [(0, 1.0), (3, 1.0), (-5, 1.0), (6, 1.0), (0, 0.85), (0, 1.15), (6, 1.15), (-5, 0.85)]


@pytest.mark.parametrize(("semitones", "tempo"), CHANGES)
def test_length_is_exact_and_nothing_moves(semitones, tempo):
    clicks = [0.5, 1.31, 2.2, 3.33]
    sound = np.zeros(4 * RATE + 17, np.float32)
    for click in clicks:
        place = round(click * RATE)
        sound[place - 16 : place + 16] = np.hanning(32)
    made = stretch(sound, semitones, tempo)
    assert len(made) == round(len(sound) / tempo) and made.dtype == np.float32
    for click in clicks:
        near = round(click * RATE / tempo)
        found = np.abs(made[near - 3000 : near + 3000]).argmax() + near - 3000
        # a click is no longer a sample wide: its top lies within half a millisecond
        assert abs(found - near) <= 16


@pytest.mark.parametrize(("semitones", "tempo"), CHANGES)
def test_the_same_sound_in_both_stems_stays_the_same(sounds, semitones, tempo):
    sound = sounds.solo(3, 1)
    one, other = stretch(sound, semitones, tempo), stretch(sound.copy(), semitones, tempo)
    assert np.abs(one - other).max() < 2e-3


@pytest.mark.parametrize("semitones", [-5, -1, 4, 6])
def test_pitch_goes_where_it_should(semitones):
    time = np.arange(3 * RATE) / RATE
    sound = np.sin(2 * np.pi * 440 * time).astype(np.float32)
    made = stretch(sound, semitones, 1.0)
    spectrum = np.abs(np.fft.rfft(made * np.hanning(len(made))))
    found = spectrum.argmax() * RATE / len(made)
    assert 12 * np.log2(found / 440) == pytest.approx(semitones, abs=0.08)


def test_only_training_has_versions():
    config = AugmentConfig(semitones=[-1, 0], tempi=[0.9, 1.0])
    assert versions(config, "train") == [(-1, 0.9), (0, 0.9), (-1, 1.0), (0, 1.0)]
    assert versions(config, "test") == versions(config, "validation") == [(0, 1.0)]


def test_residue_is_as_quiet_as_told_and_strange_to_the_solo(sounds):
    solo, backing = sounds.solo(6, 1), sounds.backing(6, 1)
    made = add_residue(backing, solo, -20.0, 1, np.random.default_rng(0))
    residue = made - backing
    assert residue.std() == pytest.approx(0.1 * solo.std(), rel=0.01)
    assert abs(np.corrcoef(residue, solo)[0, 1]) < 0.1
    assert add_residue(backing, solo, -20.0, 0, np.random.default_rng(0)) is backing


def test_pairs_are_what_tokenise_reads(sounds, tmp_path):
    for name, make in (("backing", sounds.backing), ("solo", sounds.solo)):
        soundfile.write(tmp_path / f"{name}.flac", make(6, 1), RATE)
    window = {"start": 1.0, "end": 5.0, "notes": [[0.5, 1.0, 60, 0.5], [2.0, 0.5, 64, 0.5]]}
    described = {"id": "r", "split": "train", "performer": "p", "title": "t"}
    config = AugmentConfig(semitones=[0, 3], tempi=[1.0, 0.8])
    rows = write_versions(tmp_path, [window], tmp_path / "pairs", described, config, seed=0)
    assert len({row["pair_id"] for row in rows}) == len(rows) == 4
    json.dumps(rows)
    for row in rows:
        folder = tmp_path / "pairs" / "train" / row["pair_id"]
        with np.load(folder / "labels.npz", allow_pickle=False) as arrays:
            score, labels = arrays["score"], arrays["frame_labels"]
        sizes = {soundfile.info(folder / f"{name}.flac").frames for name in ("solo", "backing")}
        assert sizes == {round(4 * RATE / row["tempo_factor"])}
        assert len(score) == len(labels) == row["frames"] == -(-sizes.pop() // 640)
        assert (labels == -100).all() and score.dtype == labels.dtype == np.int16
        onset, pitch = round(50 * 0.5 / row["tempo_factor"]), 60 + row["semitones"]
        assert score[onset] == ONSET + pitch - 40 and score[onset + 1] == HOLD + pitch - 40
    again = write_versions(tmp_path, [window], tmp_path / "more", described, config, seed=0)
    assert again == rows
    name = f"train/{rows[-1]['pair_id']}/backing.flac"
    first, second = ((tmp_path / one / name).read_bytes() for one in ("pairs", "more"))
    assert first == second
