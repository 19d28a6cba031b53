"""What the ear learns from: accompaniments and their truth, as features and labels on disk.

    ITEMS/SPLIT/NAME/{backing.flac, truth.json}      what is rendered
    CACHE/SPLIT/NAME.{npy, labels.npy, json}         what is trained on, read as memory maps

An item's features are computed once, in the tuning that the ear itself estimates. The JSON file
comes last: what has none is computed again. Labels are one row for each frame of 20 ms.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from modeling_saxsolo.backing_saxsolo import heard_blocks, measure_backing
from modeling_saxsolo.ear_saxsolo import (
    CHORDS,
    FRAME_RATE,
    FRAMES_PER_TOKEN,
    METRES,
    PHASES,
    PLACES,
    QUALITIES,
)
from modeling_saxsolo.ear_spectrum_saxsolo import (
    BASS_BINS,
    HARMONY_BINS,
    RHYTHM_BANDS,
    RHYTHM_COLUMNS,
    SAMPLING_RATE,
    ear_features,
    estimate_tuning,
)

#: what `truth.json` holds
Truth = dict[str, Any]
UNKNOWN = -100
#: columns of the labels; "beat" is 0 = none, 1 = a beat begins, 2 = a bar begins
LABELS = ("chord", "bass", "phase", "place", "beat", "metre", "activity")
NO_BASS = 12
FEATURES = HARMONY_BINS + BASS_BINS + RHYTHM_COLUMNS * RHYTHM_BANDS
# a gap between beats this many times the median is a hole, no slow beat
_LONGEST_BEAT = 2.5


def read_mono(path: Path) -> torch.Tensor:
    """(n,) float32 at 16 kHz of any sound file, as every listener hears it."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    measure = measure_backing(audio, rate, SAMPLING_RATE)
    return torch.cat(list(heard_blocks(audio, rate, SAMPLING_RATE, measure)))


def read_truth(folder: Path) -> Truth:
    """`truth.json` of an item. Raises ValueError where it lacks chords or beats."""
    path = folder / "truth.json"
    truth: Truth = json.loads(path.read_text(encoding="utf-8"))
    missing = [key for key in ("chords", "beats") if key not in truth]
    if missing:
        raise ValueError(f"{path} has no {' and no '.join(missing)}: it is no item for the ear")
    return truth


def frame_labels(truth: Truth, frames: int) -> np.ndarray:
    """(F, 7) int16 labels in the order of `LABELS`, -100 where nothing is known."""
    labels = np.full((frames, len(LABELS)), UNKNOWN, np.int16)
    middles = (np.arange(frames) + 0.5) / FRAME_RATE
    for start, end, _, root, quality, _ in truth["chords"]:
        inside = (middles >= start) & (middles < end)
        known = root is not None and quality < QUALITIES
        labels[inside, 0] = root * QUALITIES + quality if known else CHORDS - 1
    if "bass_notes" in truth:
        labels[:, 1] = NO_BASS
        for start, end, pitch in truth["bass_notes"]:
            labels[(middles >= start) & (middles < end), 1] = pitch % 12
    _beat_labels(labels, truth["beats"], middles)
    labels[:, 6] = _activity(truth, middles)
    return labels


def _beat_labels(labels: np.ndarray, beats: list[list[float]], middles: np.ndarray) -> None:
    if len(beats) < 3:
        labels[:, 4] = 0
        return
    onsets, places, sizes = np.array(beats, np.float64).T
    lengths = np.diff(onsets)
    longest = _LONGEST_BEAT * np.median(lengths)
    lengths = np.append(lengths, lengths[-1])
    index = np.searchsorted(onsets, middles, side="right") - 1
    inside = (index >= 0) & (middles < onsets[-1] + lengths[-1])
    inside &= lengths[index] <= longest
    at = index[inside]
    phase = PHASES * (middles[inside] - onsets[at]) / lengths[at]
    labels[inside, 2] = np.clip(phase, 0, PHASES - 1)
    labels[inside, 3] = np.minimum(places[at] - 1, PLACES - 1)
    labels[inside, 5] = np.clip(sizes[at] - 2, 0, METRES - 1)
    labels[:, 4] = 0
    frames = np.floor(onsets * FRAME_RATE).astype(int)
    kept = (frames >= 0) & (frames < len(labels))
    labels[frames[kept], 4] = np.where(places[kept] == 1, 2, 1)


def _activity(truth: Truth, middles: np.ndarray) -> np.ndarray:
    """0 = nothing, 1 = a count-in, 2 = the band: from the first beat after the count-in to the
    last one, or where there are no beats, wherever there is a chord."""
    activity = np.zeros(len(middles), np.int16)
    count_in = truth.get("count_in")
    spans = [row[:2] for row in truth["chords"] if row[3] is not None]
    if len(truth["beats"]) > 1:
        onsets = [beat[0] for beat in truth["beats"]]
        first = count_in[1] if count_in else onsets[0]
        spans.append([first, 2 * onsets[-1] - onsets[-2]])
    for start, end in spans:
        activity[(middles >= start) & (middles < end)] = 2
    if count_in:
        activity[(middles >= count_in[0]) & (middles < count_in[1])] = 1
    return activity


def cache_item(folder: Path, out: Path) -> None:
    """Features and labels of one item, unless they are there."""
    done = out / f"{folder.name}.json"
    if done.exists():
        return
    truth = read_truth(folder)
    audio = read_mono(folder / "backing.flac")
    cents, sureness = estimate_tuning(audio)
    spectra = ear_features(audio[None], cents)
    tokens = spectra.harmony.shape[1]
    rhythm = spectra.rhythm.reshape(1, tokens, -1)
    features = torch.cat([spectra.harmony, spectra.bass, rhythm], dim=-1)[0]
    _write(out / f"{folder.name}.npy", features.half().numpy())
    labels = frame_labels(truth, tokens * FRAMES_PER_TOKEN)
    _write(out / f"{folder.name}.labels.npy", labels)
    facts = {
        "tokens": tokens,
        "tuning_cents": truth.get("tuning_cents"),
        "estimated_cents": round(cents, 1),
        "sureness": round(sureness, 3),
    }
    part = done.with_suffix(".part")
    part.write_text(json.dumps(facts), encoding="utf-8")
    part.replace(done)


def _write(path: Path, array: np.ndarray) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.save(file, array, allow_pickle=False)
    part.replace(path)


def cache_corpus(
    items: Path, out: Path, split: str, workers: int = 1, report: Callable[[str], None] = print
) -> int:
    """Caches all items of a split that are not cached yet; returns how many are cached now.

    Run again, it goes on with what has been rendered since. A damaged item is reported and left.
    """
    folders = sorted(path.parent for path in (items / split).glob("*/truth.json"))
    target = out / split
    target.mkdir(parents=True, exist_ok=True)
    waiting = [folder for folder in folders if not (target / f"{folder.name}.json").exists()]
    job = partial(_cache_safely, out=target)
    if workers <= 1:
        problems = [job(folder) for folder in waiting]
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            problems = list(pool.map(job, waiting))
    for problem in filter(None, problems):
        report(problem)
    return len(list(target.glob("*.json")))


def _cache_safely(folder: Path, out: Path) -> str | None:
    torch.set_num_threads(1)
    try:
        cache_item(folder, out)
    except (OSError, ValueError, soundfile.LibsndfileError) as error:
        return f"{folder}: {error}"
    return None


@dataclass
class Item:
    """One cached item: memory maps of (T, features) float16 and (4 T, 7) int16."""

    name: str
    features: np.ndarray
    labels: np.ndarray

    @cached_property
    def tempo(self) -> float:
        """Beats a minute by the median beat of the labels, 0 where there are none."""
        beats = np.flatnonzero(np.asarray(self.labels[:, LABELS.index("beat")]) > 0)
        return 60 * FRAME_RATE / float(np.median(np.diff(beats))) if len(beats) > 1 else 0.0


def load_items(cache: Path, split: str) -> list[Item]:
    """All cached items of a split, in the order of their names."""
    items = []
    for done in sorted((cache / split).glob("*.json")):
        features = np.load(done.with_suffix(".npy"), mmap_mode="r")
        labels = np.load(done.with_suffix(".labels.npy"), mmap_mode="r")
        items.append(Item(done.stem, features, labels))
    return items


@dataclass
class Batch:
    """A batch of crops: harmony (B, T, 216), bass (B, T, 108), rhythm (B, 8 T, 40), and labels
    (B, 4 T, 7) int64."""

    harmony: torch.Tensor
    bass: torch.Tensor
    rhythm: torch.Tensor
    labels: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        parts = (self.harmony, self.bass, self.rhythm, self.labels)
        return Batch(*(part.to(device) for part in parts))


def stack(crops: list[tuple[np.ndarray, np.ndarray]]) -> Batch:
    """Crops of equal length as one batch."""
    features = torch.from_numpy(np.stack([crop for crop, _ in crops]).astype(np.float32))
    labels = torch.from_numpy(np.stack([labels for _, labels in crops]).astype(np.int64))
    harmony, bass, rhythm = torch.split(
        features, [HARMONY_BINS, BASS_BINS, RHYTHM_COLUMNS * RHYTHM_BANDS], dim=-1
    )
    rhythm = rhythm.reshape(len(crops), -1, RHYTHM_BANDS)
    return Batch(harmony, bass, rhythm, labels)


def crop(item: Item, start: int, tokens: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens from `start` on and their labels; zeros and -100 after the end."""
    features = np.zeros((tokens, FEATURES), np.float16)
    labels = np.full((tokens * FRAMES_PER_TOKEN, len(LABELS)), UNKNOWN, np.int16)
    part = item.features[start : start + tokens]
    features[: len(part)] = part
    part = item.labels[start * FRAMES_PER_TOKEN : (start + tokens) * FRAMES_PER_TOKEN]
    labels[: len(part)] = part
    return features, labels


def stretched(
    features: np.ndarray, labels: np.ndarray, tokens: int
) -> tuple[np.ndarray, np.ndarray]:
    """A crop at another tempo: (T, features) and (4 T, 7) resampled to `tokens` tokens.

    The pitch stays. Features are interpolated, the rhythm columns at their own rate; each beat
    keeps a frame of its own.
    """
    pitched = _resampled(features[:, : HARMONY_BINS + BASS_BINS].astype(np.float32), tokens)
    columns = features[:, HARMONY_BINS + BASS_BINS :].reshape(-1, RHYTHM_BANDS)
    columns = _resampled(columns.astype(np.float32), tokens * RHYTHM_COLUMNS)
    frames = tokens * FRAMES_PER_TOKEN
    factor = len(labels) / frames
    nearest = ((np.arange(frames) + 0.5) * factor).astype(int)
    moved = labels[np.minimum(nearest, len(labels) - 1)]
    beat = np.where(moved[:, 4] == UNKNOWN, UNKNOWN, 0).astype(np.int16)
    places = np.flatnonzero(labels[:, 4] > 0)
    beat[np.minimum(((places + 0.5) / factor).astype(int), frames - 1)] = labels[places, 4]
    moved[:, 4] = beat
    return np.concatenate([pitched, columns.reshape(tokens, -1)], axis=1), moved


def _resampled(rows: np.ndarray, count: int) -> np.ndarray:
    at = np.clip((np.arange(count) + 0.5) * len(rows) / count - 0.5, 0, len(rows) - 1)
    low = at.astype(int)
    high = np.minimum(low + 1, len(rows) - 1)
    part = (at - low)[:, None].astype(np.float32)
    between: np.ndarray = (1 - part) * rows[low] + part * rows[high]
    return between


@dataclass(frozen=True)
class Stretch:
    """How much half of the crops are played slower or faster at most, as natural logarithms.

    Attributes:
        slower: at most. faster: at most, 0 = as much as slower.
        fastest: beats a minute up to which a crop is played faster by more than `slower`.
    """

    slower: float = 0.0
    faster: float = 0.0
    fastest: float = 320.0

    def limits(self, tempi: np.ndarray) -> np.ndarray:
        """(N,) how much faster items of these tempi may become; tempo 0 where it is unknown."""
        if not self.faster:
            return np.full(len(tempi), self.slower)
        room = np.log(self.fastest / np.maximum(tempi, 1.0))
        return np.where(tempi > 0, np.clip(room, self.slower, self.faster), self.slower)


def draw_batch(
    items: list[Item],
    size: int,
    tokens: int,
    rng: np.random.Generator,
    stretch: Stretch | None = None,
) -> Batch:
    """Random crops; a longer item is drawn more often.

    One in four begins where the item does and one in ten ends there: what comes before the band
    and after it is rare, and else hardly heard.
    """
    lengths = np.array([len(item.features) for item in items])
    stretch = stretch or Stretch()
    faster = stretch.limits(np.array([item.tempo for item in items]))
    crops = []
    for index, start, length in zip(
        *choose_crops(lengths, size, tokens, rng, stretch.slower, faster), strict=True
    ):
        part = crop(items[index], start, length)
        crops.append(part if length == tokens else stretched(*part, tokens))
    return stack(crops)


def choose_crops(
    lengths: np.ndarray,
    size: int,
    tokens: int,
    rng: np.random.Generator,
    slower: float,
    faster: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `draw_batch` draws from items of these lengths: item, start and length in tokens.

    Args:
        slower, faster: see `Stretch`; faster (N,) for each item.
    """
    chosen = rng.choice(len(lengths), size, p=lengths / lengths.sum())
    starts, counts = np.zeros(size, int), np.full(size, tokens)
    for row, index in enumerate(chosen):
        if rng.random() < 0.5:
            counts[row] = round(tokens * np.exp(rng.uniform(-slower, faster[index])))
        last = max(0, int(lengths[index]) - int(counts[row]))
        draw = rng.random()
        starts[row] = 0 if draw < 0.25 else last if draw < 0.35 else int(rng.integers(last + 1))
    return chosen, starts, counts


def held_out_batches(items: list[Item], tokens: int, most: int) -> Iterator[Batch]:
    """One crop from the middle of each of the first `most` items, eight at a time."""
    crops = [
        crop(item, max(0, (len(item.features) - tokens) // 2), tokens) for item in items[:most]
    ]
    for start in range(0, len(crops), 8):
        yield stack(crops[start : start + 8])
