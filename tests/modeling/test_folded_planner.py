"""The planner in NumPy says what the planner in torch says, and draws as the library draws."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.generation import LogitsProcessorList, TopKLogitsWarper, TopPLogitsWarper

from modeling_saxsolo.decoder_kernels_saxsolo import AVAILABLE
from modeling_saxsolo.folded_planner_saxsolo import MEMORY, FoldedPlanner, PlannedLine
from modeling_saxsolo.line_saxsolo import line_features
from modeling_saxsolo.note_events_saxsolo import (
    LONGEST,
    NO_PITCH,
    OFFSETS,
    QUALITY,
    ROOT,
    TICKS,
    WAIT,
    sheet_table,
)
from modeling_saxsolo.planner_features_saxsolo import CONTROLS
from modeling_saxsolo.planner_saxsolo import (
    SaxsoloPlanner,
    place_features,
    rest_before,
    roots_ahead,
)
from modeling_saxsolo.planning_saxsolo import among_likeliest
from modeling_saxsolo.vocabulary_saxsolo import NO_CHORD, NO_ROOT

from .planners import SIZES, sheet


@pytest.fixture(scope="module")
def planner() -> SaxsoloPlanner:
    torch.manual_seed(5)
    planner = SaxsoloPlanner(SIZES)
    planner.reset()
    with torch.no_grad():
        for parameter in planner.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return planner.double().eval()


def some_events(count: int, seed: int) -> np.ndarray:
    """(E, 6) events of which some are waits."""
    rng = np.random.default_rng(seed)
    waits = rng.random(count) < 0.2
    steps = np.where(waits, WAIT, rng.integers(0, 20, count))
    columns = (
        np.cumsum(steps),
        steps,
        np.where(waits, NO_PITCH, rng.integers(0, NO_PITCH, count)),
        np.where(waits, 0, rng.integers(1, LONGEST + 1, count)),
        np.where(waits, OFFSETS, rng.integers(0, OFFSETS, count)),
        rng.integers(0, 3, count),
    )
    return np.stack(columns, axis=1)


def tables(seed: int) -> np.ndarray:
    table = sheet_table(sheet(seed, 40.0))
    hidden = table.copy()
    hidden[:, ROOT], hidden[:, QUALITY] = NO_ROOT, NO_CHORD
    return np.stack([table, hidden])


KINDS = [False, pytest.param(True, marks=pytest.mark.skipif(not AVAILABLE, reason="no Numba"))]


@pytest.mark.parametrize("compiled", KINDS)
@given(st.integers(1, 30), st.lists(st.integers(1, 6), max_size=5), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
@torch.no_grad()
def test_every_choice_is_weighed_as_in_torch(planner, compiled, first, more, seed) -> None:
    """Whatever is heard at once or one after another."""
    rng = np.random.default_rng(seed)
    events = some_events(first + sum(more), seed)
    table, counted = tables(seed), line_features(events)
    controls = np.array([rng.integers(0, size) for size in CONTROLS.values()])
    folded = FoldedPlanner(planner.folded().weights, SIZES["num_heads"], compiled)
    line = PlannedLine(folded, table, controls)
    done = 0
    for count in (first, *more):
        line.hear(events[done : done + count], counted[done : done + count])
        done += count

    both = [torch.from_numpy(np.stack([rows, rows])) for rows in (events, counted)]
    asked, sheets = torch.from_numpy(np.stack([controls, controls])), torch.from_numpy(table)
    hidden, past = planner(both[0], sheets, asked, both[1])
    hidden, last = hidden[:, -1:], both[1][:, -1:]
    assert np.allclose(line.hidden, hidden[:, 0])
    tick, step, ending, pitch = int(events[-1, 0]), 7, int(seed % 2), int(seed % NO_PITCH)
    here, landing = torch.full((2, 1), tick), torch.full((2, 1), tick + step)
    steps = planner.step_logits(hidden, here, sheets, last)[0, 0]
    assert np.allclose(line.steps(tick), steps)
    at, rest = place_features(sheets, landing, past.pitch), rest_before(last, landing)
    landed = planner.land(hidden, torch.full((2, 1), step), at, rest)
    assert np.allclose(line.land(tick, step), planner.ending(landed)[0, 0])
    landed, roots = planner.end(landed, torch.full((2, 1), ending)), roots_ahead(sheets, landing)
    line.end(ending)
    assert np.allclose(line.pitches(), planner.pitch_logits(landed, past.pitch, roots, last)[:, 0])
    struck = planner.strike(landed[:1], torch.tensor([[pitch]]), past.pitch[:1], roots[:1])
    lengths, offsets = line.strike(pitch)
    assert np.allclose(lengths, planner.length(struck)[0, 0])
    assert np.allclose(offsets, planner.offset(struck)[0, 0])


def test_what_is_forgotten_does_not_count(planner) -> None:
    events = some_events(40, 1)
    counted, controls = line_features(events), np.zeros(len(CONTROLS), np.int64)
    line, fresh = (PlannedLine(planner.folded(), tables(1), controls) for _ in range(2))
    line.hear(events[:30], counted[:30])
    line.forget()
    for one in (line, fresh):
        one.hear(events[30:], counted[30:])
    assert np.array_equal(line.hidden, fresh.hidden)
    assert len(events) < MEMORY and line.steps(3 * TICKS).shape == (WAIT + 1,)


@given(
    st.lists(st.floats(-8, 8), min_size=2, max_size=40, unique=True),
    st.one_of(st.none(), st.integers(0, 50)),
    st.one_of(st.none(), st.floats(0.05, 1.0)),
)
@settings(max_examples=60, deadline=None)
def test_the_likeliest_are_those_of_the_library(values, top_k, top_p) -> None:
    logits = torch.tensor([values], dtype=torch.float64)
    warpers = LogitsProcessorList()
    if top_k:
        warpers.append(TopKLogitsWarper(top_k))
    if top_p is not None and top_p < 1:
        warpers.append(TopPLogitsWarper(top_p))
    wanted = logits
    for warper in warpers:
        wanted = warper(torch.zeros(1, 1, dtype=torch.long), wanted)
    kept = among_likeliest(logits[0].numpy(), top_k, top_p)
    assert np.array_equal(np.isfinite(kept), torch.isfinite(wanted[0]).numpy())
