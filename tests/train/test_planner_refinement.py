"""Refining a planner: lines side by side are its own, and it learns what its critic likes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from modeling_saxsolo.lead_sheet_saxsolo import LeadSheet
from modeling_saxsolo.line_saxsolo import line_features
from modeling_saxsolo.note_events_saxsolo import NO_PITCH, TICKS, WAIT
from modeling_saxsolo.phrasing_saxsolo import Phrasing
from modeling_saxsolo.planner_saxsolo import SaxsoloPlanner
from modeling_saxsolo.planning_saxsolo import NotePlan, PlanSettings
from modeling_saxsolo.vocabulary_saxsolo import FREE, HOLD, ONSET
from saxsolo.corpus.scores.builtin import builtin_scores
from saxsolo.training.errors import SettingsError
from saxsolo.training.planner import load_planner
from saxsolo.training.planner_data import solo_of
from saxsolo.training.planner_lines import LastNotes
from saxsolo.training.planner_refinement import (
    Passage,
    Refinement,
    _advantages,
    _steadiest,
    line_batch,
    read_refinement_settings,
    refine_planner,
)
from saxsolo.training.planner_sampling import sample_lines, stream_of, window_of

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "planner-refine.yaml"
SIZES = {"hidden_size": 16, "num_layers": 1, "num_heads": 2, "dropout": 0.1}
SHEET = LeadSheet(
    np.arange(64) * 0.5,
    np.arange(64) % 4,
    np.full(64, 4),
    np.arange(64) // 4,
    np.arange(64) // 8 % 12,
    np.zeros(64, int),
)


def planner(seed: int = 0) -> SaxsoloPlanner:
    torch.manual_seed(seed)
    made = SaxsoloPlanner(SIZES)
    made.reset()
    return made.eval()


def test_features_note_by_note_are_those_of_the_whole_line() -> None:
    rng = np.random.default_rng(0)
    lines = []
    for _ in range(6):
        # few kinds of steps and pitches, so that moves come back
        steps = rng.choice([3, 6, 6, 12, 30], 150)
        tick, length = 24 + np.cumsum(steps), rng.integers(1, 9, 150)
        lines.append(np.stack([tick, steps, rng.choice([20, 22, 24], 150), length], axis=1))
    notes = LastNotes(len(lines))
    for index in range(150):
        waits = rng.random(len(lines)) >= 0.9 if index else np.zeros(len(lines), bool)
        for place in np.flatnonzero(waits):
            lines[place][index, 2] = NO_PITCH
        notes.hear(np.stack([line[index] for line in lines]))
        for place, line in enumerate(lines):
            heard = line[: index + 1]
            sounding = heard[heard[:, 2] != NO_PITCH][-129:]
            assert (notes.features[place] == line_features(sounding)[-1]).all()


def test_the_likeliest_line_is_the_one_that_the_model_plans() -> None:
    """Side by side and one after another the same choices, in the same frames."""
    model = planner()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8)
    cold = PlanSettings(
        temperature=1e-7,
        guidance=1.3,
        rhythm_temperature=0.9,
        phrasing=Phrasing(endings=0.4, rests=0.3, holds=0.5, returns=0.7, centre=0.2),
    )
    windows = [window_of(SHEET, 0.0, end, 50, 70) for end in (24.0, 12.0)]
    lines = sample_lines(model, windows, cold, seed=1)
    asked = {"lowest": 50, "highest": 70}
    settings = replace(cold, do_sample=False)
    plan = NotePlan(model.folded(), SHEET, np.full(1200, FREE), 0, settings, asked, seed=1)
    tokens = plan.tokens(0, 1200)
    stream = stream_of(SHEET, lines[0], 1200, cold, np.random.default_rng(0))
    assert ((stream >= ONSET) & (stream < HOLD)).sum() > 10
    assert (stream == tokens).all()
    shorter = lines[1]
    assert (shorter == lines[0][: len(shorter)]).all() and len(shorter) < len(lines[0])


def test_lines_hold_together_and_stay_in_their_windows() -> None:
    warm = PlanSettings(phrasing=Phrasing(endings=0.4, rests=0.3, gaps=0.5))
    windows = [window_of(SHEET, 4.0, 20.0), window_of(SHEET, 8.0, 12.0)]
    first = sample_lines(planner(), windows * 4, warm, seed=3)
    again = sample_lines(planner(), windows * 4, warm, seed=3)
    for line, other, window in zip(first, again, windows * 4, strict=True):
        assert (line == other).all()
        assert (np.diff(line[:, 0]) == np.minimum(line[1:, 1], WAIT)).all()
        seconds = SHEET.seconds_at(line[:, 0] / TICKS)
        assert seconds[0] == window.start and (seconds[1:] < window.end).all()
    assert len({line.tobytes() for line in first[::2]}) == 4


def test_lines_begin_some_beats_later_as_the_phrasing_says() -> None:
    late = PlanSettings(phrasing=Phrasing(entry=3.0))
    windows = [window_of(SHEET, 4.0, 20.0)] * 16
    begin, end = SHEET.beat_at(np.array([4.0, 20.0]))
    entries = np.array([line[0, 0] for line in sample_lines(planner(), windows, late, seed=3)])
    entries = entries / TICKS - begin
    assert entries.min() >= 0 and 1 < entries.mean() and entries.max() <= (end - begin) / 4


def test_a_line_goes_on_from_what_was_played_before() -> None:
    """As one that was never broken off, where it has heard all of it."""
    model = planner()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8)
    cold = PlanSettings(temperature=1e-7, guidance=1.3, phrasing=Phrasing(endings=0.4, returns=0.7))
    whole = sample_lines(model, [window_of(SHEET, 0.0, 24.0)], cold, seed=1)[0]
    parts = [5, 5, 10, 0]
    windows = [replace(window_of(SHEET, 0.0, 24.0), past=whole[:some]) for some in parts]
    lines = sample_lines(model, windows, cold, seed=2)
    for line in lines:
        assert line.tobytes() == whole.tobytes()
    batch = line_batch(lines, windows)
    assert batch.mask.sum(dim=1).tolist() == [len(whole) - some for some in parts]


def test_advantages_compare_lines_over_the_same_bars() -> None:
    worth = _advantages(np.array([1.0, 3.0, 11.0, 13.0, 7.0]), np.array([0, 0, 1, 1, 2]))
    assert worth[0] == worth[2] < 0 < worth[1] == worth[3] and worth[4] == 0


def test_the_critic_learns_from_humans_in_the_steadiest_time() -> None:
    window = window_of(SHEET, 0.0, 16.0)
    passages = [
        Passage(window, np.array([[1.0], [2.0]]), np.array([0.4, 0.1])),
        Passage(window, np.array([[3.0], [4.0]]), np.array([0.3, 0.2])),
    ]
    assert _steadiest(passages, 0.5).ravel().tolist() == [1, 3]
    assert _steadiest(passages, 1.0).ravel().tolist() == [1, 2, 3, 4]


def _figures(window, stream, begin):
    """The share of low pitches: what the test's critic looks at."""
    onsets = stream[(stream >= ONSET) & (stream < HOLD)]
    return None if len(onsets) < 4 else np.array([np.mean(onsets - ONSET < 24)])


def _prefers_low(human, machine):
    return lambda figures: -10 * figures[:, 0]


def test_a_refined_planner_does_what_its_critic_likes(tmp_path) -> None:
    settings = read_refinement_settings(
        CONFIG,
        {"rounds": 6, "windows": 2, "lines": 8, "stretch": 8.0, "learning_rate": 0.02}
        | {"share": 0.75, "human_weight": 0.0, "events": 32, "batch_size": 8, "weight_average": 0.5}
        | {"evaluate_every": 4},
    )
    model = planner()
    solo = solo_of(builtin_scores()[0])
    windows = [window_of(SHEET, 0.0, 16.0), window_of(SHEET, 8.0, 24.0)]
    plain = PlanSettings()

    def low(current) -> float:
        lines = sample_lines(current, windows * 8, plain, seed=9)
        pitches = np.concatenate([line[line[:, 2] != NO_PITCH, 2] for line in lines])
        return float(np.mean(pitches < 24))

    before = low(model)
    passages = [Passage(window, np.ones((2, 1)), np.ones(2)) for window in windows]
    run = Refinement(model, passages, [solo], _figures, _prefers_low, plain, settings)
    origin = {name: value.clone() for name, value in model.state_dict().items()}
    refine_planner(run, origin, [solo], tmp_path, {"ranges": {}, "without": []})
    assert low(load_planner(tmp_path / "best")) > before + 0.1
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert len(log) == 6 and log[-1]["lines"] > log[0]["lines"]
    last, kept = (load_planner(tmp_path / name).step.bias for name in ("round-6", "best"))
    assert torch.allclose(kept, origin["step.bias"].lerp(last, 0.75), atol=1e-3)
    assert load_planner(tmp_path / "round-4").sizes == model.sizes


def test_each_choice_on_a_leash_stays_near_to_where_it_began() -> None:
    def moved(**leash: float) -> dict[str, float]:
        loose = {"step": 0.0, "ending": 0.0, "pitch": 0.0, "length": 0.0, "offset": 0.0}
        settings = read_refinement_settings(
            CONFIG,
            {"windows": 1, "lines": 8, "stretch": 8.0, "learning_rate": 0.01}
            | {"human_weight": 0.0, "events": 32, "batch_size": 8, "leash": loose | leash},
        )
        passages = [Passage(window_of(SHEET, 0.0, 16.0), np.ones((2, 1)), np.ones(2))]
        solo = solo_of(builtin_scores()[0])
        run = Refinement(
            planner(), passages, [solo], _figures, _prefers_low, PlanSettings(), settings
        )
        return [run.play_and_learn() for _ in range(5)][-1]

    loose, steady = moved(), moved(step=30.0, offset=30.0)
    for name in ("step", "offset"):
        assert 0 < steady[f"moved_{name}"] < 0.3 * loose[f"moved_{name}"]
    assert steady["moved_pitch"] > 0.5 * loose["moved_pitch"]


def test_settings_of_a_refinement_are_checked(tmp_path) -> None:
    with pytest.raises(SettingsError, match="nearest known"):
        read_refinement_settings(CONFIG, {"round": 3})
    assert read_refinement_settings(CONFIG, {"leash.step": 2.0}).leash.step == 2.0
    for wrong in ({"rounds.most": 3}, {"steadiest": 0.0}):
        with pytest.raises(SettingsError, match=next(iter(wrong))):
            read_refinement_settings(CONFIG, wrong)
    with pytest.raises(SettingsError, match="'steps' is unknown"):
        read_refinement_settings(CONFIG, {"leash.steps": 2.0})
