"""The planner: notes as events in musical time, and the plans that are made of them."""

import copy
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling_saxsolo.lead_sheet_saxsolo import LeadSheet, plain_sheet
from modeling_saxsolo.line_saxsolo import line_features
from modeling_saxsolo.note_events_saxsolo import (
    LONGEST_STEP,
    NO_PITCH,
    STEPS,
    TICKS,
    WAIT,
    TimedNote,
    events_of,
    frames_of,
    notes_of,
    sheet_table,
    tokens_of,
)
from modeling_saxsolo.planner_features_saxsolo import CONTROLS, control_classes
from modeling_saxsolo.planning_saxsolo import NotePlan, PlanSettings, with_rhythm_temperature
from modeling_saxsolo.plans_saxsolo import _words, within_instrument
from modeling_saxsolo.steering_saxsolo import Steering, with_onset_bias
from modeling_saxsolo.vocabulary_saxsolo import (
    FRAME_RATE,
    FREE,
    HOLD,
    INSTRUMENT_RANGES,
    LABEL_SIZES,
    LOWEST_PITCH,
    ONSET,
    REST,
)

from .planners import FRAMES, SIZES, played, sheet


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_notes_come_back_from_events_and_tokens(data) -> None:
    """Notes that begin on ticks, at a tempo at which every tick has a frame of its own."""
    lead = plain_sheet(40.0, 60.0)
    steps = data.draw(st.lists(st.integers(1, 300), min_size=1, max_size=20))
    ticks = np.cumsum(steps)
    room = np.append(np.diff(ticks), 60)
    lengths = np.array([data.draw(st.integers(1, int(min(most, 90)))) for most in room])
    pitches = np.array(data.draw(st.lists(st.integers(40, 99), min_size=20, max_size=20)))
    onsets = lead.seconds_at(ticks / TICKS)
    durations = lead.seconds_at((ticks + lengths) / TICKS) - onsets
    events = events_of(lead, onsets, durations, pitches[: len(ticks)], onsets)
    notes = [event for event in events if event.pitch != NO_PITCH]
    assert [event.tick for event in notes] == list(ticks)
    assert [event.length for event in notes] == list(lengths)
    assert [event.pitch + LOWEST_PITCH for event in notes] == list(pitches[: len(ticks)])
    assert all(0 <= event.step <= LONGEST_STEP for event in notes)
    for before, event in zip(events, events[1:], strict=False):
        assert event.tick - before.tick == event.step
    timed = frames_of(lead, events)
    frames = timed[-1].end + 10
    assert notes_of(tokens_of(timed, frames)) == timed
    for note, onset in zip(timed, onsets, strict=True):
        assert abs(note.start / 50 - onset) <= 0.011


@given(st.lists(st.floats(0.05, 1.5), min_size=1, max_size=30), st.integers(40, 240))
@settings(max_examples=60, deadline=None)
def test_onsets_that_are_not_on_ticks_are_kept_by_their_offsets(gaps, tempo) -> None:
    lead = plain_sheet(60.0, float(tempo))
    onsets = np.cumsum(gaps)
    events = events_of(lead, onsets, np.full(len(onsets), 0.04), np.full(len(onsets), 60))
    timed = frames_of(lead, events)
    tick = 60 / tempo / TICKS
    for note, onset in zip(timed, onsets, strict=True):
        assert abs(note.start / 50 - onset) <= 0.25 * tick + 0.021


def lines(events: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(np.stack([line_features(row) for row in events.numpy()]))


def test_no_event_knows_those_after_it(planner) -> None:
    torch.manual_seed(0)
    table = torch.from_numpy(sheet_table(sheet()))[None]
    events = torch.stack(
        [
            torch.arange(12) * 7,
            torch.randint(0, STEPS, (12,)),
            torch.randint(0, NO_PITCH + 1, (12,)),
            torch.randint(0, 97, (12,)),
            torch.randint(0, 18, (12,)),
            torch.randint(0, 3, (12,)),
        ],
        dim=-1,
    )[None]
    controls = torch.zeros(1, len(CONTROLS), dtype=torch.long)
    whole, _ = planner(events, table, controls, lines(events))
    other = events.clone()
    other[:, 7:, 1:] = 5
    changed, _ = planner(other, table, controls, lines(other))
    torch.testing.assert_close(whole[:, :7], changed[:, :7])
    assert not torch.allclose(whole[:, 7], changed[:, 7])
    past, states, line = None, [], lines(events)
    for index in range(12):
        one = slice(index, index + 1)
        state, past = planner(events[:, one], table, controls, line[:, one], past)
        states.append(state)
    torch.testing.assert_close(torch.cat(states, dim=1), whole, atol=1e-4, rtol=1e-4)


def test_logits_turn_with_the_key(planner) -> None:
    """What leans on degrees and intervals moves with chords and melody; absolute pitch is mute."""
    lead = sheet()
    higher = LeadSheet(
        lead.beats, lead.places, lead.metres, lead.bars, (lead.roots + 3) % 12, lead.qualities
    )
    hidden = torch.randn(1, 1, 32)
    with torch.no_grad():
        weight, bias = planner.pitch.weight.clone(), planner.pitch.bias.clone()
        planner.pitch.weight.zero_()
        planner.pitch.bias.zero_()
        rows = [
            planner.pitch_logits(
                hidden,
                torch.tensor([[last]]),
                torch.from_numpy(other.roots[None, None, :4]),
                lines(torch.tensor([[[0, 0, last - 2, 5, 8, 0], [6, 6, last, 5, 8, 0]]]))[:, 1:],
            )[0, 0]
            for last, other in ((20, lead), (23, higher))
        ]
        planner.pitch.weight.copy_(weight)
        planner.pitch.bias.copy_(bias)
    torch.testing.assert_close(rows[0][:-3], rows[1][3:])


def test_the_same_seed_plays_the_same_in_any_pieces(planner) -> None:
    whole = played(planner)
    assert (whole != played(planner, seed=2)).any()
    free = np.full(FRAMES, FREE)
    plan = NotePlan(planner.folded(), sheet(), free, 0, PlanSettings(), seed=1)
    parts = [plan.tokens(start, start + 37) for start in range(0, FRAMES, 37)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert len(notes_of(whole)) > 10


def test_no_note_begins_where_it_would_be_cut_to_a_click(planner) -> None:
    """Neither at the end of the solo nor before a rest that is given."""
    begun = 0
    for seed in range(60):
        free = np.full(FRAMES, FREE)
        free[200:260] = REST
        tokens = played(planner, free, seed=seed, temperature=1.5, onset_bias=2.0)
        onsets = np.flatnonzero((tokens >= ONSET) & (tokens < HOLD))
        begun += len(onsets)
        for end in (200, FRAMES):
            assert not ((onsets > end - 4) & (onsets < end)).any()
    assert begun > 600


def test_a_score_stream_obeys_its_grammar(planner) -> None:
    tokens = played(planner, temperature=1.5)
    for before, token in zip([REST, *tokens[:-1]], tokens, strict=True):
        assert 0 <= token < HOLD + NO_PITCH
        if token >= HOLD:
            assert before in (token, token - HOLD + ONSET)


@given(st.lists(st.tuples(st.integers(5, 60), st.integers(0, 40), st.integers(0, 59)), max_size=6))
@settings(max_examples=20, deadline=None)
def test_what_is_given_is_kept_where_it_stands(planner, given_notes) -> None:
    """Notes and rests from outside, whatever is played between them."""
    given = np.full(FRAMES, FREE)
    given[:50], given[500:] = REST, REST
    frame = 50
    for gap, length, pitch in given_notes:
        frame += gap
        if frame + length + 1 > 490:
            break
        given[frame] = ONSET + pitch
        given[frame + 1 : frame + 1 + length] = HOLD + pitch
        frame += length + 1
    tokens = played(planner, given)
    kept = given != FREE
    np.testing.assert_array_equal(tokens[kept], given[kept])
    begun = {note.start for note in notes_of(np.where(kept, given, REST))}
    assert begun <= {note.start for note in notes_of(tokens)}


def test_a_prompt_is_continued(planner) -> None:
    first = played(planner)
    given = np.full(FRAMES, FREE)
    given[:300] = first[:300]
    tokens = played(planner, given, known=300, seed=5)
    np.testing.assert_array_equal(tokens[:300], first[:300])
    assert (tokens[300:] != first[300:]).any() and (tokens[300:] != REST).any()
    again = played(planner, given, known=300, seed=5)
    np.testing.assert_array_equal(again, tokens)


def test_a_prompt_whose_last_note_sounds_is_held_or_ended(planner) -> None:
    given = np.full(FRAMES, FREE)
    given[:100] = tokens_of([TimedNote(60, 100, 25)], 100)
    for seed in range(5):
        tokens = played(planner, given, known=100, seed=seed)
        assert tokens[100] != HOLD + 24
        notes = notes_of(tokens)
        assert notes[0].start == 60 and notes[0].end >= 100 and notes[0].pitch == 25


def test_chords_and_wishes_change_the_solo(planner) -> None:
    plain = played(planner)
    assert (plain != played(planner, lead=sheet(1))).any()
    assert (plain != played(planner, guidance=2.0)).any()
    for name, value in (("density", 6.0), ("space", 0.5), ("lowest", 50), ("highest", 70)):
        assert (plain != played(planner, controls={name: value})).any(), name
    assert control_classes() == [0] * len(CONTROLS)


def test_a_solo_begins_within_eight_beats(planner) -> None:
    """Also one that likes to wait, and after rests that are given, as before a band begins."""
    waiting = copy.deepcopy(planner)
    with torch.no_grad():
        waiting.step.bias[WAIT] += 20
    beats_of_eight = 8 * 60 / 130 * 50
    for rests in (0, 200):
        given = np.full(FRAMES, FREE)
        given[:rests] = REST
        first = notes_of(played(waiting, given))[0].start
        assert rests <= first <= rests + beats_of_eight + 8


@pytest.mark.parametrize("tick", [0, 7, 30])
def test_a_rhythm_temperature_leaves_the_beat_of_a_note_alone(tick) -> None:
    logits = np.random.default_rng(0).normal(size=STEPS)
    sharp = with_rhythm_temperature(logits, tick, 0.5)
    assert np.allclose(with_rhythm_temperature(logits, tick, 1.0), logits, atol=1e-6)
    assert sharp[WAIT] == logits[WAIT]
    beats = (tick + np.arange(WAIT)) // 12
    for beat in np.unique(beats):
        before, after = logits[:WAIT][beats == beat], sharp[:WAIT][beats == beat]
        assert np.isclose(np.logaddexp.reduce(after), np.logaddexp.reduce(before), atol=1e-5)
        assert after.argmax() == before.argmax() and after.max() >= before.max()


def test_an_onset_bias_makes_notes_more_frequent(planner) -> None:
    logits = np.random.default_rng(0).normal(size=STEPS)
    assert np.allclose(chances(with_onset_bias(logits, 0.0)), chances(logits), atol=1e-5)
    means = [chances(with_onset_bias(logits, b)) @ np.arange(STEPS) for b in (-1.0, 0.0, 1.0)]
    assert means[0] > means[1] > means[2]


def chances(logits: np.ndarray) -> np.ndarray:
    whole = np.exp(logits - logits.max())
    return whole / whole.sum()


BY_PLAN = {
    "num_codebooks": 3,
    "codebook_size": 150,
    "score_vocab_size": 121,
    "listen": "labels",
    "hears": "spectrum",
    "frame_labels": dict(LABEL_SIZES),
    "plan": "events",
    "planner": {**SIZES, "ranges": {"alto": [50, 80], "tenor": [45, 75]}},
    "window_frames": 64,
}


def inputs_of(frames: int = 200, batch: int = 2) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    rows = [sheet(seed, frames / 50).inputs() for seed in range(batch)]
    lead = {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]}
    posteriors = torch.rand(batch, sum(LABEL_SIZES.values()), frames)
    return {
        "frame_label_posteriors": posteriors,
        "condition_ids": torch.zeros(batch, 2, dtype=torch.long),
        **lead,
    }


def test_generate_plays_what_the_planner_decides(make_model) -> None:
    """Longer than three windows; rests that are given; the codebooks follow."""
    model, inputs = make_model(**BY_PLAN), inputs_of()
    forced = torch.full((2, 4, 200), FREE)
    forced[:, 0, :60] = REST
    codes = model.generate(**inputs, forced_codes=forced, seed=[3, 4])
    assert codes.shape == (2, 4, 200) and (codes[:, 0, :60] == REST).all()
    assert all(notes_of(row[0].numpy()) for row in codes)
    again = model.generate(**inputs, forced_codes=forced, seed=[3, 4])
    assert torch.equal(codes, again)
    for row in range(2):
        alone = {name: value[row : row + 1] for name, value in inputs.items()}
        solo = model.generate(**alone, forced_codes=forced[row : row + 1], seed=3 + row)
        assert torch.equal(solo[0], codes[row])


def test_generate_continues_a_prompt_by_events(make_model) -> None:
    model, inputs = make_model(**BY_PLAN), inputs_of(batch=1)
    codes = model.generate(**inputs, seed=1)
    more = model.generate(**inputs, prompt_codes=codes[..., :90], seed=2)
    assert torch.equal(more[..., :90], codes[..., :90]) and more.shape == codes.shape


def test_what_is_told_takes_the_place_of_the_lead_sheet(make_model) -> None:
    model, inputs = make_model(**BY_PLAN), inputs_of(batch=1)
    told = torch.full((1, 4, 200), -100)
    same = model.generate(**inputs, frame_label_inputs=told, seed=1)
    assert torch.equal(same, model.generate(**inputs, seed=1))
    told[:, 0], told[:, 1] = 4, 2
    assert not torch.equal(model.generate(**inputs, frame_label_inputs=told, seed=1), same)


def test_frames_can_still_be_planned(make_model) -> None:
    model, inputs = make_model(**BY_PLAN), inputs_of(batch=1)
    frames = model.generate(**inputs, plan="frames", plan_frames=40, seed=1)
    assert torch.equal(frames, model.generate(**inputs, plan_frames=40, seed=1))
    notes = model.generate(**inputs, plan="frames", plan_frames=40, seed=1, notes_only=True)
    assert notes.shape == (1, 1, frames.shape[-1])
    assert torch.equal(notes, frames[:, :1])
    with pytest.raises(ValueError, match="nothing is planned"):
        model.generate(**inputs, plan="frames", plan_frames=0, notes_only=True)
    assert not torch.equal(frames, model.generate(**inputs, seed=1))


def test_a_plan_that_cannot_be_made_is_refused(make_model, make_config) -> None:
    with pytest.raises(ValueError, match="no planner"):
        make_model().generate(torch.zeros(1, 3, 20, dtype=torch.long), plan="events")
    with pytest.raises(ValueError, match="unknown"):
        make_model().generate(torch.zeros(1, 3, 20, dtype=torch.long), plan="bars")
    with pytest.raises(ValueError, match="plan='events'"):
        make_model().generate(torch.zeros(1, 3, 20, dtype=torch.long), density=4.0)
    with pytest.raises(ValueError, match="planner None"):
        make_config(plan="events")
    with pytest.raises(ValueError, match="score_vocab_size"):
        make_config(planner=SIZES)
    model, inputs = make_model(**BY_PLAN), inputs_of(batch=1)
    with pytest.raises(ValueError, match="lead sheet"):
        model.generate(**{**inputs, "beat_chords": inputs["beat_chords"][:, :3]})


@pytest.mark.parametrize(
    "asked, words",
    [
        ({"density": -1}, "density is -1"),
        ({"density": float("nan")}, "density is nan"),
        ({"space": 2.0}, "space is 2.0"),
        ({"lowest": "C4"}, "lowest is 'C4'"),
        ({"lowest": 60.5}, "whole MIDI pitch"),
        ({"lowest": 999}, "lowest is 999"),
        ({"lowest": 80, "highest": 60}, "lies above"),
    ],
)
def test_what_no_solo_can_be_is_refused(asked, words):
    with pytest.raises(ValueError, match=words):
        control_classes(**asked)


@given(st.integers(0, 50))
@settings(max_examples=4, deadline=None)
def test_no_horn_plays_below_its_lowest_key_unless_asked(planner, seed) -> None:
    ids, conditions = torch.tensor([[2]]), {"instrument": ["soprano", "alto", "tenor"]}
    config = SimpleNamespace(conditions=conditions, planner={}, frame_rate=FRAME_RATE)
    words = _words(config, ids, 0)
    assert words == {"instrument": "tenor"}
    hot = PlanSettings(temperature=3.0, pitch_temperature=3.0)
    lowest, highest = INSTRUMENT_RANGES["tenor"]
    limited = within_instrument(hot, words)
    tokens = played(planner, seed=seed, **vars(limited))
    pitches = LOWEST_PITCH + tokens[(tokens > 0) & (tokens <= 60)] - 1
    assert len(pitches) and pitches.min() >= lowest and pitches.max() <= highest
    asked = PlanSettings(lowest=90, highest=95)
    assert within_instrument(asked, words) is asked
    assert within_instrument(hot, {}) is hot


def test_the_longer_a_solo_is_behind_the_sooner_it_begins_notes() -> None:
    logits = np.zeros(STEPS)
    soon = []
    for silent in (0.0, 1.0, 2.0, 4.0, 8.0):
        steering = Steering(density=4.0)
        steering.passed(silent, 0.0)
        soon.append(float(chances(steering.steps(logits))[:TICKS].sum()))
    assert all(earlier < later for earlier, later in pairwise(soon))
