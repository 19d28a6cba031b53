"""Tiny configs, models and batches, so that a test takes a fraction of a second."""

import pytest
import torch

from modeling_saxsolo import SaxsoloConfig, SaxsoloForConditionalGeneration, apply_delay
from modeling_saxsolo.planner_saxsolo import SaxsoloPlanner

from .planners import reacting_planner

TINY = {
    "num_codebooks": 3,
    "codebook_size": 24,
    "score_vocab_size": 9,
    "codec_dim": 8,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_attention_heads": 2,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "dropout": 0.0,
    "window_frames": 48,
    "lookahead": [3, 8],
    "frame_labels": {"chord_root": 13, "phase": 3},
    "conditions": {"instrument": ["alto", "tenor"], "feel": ["swing", "latin", "funk"]},
    # Large weights make a small untrained model react to all it is given.
    "initializer_range": 0.3,
}


@pytest.fixture(autouse=True)
def one_thread():
    """Small tensors run faster on one thread, and the same everywhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def planner() -> SaxsoloPlanner:
    """A planner of random weights that reacts to all that it is given."""
    return reacting_planner()


@pytest.fixture
def make_config():
    """make_config(**overrides) -> a tiny SaxsoloConfig."""
    return lambda **overrides: SaxsoloConfig(**{**TINY, **overrides})


@pytest.fixture
def make_model(make_config):
    """make_model(**overrides) -> a tiny model in eval mode, the same for the same overrides."""

    def make(**overrides):
        torch.manual_seed(7)
        return SaxsoloForConditionalGeneration(make_config(**overrides)).eval()

    return make


@pytest.fixture
def make_inputs():
    """make_inputs(config, batch, frames, seed) -> all of forward's inputs, labels included."""

    def make(config, batch=2, frames=20, seed=0):
        random = torch.Generator().manual_seed(seed)

        def draw(high, *shape):
            return torch.randint(0, high, shape, generator=random)

        streams = torch.stack([draw(size, batch, frames) for size in config.stream_sizes], 1)
        sizes = config.frame_labels.values()
        inputs = {
            "backing_codes": draw(config.codebook_size, batch, config.num_codebooks, frames),
            "attention_mask": torch.ones(batch, frames, dtype=torch.long),
            "labels": apply_delay(streams, config.stream_delays, -100),
        }
        if config.frame_labels:
            labels = torch.stack([draw(size, batch, frames) for size in sizes], 1)
            inputs["frame_labels"] = labels
            inputs["frame_label_inputs"] = torch.full_like(labels, -100)
        if config.conditions:
            values = config.conditions.values()
            inputs["condition_ids"] = torch.stack([draw(len(v), batch) for v in values], 1)
        return inputs

    return make


@pytest.fixture
def make_backing(make_inputs):
    """make_backing(config, batch, frames, seed) -> only what generate() takes."""

    def make(config, batch=2, frames=20, seed=0):
        inputs = make_inputs(config, batch, frames, seed)
        return {k: v for k, v in inputs.items() if k not in ("labels", "frame_labels")}

    return make


@pytest.fixture(scope="session")
def default_player():
    """The default model, codec and ear, on the CPU."""
    from saxsolo.weights.loading import load_player

    return load_player(device="cpu")


@pytest.fixture(scope="session")
def folder(default_player, tmp_path_factory):
    """What `saxsolo export --format onnx` writes of the default."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from saxsolo.publishing.onnx_export import export_onnx

    out = tmp_path_factory.mktemp("onnx")
    export_onnx(default_player, out)
    return out


@pytest.fixture
def in_32_bits(monkeypatch):
    """Known notes are played in 32 bits, as the graphs play them: compiled layers round."""
    monkeypatch.setattr("modeling_saxsolo.fast_decoding_saxsolo.AVAILABLE", False)
