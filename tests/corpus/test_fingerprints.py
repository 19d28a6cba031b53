"""The same recording again is found among many, and nothing else is."""

import numpy as np
import pytest

from saxsolo.corpus.recordings import fingerprints
from saxsolo.corpus.recordings.fingerprints import (
    Fingerprint,
    FingerprintMaker,
    decode,
    find_duplicates,
    similarity,
)

RATE = fingerprints.FINGERPRINT_RATE


def texts(sound, block=5000):
    maker = FingerprintMaker()
    for start in range(0, len(sound), block):
        maker.push(sound[start : start + block])
    return maker.texts()


def fingerprint(sound):
    made = texts(sound)
    return decode(made["chroma"], made["landmarks"])


@pytest.fixture(scope="module")
def music(sounds):
    """Forty seconds of each of two pieces, at the fingerprints' rate."""
    return [(sounds.solo(40, seed) + sounds.backing(40, seed))[::4] for seed in (1, 2)]


def test_the_size_of_the_blocks_changes_nothing(music):
    assert texts(music[0], 1234) == texts(music[0], 77_777) == texts(music[0], 10**9)


def test_the_same_music_is_found_whatever_its_level_noise_beginning_and_end(music):
    sound, other = music
    noise = 0.01 * np.random.default_rng(0).standard_normal(len(sound))
    again = {
        "b quiet and noisy": 0.1 * (sound + noise),
        "c later": np.concatenate([np.zeros(round(3.3 * RATE)), sound]),
        "d without its beginning": sound[round(7.77 * RATE) :],
        "e without its end": sound[: -9 * RATE],
    }
    prints = {name: fingerprint(one) for name, one in {"a": sound, **again, "f": other}.items()}
    found = find_duplicates(prints.items(), 0.75)
    assert {key: first for key, (first, _) in found.items()} == dict.fromkeys(again, "a")
    assert similarity(prints["a"], prints["f"], 0) < 0.5


def test_a_short_quotation_is_no_duplicate(music):
    sound, other = music
    quoting = np.concatenate([other[: 30 * RATE], sound[10 * RATE : 20 * RATE]])
    prints = {"a": fingerprint(sound), "b": fingerprint(quoting)}
    assert not find_duplicates(prints.items(), 0.75)


@pytest.mark.parametrize("sound", [np.zeros(0), np.zeros(100), np.zeros(9 * RATE)])
def test_silence_and_nothing_have_no_duplicates(sound):
    prints = [("a", fingerprint(sound)), ("b", fingerprint(sound))]
    assert not find_duplicates(prints, 0.75)


def made_up(rng, marks=200):
    chroma = rng.standard_normal((400, 12)).astype(np.float32)
    chroma /= np.linalg.norm(chroma, axis=1, keepdims=True)
    hashes = rng.integers(0, 2**32, marks, dtype=np.uint32)
    return Fingerprint(chroma, hashes, np.sort(rng.integers(0, 6000, marks)).astype(np.uint32))


def test_the_work_grows_with_the_number_of_recordings_not_with_its_square(monkeypatch):
    rng = np.random.default_rng(0)
    prints = {f"{place:04}": made_up(rng) for place in range(600)}
    copies = {f"{place:04} again": prints[f"{place:04}"] for place in range(0, 600, 7)}
    compared = []
    true = fingerprints.similarity
    monkeypatch.setattr(
        fingerprints, "similarity", lambda *these: compared.append(1) or true(*these)
    )
    found = find_duplicates({**prints, **copies}.items(), 0.75)
    assert {name: first for name, (first, _) in found.items()} == {
        name: name.split()[0] for name in copies
    }
    assert len(compared) == len(copies), "of all pairs only those that share landmarks"


def test_a_landmark_that_all_share_costs_no_more_than_its_list(monkeypatch):
    rng = np.random.default_rng(0)
    common = rng.integers(0, 2**32, 50, dtype=np.uint32)
    looked = []

    class Votes(fingerprints.Counter):
        def __setitem__(self, key, value):
            looked.append(1)
            super().__setitem__(key, value)

    monkeypatch.setattr(fingerprints, "Counter", Votes)
    count = 300
    prints = []
    for place in range(count):
        one = made_up(rng, 50)
        # the same landmarks in another order each: common sounds, not the same recording
        prints.append((f"{place:04}", Fingerprint(one.chroma, rng.permutation(common), one.frames)))
    assert not find_duplicates(prints, 0.75)
    assert len(looked) <= count * len(common) * fingerprints._LONGEST_LIST
