"""Training on any folder of sound, and measuring on one."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml

from modeling_saxsolo.configuration_saxcodec import SaxcodecConfig
from modeling_saxsolo.modeling_saxcodec import SaxcodecModel
from modeling_saxsolo.vocabulary_saxsolo import UNKNOWN
from saxsolo.training.codec_audio import AudioFolder, at_times
from saxsolo.training.codec_audio_evaluation import damage_table, evaluate_on_audio
from saxsolo.training.codec_losses import CodecLoss
from saxsolo.training.codec_settings import CodecTraining
from saxsolo.training.codec_trainer import train_codec
from saxsolo.training.errors import SettingsError

pytest.importorskip("swift_f0", reason="needs swift-f0", exc_type=ImportError)
ROOT = Path(__file__).resolve().parents[2]
RATE = 44100
MODEL = {
    "sampling_rate": RATE, "hop_length": 441, "n_fft": 1764, "long_n_fft": 5292,
    "decoder_lookahead": 3, "pitch_codes": True, "filter_bands": 60, "free_bins": 200,
    "encoder_size": 16, "encoder_layers": 1, "decoder_size": 16, "decoder_layers": 1,
    "codebook_dim": 8, "codebook_size": 32,
}  # fmt: skip


def tone(hertz: float, seconds: float = 2.0, rate: int = RATE) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    return 0.2 * sum(np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, 8))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two sounds in folders of their own, and all that lies about on a disk."""
    place = tmp_path_factory.mktemp("any")
    (place / "a").mkdir()
    soundfile.write(place / "a" / "one.flac", tone(220.0), RATE)
    stereo = np.stack([tone(330.0, rate=32000)] * 2, 1)
    soundfile.write(place / "two.wav", stereo, 32000)
    soundfile.write(place / "silent.wav", np.zeros(2 * RATE), RATE)
    soundfile.write(place / "low.wav", tone(220.0, rate=8000), 8000)
    soundfile.write(place / "short.wav", tone(220.0, 0.2), RATE)
    noise = np.random.default_rng(0).normal(0, 0.1, 2 * RATE)
    soundfile.write(place / "noise.wav", noise, RATE)
    (place / "broken.mp3").write_bytes(b"not a sound" * 100)
    (place / "empty.wav").touch()
    (place / "list.txt").write_text("two sounds")
    (place / ".hidden.wav").write_bytes(b"half")
    return place


def config(**changes) -> CodecTraining:
    words = yaml.safe_load((ROOT / "configs" / "codec2.yaml").read_text())
    small = {
        "model": MODEL, "batch_size": 2, "segment_frames": 10, "quantize_after": 4, "max_steps": 8,
    }  # fmt: skip
    return CodecTraining(**{**words, **small, **changes})


def test_what_is_no_lesson_is_left_out_and_said(folder, tmp_path):
    lessons = AudioFolder(folder, SaxcodecConfig(**MODEL), tmp_path)
    assert len(lessons.sounds) == 2
    said = lessons.report()
    assert said.startswith("kept 2 sounds, 0.00 hours, left out ")
    for reason in ("1 silent", "1 below 22050", "1 without pitch", "3 that cannot be read", "name"):
        assert reason in said
    assert abs(1200 * np.log2(np.median(lessons.f0[0]) / 220)) < 5
    # what was measured once is there the next time
    assert len(list(tmp_path.glob("*.f0.npy"))) == 3
    again = AudioFolder(folder, SaxcodecConfig(**MODEL), tmp_path)
    assert all(np.array_equal(a, b) for a, b in zip(again.f0, lessons.f0, strict=True))


def test_a_pitch_beside_the_sound_is_taken(tmp_path):
    soundfile.write(tmp_path / "x.flac", tone(220.0), RATE)
    np.save(tmp_path / "x.f0.npy", np.full(401, 123.0, np.float32))
    lessons = AudioFolder(tmp_path, SaxcodecConfig(**MODEL), tmp_path / "kept")
    assert (lessons.f0[0] == 123).all() and not (tmp_path / "kept").exists()


@pytest.mark.parametrize("semitones", [0.0, 12.0])
def test_a_batch_has_the_pitch_that_it_sounds(folder, tmp_path, semitones):
    lessons = AudioFolder(folder, SaxcodecConfig(**MODEL), tmp_path)
    words = config(speed_semitones=semitones, equaliser_db=0.0, noise_share=0.0, batch_size=8)
    audio, f0, solo, chords = lessons.batch(np.random.default_rng(0), words, 20 * 882)
    assert audio.shape == (8, 1, 20 * 882) and f0.shape == (8, 20)
    assert solo.all() and (chords == UNKNOWN).all()
    time = torch.arange(20 * 882) / RATE
    for sound, pitch in zip(audio[:, 0], f0, strict=True):
        hertz = float(pitch[5:15].median())
        turn = torch.exp(-2j * torch.pi * hertz * time) * torch.hann_window(len(time))
        assert (sound * turn).sum().abs() > 0.2 * sound.square().sum().sqrt() * len(time) ** 0.5


@pytest.mark.parametrize("name", ["nothing", "sounds.wav"])
def test_no_folder_or_none_with_sound_is_refused(tmp_path, name):
    (tmp_path / "sounds.wav").touch()
    (tmp_path / "nothing").mkdir()
    with pytest.raises(SettingsError, match="no sound|not a folder"):
        AudioFolder(tmp_path / name, SaxcodecConfig(**MODEL), tmp_path)


def test_it_learns_from_a_folder_and_goes_on(folder, tmp_path, capsys):
    final = train_codec(config(), None, tmp_path, audio=folder)
    assert "kept 2 sounds" in capsys.readouterr().out
    train_codec(config(max_steps=10), None, tmp_path, audio=folder)
    codec = SaxcodecModel.from_pretrained(final).eval()
    with torch.inference_mode():
        codes = codec.encode(torch.zeros(1, 1, 5 * 882))
        assert codes.shape == (1, 4, 5)
        assert torch.isfinite(codec.decode(codes)).all()
    figures = evaluate_on_audio(codec, folder / "a", 2.0)
    assert figures["sounds"] == 1 and figures["log_mel_distance_44100"] > 0
    rows = list(damage_table(codec, folder / "a", 2.0, {"halved": lambda x, rate: x / 2}))
    assert len(rows) == 3 and rows[2].startswith("| halved |")
    assert rows[2].count("|") == rows[0].count("|")


def test_pairs_are_not_for_a_codec_of_another_rate(tmp_path):
    with pytest.raises(SettingsError, match="--audio"):
        train_codec(config(), tmp_path, tmp_path / "run")
    with pytest.raises(SettingsError, match="--pairs PAIRS or --audio"):
        train_codec(config(), None, tmp_path / "run2")


def test_pitch_between_frames_is_that_of_the_nearer_note():
    f0 = np.array([200.0, 202.0, 0.0, 400.0])
    assert at_times(f0, np.array([0.0025]))[0] == pytest.approx(201.0, abs=0.01)
    found = at_times(f0, np.array([0.006, 0.009, 0.014, 9.0]))
    assert found == pytest.approx([202.0, 0.0, 400.0, 400.0])


def test_the_error_in_cents_is_least_at_the_pitch():
    codec = SaxcodecModel(SaxcodecConfig(**MODEL))
    loss = CodecLoss(codec)
    f0 = torch.tensor([[220.0, 0.0]])
    steps = torch.arange(codec.config.f0_bins)
    place = codec.f0_to_bin(torch.tensor(220.0))

    def error(bins: float) -> float:
        logits = torch.zeros(1, 2, 1 + codec.config.f0_bins)
        logits[0, 0, 1:] = -((steps - place - bins) ** 2)
        return float(loss.pitch_cents(logits, f0))

    assert error(0.0) < 0.05 < error(0.5) < error(1.0)
