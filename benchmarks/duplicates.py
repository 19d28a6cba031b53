"""How far apart are the same recording changed, and two recordings, for the search for duplicates?

    saxsolo benchmark duplicates --pairs PAIRS --recordings 5

Mixes of rendered pairs, and of each five changed versions: quiet and noisy, with 0.73 s of silence
before it, without its first 1.4 s or 20 s, and as a small MP3. For all pairs: how many landmarks
they share at one offset, and the cosine of their chroma there.
"""

from __future__ import annotations

import io
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile
import soxr
import typer

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.corpus.pairs_folder import read_manifest
from saxsolo.corpus.recordings.fingerprints import (
    FINGERPRINT_RATE,
    Fingerprint,
    FingerprintMaker,
    decode,
    similarity,
)

SECONDS = 90


def versions(sound: np.ndarray) -> list[np.ndarray]:
    """The sound (n,) at 32 kHz and its five changed versions, at the fingerprints' rate."""
    plain = soxr.resample(sound, SAMPLING_RATE, FINGERPRINT_RATE)
    noise = np.random.default_rng(0).standard_normal(len(plain)).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, np.clip(sound, -1, 1), SAMPLING_RATE, format="MP3", compression_level=0.9)
    file.seek(0)
    small = soundfile.read(file, dtype="float32")[0]
    return [
        plain,
        0.1 * plain + 0.003 * noise,
        np.concatenate([np.zeros(round(0.73 * FINGERPRINT_RATE), np.float32), plain]),
        plain[round(1.4 * FINGERPRINT_RATE) :],
        plain[20 * FINGERPRINT_RATE + 77 :],
        soxr.resample(small, SAMPLING_RATE, FINGERPRINT_RATE),
    ]


def fingerprint(sound: np.ndarray) -> Fingerprint:
    """Of a sound at the fingerprints' rate."""
    maker = FingerprintMaker()
    maker.push(sound)
    made = maker.texts()
    return decode(made["chroma"], made["landmarks"])


def compare(one: Fingerprint, other: Fingerprint) -> tuple[int, float]:
    """Landmarks shared at the best offset, and the cosine there."""
    votes = Counter(
        int(a) - int(b)
        for key, b in zip(other.hashes, other.frames, strict=True)
        for a in one.frames[one.hashes == key]
    )
    if not votes:
        return 0, 0.0
    offset, count = votes.most_common(1)[0]
    return count, similarity(one, other, offset)


def main(
    pairs: Annotated[Path, typer.Option(help="Folder of rendered pairs.")],
    recordings: Annotated[int, typer.Option(help="Tunes to compare.")] = 5,
) -> None:
    rows = [row for row in read_manifest(pairs) if row["seconds"] > SECONDS]
    # one pair of a tune: its other keys would be no other recording
    chosen = list({row["title"]: row for row in rows}.values())[:recordings]
    prints = []
    for place, row in enumerate(chosen):
        folder = pairs / row["split"] / row["pair_id"]
        stems = [
            soundfile.read(
                folder / f"{name}.flac", frames=SECONDS * SAMPLING_RATE, dtype="float32"
            )[0]
            for name in ("backing", "solo")
        ]
        prints += [(place, fingerprint(one)) for one in versions(sum(stems))]
    found: dict[bool, list[tuple[int, float]]] = {True: [], False: []}
    for (first, one), (second, other) in combinations(prints, 2):
        found[first == second].append(compare(one, other))
    marks = np.mean([len(one.hashes) for _, one in prints]) / SECONDS
    print(f"{len(chosen)} recordings, {marks:.1f} landmarks a second")
    print("| pairs | number | landmarks shared | cosine |\n| --- | --- | --- | --- |")
    for same, name in ((True, "the same recording"), (False, "two recordings")):
        counts, cosines = zip(*found[same], strict=True)
        print(
            f"| {name} | {len(counts)} | {min(counts)} to {max(counts)} | "
            f"{min(cosines):.2f} to {max(cosines):.2f} |"
        )


if __name__ == "__main__":
    typer.run(main)
