"""A blind test tells nothing but what is played, and its votes are counted right."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from modeling_saxsolo.loudness_saxsolo import LoudnessMeter
from saxsolo.evaluation.blind_kit import BlindPair, at_loudness, mixed, write_kit
from saxsolo.evaluation.cases import EvaluationError
from saxsolo.evaluation.votes import count_votes, votes_text

RATE = 32000


def tone(hertz: float, level: float) -> np.ndarray:
    times = np.arange(2 * RATE) / RATE
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def pair(name: str) -> BlindPair:
    return BlindPair(name, tone(110, 0.2), tone(440, 0.01), tone(660, 0.9))


def loudness(sound: np.ndarray) -> float:
    meter = LoudnessMeter(RATE, 1)
    meter.push(sound[:, None])
    assert meter.loudness is not None
    return meter.loudness


def test_both_solos_are_equally_loud_and_nothing_clips() -> None:
    blind = pair("case")
    human, ours = (at_loudness(solo, RATE, -20, "x") for solo in (blind.human, blind.ours))
    assert loudness(human) == pytest.approx(loudness(ours), abs=0.1)
    mixes = mixed(blind, RATE)
    assert max(np.abs(mix).max() for mix in mixes) <= 0.98
    assert loudness(mixes[0]) == pytest.approx(loudness(mixes[1]), abs=0.5)
    with pytest.raises(EvaluationError, match="silent"):
        mixed(BlindPair("case", blind.backing, np.zeros(2 * RATE, np.float32), blind.ours), RATE)


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    write_kit([pair(f"secret{i}") for i in range(6)], RATE, tmp_path / "kit")
    return tmp_path / "kit"


def test_the_page_holds_all_sounds_and_no_answer(kit: Path) -> None:
    text = (kit / "index.html").read_text()
    sounds = re.findall(r"data:audio/mpeg;base64,([A-Za-z0-9+/=]+)", text)
    assert len(sounds) == 12
    audio, rate = soundfile.read(io.BytesIO(base64.b64decode(sounds[0])))
    assert rate == RATE and len(audio) >= 2 * RATE
    bare = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
    assert "secret" not in bare and "ours" not in bare
    # nothing is loaded from elsewhere
    assert not re.search(r"(src|href)=.?https?:", bare)
    key = json.loads((kit / "key.json").read_text())
    assert sorted(row["case"] for row in key["pairs"]) == [f"secret{i}" for i in range(6)]
    assert sum(row["a"] == "human" for row in key["pairs"]) == 3


def vote(kit: Path, path: Path, right: int, **more: str) -> Path:
    """Votes of which the first `right` are right; the last pair stays open."""
    key = json.loads((kit / "key.json").read_text())
    votes = []
    for place, row in enumerate(key["pairs"][:5]):
        human = "a" if row["a"] == "human" else "b"
        other = "b" if human == "a" else "a"
        votes.append(
            {"pair": row["pair"], "human": human if place < right else other, "preferred": other}
        )
    path.write_text(json.dumps({"kit": key["kit"], "votes": votes, **more}))
    return path


def test_votes_are_counted_with_exact_intervals(kit: Path, tmp_path: Path) -> None:
    sheets = [
        vote(kit, tmp_path / "one.json", 5, listener="Ann"),
        vote(kit, tmp_path / "two.json", 3),
    ]
    counted = count_votes(sheets, kit / "key.json")
    assert (counted.right.hits, counted.right.votes) == (8, 10)
    # Clopper and Pearson for 8 of 10
    assert counted.right.interval == pytest.approx((0.4439, 0.9748), abs=1e-4)
    assert counted.right.p == pytest.approx(0.1094, abs=1e-4)
    assert counted.by_listener["Ann"].hits == 5 and counted.by_listener["two"].hits == 3
    assert counted.ours_preferred is not None and counted.ours_preferred.hits == 10
    assert "| all votes | 8 of 10 | 0.80 [0.44, 0.97] | 0.109 |" in votes_text(counted)


def test_votes_that_do_not_belong_are_refused(kit: Path, tmp_path: Path) -> None:
    sheet = vote(kit, tmp_path / "one.json", 5)
    with pytest.raises(EvaluationError, match="once"):
        count_votes([sheet, vote(kit, tmp_path / "two.json", 5)], kit / "key.json")
    other = tmp_path / "other.json"
    other.write_text(sheet.read_text().replace('"kit": "', '"kit": "x'))
    with pytest.raises(EvaluationError, match="is of"):
        count_votes([other], kit / "key.json")
    broken = tmp_path / "broken.json"
    broken.write_text(sheet.read_text().replace('"pair": 1', '"pair": 9'))
    with pytest.raises(EvaluationError, match="no vote on a pair"):
        count_votes([broken], kit / "key.json")
    broken.write_text("{}")
    with pytest.raises(EvaluationError, match="no file of this test"):
        count_votes([broken], kit / "key.json")
