"""Playing: length, alignment, seeds, streaming, and what is written."""

import hashlib
import json
import threading

import numpy as np
import pytest
import soundfile as sf
import soxr
import torch
from transformers import EncodecConfig, EncodecModel

import saxsolo
from modeling_saxsolo.loudness_saxsolo import LoudnessMeter
from saxsolo import Performance, Settings, improvise, load_player, stream
from saxsolo.audio.files import open_sound
from saxsolo.playing.mixing import SOLO_ABOVE_BACKING, balance

from .conftest import chords, save_checkpoint


def loudness(samples: np.ndarray) -> float:
    samples = samples.reshape(len(samples), -1)
    meter = LoudnessMeter(32000, samples.shape[1])
    meter.push(samples)
    return meter.loudness


@pytest.mark.parametrize("seconds", [None, 1.0, 1.23456, 4.5])
def test_the_solo_is_exactly_as_long_as_asked(player, backing, tmp_path, seconds):
    take = improvise(backing, seconds=seconds, player=player)
    wanted = round((3.0 if seconds is None else seconds) * 32000)
    assert take.solo.shape == (wanted,) and take.solo.dtype == np.float32
    assert take.mix.shape == (wanted, 2)
    take.save(tmp_path)
    for name in ("solo.wav", "mix.wav"):
        info = sf.info(tmp_path / name)
        assert (info.frames, info.samplerate) == (wanted, 32000)


def test_an_odd_rate_gives_the_length_of_the_backing_to_the_sample(player):
    sound = chords(2.0, 44100)[: 44100 + 12345]
    take = improvise((sound, 44100), player=player)
    assert len(take.solo) == round(len(sound) * 32000 / 44100)


def test_the_mix_is_the_backing_plus_the_solo_from_the_first_sample(player):
    sound = chords(2.0, 32000) * 0.3
    take = improvise((sound, 32000), player=player)
    gain = balance(loudness(np.stack([take.solo] * 2, axis=1)), loudness(sound))
    wanted = gain * take.solo[:, None] + sound
    peak = np.abs(soxr.resample(wanted, 1, 4)).max()
    quieter = min(1.0, 0.891 / max(peak, np.abs(wanted).max()))
    np.testing.assert_allclose(take.mix, quieter * wanted, atol=1e-4)


@pytest.mark.parametrize("level", [0.02, 0.3, 3.0])
def test_nothing_clips(player, tmp_path, level):
    sound = chords(2.0, 32000)
    take = improvise((sound / np.abs(sound).max() * level, 32000), player=player)
    take.save(tmp_path)
    for name in ("solo.wav", "mix.wav"):
        written = sf.read(tmp_path / name)[0]
        assert 0 < np.abs(written).max() <= 10 ** (-1 / 20)


def test_balance():
    assert balance(-30.0, -20.0) == pytest.approx(10 ** ((10 + SOLO_ABOVE_BACKING) / 20))
    assert balance(None, -20.0) == balance(-20.0, None) == 1.0
    assert balance(-70.0, -10.0) == pytest.approx(10 ** ((60 + SOLO_ABOVE_BACKING) / 20))


@pytest.mark.parametrize("peak", [0, -30, -40, -50])
def test_a_backing_of_any_level_is_balanced(player, tmp_path, peak):
    sound = chords(2.0, 32000)
    sound *= 10 ** (peak / 20) / np.abs(sound).max()
    take = improvise((sound, 32000), player=player)
    levels = take.mix_levels()
    whole = levels.whole
    solo = levels.solo * whole * np.repeat(take.solo[:, None], 2, axis=1)
    band = take.mix - solo
    assert loudness(solo) - loudness(band) == pytest.approx(SOLO_ABOVE_BACKING, abs=0.1)
    assert loudness(band) > -40.1
    assert np.abs(take.mix).max() <= 10 ** (-1 / 20)
    take.save(tmp_path)
    run = json.loads((tmp_path / "run.json").read_text())
    assert any("was raised by" in note for note in run["notes"]) == (whole > 1.01)


def test_a_quiet_backing_is_heard_as_a_louder_one_is(player):
    def heard(level: float) -> torch.Tensor:
        source = open_sound((chords(2.0, 32000) * level, 32000))
        return Performance(player, source, Settings()).listen().codes

    for level in (0.03, 1.0, 4.0):
        assert (heard(level) == heard(0.006)).float().mean() > 0.98


def test_same_seed_same_bits_and_another_seed_another_solo(player, checkpoint, backing, tmp_path):
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        improvise(backing, seed=seed, player=player).save(tmp_path / name)
    improvise(backing, seed=7, checkpoint=checkpoint).save(tmp_path / "loaded anew")
    a, b, c, anew = (
        (tmp_path / name / "solo.wav").read_bytes() for name in ("a", "b", "c", "loaded anew")
    )
    assert a == b == anew and a != c


def test_the_callers_random_numbers_are_left_alone(player, backing):
    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    improvise(backing, seconds=1, player=player)
    assert torch.equal(torch.rand(4), wanted)


@pytest.mark.parametrize(
    "other", [{"temperature": 0.3}, {"top_k": 2}, {"guidance": 3.0}, {"instrument": "alto"}]
)
def test_every_setting_changes_the_solo(player, backing, other):
    plain = improvise(backing, player=player)
    changed = improvise(backing, player=player, **other)
    assert not np.array_equal(plain.codes, changed.codes)
    settings = changed.run["settings"]
    assert {name: settings[name] for name in other} == other


def test_streaming_gives_the_same_samples_and_starts_before_the_end(player, backing):
    take = improvise(backing, seed=5, player=player)
    blocks = list(stream(backing, seed=5, player=player))
    assert len(blocks) > 1 and len(blocks[0]) <= 16000
    np.testing.assert_array_equal(np.concatenate(blocks), take.solo)


def test_the_first_block_comes_while_the_model_still_plays(player, backing, monkeypatch):
    ended = threading.Event()
    generate = type(player.solo.model).generate

    def watched(self, *arguments, **settings):
        codes = generate(self, *arguments, **settings)
        ended.set()
        return codes

    monkeypatch.setattr(type(player.solo.model), "generate", watched)
    blocks = stream((chords(20.0, 32000), 32000), player=player)
    next(blocks)
    assert not ended.is_set()
    blocks.close()
    assert not ended.is_set(), "leaving the stream did not stop the model"
    assert not [t for t in threading.enumerate() if t.name == "saxsolo"]


def test_an_error_inside_the_model_reaches_the_caller(player, backing, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken inside")

    monkeypatch.setattr(type(player.solo.model), "generate", broken)
    with pytest.raises(RuntimeError, match="broken inside"):
        list(stream(backing, player=player))


def test_what_is_wrong_is_raised_by_the_call_of_stream_itself(player, tmp_path):
    with pytest.raises(saxsolo.AudioError):
        stream(tmp_path / "nothing.wav", player=player)


def test_notes_are_those_of_the_score_stream(player, backing):
    take = improvise(backing, player=player)
    assert take.codes.shape == (5, 150) and take.codes.dtype == np.int16
    assert len(take.notes) > 0
    for note in take.notes:
        frame = round(note.onset * 50)
        assert (int(take.codes[0, frame]) - 1) % 60 + 40 == note.pitch
        assert 0 <= note.onset < 3.0 and note.duration > 0


def test_a_model_without_a_score_stream(backing, tmp_path):
    save_checkpoint(tmp_path, score_vocab_size=0)
    take = improvise(backing, checkpoint=tmp_path)
    assert take.codes.shape == (4, 150) and take.notes == [] and len(take.solo) == 96000


def test_longer_than_the_models_window(player):
    sound = chords(9.0, 32000)
    take = improvise((sound, 32000), player=player)
    assert player.solo.model.config.window_frames < 450 == take.codes.shape[1]
    assert len(take.solo) == len(sound)


def test_encodec_takes_the_codecs_place(checkpoint, backing, tmp_path):
    config = EncodecConfig(
        target_bandwidths=[2.2],
        sampling_rate=32000,
        codebook_size=2048,
        upsampling_ratios=[8, 5, 4, 4],
        num_filters=2,
        hidden_size=16,
        codebook_dim=16,
        num_lstm_layers=1,
    )
    torch.manual_seed(0)
    EncodecModel(config).save_pretrained(tmp_path)
    player = load_player(checkpoint, tmp_path)
    take = improvise((chords(12.0, 32000), 32000), player=player)
    assert len(take.solo) == 12 * 32000 and np.isfinite(take.solo).all()


@pytest.fixture(scope="module")
def written(checkpoint, backing, tmp_path_factory) -> dict:
    """run.json of a take."""
    folder = tmp_path_factory.mktemp("take")
    improvise(backing, seed=11, top_k=50, checkpoint=checkpoint).save(folder)
    return json.loads((folder / "run.json").read_text())


class TestRunJson:
    def test_seed_and_settings(self, written):
        assert written["seed"] == 11
        assert written["settings"]["top_k"] == 50
        assert written["generation_config"]["top_k"] == 50
        assert written["settings"]["instrument"] == "tenor"

    def test_weights(self, written, checkpoint):
        for name, folder in (("checkpoint", checkpoint), ("codec", checkpoint / "codec")):
            digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
            assert written[name] == {"name": str(folder), "sha256": digest}

    def test_versions(self, written):
        assert written["versions"]["torch"] == torch.__version__
        assert {"saxsolo", "python", "transformers", "numpy"} <= set(written["versions"])

    def test_times(self, written):
        assert written["audio_seconds"] == 3.0
        assert written["generation_seconds"] > 0
        ratio = written["audio_seconds"] / written["generation_seconds"]
        assert written["real_time_factor"] == pytest.approx(ratio)
