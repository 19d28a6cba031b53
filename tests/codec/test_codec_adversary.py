"""Discriminators tell sounds apart, the decoder learns from them, and codes that must stay do."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml

from modeling_saxsolo.modeling_saxcodec import SaxcodecModel
from saxsolo.training import codec_trainer
from saxsolo.training.codec_adversary import Adversary
from saxsolo.training.codec_balance import GradientBalance
from saxsolo.training.codec_batches import drawn_batches
from saxsolo.training.codec_discriminators import (
    Discriminators,
    adversarial_loss,
    discriminator_loss,
    feature_loss,
)
from saxsolo.training.codec_run import CodecRun
from saxsolo.training.codec_settings import CodecTraining
from saxsolo.training.codec_trainer import train_codec

ROOT = Path(__file__).resolve().parents[2]
RATE = 44100


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A tone with its pitch beside it."""
    place = tmp_path_factory.mktemp("lessons")
    time = np.arange(2 * RATE) / RATE
    tone = sum(np.sin(2 * np.pi * k * 220 * time) / k for k in range(1, 6))
    soundfile.write(place / "tone.flac", 0.2 * tone, RATE)
    np.save(place / "tone.f0.npy", np.full(400, 220.0, np.float32))
    return place


def config(**changes) -> CodecTraining:
    words = yaml.safe_load((ROOT / "configs" / "codec-tiny.yaml").read_text())
    model = words["model"] | {
        "sampling_rate": RATE, "hop_length": 441, "n_fft": 1764, "long_n_fft": 5292,
        "decoder_lookahead": 3, "max_f0": 2093.0, "pitch_codes": True, "codebook_size": 64,
    }  # fmt: skip
    opponent = {"adversarial_weight": 0.7, "feature_weight": 1.5, "discriminator_channels": 2}
    return CodecTraining(**{**words, "model": model, "minutes": 60, **opponent, **changes})


def test_discriminators_learn_to_tell_noise_from_a_tone():
    torch.manual_seed(0)
    adversary = Adversary(2, torch.device("cpu"), half_precision=False)
    tone = 0.3 * torch.sin(torch.arange(8192) * 0.05).repeat(2, 1)
    noise = 0.3 * torch.randn(2, 8192)
    first, *_, last = (float(adversary.learn(tone, noise, 5e-3)) for _ in range(25))
    assert last < 0.6 * first
    sound = noise.clone().requires_grad_()
    deceived, features = adversary.losses(tone, sound)
    (deceived + features).backward()
    assert sound.grad.abs().sum() > 0
    # the discriminators themselves learn nothing from the codec's loss
    assert all(not p.requires_grad for p in adversary.judges.parameters())


def test_no_difference_is_no_feature_loss():
    judges = Discriminators(2)
    seen = judges(torch.randn(1, 4096))
    assert float(feature_loss(seen, seen).detach()) == 0
    # whoever cannot tell is best off at one half each
    half = [(torch.full((1, 1), 0.5), [])]
    assert float(discriminator_loss(half, half)) == pytest.approx(0.5)
    assert float(adversarial_loss(half)) == pytest.approx(0.25)


def test_a_decoder_learns_from_an_opponent_and_the_codes_stay(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(codec_trainer, "LOG_EVERY", 4)
    first = train_codec(
        config(max_steps=8, adversarial_weight=0, feature_weight=0), None, tmp_path / "a",
        audio=folder,
    )  # fmt: skip
    run, words = tmp_path / "b", {"train_codes": False}
    train_codec(config(max_steps=2, **words), None, run, first, audio=folder)
    final = train_codec(config(max_steps=12, **words), None, run, first, audio=folder)
    row = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    assert row["step"] == 12 and row["discriminators"] > 0 and row["features"] > 0
    old, new = (SaxcodecModel.from_pretrained(codec).eval() for codec in (first, final))
    sound = torch.randn(1, 1, 6 * 882, generator=torch.Generator().manual_seed(0)) * 0.1
    with torch.inference_mode():
        codes = old.encode(sound)
        assert torch.equal(new.encode(sound), codes)
        assert not torch.allclose(new.decode(codes), old.decode(codes), atol=1e-4)
    again = CodecRun(config(**words), run, first)
    judges = dict(again.adversary.judges.named_parameters())
    assert again.step == 12 and again.adversary.optimizer.state[next(iter(judges.values()))]


def test_a_loss_pulls_by_its_weight_whatever_its_size():
    sound = torch.randn(3, 100, requires_grad=True)
    measure, huge = sound.square().mean(), 1e5 * (sound - 1).abs().mean()
    balance = GradientBalance()
    balance.loss(sound, measure, [(huge, 0.5)]).backward()
    strength = torch.autograd.grad(sound.square().mean(), sound)[0].flatten(1).norm(dim=1).mean()
    assert float(sound.grad.norm(dim=1).mean() / strength) == pytest.approx(0.5, rel=0.05)


def test_other_processes_draw_different_batches():
    class Numbers:
        def batch(self, rng, config, samples):
            drawn = torch.from_numpy(rng.random(samples))
            return drawn, drawn, drawn, drawn

    batches = drawn_batches(Numbers(), np.random.default_rng(0), config(loader_workers=2), 3)
    seen = {tuple(next(batches)[0].tolist()) for _ in range(6)}
    assert len(seen) == 6
