"""How the notes of a solo are chosen to be played: as asked, repeatable, and beside the notes."""

import numpy as np
import pytest
import torch

from modeling_saxsolo import FrameStreamer
from modeling_saxsolo.habits_saxsolo import AHEAD, Articulator, Habits
from modeling_saxsolo.note_events_saxsolo import TimedNote, notes_of, tokens_of
from modeling_saxsolo.vocabulary_saxsolo import ARTICULATIONS, SCORE_VOCAB_SIZE

KINDS = {"articulations": list(ARTICULATIONS)}


def line(seed: int = 0, frames: int = 3000) -> np.ndarray:
    """Score tokens: notes of 1 to 60 frames, most of them without a gap."""
    rng, now, notes = np.random.default_rng(seed), 5, []
    while now < frames - 80:
        end = now + int(rng.integers(1, 60))
        notes.append(TimedNote(now, end, int(rng.integers(10, 50))))
        now = end + int(rng.choice([0, 0, 0, 1, 8, 30]))
    return tokens_of(notes, frames)


def told(text: str, score: np.ndarray, seed: int = 1) -> np.ndarray:
    masks = np.full(len(score), -1)
    Articulator(Habits.parse(text), (seed,)).tell(masks, score, 0, len(score))
    return masks


def has(masks: np.ndarray, score: np.ndarray, name: str) -> np.ndarray:
    """Whether each note has a kind."""
    bit = 1 << ARTICULATIONS.index(name)
    return np.array([(masks[n.start : n.end] & bit).any() for n in notes_of(score)])


def test_notes_are_played_alike_window_by_window() -> None:
    score = line()
    whole = told("player", score)
    assert whole.min() == 0 and (whole[score == 0] == 0).all()
    masks, step = np.full(len(score), -1), 0
    while step < len(score):
        stop = step + 37
        # what is known of the notes ends behind the window
        part = score[: stop + AHEAD]
        Articulator(Habits(), (1,)).tell(masks, part, step, min(stop, len(score)))
        step = stop
    np.testing.assert_array_equal(masks, whole)
    assert not np.array_equal(told("player", score, seed=2), whole)


@pytest.mark.parametrize(
    "name", ["scoop", "fall", "vibrato", "bend", "ghost", "subtone", "slurred"]
)
def test_a_share_is_one_of_the_notes_that_can_have_it(name) -> None:
    score = line()
    none, half, every = (
        has(told(f"none,{name}={share}", score), score, name) for share in (0, 0.5, 1)
    )
    assert not none.any() and every.any()
    assert set(np.flatnonzero(half)) <= set(np.flatnonzero(every))
    assert 0.25 < half.sum() / every.sum() < 0.75
    others = told(f"none,{name}=1", score)
    for other in set(ARTICULATIONS) - {name, "slurred", "short"}:
        assert not has(others, score, other).any()


def test_a_fall_is_at_the_end_and_only_before_a_rest() -> None:
    score = line()
    masks = told("none,fall=1", score)
    bit, notes = 1 << ARTICULATIONS.index("fall"), notes_of(score)
    for note, after in zip(notes, notes[1:], strict=False):
        frames = masks[note.start : note.end] & bit > 0
        if frames.any():
            assert frames[-1] and not frames[0] and after.start - note.end > 7


@pytest.mark.parametrize(
    "text", ["yodel", "yodel=1", "scoop", "scoop=2", "scoop=x", "scoop=nan", "free,scoop=1",
             "scoop=1,scoop=1", "", "scoop=1,none"],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(text) -> None:
    with pytest.raises(ValueError, match="give"):
        Habits.parse(text)


@pytest.fixture
def planning(make_model):
    """A model that plans in events and has learnt something of articulations."""
    planner = {"hidden_size": 32, "num_layers": 1, "num_heads": 2, "dropout": 0.0}
    labels = {"chord_root": 13, "chord_quality": 8, "beat_phase": 12, "bar_beat": 8}
    model = make_model(
        **KINDS,
        codebook_size=128,
        score_vocab_size=SCORE_VOCAB_SIZE,
        frame_labels=labels,
        planner=planner,
        plan="events",
    ).double()
    torch.nn.init.normal_(model.encoder.articulation.into.weight)
    with torch.no_grad():
        model.planner.step.bias[12:] -= 3
    return model


def test_notes_stay_and_their_sound_changes(planning, make_backing) -> None:
    inputs = make_backing(planning.config, batch=1, frames=150)
    codes = {
        habits: planning.generate(**inputs, seed=5, habits=habits)[0]
        for habits in (None, "player", "none", "none,vibrato=1,scoop=1", "free")
    }
    for played in codes.values():
        assert torch.equal(played[0], codes["free"][0])
    assert torch.equal(codes[None], codes["player"])
    assert len({tuple(played[1:].flatten().tolist()) for played in codes.values()}) >= 3
    parts = []
    streamer = FrameStreamer(planning.config, parts.append, 7)
    streamed = planning.generate(**inputs, seed=5, streamer=streamer)
    assert torch.equal(torch.cat(parts, -1), streamed)
    assert torch.equal(streamed[0], codes["player"])
    score = streamed[0, 0].numpy()
    masks = streamer.articulation[0].numpy()
    assert (masks >= 0).all() and (masks[score == 0] == 0).all()
    # what the caller says goes before, and is then all that is told
    given = streamer.articulation
    assert torch.equal(planning.generate(**inputs, seed=5, articulation=given), streamed)


def test_a_model_plays_only_what_it_knows(make_model, make_backing) -> None:
    model = make_model(articulations=["fall"])
    inputs = make_backing(model.config)
    with pytest.raises(ValueError, match=r"'?scoop.*knows fall alone"):
        model.generate(**inputs, habits="scoop=1")
    with pytest.raises(ValueError, match="knows no articulations"):
        make_model().generate(**inputs, habits="player")


def test_sub_tone_is_for_ballads_unless_asked_for() -> None:
    rng = np.random.default_rng
    assert all(Habits().player(rng(seed), "swing").subtone_share == 0 for seed in range(9))
    assert any(Habits().player(rng(seed), "ballad").subtone_share > 0 for seed in range(9))
    asked = Habits.parse("subtone=0.5").player(rng(0), "swing")
    assert asked.subtone_share == 0.5
