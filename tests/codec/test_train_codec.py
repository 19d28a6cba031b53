"""Training the codec: it learns, goes on after a break, stops on nonsense, ships what it learnt."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml

from modeling_saxsolo.configuration_saxcodec import SaxcodecConfig
from modeling_saxsolo.modeling_saxcodec import SaxcodecModel
from saxsolo.training import codec_segments
from saxsolo.training.codec_losses import ChordHead, CodecLoss
from saxsolo.training.codec_run import CodecRun
from saxsolo.training.codec_segments import F0_CENTRE, solo_f0
from saxsolo.training.codec_settings import CodecTraining
from saxsolo.training.codec_trainer import train_codec as train
from saxsolo.training.errors import TrainingError

from ..command_line import command

ROOT = Path(__file__).resolve().parents[2]
RATE, SECONDS = 32000, 3


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    """Two pairs: tones with their pitch, and noise for a backing."""
    folder = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(0)
    time = np.arange(RATE * SECONDS) / RATE
    for name, hertz in (("a", 220.0), ("b", 330.0)):
        place = folder / "train" / name
        place.mkdir(parents=True)
        tone = sum(np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, 6))
        soundfile.write(place / "solo.flac", 0.2 * tone, RATE)
        soundfile.write(place / "backing.flac", 0.05 * rng.standard_normal(len(time)), RATE)
        np.save(place / f"f0_{F0_CENTRE}.npy", np.full(len(time) // 320, hertz, np.float32))
        labels = np.full((SECONDS * 50, 4), -100, np.int16)
        labels[10:, :2] = 3, 1
        np.savez(place / "labels.npz", frame_labels=labels)
    return folder


def config(**changes) -> CodecTraining:
    words = yaml.safe_load((ROOT / "configs" / "codec-tiny.yaml").read_text())
    # steps end these runs, however slow the machine is
    return CodecTraining(**{**words, "minutes": 60, **changes})


def losses(run: Path) -> list[float]:
    return [json.loads(line)["solo"] for line in (run / "log.jsonl").read_text().splitlines()]


def test_it_learns_and_ships(pairs, tmp_path):
    final = train(config(max_steps=100, quantize_after=40), pairs, tmp_path)
    first, last = losses(tmp_path)
    assert last < first
    codec = SaxcodecModel.from_pretrained(final).eval()
    with torch.inference_mode():
        codes = codec.encode(torch.zeros(1, 1, 6400))
        assert torch.isfinite(codec.decode(codes)).all()
    assert list(final.glob("*.safetensors"))


def test_a_decoder_learns_alone_and_the_codes_stay(pairs, tmp_path):
    """Whatever was tokenised with the old codec is still valid with the new one."""
    first = train(config(model={**config().model, "decoder_lookahead": 0}), pairs, tmp_path / "a")
    sound = torch.randn(1, 1, 6400, generator=torch.Generator().manual_seed(0))
    old = SaxcodecModel.from_pretrained(first).eval()
    words = {"train_codes": False, "max_steps": 1, "learning_rate": 0.0}
    same = SaxcodecModel.from_pretrained(train(config(**words), pairs, tmp_path / "b", first))
    final = train(config(train_codes=False, max_steps=60), pairs, tmp_path / "c", first)
    new = SaxcodecModel.from_pretrained(final).eval()
    with torch.inference_mode():
        codes = old.encode(sound)
        assert torch.equal(new.encode(sound), codes)
        # what it may read ahead is silent at first: weights are kept in half precision
        torch.testing.assert_close(same.decode(codes), old.decode(codes), atol=1e-3, rtol=1e-2)
        assert not torch.allclose(new.decode(codes), old.decode(codes), atol=1e-3)
    assert losses(tmp_path / "c")


def test_codes_cannot_stay_that_were_never_learnt(pairs, tmp_path):
    with pytest.raises(ValueError, match="--init-from"):
        train(config(train_codes=False), pairs, tmp_path)
    other = train(config(max_steps=1), pairs, tmp_path / "a")
    with pytest.raises(ValueError, match="other sizes"):
        train(config(model={"codebook_size": 64}), pairs, tmp_path / "b", other)


def test_it_goes_on_where_it_stopped(pairs, tmp_path):
    train(config(max_steps=6), pairs, tmp_path)
    run = CodecRun(config(), tmp_path)
    assert run.step == 6 and run.seconds > 0
    assert len(run.optimizer.state) > 0
    train(config(max_steps=9), pairs, tmp_path)
    assert CodecRun(config(), tmp_path).step == 9


def test_a_break_between_two_renames_loses_nothing(pairs, tmp_path):
    train(config(max_steps=6), pairs, tmp_path)
    (tmp_path / "state").rename(tmp_path / "state.old")
    assert CodecRun(config(), tmp_path).step == 6


def test_nonsense_stops_the_run(pairs, tmp_path):
    with pytest.raises(TrainingError, match="learning_rate"):
        train(config(learning_rate=1e30, max_steps=30), pairs, tmp_path)


def test_no_pairs_says_how_to_make_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="saxsolo corpus render"):
        train(config(), tmp_path / "none", tmp_path / "run")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("batch_sise: 4", "key 'batch_sise' is unknown; the nearest known one is 'batch_size'"),
        ("minutes: .nan", "minutes is nan; it must be at least 0"),
        ("solo_share: 2", "solo_share is 2; it must lie in 0..1"),
        ("model: {encoder_sise: 4}", "the nearest known one is 'encoder_size'"),
    ],
)
def test_a_config_that_is_wrong_ends_in_one_line(pairs, tmp_path, capsys, text, said):
    words = yaml.safe_load((ROOT / "configs" / "codec-tiny.yaml").read_text())
    path = tmp_path / "codec.yaml"
    path.write_text(yaml.safe_dump({**words, **yaml.safe_load(text)}))
    assert command("train-codec", path, "--pairs", pairs, "--out", tmp_path / "run") == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("saxsolo: ") and said in error


def test_pitch_loss_is_least_at_the_pitch():
    codec = SaxcodecModel(SaxcodecConfig(**config().model))
    loss = CodecLoss(codec)
    f0 = torch.tensor([[220.0, 0.0]])
    at = torch.zeros(1, 2, codec.config.f0_bins + 1)
    at[0, 0, 1 + round(float(codec.f0_to_bin(torch.tensor(220.0))))] = 5
    at[0, 1, 0] = 5
    off = at.roll(3, -1)
    assert loss.pitch(at, f0) < loss.pitch(torch.zeros_like(at), f0) < loss.pitch(off, f0)


def test_damage_raises_the_spectral_loss():
    codec = SaxcodecModel(SaxcodecConfig(**config().model))
    loss = CodecLoss(codec)
    sound = torch.randn(2, 16000, generator=torch.Generator().manual_seed(0)) * 0.1
    assert loss.spectral(sound, sound).max() == 0
    assert (loss.spectral(0.5 * sound, sound) > 0.3).all()


def test_pitch_is_read_between_the_trackers_frames(tmp_path, monkeypatch):
    times = np.arange(100) * 0.016
    track = np.where(np.arange(100) < 50, 200.0 + np.arange(100), 0.0)
    monkeypatch.setattr(codec_segments, "track_f0", lambda audio, rate: (times, track))
    f0 = solo_f0(tmp_path, np.zeros(RATE, np.int16), RATE)
    assert len(f0) == RATE // 320
    moment = (10 * 320 + F0_CENTRE) / RATE
    assert f0[10] == pytest.approx(200 + moment / 0.016, abs=0.05)
    assert f0[95] == 0
    assert np.array_equal(np.load(tmp_path / f"f0_{F0_CENTRE}.npy"), f0)


def test_the_chord_head_learns_chords_and_lets_unknown_ones_be():
    torch.manual_seed(0)
    head = ChordHead(8)
    vectors = torch.randn(4, 20, 8, requires_grad=True)
    chords = torch.full((4, 20, 2), -100)
    assert head(vectors, chords).item() == 0
    chords[1, 5:] = torch.tensor([12, 7])
    loss = head(vectors, chords)
    loss.backward()
    assert loss.item() > 0
    assert vectors.grad[1].abs().sum() > 0, "the codec hears of its chords through the codes"
    assert not vectors.grad[[0, 2, 3]].any()
