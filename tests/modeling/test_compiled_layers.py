"""The decoder's compiled layers compute what its layers in NumPy do, in every kind of number."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import DynamicCache, EncoderDecoderCache

from modeling_saxsolo.compiled_layers_saxsolo import CompiledLayers, eight_bits
from modeling_saxsolo.decoder_kernels_saxsolo import product
from modeling_saxsolo.folded_layers_saxsolo import FoldedLayers

STEPS = 12


def prompted(model, heard):
    """The cache of a prompt of one step, two rows."""
    cache = EncoderDecoderCache(
        DynamicCache(config=model.config), DynamicCache(config=model.config)
    )
    start = torch.full((2, 1, model.config.num_streams), model.config.decoder_start_token_id)
    with torch.no_grad():
        model.decoder(start, heard, cache)
    return cache


def some_states(model, rows=2):
    random = np.random.default_rng(0)
    states = random.normal(size=(rows, STEPS, model.config.hidden_size))
    states -= states.mean(axis=2, keepdims=True)
    return states.astype(model.decoder.norm.weight.numpy(force=True).dtype)


def choices(layers, model, heard, ways):
    """Logits after STEPS random steps, of which `ways` go through together."""
    cache = prompted(model, heard)
    windows = [layers.join(heard, cache, row, 1 + STEPS) for row in range(2)]
    states, place = some_states(model), 0
    for count in ways:
        parts = states[:, place : place + count].copy()
        hidden = layers.through(
            [(window, part, 1 + place) for window, part in zip(windows, parts, strict=True)]
        )
        place += count
    for window in windows:
        layers.leave(window)
    logits, leaning = layers.choices(hidden)
    return logits if leaning is None else np.concatenate([logits, leaning], axis=1)


@pytest.fixture
def heard(make_model, make_backing):
    def make(kind):
        shape = {"pitch_range": [60.0, 1500.0], "codebook_size": 300, "codec_dim": 8}
        model = make_model(window_frames=24, listen="both", **shape)
        torch.nn.init.normal_(model.decoder.intonation.out.weight)
        if kind == "double":
            model = model.double()
        if kind == "bfloat16":
            model = model.to(torch.bfloat16).float()
        if kind == "eight bits":
            model.config.fast_bits = 8
        inputs = make_backing(model.config, batch=2, frames=24)
        inputs["attention_mask"][1, 15:] = 0
        with torch.no_grad():
            return model, model.encoder(**inputs)

    return make


@pytest.mark.parametrize(
    ("kind", "error", "numbers"),
    [
        ("double", 1e-12, np.float64),
        ("float", 1e-5, np.float32),
        ("bfloat16", 0.02, np.uint16),
        ("eight bits", 0.05, np.int8),
    ],
)
def test_compiled_layers_compute_what_numpy_does(heard, kind, error, numbers):
    model, memory = heard(kind)
    with torch.no_grad():
        compiled, folded = CompiledLayers(model), FoldedLayers(model)
    assert compiled.code_heads.dtype == numbers
    wanted = choices(folded, model, memory, [1] * STEPS)
    for ways in ([1] * STEPS, [5, 1, 6]):
        found = choices(compiled, model, memory, ways)
        assert np.abs(found - wanted).max() < error * np.abs(wanted).max(), ways


@pytest.mark.parametrize("kind", ["double", "eight bits"])
@given(st.lists(st.integers(1, 5), min_size=4, max_size=9))
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_solo_does_not_depend_on_those_beside_it(heard, kind, steps):
    """To the bit, whoever comes and goes, and wherever each stands."""
    model, memory = heard(kind)
    with torch.no_grad():
        layers, alone = CompiledLayers(model), CompiledLayers(model)
    cache, states = prompted(model, memory), some_states(model, len(steps))

    def joined(where, solo):
        return where.join(memory, cache, solo % 2, 1 + steps[solo])

    def last(where, hidden):
        return where.choices(hidden)[0]

    wanted = []
    for solo, count in enumerate(steps):
        window = joined(alone, solo)
        for step in range(count):
            hidden = alone.through([(window, states[solo, step : step + 1].copy(), 1 + step)])
        wanted.append(last(alone, hidden)[0])
        alone.leave(window)
    # each begins one step after the one before
    windows, found = {}, {}
    for now in range(len(steps) + max(steps)):
        if now < len(steps):
            windows[now] = joined(layers, now)
        parts = [
            (window, states[solo, now - solo : now - solo + 1].copy(), 1 + now - solo)
            for solo, window in windows.items()
        ]
        if not parts:
            continue
        hidden = layers.through(parts)
        for solo, row in zip(list(windows), last(layers, hidden), strict=True):
            if now - solo + 1 == steps[solo]:
                found[solo] = row
                layers.leave(windows.pop(solo))
    assert len(found) == len(steps)
    for solo, logits in enumerate(wanted):
        np.testing.assert_array_equal(found[solo], logits)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_a_product_in_eight_bits_is_as_near_as_its_steps(rows, inputs, outputs, seed):
    random = np.random.default_rng(seed)
    states = random.normal(size=(rows, inputs)).astype(np.float32)
    weights = random.normal(size=(inputs, outputs)).astype(np.float32)
    whole, scales = eight_bits(torch.from_numpy(weights))
    found = np.empty((rows, outputs), np.float32)
    product(states, whole, scales, found)
    most = 0.5 * np.abs(states).sum(axis=1, keepdims=True) * scales
    assert (np.abs(found - states @ weights) <= most + 1e-4).all()


def test_half_a_way_of_rounding_is_refused(make_model):
    with pytest.raises(ValueError, match="fast_bits is 4"):
        make_model(fast_bits=4)
