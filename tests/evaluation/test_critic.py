"""The critic finds what is planted and nothing else; figures of a line are those of its music."""

from dataclasses import replace

import numpy as np
import pytest

from saxsolo.errors import SettingError
from saxsolo.evaluation.cases import EvaluationError
from saxsolo.evaluation.chorus_picture import bar_lines, chorus_rolls
from saxsolo.evaluation.critic import judge, paired_stretches
from saxsolo.evaluation.critic_features import features
from saxsolo.evaluation.critic_markdown import verdict_text
from saxsolo.evaluation.held_out_plans import Tune
from saxsolo.evaluation.line import Line, line_of, resolutions, similarity, swing_ratio
from saxsolo.evaluation.line_distances import differences_of, distances_of
from saxsolo.evaluation.notes import notes_of_score
from saxsolo.evaluation.timing import fit
from saxsolo.music.frame_labels import frame_labels, score_tokens
from saxsolo.music.score import Beat, Note, Score
from saxsolo.training.planner_data import sheet_of_score

BEAT = 0.5
CHORDS = ("D-7", "G7", "Cj7", "A7")


def make_score(notes: list[Note], bars: int, name: str = "a", performer: str = "A") -> Score:
    beats = tuple(
        Beat(0.5 + BEAT * i, i // 4 + 1, i % 4 + 1, 4, CHORDS[i // 4 % 4], None)
        for i in range(4 * bars)
    )
    kind = ("tenor", "bebop", "swing")
    return Score(name, performer, name, *kind, tuple(notes), beats, "test", "CC0", "test")


def walk(rng: np.random.Generator, bars: int, widest: int) -> list[Note]:
    """Eighths with rests, by steps of up to so many semitones."""
    notes, pitch = [], 62
    for i in range(8 * bars):
        pitch += int(rng.integers(-widest, widest + 1))
        pitch = 62 if not 45 <= pitch <= 80 else pitch
        if rng.random() < 0.8:
            onset = 0.5 + BEAT * i / 2 + rng.normal(0, 0.01)
            notes.append(Note(onset, BEAT / 2 - 0.04, pitch, 0.6))
    return notes


def tune(score: Score) -> Tune:
    frames = int(score.duration * 50)
    return Tune(score, score_tokens(score, frames), frame_labels(score, frames))


def tunes(seed: int, widest: int = 3) -> list[Tune]:
    rng = np.random.default_rng(seed)
    scores = [make_score(walk(rng, 20, widest), 20, f"t{i}", f"p{i // 2}") for i in range(12)]
    return [tune(score) for score in scores]


@pytest.mark.slow
def test_wider_leaps_give_the_machine_away() -> None:
    humans = tunes(0)
    verdict = judge(paired_stretches(humans, [t.human for t in tunes(1, 7)], 10.0))
    assert verdict.auc > 0.95 and verdict.interval[0] > 0.9
    assert verdict.patterns > 0.9
    assert verdict.groups["interval"][0] > verdict.groups["time"][0]
    assert "human from machine" in verdict_text(verdict, 10.0, 5)


@pytest.mark.slow
def test_the_same_hand_is_not_told_apart() -> None:
    humans = tunes(0)
    verdict = judge(paired_stretches(humans, [t.human for t in tunes(1)], 10.0))
    assert verdict.interval[0] < 0.5 < verdict.interval[1]
    assert verdict.patterns_interval[0] < 0.5 < verdict.patterns_interval[1]
    assert 0.4 < verdict.null < 0.6


def test_one_performer_is_not_enough_to_judge() -> None:
    one = tunes(0)[:2]
    with pytest.raises(EvaluationError, match="performers"):
        paired_stretches(one, [t.human for t in one], 10.0)


def test_figures_tell_neither_key_nor_tempo_class() -> None:
    score = make_score(walk(np.random.default_rng(2), 16, 4), 16)
    plain, moved = (features(line(s), 0.5, 30.0) for s in (score, score.transpose(5)))
    assert plain == pytest.approx(moved, nan_ok=True)


def test_distances_to_oneself_are_none() -> None:
    humans = tunes(0)
    same = [t.human for t in humans]
    distances, differences = distances_of(humans, same), differences_of(humans, same)
    assert all(max(d.value, *d.interval) < 1e-9 for d in distances.values())
    assert all(d.human == d.plan and d.interval == (0, 0) for d in differences.values())
    wider = distances_of(humans, [t.human for t in tunes(1, 7)])
    assert wider["intervals"].interval[0] > 5 * wider["intervals"].halves


def line(score: Score) -> Line:
    return line_of(notes_of_score(tune(score).human), sheet_of_score(score))


def test_a_seventh_that_falls_to_the_third_is_led_on() -> None:
    def ending(last: int) -> list[Note]:
        # C over D-7 to B over G7, or to another note
        return [Note(0.5 + 3 * BEAT, 0.4, 72, 0.6), Note(0.5 + 4 * BEAT, 0.4, last, 0.6)]

    assert resolutions(line(make_score(ending(71), 4))) == (1, 1)
    assert resolutions(line(make_score(ending(67), 4))) == (0, 1)


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_swing_is_measured(ratio: float) -> None:
    second = BEAT * ratio / (1 + ratio)
    notes = [
        Note(0.5 + BEAT * i + late, 0.15, 60 + i % 5, 0.6)
        for i in range(16)
        for late in (0, second)
    ]
    assert swing_ratio(line(make_score(notes, 5))) == pytest.approx(ratio, rel=0.15)


def test_concentration_on_eighths_is_the_one_of_the_report() -> None:
    score = make_score(walk(np.random.default_rng(3), 20, 3), 20)
    reported = fit(notes_of_score(tune(score).human), tune(score).labels)
    assert line(score).concentration(2) > 0.9
    for times, name in ((1, "beat_concentration"), (2, "eighth_concentration")):
        assert line(score).concentration(times) == pytest.approx(reported[name], abs=0.03)


def test_a_line_that_comes_back_after_two_bars_is_like_itself_there() -> None:
    rng = np.random.default_rng(3)
    riff = rng.integers(55, 75, 16)
    notes = [Note(0.5 + BEAT / 2 * i, 0.2, int(riff[i % 16]), 0.6) for i in range(128)]
    mine = line(make_score(notes, 16))
    assert similarity(mine, 8) > 0.8
    assert abs(similarity(line(make_score(walk(rng, 40, 4), 40)), 8)) < 0.15
    assert similarity(mine, 4 * 32) is None


def test_a_chorus_is_drawn_from_its_first_bar_on() -> None:
    """A pick-up belongs to the bar before; sections begin a chorus where they are known."""
    rng = np.random.default_rng(4)
    score = make_score(walk(rng, 16, 4), 16)
    late = replace(score, notes=score.notes[20:])
    assert bar_lines(score, 4)[0] == 0.5
    assert bar_lines(late, 4)[0] <= late.notes[0].onset + 0.1 < bar_lines(late, 4)[1]
    beats = tuple(replace(beat, section_bar=(beat.bar - 3) % 8) for beat in score.beats)
    assert bar_lines(replace(score, beats=beats), 8)[0] == 0.5 + 2 * 4 * BEAT
    with pytest.raises(SettingError, match="--bars is 99"):
        bar_lines(score, 99)
    mine = tune(score)
    sides = {"human": notes_of_score(mine.human), "planner": notes_of_score(mine.human)}
    figure = chorus_rolls(sides, mine.labels, bar_lines(score, 8), "x")
    assert [axis.get_ylabel() for axis in figure.axes] == ["human", "planner"]
