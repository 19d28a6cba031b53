"""A codec on every held-out solo of a corpus of pairs: `saxsolo train-codec --evaluate`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from tqdm import tqdm

from modeling_saxsolo.modeling_saxcodec import SaxcodecModel
from saxsolo.audio.codec_metrics import (
    chroma_correlation,
    codebook_use,
    log_mel_distance,
    pitch_agreement,
)
from saxsolo.corpus.pairs_folder import NEEDED, PairsError, read_manifest
from saxsolo.intervals import percentile_interval, resamples


@torch.inference_mode()
def evaluate_codec(
    codec: SaxcodecModel, pairs: Path, split: str, seconds: float, seed: int = 0
) -> dict[str, Any]:
    """Figures of a codec on `seconds` of every solo of a split, and of its backing.

    A solo that is there in several keys counts once, in its own.

    Returns:
        pitch agreement (share of voiced frames within 50 cents), its interval, that inside notes,
        log-mel distance, use and entropy of each codebook, chroma correlation of the backings, and
        speed as a multiple of real time.

    Raises:
        PairsError: for no corpus, or one without a solo of that split in its own key.
    """
    names = [
        r["pair_id"]
        for r in read_manifest(pairs, needed=(*NEEDED, "semitones"))
        if r["split"] == split and r["semitones"] == 0
    ]
    if not names:
        raise PairsError(f"{pairs} has no pairs of split {split!r} in their own key")
    folders = [pairs / split / name for name in sorted(names)]
    rng = np.random.default_rng(seed)
    rate = codec.config.sampling_rate
    samples = round(seconds * rate)
    rows, chroma, all_codes, spent, heard = [], [], [], 0.0, 0.0
    for folder in tqdm(folders, desc="codec", disable=None):
        length = soundfile.info(folder / "solo.flac").frames
        start = int(rng.integers(0, max(1, length - samples)))
        solo, _ = soundfile.read(folder / "solo.flac", samples, start, dtype="float32")
        backing, _ = soundfile.read(folder / "backing.flac", samples, start, dtype="float32")
        began = time.perf_counter()
        codes, decoded = _round_trip(codec, solo)
        spent += time.perf_counter() - began
        heard += len(solo) / rate
        agree, voiced = pitch_agreement(solo, decoded, rate)
        rows.append((*agree, *voiced, log_mel_distance(solo, decoded, rate)))
        chroma.append(chroma_correlation(backing, _round_trip(codec, backing)[1], rate))
        all_codes.append(codes.T)
    table = np.array(rows)
    drawn = resamples(len(table), 1000, rng)
    shares = table[drawn, 0].sum(1) / table[drawn, 2].sum(1)
    use, entropy = codebook_use(np.concatenate(all_codes), codec.config.codebook_size)
    chords, bass = (_mean(band) for band in zip(*chroma, strict=True))
    return {
        "split": split,
        "cases": len(table),
        "seconds": round(heard, 1),
        "seed": seed,
        "pitch_agreement": float(table[:, 0].sum() / table[:, 2].sum()),
        "pitch_agreement_95": list(percentile_interval(shares)),
        "pitch_agreement_inside_notes": float(table[:, 1].sum() / table[:, 3].sum()),
        "log_mel_distance": float(table[:, 4].mean()),
        "chroma_correlation_chords": chords,
        "chroma_correlation_bass": bass,
        "codebook_use": use,
        "codebook_entropy_bits": entropy,
        "threads": torch.get_num_threads(),
        "times_real_time": heard / spent,
    }


def _mean(values: Iterable[float | None]) -> float | None:
    """Of those that are there; None where none is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _round_trip(codec: SaxcodecModel, sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Samples (n,) -> codes (K, T) and decoded samples (n,)."""
    codes = codec.encode(torch.from_numpy(sound)[None, None])
    return codes[0].numpy(), codec.decode(codes)[0, 0, : len(sound)].numpy()
