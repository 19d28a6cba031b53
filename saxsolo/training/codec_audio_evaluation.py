"""A codec on every sound of a folder: `saxsolo train-codec --evaluate CODEC --audio FOLDER`.

Codecs of different rates stand in one table: each gets the original at its own rate, and what it
gives back is compared at 44.1 kHz, where a codec of 32 kHz lacks the top, and at 32 kHz.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
import torch
from tqdm import tqdm
from transformers import PreTrainedModel

from modeling_saxsolo.codec_adapter_saxsolo import codec_layout, decode, encode
from saxsolo.audio.codec_metrics import codebook_use, log_mel_distance, pitch_agreement
from saxsolo.audio.fine_pitch import fine_f0
from saxsolo.audio.frechet import embedding, frechet_distance
from saxsolo.audio.vibrato import attack_errors, slur_errors, vibrato_kept
from saxsolo.intervals import percentile_interval, resamples

from .errors import SettingsError

RATES = (44100, 32000)
KINDS = (".flac", ".wav", ".ogg")


#: takes (channels, n) float32 and its rate, gives as many channels and samples back
Damage = Callable[[np.ndarray, int], np.ndarray]


@torch.inference_mode()
def evaluate_on_audio(
    codec: PreTrainedModel,
    folder: Path,
    seconds: float,
    seed: int = 0,
    damage: Damage | None = None,
) -> dict[str, Any]:
    """Figures of a codec on `seconds` from the beginning of each sound below a folder.

    Args:
        damage: done to each sound first; what comes back is compared with the damaged sound.

    Returns:
        pitch agreement (share of voiced frames within 50 cents), its interval, that inside notes;
        log-mel distances at both rates; of the notes that vibrate: how many, the median depth after
        over before, the share whose depth is kept within 20 %, the median error of the rate
        (hertz); of beginnings after a rest and of slurs: how many, the share that is there, the
        median and 90th percentile of the error (ms); the Frechet distance; use and entropy of each
        codebook; speed as a multiple of real time.

    Raises:
        SettingsError: no sound in the folder.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in KINDS and p.is_file())
    if not paths:
        raise SettingsError(f"{folder} holds no sound to evaluate on: {', '.join(KINDS)} are read")
    layout = codec_layout(codec)
    rows, waves, attacks, slurs, codes, before, after = [], [], [], [], [], [], []
    spent = heard = 0.0
    for path in tqdm(paths, desc=folder.name, disable=None):
        original = _read(path, seconds)
        if damage is not None:
            original = damage(original[None], RATES[0])[0]
        sound = _resampled(original, RATES[0], layout.sampling_rate)
        began = time.perf_counter()
        told = encode(codec, torch.from_numpy(sound)[None, None])
        back = decode(codec, told)[0, 0, : len(sound)].numpy()
        spent += time.perf_counter() - began
        heard += len(original) / RATES[0]
        decoded = _fit(_resampled(back, layout.sampling_rate, RATES[0]), len(original))
        agree, voiced = pitch_agreement(original, decoded, RATES[0])
        halves = [_resampled(x, RATES[0], RATES[1]) for x in (original, decoded)]
        distances = (
            log_mel_distance(original, decoded, RATES[0]),
            log_mel_distance(halves[0], _fit(halves[1], len(halves[0])), RATES[1]),
        )
        rows.append((*agree, *voiced, *distances))
        pitches = fine_f0(original, RATES[0]), fine_f0(decoded, RATES[0])
        waves.append(vibrato_kept(*pitches))
        slurs.append(slur_errors(*pitches))
        attacks.append(attack_errors(original, decoded, RATES[0]))
        before.append(embedding(original, RATES[0]))
        after.append(embedding(decoded, RATES[0]))
        codes.append(told[0].numpy().T)
    table = np.array(rows, dtype=np.float64)
    rng = np.random.default_rng(seed)
    drawn = resamples(len(table), 1000, rng)
    shares = table[drawn, 0].sum(1) / table[drawn, 2].sum(1)
    use, entropy = codebook_use(np.concatenate(codes), layout.codebook_size)
    return {
        "folder": folder.name,
        "sounds": len(table),
        "seconds": round(heard, 1),
        "pitch_agreement": float(table[:, 0].sum() / table[:, 2].sum()),
        "pitch_agreement_95": list(percentile_interval(shares)),
        "pitch_agreement_inside_notes": float(table[:, 1].sum() / table[:, 3].sum()),
        "log_mel_distance_44100": float(table[:, 4].mean()),
        "log_mel_distance_32000": float(table[:, 5].mean()),
        "vibrato": _vibrato_figures(np.concatenate(waves)),
        "attacks": _timing_figures(np.concatenate(attacks)),
        "slurs": _timing_figures(np.concatenate(slurs)),
        "frechet_distance": frechet_distance(np.concatenate(before), np.concatenate(after)),
        "codebook_use": use,
        "codebook_entropy_bits": entropy,
        "threads": torch.get_num_threads(),
        "times_real_time": heard / spent,
    }


def damage_table(
    codec: PreTrainedModel, folder: Path, seconds: float, damages: dict[str, Damage]
) -> Iterator[str]:
    """Lines of Markdown: `evaluate_on_audio` under each damage, as soon as it is known."""
    yield (
        "| damage | pitch agreement, % | inside notes | log-mel 44.1 kHz | vibrato: depth kept, "
        "within 20 % | attacks, ms: median, 90 % | Frechet |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for name, damage in damages.items():
        found = evaluate_on_audio(codec, folder, seconds, damage=damage)
        waves, attacks = found["vibrato"], found["attacks"]
        kept = "none"
        if waves["notes"]:
            kept = f"{waves['median_depth_ratio']:.2f}, {waves['depth_within_20_percent']:.0%}"
        late = "none"
        if "median_error_ms" in attacks:
            late = f"{attacks['median_error_ms']:.1f}, {attacks['p90_error_ms']:.1f}"
        yield (
            f"| {name} | {100 * found['pitch_agreement']:.1f} | "
            f"{100 * found['pitch_agreement_inside_notes']:.1f} | "
            f"{found['log_mel_distance_44100']:.3f} | {kept} | {late} | "
            f"{found['frechet_distance']:.2f} |"
        )


def _vibrato_figures(waves: np.ndarray) -> dict[str, float | int]:
    if not len(waves):
        return {"notes": 0}
    ratio = waves[:, 1] / waves[:, 0]
    return {
        "notes": len(waves),
        "median_depth_cents": float(np.median(waves[:, 0])),
        "median_depth_ratio": float(np.median(ratio)),
        "depth_within_20_percent": float((np.abs(ratio - 1) <= 0.2).mean()),
        "median_rate_error_hertz": float(np.median(np.abs(waves[:, 3] - waves[:, 2]))),
    }


def _timing_figures(errors: np.ndarray) -> dict[str, float | int]:
    known = np.abs(errors[np.isfinite(errors)]) * 1000
    if not len(known):
        return {"notes": len(errors)}
    return {
        "notes": len(errors),
        "there": len(known) / len(errors),
        "median_error_ms": float(np.median(known)),
        "p90_error_ms": float(np.percentile(known, 90)),
        "median_late_ms": float(np.median(errors[np.isfinite(errors)]) * 1000),
    }


def _read(path: Path, seconds: float) -> np.ndarray:
    rate = soundfile.info(path).samplerate
    sound, _ = soundfile.read(path, round(seconds * rate), dtype="float32", always_2d=True)
    return _resampled(sound.mean(1), rate, RATES[0])


def _resampled(sound: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    if rate == wanted:
        return sound
    out: np.ndarray = soxr.resample(sound, rate, wanted).astype(np.float32)
    return out


def _fit(sound: np.ndarray, samples: int) -> np.ndarray:
    return np.pad(sound[:samples], (0, max(0, samples - len(sound))))
