"""Where chord and beat come from: the codes, the ear's spectrum, or both."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from modeling_saxsolo import SaxcodecConfig, SaxcodecModel, SaxsoloConfig, SaxsoloProcessor
from modeling_saxsolo.configuration_saxsolo import SaxsoloConfigError
from modeling_saxsolo.ear_saxsolo import SaxsoloEar, SaxsoloEarConfig
from modeling_saxsolo.ear_stream_saxsolo import band_frames
from modeling_saxsolo.vocabulary_saxsolo import LABEL_SIZES

CLASSES = sum(LABEL_SIZES.values())
BY_EAR = {"listen": "labels", "hears": "spectrum", "frame_labels": dict(LABEL_SIZES)}


def random_posteriors(batch: int, frames: int, seed: int = 0) -> torch.Tensor:
    """(B, 41, T), each label's classes sum to 1."""
    logits = 4 * torch.randn(batch, CLASSES, frames, generator=torch.Generator().manual_seed(seed))
    parts = logits.split(list(LABEL_SIZES.values()), dim=1)
    return torch.cat([part.softmax(1) for part in parts], dim=1)


def test_a_model_with_an_ear_has_no_weights_for_codes(make_model):
    names = [name for name, _ in make_model(**BY_EAR).encoder.named_parameters()]
    assert not any(name.startswith(("embed", "layers", "label_head")) for name in names)


def test_a_model_with_an_ear_plays_without_codes(make_model):
    model = make_model(**BY_EAR)
    posteriors = random_posteriors(2, 90)
    settings = {"do_sample": False, "guidance_scale": 1.5}
    first = model.generate(frame_label_posteriors=posteriors, **settings)
    codes = torch.randint(0, model.config.codebook_size, (2, 3, 90))
    same = model.generate(codes, frame_label_posteriors=posteriors, **settings)
    assert first.shape == (2, model.config.num_streams, 90) and torch.equal(first, same)
    other = model.generate(frame_label_posteriors=posteriors.flip(-1), **settings)
    assert not torch.equal(first, other)


def test_a_model_with_an_ear_does_not_guess_without_it(make_model, make_inputs):
    model = make_model(**BY_EAR)
    codes = torch.zeros(1, 3, 20, dtype=torch.long)
    with pytest.raises(ValueError, match="frame_label_posteriors"):
        model.generate(codes)
    told = torch.zeros(1, 4, 20, dtype=torch.long)
    assert model.generate(codes, frame_label_inputs=told, do_sample=False).shape[-1] == 20
    told[0, 1, 7] = -100
    with pytest.raises(ValueError, match="every frame"):
        model.generate(codes, frame_label_inputs=told)
    with pytest.raises(ValueError, match="backing_codes are missing"):
        make_model().generate()


def test_both_opinions_meet_in_the_middle(make_model, make_inputs):
    """Where heads and ear agree, nothing changes; where they differ, it is neither's."""
    model = make_model(listen="labels", hears="both", frame_labels=dict(LABEL_SIZES))
    inputs = make_inputs(model.config)
    keep = ("backing_codes", "attention_mask", "condition_ids")
    heard = {name: inputs[name] for name in keep}
    with torch.no_grad():
        heads = model.encoder(**heard, frame_label_posteriors=None)
        logits = heads.frame_label_logits.split(list(LABEL_SIZES.values()), dim=-1)
        own = torch.cat([part.softmax(-1) for part in logits], -1).transpose(1, 2)
        agreeing = model.encoder(**heard, frame_label_posteriors=own)
        other = random_posteriors(len(own), own.shape[-1])
        mixed = model.encoder(**heard, frame_label_posteriors=other)
        model.config.hears = "spectrum"
        ear = model.encoder(**heard, frame_label_posteriors=other)
    torch.testing.assert_close(agreeing.clock, heads.clock, atol=1e-3, rtol=1e-3)
    for alone in (heads, ear):
        assert (mixed.clock - alone.clock).abs().max() > 1e-3


def test_training_by_ear_reaches_every_weight(make_model, make_inputs):
    model = make_model(**BY_EAR).train()
    inputs = make_inputs(model.config)
    inputs.pop("frame_label_inputs", None)
    posteriors = random_posteriors(*inputs["backing_codes"].shape[::2])
    model(**inputs, frame_label_posteriors=posteriors).loss.backward()
    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert not without


@pytest.mark.parametrize(
    "wrong",
    [{"hears": "eyes"}, {"hears": "spectrum", "listen": "states", "degrees": False},
     {"hears": "both", "frame_labels": {"chord_root": 13}}],
)  # fmt: skip
def test_settings_that_contradict_each_other_are_refused(wrong):
    with pytest.raises(SaxsoloConfigError, match="hears"):
        SaxsoloConfig(**wrong)


@pytest.fixture(scope="module")
def processors() -> dict[str, SaxsoloProcessor]:
    torch.manual_seed(3)
    sizes = {"encoder_size": 16, "encoder_layers": 1, "decoder_size": 16, "decoder_layers": 1}
    codec = SaxcodecModel(SaxcodecConfig(**sizes, codebook_dim=8)).eval()
    ear = SaxsoloEar(
        SaxsoloEarConfig(
            note_channels=2, channels=4, scalars=8, num_hidden_layers=1, num_attention_heads=2,
            rhythm_channels=4, ratio_channels=2,
        )
    ).eval()  # fmt: skip
    return {
        hears: SaxsoloProcessor(
            codec, SaxsoloConfig(codec_dim=0, listen="labels", hears=hears), ear=ear
        )
        for hears in ("codes", "spectrum", "both")
    }


RATE = 44_100


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=(round(7.31 * RATE), 2))
    return (0.1 * noise).astype(np.float32)


def test_the_processor_gives_what_the_model_hears(processors, sound):
    given = {hears: set(p(sound, sampling_rate=RATE)) for hears, p in processors.items()}
    always = {"attention_mask", "condition_ids", "forced_codes"}
    assert given["codes"] == always | {"backing_codes"}
    sheet = {"beat_times", "beat_places", "beat_chords"}
    assert given["spectrum"] == always | {"frame_label_posteriors"} | sheet
    assert given["both"] == given["codes"] | given["spectrum"]
    with pytest.raises(ValueError, match="give ear="):
        config = SaxsoloConfig(codec_dim=0, listen="labels", hears="spectrum")
        SaxsoloProcessor(processors["codes"].codec, config)


@pytest.mark.parametrize("hears", ["spectrum", "both"])
@pytest.mark.parametrize("size", [997, 200_000])
def test_blocks_are_heard_as_the_whole(processors, sound, hears, size):
    processor = processors[hears]
    blocks = (sound[start : start + size] for start in range(0, len(sound), size))
    measure = processor.measure(sound, RATE)
    whole = processor(sound, sampling_rate=RATE)
    by_blocks = processor(blocks, sampling_rate=RATE, measure=measure)
    assert all(torch.equal(by_blocks[name], whole[name]) for name in whole)


@pytest.mark.parametrize("seconds", [None, 0.5, 0.013, 3.0, 9.0])
@pytest.mark.parametrize("rate", [8000, 11025, 44100, 96000])
def test_there_are_as_many_frames_as_codes(processors, sound, rate, seconds):
    for part in (sound, sound[:1], sound[:641], sound[:44_099]):
        inputs = processors["both"](part, sampling_rate=rate, seconds=seconds, force=True)
        frames = inputs["backing_codes"].shape[-1]
        assert inputs["frame_label_posteriors"].shape == (1, CLASSES, frames)
        assert inputs["attention_mask"].shape == (1, frames)


def test_a_batch_is_its_rows(processors, sound):
    processor = processors["spectrum"]
    rows = [sound, sound[: RATE * 2], 0.1 * sound[: RATE * 3]]
    batch = processor(rows, sampling_rate=RATE)
    for place, row in enumerate(rows):
        alone = processor(row, sampling_rate=RATE)["frame_label_posteriors"][0]
        frames = alone.shape[-1]
        assert torch.equal(batch["frame_label_posteriors"][place, :, :frames], alone)
        assert batch["attention_mask"][place].sum() == frames
        assert not batch["frame_label_posteriors"][place, :, frames:].any()


def test_the_ear_goes_with_the_processor(processors, sound, tmp_path):
    processor = processors["spectrum"]
    processor.save_pretrained(tmp_path / "whole")
    processor.ear.save_pretrained(tmp_path / "ear")
    processor.save_pretrained(tmp_path / "named", ear_reference="../ear")
    assert not (tmp_path / "named" / "ear").exists()
    wanted = processor(sound, sampling_rate=RATE)["frame_label_posteriors"]
    for folder in ("whole", "named"):
        loaded = SaxsoloProcessor.from_pretrained(tmp_path / folder)
        assert not loaded.reads_codes
        assert torch.equal(loaded(sound, sampling_rate=RATE)["frame_label_posteriors"], wanted)
    (tmp_path / "ear").rename(tmp_path / "moved")
    with pytest.raises(OSError, match=r"names the ear \.\./ear, but .* is not a folder"):
        SaxsoloProcessor.from_pretrained(tmp_path / "named")
    SaxsoloProcessor.from_pretrained(tmp_path / "named", ear=tmp_path / "moved")


def activity(*stretches: tuple[int, int]) -> torch.Tensor:
    """(F, 3): so many frames of nothing (0), a count-in (1) or the band (2), heard with 0.9."""
    classes = torch.cat([torch.full((frames,), kind) for frames, kind in stretches])
    return 0.9 * F.one_hot(classes, 3) + 0.1 / 3


@pytest.mark.parametrize(
    "stretches, wanted",
    [
        ([(500, 2)], (0, 500)),
        ([(120, 0), (500, 2)], (120, 620)),
        ([(50, 0), (200, 1), (500, 2), (90, 0)], (250, 750)),
        ([(300, 2), (60, 0), (300, 2)], (0, 660)),
        ([(10, 0), (300, 2), (5, 0)], (0, 315)),
        ([(400, 0)], (0, 400)),
    ],
)
def test_the_band_is_between_count_in_and_silence(stretches, wanted):
    assert band_frames(activity(*stretches)) == wanted


def test_rests_are_silence_and_the_rest_is_free(processors):
    processor = processors["spectrum"]
    heard = {"activity": activity((100, 1), (200, 2), (100, 0))}
    rests = processor.rests(400, heard)
    assert rests.shape == (5, 400)
    assert (rests[:, 100:300] == -1).all() and (rests[0, :100] == 0).all()
    assert (rests[1:, :100] == processor.silence[:, None]).all()
    assert torch.equal(rests[:, 300:], rests[:, :100])
    assert (processor.rests(400, heard, start=0.5)[:, 25:300] == -1).all()
    assert (processor.rests(400, heard, to_the_end=True)[:, 100:] == -1).all()
    assert (processor.rests(400, None) == -1).all()
    # a last chord fades for two seconds; what is quiet for longer is music
    fading = {"activity": activity((100, 1), (300, 2))}
    assert (processor.rests(400, fading, fades_from=6.0)[0] == rests[0]).all()
    assert (processor.rests(400, fading, fades_from=3.0)[:, 100:] == -1).all()


def test_what_is_given_is_played_and_nothing_else_changes(make_model):
    """Rests in front of the solo, a note in the middle of it."""
    model = make_model(**BY_EAR)
    streams, frames = model.config.num_streams, 130
    inputs = {"frame_label_posteriors": random_posteriors(1, frames), "do_sample": False}
    free = torch.full((1, streams, frames), -1)
    plain = model.generate(**inputs)
    assert torch.equal(model.generate(**inputs, forced_codes=free), plain)
    given = free.clone()
    given[..., :40] = torch.tensor([0, 3, 4, 5])[:, None]
    given[:, 0, 90:95] = torch.tensor([2, 6, 6, 6, 6])
    played = model.generate(**inputs, forced_codes=given, plan_frames=20)
    known = given >= 0
    assert torch.equal(played[known], given[known])
    same = plain.clone()
    same[..., 60:] = -1
    again = model.generate(**inputs, forced_codes=same)
    assert torch.equal(again, plain)
    with pytest.raises(ValueError, match="forced_codes"):
        model.generate(**inputs, forced_codes=free[..., 1:])
