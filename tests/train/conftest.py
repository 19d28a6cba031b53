"""A model and corpora small enough to train in a second."""

import numpy as np
import pytest
import torch
from hypothesis import settings as hypothesis_settings

from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig
from modeling_saxsolo.modeling_saxsolo import SaxsoloForConditionalGeneration
from saxsolo.corpus.scores.builtin import builtin_scores
from saxsolo.corpus.tokens.score_rows import score_rows
from saxsolo.training.settings import TrainSettings

# The same examples every time, and no deadline: a busy machine is no failure.
hypothesis_settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis_settings.load_profile("steady")

MODEL = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_attention_heads": 2,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "codec_dim": 0,
    "codebook_size": 128,
    "window_frames": 128,
    "lookahead": [5],
}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def settings() -> TrainSettings:
    return TrainSettings(
        model=MODEL,
        max_steps=8,
        batch_size=4,
        warmup_steps=2,
        dtype="float32",
        log_every=1,
        evaluate_every=4,
        save_every=2,
        weight_average=0.5,
        heldout_clips=2,
    )


@pytest.fixture
def make_model():
    """make_model(**overrides) -> the same tiny random model every time."""

    def make(**overrides) -> SaxsoloForConditionalGeneration:
        torch.manual_seed(7)
        return SaxsoloForConditionalGeneration(SaxsoloConfig(**{**MODEL, **overrides}))

    return make


@pytest.fixture(scope="session")
def score_corpus() -> list[dict]:
    return score_rows(builtin_scores())


@pytest.fixture(scope="session")
def audio_corpus(score_corpus) -> list[dict]:
    """The same rows with codes: the first is the chord's root, the other three one random code,
    and the solo's are those of its backing."""
    rng = np.random.default_rng(0)
    rows = []
    for row in score_corpus:
        codes = rng.integers(0, 8, (len(row["score"]), 1)).repeat(4, axis=1).astype(np.int16)
        codes[:, 0] = np.maximum(row["frame_labels"][:, 0], 0)
        rows.append({**row, "timbre": "mtg", "backing_codes": codes, "solo_codes": codes})
    return rows
