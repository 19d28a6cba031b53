"""`python play.py BACKING --out solo.wav`: a solo from an exported folder alone."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import soundfile
import soxr

from .hearing import hear
from .planning import NotePlan
from .playing import play
from .sounding import Voice
from .spectra import Array

FOLDER = Path(__file__).parents[1]
CHUNK = 25


def load(folder: Path, threads: int = 1) -> tuple[dict[str, Any], dict[str, Any]]:
    """The sessions of the graphs by their names, and the configuration."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    config = json.loads((folder / "config.json").read_text("utf-8"))
    graphs = {
        path.stem: onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        for path in sorted((folder / "graphs").glob("*.onnx"))
        if path.stem != "codec_encoder"
    }
    return graphs, config


def improvise(
    audio: Array,
    rate: int,
    folder: Path = FOLDER,
    seed: int = 0,
    instrument: str = "tenor",
    temperature: float | None = None,
    loaded: tuple[dict[str, Any], dict[str, Any]] | None = None,
) -> tuple[Array, Array]:
    """Samples (n,) of a solo at the codec's rate, and its codes (N, T).

    Args:
        audio: (n,) or (n, channels) float32. temperature: 0 takes the likeliest everywhere.
    """
    graphs, config = loaded or load(folder)
    random = np.random.default_rng(seed)
    mono = audio if audio.ndim == 1 else audio.mean(axis=1)
    heard = hear(
        graphs["ear"],
        soxr.resample(mono.astype(np.float32), rate, 16_000),
        np.array(config["progressions"]),
    )
    asked = {**config["default_conditions"], "instrument": instrument}
    conditions = config["model"]["conditions"]
    ids = [conditions[name].index(asked[name]) if name in asked else -1 for name in conditions]
    warm = config["sampling"]["temperature"] if temperature is None else temperature
    plan = NotePlan(
        graphs,
        config,
        heard.sheet,
        heard.first,
        heard.last,
        config["controls"].get(instrument, [0] * 5),
        warm,
        random,
    )
    frames = heard.posteriors.shape[2]
    notes = plan.whole(frames)
    place = np.arange(frames)
    playing = (place >= heard.first) & (place < heard.last)
    forced = np.where(playing, -1, np.array(config["silence"])[:, None])
    codes_warm = 0.0 if temperature == 0 else config["model"]["codec_temperature"]
    codes = play(graphs, config, heard, notes, ids, codes_warm, random, forced)
    voice = Voice(graphs["codec_decoder"], config["codec"], heard.cents)
    parts = [voice.push(codes[1:, at : at + CHUNK]) for at in range(0, frames, CHUNK)]
    return np.concatenate([*parts, voice.finish()]), codes


def main() -> None:
    parser = argparse.ArgumentParser(description="A saxophone solo over a backing.")
    parser.add_argument("backing", help="WAV, FLAC, OGG or MP3")
    parser.add_argument("--out", default="solo.wav")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--instrument", default="tenor")
    parser.add_argument("--temperature", type=float, help="0 takes the likeliest")
    given = parser.parse_args()
    audio, rate = soundfile.read(given.backing, dtype="float32")
    begun = time.perf_counter()
    samples, codes = improvise(audio, rate, FOLDER, given.seed, given.instrument, given.temperature)
    played = json.loads((FOLDER / "config.json").read_text("utf-8"))["codec"]["sampling_rate"]
    soundfile.write(given.out, samples, played)
    seconds, spent = len(samples) / played, time.perf_counter() - begun
    print(f"{given.out}: {seconds:.1f} s in {spent:.1f} s, {seconds / spent:.2f} times real time")
