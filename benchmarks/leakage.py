"""Does a model read the solo in the trace that separation leaves in the backing, and does strange
residue stop it?

    saxsolo benchmark leakage --pairs PAIRS

Rendered pairs know both stems, so a leak of any level can be made. A small network is to name the
pitch class that the solo plays (or rest) from 0.1 s of the backing's spectrum. What it can do on
clean backings is harmony; what it can do better on leaking ones it reads in the leak. A model that
learnt from leaking backings must then play over clean ones: the last column.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile
import torch
import typer

from modeling_saxsolo.vocabulary_saxsolo import (
    FRAME_RATE,
    LOWEST_PITCH,
    NO_ROOT,
    NUM_PITCHES,
    REST,
    SAMPLES_PER_FRAME,
    SAMPLING_RATE,
)
from saxsolo.corpus.pairs_folder import read_manifest
from saxsolo.corpus.recordings.augment import add_residue

SECONDS = 30
LOWEST, BINS = 36, 144  # MIDI pitch, half-semitone bands


def bands() -> np.ndarray:
    """(BINS, spectrum) triangles a semitone wide."""
    frequencies = np.fft.rfftfreq(4096, 1 / SAMPLING_RATE)[1:]
    pitches = 69 + 12 * np.log2(frequencies / 440)
    centres = LOWEST + np.arange(BINS)[:, None] / 2
    return np.pad(np.maximum(0, 1 - np.abs(pitches - centres)), ((0, 0), (1, 0)))


def features(sound: np.ndarray, frames: int) -> np.ndarray:
    """(frames, 5 * BINS) log spectrum of each frame and two on either side."""
    padded = np.pad(sound, 2048 + SAMPLES_PER_FRAME)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 4096)[
        SAMPLES_PER_FRAME::SAMPLES_PER_FRAME
    ][:frames]
    spectrum = np.abs(np.fft.rfft(windows * np.hanning(4096), axis=1)).astype(np.float32)
    level = np.log(spectrum @ bands().T.astype(np.float32) + 1e-2)
    around = [np.roll(level, shift, axis=0) for shift in (-2, -1, 0, 1, 2)]
    return np.concatenate(around, axis=1)


def read(pairs: Path, row: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Backing, solo and the pitch class of each frame (12 = rest)."""
    folder = pairs / row["split"] / row["pair_id"]
    both = [
        soundfile.read(folder / f"{name}.flac", frames=SECONDS * SAMPLING_RATE, dtype="float32")[0]
        for name in ("backing", "solo")
    ]
    with np.load(folder / "labels.npz", allow_pickle=False) as arrays:
        tokens = arrays["score"][: SECONDS * FRAME_RATE].astype(int)
    return *both, np.where(
        tokens == REST, NO_ROOT, ((tokens - 1) % NUM_PITCHES + LOWEST_PITCH) % 12
    )


def probe(train: list, test: dict[str, list], steps: int) -> dict[str, float]:
    """Trains the network; accuracy on frames where the solo sounds, for each set of `test`."""
    torch.manual_seed(0)
    x = torch.from_numpy(np.concatenate([one for one, _ in train]))
    y = torch.from_numpy(np.concatenate([one for _, one in train]))
    mean, scale = x.mean(0), x.std(0) + 1e-3
    net = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], 256),
        torch.nn.GELU(),
        torch.nn.Dropout(0.3),
        torch.nn.Linear(256, 13),
    )
    optimiser = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=0.1)
    for _ in range(steps):
        chosen = torch.randint(len(x), (512,))
        loss = torch.nn.functional.cross_entropy(net((x[chosen] - mean) / scale), y[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    net.eval()
    found = {}
    with torch.inference_mode():
        for name, parts in test.items():
            hits = [
                (net((torch.from_numpy(a) - mean) / scale)[:, :12].argmax(1).numpy() == b)[b < 12]
                for a, b in parts
            ]
            found[name] = float(np.concatenate(hits).mean())
    return found


def main(
    pairs: Annotated[Path, typer.Option(help="Folder of rendered pairs.")],
    train: Annotated[int, typer.Option(help="Pairs to learn from.")] = 40,
    test: Annotated[int, typer.Option(help="Pairs to test on.")] = 16,
    steps: Annotated[int, typer.Option(help="Of the optimiser.")] = 800,
    leak_db: Annotated[float, typer.Option(help="Level of the leak.")] = -24.0,
    residue_db: Annotated[float, typer.Option(help="Level of each strange voice.")] = -20.0,
    voices: Annotated[str, typer.Option(help="Numbers of strange voices.")] = "1,4,8",
) -> None:
    rows = [row for row in read_manifest(pairs) if row["seconds"] >= SECONDS]
    chosen = {
        split: [read(pairs, row) for row in [r for r in rows if r["split"] == split][:count]]
        for split, count in (("train", train), ("test", test))
    }

    def made(split: str, level: float | None, count: int) -> list:
        parts = []
        for place, (backing, solo, classes) in enumerate(chosen[split]):
            leak = 0.0 if level is None else 10 ** (level / 20)
            heard = add_residue(
                backing + leak * solo,
                solo,
                residue_db,
                count,
                np.random.default_rng(place),
            )
            parts.append((features(heard, len(classes)), classes))
        return parts

    clean, leaking = made("test", None, 0), made("test", leak_db, 0)
    ways = [("clean", None, 0), (f"leak {leak_db:g} dB", leak_db, 0)]
    ways += [
        (f"leak, {n} voices at {residue_db:g} dB", leak_db, n) for n in map(int, voices.split(","))
    ]
    print("| learnt from | pitch class right, same kind | clean | leaking |")
    print("| --- | --- | --- | --- |")
    for name, leak, count in ways:
        sets = {"same": made("test", leak, count), "clean": clean, "leaking": leaking}
        got = probe(made("train", leak, count), sets, steps)
        print(f"| {name} | {got['same']:.3f} | {got['clean']:.3f} | {got['leaking']:.3f} |")


if __name__ == "__main__":
    typer.run(main)
