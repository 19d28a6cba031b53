"""Many scores -> a folder of pairs with a manifest, over several processes, resumable.

    OUT/manifest.jsonl                              one row a finished pair, in a fixed order
    OUT/<split>/<pair_id>/{solo.flac, backing.flac, labels.npz}

A pair is written beside its place and moved there when complete; its row follows. A pair without a
row does not count: after a kill it is rendered again. Rows are ordered so that every beginning of
the corpus is a fair sample of it: one version of every solo first, performers mixed, a held-out
solo after every few training solos.
"""

from __future__ import annotations

import math
import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.corpus.pairs_folder import (
    MANIFEST,
    append_row,
    is_complete,
    read_manifest,
    write_manifest,
    write_pair,
)
from saxsolo.corpus.scores.splits import SPLITS, assign_splits
from saxsolo.errors import SaxsoloError
from saxsolo.music.frame_labels import frame_labels, score_tokens
from saxsolo.music.score import Score

from .pair import render_pair, seed_of
from .sounds import Sounds

LONGEST_UNCUT = 360.0
LONGEST_EXCERPT = 240.0
HELD_OUT_EVERY = 4
#: what the bass of a pair plays
BASSES = ("estimated", "walking")


class CorpusError(SaxsoloError, ValueError):
    """A corpus folder or the arguments for one do not fit together."""


@dataclass(frozen=True)
class PairPlan:
    """One pair to render: a score as written, its version and its place."""

    pair_id: str
    split: str
    score: Score
    semitones: int
    tempo: float
    seed: int


def excerpts(score: Score) -> list[Score]:
    """The score whole, or cut before first beats of bars where it is longer than six minutes."""
    if score.duration <= LONGEST_UNCUT:
        return [score]
    count = math.ceil(score.duration / LONGEST_EXCERPT)
    firsts = [beat.onset for beat in score.beats if beat.beat == 1] or [0.0]
    cuts = [0.0]
    for index in range(1, count):
        aim = index * score.duration / count
        cuts.append(min(firsts, key=lambda onset: abs(onset - aim)))
    cuts = sorted(set(cuts))
    ends = [*cuts[1:], score.duration]
    parts = []
    for number, (start, end) in enumerate(zip(cuts, ends, strict=True)):
        # half a second of silence before the first beat, as in whole solos
        lead = 0.0 if number == 0 else 0.5
        part = later(score.excerpt(start, end), lead)
        parts.append(replace(part, id=f"{score.id}.part{number}"))
    return parts


def later(score: Score, seconds: float) -> Score:
    """The score, `seconds` later."""
    notes = tuple(replace(note, onset=note.onset + seconds) for note in score.notes)
    beats = tuple(replace(beat, onset=beat.onset + seconds) for beat in score.beats)
    return replace(score, notes=notes, beats=beats)


def with_basses(score: Score, basses: str) -> Score:
    """The score itself for "estimated"; for "walking" without the basses of its recording, so that
    the band's bassist walks over the chords.

    Those of the Weimar Jazz Database contradict the chords of many tunes (docs/engineers/ear.md).
    """
    if basses == "estimated":
        return score
    return replace(score, beats=tuple(replace(beat, bass=None) for beat in score.beats))


def plan(
    scores: Iterable[Score],
    *,
    keys: Sequence[int] = (0,),
    tempi: Sequence[float] = (1.0,),
    splits: Sequence[str] = SPLITS,
    seed: int = 0,
) -> list[PairPlan]:
    """Every pair to render, in order. Raises CorpusError for unknown splits or tempi <= 0."""
    unknown = [split for split in splits if split not in SPLITS]
    if unknown:
        raise CorpusError(f"split {unknown[0]!r} is unknown: take any of {', '.join(SPLITS)}")
    if any(not 0.25 <= tempo <= 4 for tempo in tempi):
        raise CorpusError(f"tempi {list(tempi)} must lie between 0.25 and 4")
    scores = list(scores)
    split_of = assign_splits(scores)
    planned = []
    for version, (tempo, semitones) in enumerate((t, k) for t in tempi for k in keys):
        units: dict[str, list[Score]] = {split: [] for split in splits}
        for score in scores:
            if split_of[score.id] in units:
                units[split_of[score.id]] += excerpts(score)
        for split in units:
            units[split].sort(key=lambda score: seed_of(seed, version, score.id))
        for split, score in _interleaved(units):
            name = f"{score.id}_k{semitones:+d}_t{tempo:g}"
            pair_seed = seed_of(seed, score.id, semitones, tempo) >> 1
            planned.append(PairPlan(name, split, score, semitones, tempo, pair_seed))
    names = {pair_plan.pair_id for pair_plan in planned}
    if len(names) != len(planned):
        raise CorpusError(
            f"{len(planned)} pairs have {len(names)} different names: ids must differ"
        )
    return planned


def _interleaved(units: dict[str, list[Score]]) -> Iterator[tuple[str, Score]]:
    """Training scores with a held-out one, by turns of each split, after every few of them."""
    train = deque(units.get("train", ()))
    held_out = [deque(units[split]) for split in units if split != "train"]
    names = [split for split in units if split != "train"]
    turn = 0
    while train or any(held_out):
        for _ in range(min(HELD_OUT_EVERY - 1, len(train))):
            yield "train", train.popleft()
        for _ in range(len(held_out)):
            turn += 1
            queue = held_out[turn % len(held_out)]
            if queue:
                yield names[turn % len(held_out)], queue.popleft()
                break


def render_planned(pair_plan: PairPlan, out: Path, sounds: Sounds) -> dict[str, Any]:
    """Render one pair, put its folder in place and return its manifest row."""
    score = pair_plan.score.transpose(pair_plan.semitones).scale_tempo(pair_plan.tempo)
    pair = render_pair(score, pair_plan.seed, sounds)
    write_pair(
        out / pair_plan.split / pair_plan.pair_id,
        backing=pair.backing,
        solo=pair.solo,
        score=score_tokens(pair.score, pair.num_frames),
        labels=frame_labels(pair.score, pair.num_frames),
    )
    return {
        "pair_id": pair_plan.pair_id,
        "split": pair_plan.split,
        "score_id": score.id,
        "performer": score.performer,
        "title": score.title,
        "instrument": score.instrument,
        "style": score.style,
        "feel": score.feel,
        "tempo": round(score.tempo, 2),
        "timbre": pair.timbre,
        "semitones": pair_plan.semitones,
        "tempo_factor": pair_plan.tempo,
        "seed": pair_plan.seed,
        "seconds": len(pair.solo) / SAMPLING_RATE,
        "frames": pair.num_frames,
        "source": score.source,
        "licence": score.licence,
        "attribution": score.attribution,
        "settings": pair.settings,
    }


def render_corpus(
    scores: Iterable[Score],
    out: Path,
    sounds: Sounds,
    *,
    keys: Sequence[int] = (0,),
    tempi: Sequence[float] = (1.0,),
    splits: Sequence[str] = SPLITS,
    limit: int | None = None,
    seed: int = 0,
    basses: str = "estimated",
    workers: int = 2,
    progress: Callable[[str], None] | None = None,
) -> list[dict[str, Any]]:
    """Render all versions of all scores below `out`; return the manifest rows, old and new.

    What an earlier call has finished stays and is not rendered again. `limit`: only so many pairs
    of the plan. `basses`: one of BASSES, see `with_basses`. `progress` is given a line after each
    pair. Raises MissingSoundError before anything is written where instruments are absent,
    CorpusError for unknown basses and where the folder holds pairs of another seed or other basses.
    """
    sounds.check()
    if basses not in BASSES:
        raise CorpusError(f"basses {basses!r} are unknown: take {' or '.join(BASSES)}")
    out = Path(out)
    chosen = [with_basses(score, basses) for score in scores]
    planned = plan(chosen, keys=keys, tempi=tempi, splits=splits, seed=seed)[:limit]
    out.mkdir(parents=True, exist_ok=True)
    rows = read_manifest(out) if (out / MANIFEST).exists() else []
    finished = {row["pair_id"]: row for row in rows if is_complete(out, row)}
    # without rows whose files are gone, and without a torn last line
    write_manifest(out, finished.values())
    for pair_plan in planned:
        row = finished.get(pair_plan.pair_id)
        if row is not None and row["seed"] != pair_plan.seed:
            raise CorpusError(
                f"{out} holds {pair_plan.pair_id} rendered with seed {row['seed']}, but the plan "
                f"says {pair_plan.seed}: use the --seed it was made with, or another --out"
            )
        played = basses if row is None else row.get("basses", "estimated")
        if played != basses:
            raise CorpusError(
                f"{out} holds {pair_plan.pair_id} with {played} basses, but {basses} ones are "
                "asked for: give another --out"
            )
    waiting = [pair_plan for pair_plan in planned if pair_plan.pair_id not in finished]
    began = time.monotonic()
    seconds = 0.0
    with (out / MANIFEST).open("a", encoding="utf-8") as manifest:
        for count, row in enumerate(_rendered(waiting, out, sounds, workers), start=1):
            row["basses"] = basses
            append_row(manifest, row)
            finished[row["pair_id"]] = row
            seconds += row["seconds"]
            if progress is not None:
                spent = max(1e-9, time.monotonic() - began)
                left = spent / count * (len(waiting) - count)
                progress(
                    f"{count}/{len(waiting)} {row['split']} {row['pair_id']} {row['timbre']} "
                    f"{row['seconds']:.0f} s, {seconds / spent:.1f}x real time, "
                    f"{left / 60:.1f} min left"
                )
    return list(finished.values())


def _rendered(
    planned: list[PairPlan], out: Path, sounds: Sounds, workers: int
) -> Iterator[dict[str, Any]]:
    """Rows in the order of the plan, whichever process ends first."""
    if workers <= 1:
        for pair_plan in planned:
            yield render_planned(pair_plan, out, sounds)
        return
    # fluidsynth and sfizz have threads of their own: fork would copy them half
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=_begin, initargs=(sounds,)
    ) as pool:
        queue: deque[Any] = deque()
        try:
            for pair_plan in planned:
                queue.append(pool.submit(_render_here, pair_plan, out))
                if len(queue) >= 4 * workers:
                    yield queue.popleft().result()
            while queue:
                yield queue.popleft().result()
        finally:
            for future in queue:
                future.cancel()


_sounds: Sounds | None = None


def _begin(sounds: Sounds) -> None:
    global _sounds
    _sounds = sounds


def _render_here(pair_plan: PairPlan, out: Path) -> dict[str, Any]:
    assert _sounds is not None, pair_plan.pair_id
    return render_planned(pair_plan, out, _sounds)
