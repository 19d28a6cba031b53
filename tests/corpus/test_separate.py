"""Separation: the plumbing with a tiny random HTDemucs, the content with an oracle."""

import json

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

from saxsolo.corpus.config import SeparateConfig
from saxsolo.corpus.recordings import separators
from saxsolo.corpus.recordings.separate import separate_recording
from saxsolo.corpus.recordings.separators import Segment, SeparatorError, make_separator
from saxsolo.corpus.stage_state import ItemError

RATE = 32000
ORACLE = SeparateConfig(separator="oracle", segment_seconds=2.0, context_seconds=0.5)


def stems_of(folder):
    return [soundfile.read(folder / f"{name}.flac", dtype="float32")[0] for name in STEMS]


STEMS = ("backing", "solo")


def correlation(one, other):
    return float(np.corrcoef(one, other)[0, 1])


def test_the_oracle_gives_the_stems_back_across_segments(sounds, tmp_path):
    path = sounds.recording(tmp_path / "in", "a", 7.3, seed=1)
    stems = separate_recording(path, make_separator(ORACLE), tmp_path / "out", ORACLE)
    assert stems.samples == round(7.3 * RATE)
    for name, got in zip(STEMS, stems_of(tmp_path / "out"), strict=True):
        true, _ = soundfile.read(path.with_name(f"a.{name}.flac"), dtype="float32")
        assert len(got) == len(true)
        assert correlation(got, true) > 0.9999, "no seam, no shift"
    assert not list(tmp_path.glob(".*")) and not list((tmp_path / "out").glob("*.wav"))


def test_both_stems_end_at_one_loudness(sounds, tmp_path):
    from modeling_saxsolo.loudness_saxsolo import LoudnessMeter

    path = sounds.recording(tmp_path / "in", "a", 5.0, seed=1)
    separate_recording(path, make_separator(ORACLE), tmp_path / "out", ORACLE)
    for sound in stems_of(tmp_path / "out"):
        meter = LoudnessMeter(RATE, 1)
        meter.push(sound[:, None])
        assert meter.loudness == pytest.approx(-20.0, abs=0.2)


class Passing:
    """Gives the mix back as both stems, at 44.1 kHz stereo."""

    sampling_rate, channels = 44100, 2

    def __init__(self, spoil=False):
        self.spoil, self.longest = spoil, 0

    def separate(self, segment):
        self.longest = max(self.longest, segment.audio.shape[1])
        audio = np.full_like(segment.audio, np.nan) if self.spoil else segment.audio
        return np.stack([audio, audio])


@pytest.mark.parametrize("context", [0.0, 0.31, 1.0])
def test_segments_join_without_a_seam_at_another_rate(sounds, tmp_path, context):
    path = sounds.recording(tmp_path / "in", "a", 6.1, seed=2)
    config = ORACLE.changed(context_seconds=context)
    separator = Passing()
    separate_recording(path, separator, tmp_path / "out", config)
    assert separator.longest <= (2.0 + 2.5 * context) * 44100 + 2, (
        "memory does not grow with length"
    )
    whole = ORACLE.changed(segment_seconds=60.0)
    separate_recording(path, Passing(), tmp_path / "whole", whole)
    for got, wanted in zip(stems_of(tmp_path / "out"), stems_of(tmp_path / "whole"), strict=True):
        assert len(got) == round(6.1 * RATE)
        np.testing.assert_allclose(got, wanted, atol=1e-4)


def test_nan_and_silence_are_refused_and_leave_nothing(sounds, tmp_path):
    path = sounds.recording(tmp_path / "in", "a", 3.0, seed=3)
    with pytest.raises(ItemError, match="made NaN"):
        separate_recording(path, Passing(spoil=True), tmp_path / "out", ORACLE)
    soundfile.write(tmp_path / "still.flac", np.zeros(3 * RATE), RATE)
    with pytest.raises(ItemError, match="is silent"):
        separate_recording(tmp_path / "still.flac", Passing(), tmp_path / "out", ORACLE)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in", "still.flac"]


def test_a_silent_stem_stays_silent(sounds, tmp_path):
    path = sounds.recording(tmp_path / "in", "a", 3.0, seed=3)
    soundfile.write(path.with_name("a.solo.flac"), np.zeros(3 * RATE), RATE)
    separate_recording(path, make_separator(ORACLE), tmp_path / "out", ORACLE)
    assert not stems_of(tmp_path / "out")[1].any()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A tiny HTDemucs of six sources, saved as the demucs project does."""
    from demucs.htdemucs import HTDemucs

    torch.manual_seed(0)
    sources = ["drums", "bass", "other", "vocals", "guitar", "piano"]
    kwargs = {"sources": sources, "channels": 8, "t_layers": 1, "t_heads": 2, "segment": 1}
    model = HTDemucs(**kwargs, nfft=1024, bottom_channels=16, t_hidden_scale=1.0)
    kwargs |= {"nfft": 1024, "bottom_channels": 16, "t_hidden_scale": 1.0}
    folder = tmp_path_factory.mktemp("weights")
    metadata = {
        "klass": "demucs.htdemucs.HTDemucs",
        "args": "[]",
        "kwargs": json.dumps(kwargs),
    }
    tensors = {key: value.contiguous().clone() for key, value in model.state_dict().items()}
    save_file(tensors, folder / "tiny.safetensors", metadata)
    return folder


def test_htdemucs_plumbing(weights, sounds, tmp_path):
    config = SeparateConfig(weights=str(weights), segment_seconds=2.0, context_seconds=0.5)
    separator = make_separator(config)
    audio = np.stack([sounds.solo(1.7, 1), sounds.backing(1.7, 1)])
    first, again = (separator.separate(Segment(audio, 0, tmp_path)) for _ in range(2))
    assert first.shape == (2, *audio.shape) and np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)
    path = sounds.recording(tmp_path / "in", "a", 3.3, seed=4)
    assert separate_recording(path, separator, tmp_path / "out", config).samples == 3.3 * RATE


def test_sources_are_sorted_to_the_right_stems(weights, tmp_path):
    separator = make_separator(SeparateConfig(weights=str(weights)))
    names = ["drums", "bass", "other", "vocals", "guitar", "piano"]
    backing, solo = ([names[one] for one in part] for part in separator._parts)
    assert sorted(backing) == ["bass", "drums", "guitar", "piano"]
    assert sorted(solo) == ["other", "vocals"]


def test_a_pickle_is_never_read(tmp_path):
    (tmp_path / "model.th").write_bytes(b"\x80\x04.")
    with pytest.raises(SeparatorError, match="0 .safetensors files"):
        make_separator(SeparateConfig(weights=str(tmp_path)))
    with pytest.raises(SeparatorError, match="never read"):
        make_separator(SeparateConfig(weights=str(tmp_path / "model.th")))


def test_without_the_hub_no_other_host_is_asked(monkeypatch):
    import demucs.pretrained

    def never(*_, **__):
        raise AssertionError("the silent fall-back was taken")

    monkeypatch.setattr(demucs.pretrained, "get_model", never)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", never)
    with pytest.raises(SeparatorError, match="no other host is asked"):
        make_separator(SeparateConfig(weights="someone/absent"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"klass": "os.system"}, "'os.system'; a plain"),
        ({"structure": "{}"}, "a plain"),
        ({"kwargs": "{"}, "does not fit"),
        ({"kwargs": '{"sources": ["drums"]}'}, "does not fit"),
        ({"kwargs": None}, "does not fit"),
    ],
)
def test_weights_that_are_something_else(weights, tmp_path, change, said):
    from safetensors import safe_open

    with safe_open(str(weights / "tiny.safetensors"), framework="pt") as file:
        metadata = {**file.metadata(), **change}
        tensors = {key: file.get_tensor(key) for key in file.keys()}
    metadata = {key: value for key, value in metadata.items() if value is not None}
    save_file(tensors, tmp_path / "other.safetensors", metadata)
    with pytest.raises(SeparatorError, match=said):
        make_separator(SeparateConfig(weights=str(tmp_path)))


def test_damaged_weights(weights, tmp_path):
    whole = (weights / "tiny.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SeparatorError, match="damaged"):
        make_separator(SeparateConfig(weights=str(tmp_path)))


def test_an_unknown_separator_and_one_of_our_own(monkeypatch):
    with pytest.raises(SeparatorError, match="take one of htdemucs_6s, oracle"):
        make_separator(SeparateConfig(separator="magic"))
    monkeypatch.setattr(separators, "REGISTRY", dict(separators.REGISTRY))
    separators.register("mine")(lambda config: Passing())
    assert isinstance(make_separator(SeparateConfig(separator="mine")), Passing)
