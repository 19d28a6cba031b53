"""How notes are asked to be played, from the settings to the take."""

import numpy as np
import pytest

from modeling_saxsolo.vocabulary_saxsolo import ARTICULATIONS
from saxsolo import Performance, SettingError, Settings, improvise, load_player, stream
from saxsolo.playing.revision import Revision

from .conftest import save_checkpoint


@pytest.fixture(scope="module")
def articulate(tmp_path_factory):
    """A player that knows all articulations."""
    folder = tmp_path_factory.mktemp("articulate")
    return load_player(
        save_checkpoint(folder, articulations=list(ARTICULATIONS), plan_frames=40, seed=3)
    )


def test_a_take_says_how_its_notes_are_played(articulate, backing):
    how = {"player": articulate, "seed": 2}
    take = improvise(backing, **how)
    assert take.articulation.shape == (take.codes.shape[1],) and take.articulation.min() >= 0
    assert take.run["articulations"] == {
        name: count
        for name in ARTICULATIONS
        if (count := sum(name in note.articulations for note in take.notes))
    }
    assert Settings.of_run(take.run).articulation is None
    np.testing.assert_array_equal(np.concatenate(list(stream(backing, **how))), take.solo)
    untold = improvise(backing, articulation="free", **how)
    assert untold.articulation is None and untold.run["articulations"] is None
    plain = improvise(backing, articulation="none,slurred=0", **how)
    assert set(plain.run["articulations"]) <= {"short"}
    assert plain.run["settings"]["articulation"] == "none,slurred=0"


def test_a_stretch_that_is_played_anew_keeps_the_rest(articulate, backing):
    from saxsolo.audio.files import open_sound

    take = improvise(backing, player=articulate, seed=2)
    revision = Revision(take.codes, 60, 100, take.articulation)
    how = Settings(seed=5, articulation="none,slurred=0,short=0")
    performance = Performance(articulate, open_sound(backing), how, revision)
    assert len(list(performance))
    expected = take.articulation.copy()
    expected[60:100] = 0
    # a note that goes on from before stays what it was
    begun = np.flatnonzero(performance.articulation[60:100] == 0)[0] + 60
    expected[60:begun] = performance.articulation[60:begun]
    np.testing.assert_array_equal(performance.articulation, expected)


def test_what_cannot_be_played_is_one_line(player, articulate, backing, run, tmp_path):
    for asked, reason in (("yodel=1", "yodel"), ("scoop=2", "from 0 to 1"), ("", "give player")):
        with pytest.raises(SettingError, match=reason):
            improvise(backing, player=articulate, articulation=asked)
    with pytest.raises(SettingError, match="knows no articulations"):
        improvise(backing, player=player, articulation="scoop=1")
    assert improvise(backing, player=player, seconds=1.0).articulation is None
    code, _, error = run("improvise", backing, "--out", tmp_path / "x", "--articulation", "scoop")
    assert code == 2 and error.count("\n") == 1 and "such as scoop=0.3" in error
