"""Many accompaniments: a folder with a manifest, resumable, seeded, in parallel.

    OUT/manifest.jsonl                               a line a finished item
    OUT/<train|validation>/<name>/{backing.flac, truth.json}

An item is written beside its place and moved there whole; then its line follows. What has no line
is rendered again.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import soundfile

from saxsolo.corpus.pairs_folder import MANIFEST, append_row, read_manifest, write_manifest
from saxsolo.corpus.render.pair import seed_of
from saxsolo.corpus.scores.splits import assign_splits
from saxsolo.music.score import Score

from .band import Studio
from .charts import Chart, ChartError, chart_split, read_charts
from .render import Accompaniment, Options, render_accompaniment
from .transcribed import Passage, transcribed_passages

FILES = ("backing.flac", "truth.json")
Pools = dict[str, list[Chart]]  # charts by split
Played = dict[str, list[Passage]]  # of transcribed tunes, by split
VALIDATION_EVERY = 25  # of so many items one is of the validation split


def write_item(item: Accompaniment, folder: Path) -> None:
    """Write sound and truth into a folder that appears whole."""
    part = folder.with_name(f".{folder.name}.part")
    for stale in (part, folder):
        if stale.exists():
            shutil.rmtree(stale)
    part.mkdir(parents=True)
    soundfile.write(part / "backing.flac", item.audio.T, item.rate, subtype="PCM_16")
    (part / "truth.json").write_text(json.dumps(item.truth, ensure_ascii=False), encoding="utf-8")
    part.rename(folder)


def manifest_row(item: Accompaniment, split: str, name: str) -> dict[str, Any]:
    """What the manifest says of an item."""
    truth = item.truth
    return {
        "name": name, "split": split, "seconds": truth["duration"], "title": truth["title"],
        "metre": truth["metre"], "tempo": truth["tempo"], "tuning_cents": truth["tuning_cents"],
        "seed": truth["seed"], "band": sorted(truth["band"]),
    }  # fmt: skip


def finished_items(out: Path) -> dict[str, dict[str, Any]]:
    """Name -> manifest row of the items of a folder whose files are there; other rows go."""
    path = out / MANIFEST
    rows = read_manifest(out, needed=("name", "split")) if path.exists() else []
    done = {
        row["name"]: row
        for row in rows
        if all((out / row["split"] / row["name"] / name).is_file() for name in FILES)
    }
    if len(done) < len(rows):
        write_manifest(out, done.values())
    return done


def render_accompaniments(
    out: Path,
    charts_dir: Path | None,
    studio: Studio,
    *,
    hours: float,
    held_out_titles: Iterable[str] = (),
    transcribed: Sequence[Score] = (),
    seed: int = 0,
    workers: int = 1,
    options: Options | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[dict[str, Any]]:
    """Render items number 0, 1, 2 ... of a seed below `out` until they last `hours`.

    `held_out_titles`: tunes of validation and test solos, never played here. `transcribed`: where
    given, what their splits for training and validation hold is played instead of charts, with the
    bass of the recordings. Returns the rows of the seed's items; those of other seeds stay in the
    manifest. Raises MissingSoundError before anything is written, ChartError for a broken folder
    of charts, or for transcriptions of which a band can play none.
    """
    studio.check()
    options = options or Options()
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    charts = [] if charts_dir is None else read_charts(charts_dir)
    titles = list(held_out_titles)
    pools: Pools = {"train": [], "validation": [], "foreign": []}
    splits = {title: chart_split(title, titles) for title in {chart.title for chart in charts}}
    for chart in charts:
        pools[splits[chart.title]].append(chart)
    played = _played(transcribed)
    done = finished_items(out)
    rows: list[dict[str, Any]] = []
    seconds = 0.0
    with (out / MANIFEST).open("a", encoding="utf-8") as manifest:
        for row in _rendered(out, seed, done, pools, played, studio, options, workers):
            if row["name"] not in done:
                append_row(manifest, row)
            rows.append(row)
            seconds += row["seconds"]
            if progress is not None:
                progress(f"{len(rows)} items, {seconds / 3600:.2f} of {hours:g} hours: "
                         f"{row['name']} {row['metre']} {row['title']}")  # fmt: skip
            if seconds >= hours * 3600:
                break
    return rows


def _played(scores: Sequence[Score]) -> Played:
    """Without the tunes that are kept for the second arranger."""
    split_of = assign_splits(scores)
    own = [score for score in scores if chart_split(score.title, ()) != "foreign"]
    played = {
        split: transcribed_passages([score for score in own if split_of[score.id] == split])
        for split in ("train", "validation")
    }
    empty = [split for split, passages in played.items() if not passages]
    if scores and empty:
        raise ChartError(
            f"of {len(scores)} transcriptions none for {empty[0]} has eight bars in a row "
            "with a bass: give those of the Weimar Jazz Database, whole"
        )
    return played


def item_name(seed: int, number: int, transcribed: bool = False) -> str:
    """The name of an item, the same for ever."""
    return f"{'t' if transcribed else 's'}{seed}-{number:05d}"


def _split_of(number: int) -> str:
    return "validation" if number % VALIDATION_EVERY == VALIDATION_EVERY - 1 else "train"


def _rendered(
    out: Path, seed: int, done: dict[str, dict[str, Any]], pools: Pools, played: Played,
    studio: Studio, options: Options, workers: int,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Rows in the order of the numbers, without end."""
    name_of = partial(item_name, seed, transcribed=bool(played["train"]))
    if workers <= 1:
        _begin(studio, pools, played, options, out)
        number = 0
        while True:
            yield done.get(name_of(number)) or _item(seed, number)
            number += 1
    # fluidsynth and sfizz have threads of their own: fork would copy them half
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers,
        mp_context=context,
        initializer=_begin,
        initargs=(studio, pools, played, options, out),
    ) as pool:
        queue: deque[Any] = deque()
        number = 0
        try:
            while True:
                while len(queue) < 2 * workers:
                    row = done.get(name_of(number))
                    queue.append(row or pool.submit(_item, seed, number))
                    number += 1
                first = queue.popleft()
                yield first if isinstance(first, dict) else first.result()
        finally:
            for waiting in queue:
                if not isinstance(waiting, dict):
                    waiting.cancel()


_work: tuple[Studio, Pools, Played, Options, Path] | None = None


def _begin(studio: Studio, pools: Pools, played: Played, options: Options, out: Path) -> None:
    global _work
    _work = studio, pools, played, options, out


def _item(seed: int, number: int) -> dict[str, Any]:
    assert _work is not None, number
    studio, pools, played, options, out = _work
    split = _split_of(number)
    item_seed = seed_of("accompany", seed, number) >> 1
    item = render_accompaniment(item_seed, pools[split], studio, options, played[split])
    name = item_name(seed, number, bool(played[split]))
    write_item(item, out / split / name)
    return manifest_row(item, split, name)
