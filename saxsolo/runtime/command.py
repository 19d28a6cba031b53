"""A solo from an exported folder alone.

python DIR/play.py BACKING --out solo.wav
saxsolo-runtime BACKING --out solo.wav --model DIR
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import onnxruntime
import soundfile
import soxr

from modeling_saxsolo.folded_planner_saxsolo import FoldedPlanner
from modeling_saxsolo.vocabulary_saxsolo import FREE
from saxsolo.music.chart_placing import chart_notes

from .charts import GivenChart
from .hearing import Heard, hear
from .options import add_playing_options, chart_of_options
from .planning import load_planner, plan_of
from .playing import play
from .sounding import Voice
from .spectra import Array

#: graphs by their names, planner, configuration
Loaded = tuple[dict[str, Any], FoldedPlanner, dict[str, Any]]


def load(folder: Path, threads: int = 1) -> Loaded:
    """What a folder holds."""
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
    return graphs, load_planner(folder, config), config


def improvise(
    audio: Array,
    rate: int,
    folder: Path,
    seed: int = 0,
    instrument: str = "tenor",
    temperature: float | None = None,
    loaded: Loaded | None = None,
    chart: GivenChart | None = None,
) -> tuple[Array, Array]:
    """Samples (n,) of a solo at the codec's rate, and its codes (N, T).

    Args:
        audio: (n,) or (n, channels) float32. temperature: 0 takes the likeliest everywhere.
        loaded: what `load` gives of the folder. chart: played over in place of what is heard.

    Raises:
        ValueError: for a chart that has no place in the backing.
    """
    loaded = loaded or load(folder)
    heard = listen(audio, rate, loaded, chart)
    blocks = stream(heard, loaded, seed, instrument, temperature)
    samples, codes = zip(*blocks, strict=True)
    return np.concatenate(samples), np.concatenate(codes, axis=1)


def listen(audio: Array, rate: int, loaded: Loaded, chart: GivenChart | None = None) -> Heard:
    """What is heard in a backing (n,) or (n, channels) float32, and what a chart says of it.

    Raises:
        ValueError: for a chart that has no place in it.
    """
    graphs, _, config = loaded
    mono = audio if audio.ndim == 1 else audio.mean(axis=1)
    low = soxr.resample(mono.astype(np.float32), rate, 16_000)
    return hear(graphs["ear"], low, np.array(config["progressions"]), chart)


def stream(
    heard: Heard,
    loaded: Loaded,
    seed: int = 0,
    instrument: str = "tenor",
    temperature: float | None = None,
) -> Iterator[tuple[Array, Array]]:
    """A solo as it is made up: samples (n,) at the codec's rate, and the codes (N, t) behind them;
    the samples of the last frames come with no codes.

    Args:
        temperature: 0 takes the likeliest everywhere.
    """
    graphs, planner, config = loaded
    asked = {**config["default_conditions"], "instrument": instrument}
    conditions = config["model"]["conditions"]
    ids = [conditions[name].index(asked[name]) if name in asked else -1 for name in conditions]
    warm = config["sampling"]["temperature"] if temperature is None else temperature
    place = np.arange(heard.posteriors.shape[2])
    playing = (place >= heard.first) & (place < heard.last)
    # notes have draws of their own: they are decided as they are needed
    plan = plan_of(planner, config, heard.sheet, playing, instrument, warm, seed)
    random = np.random.default_rng(seed)
    forced = np.where(playing, FREE, np.array(config["silence"])[:, None])
    codes_warm = 0.0 if temperature == 0 else config["model"]["codec_temperature"]
    voice = Voice(graphs["codec_decoder"], config["codec"], heard.cents)
    notes = partial(plan.tokens, 0)
    for codes in play(graphs, config, heard, notes, ids, codes_warm, random, forced):
        yield voice.push(codes[1:]), codes
    yield voice.finish(), np.zeros((config["model"]["num_streams"], 0), np.int64)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"saxsolo-runtime: {message}\n")


def main(folder: Path | None = None) -> None:
    """Reads the command line and plays; mistakes are one line and exit code 2.

    Args:
        folder: what was exported; --model or $SAXSOLO_RUNTIME_MODEL when None.
    """
    parser = _Parser(description="A saxophone solo over a backing.")
    parser.add_argument("backing", help="WAV, FLAC, OGG or MP3")
    parser.add_argument("--out", default="solo.wav", help="WAV, FLAC, OGG or MP3")
    add_playing_options(parser)
    parser.add_argument("--threads", type=int, default=1)
    if folder is None:
        known = os.environ.get("SAXSOLO_RUNTIME_MODEL")
        parser.add_argument(
            "--model",
            type=Path,
            default=known,
            required=known is None,
            help="folder of `saxsolo export --format onnx`; $SAXSOLO_RUNTIME_MODEL",
        )
    given = parser.parse_args()
    try:
        play_backing(given, Path(given.model) if folder is None else folder)
    except (OSError, ValueError, soundfile.LibsndfileError) as error:
        print(f"saxsolo-runtime: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


def play_backing(given: argparse.Namespace, folder: Path) -> None:
    """Plays over a file into a file.

    Args:
        given: backing, out, threads and what `add_playing_options` adds.

    Raises:
        ValueError: for a folder, an instrument, a temperature or a chart that cannot be played.
    """
    if not (folder / "config.json").is_file() or not (folder / "graphs").is_dir():
        raise ValueError(f"{folder} is no folder of `saxsolo export --format onnx`")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    instruments = config["model"]["conditions"].get("instrument", [])
    if given.instrument not in instruments:
        raise ValueError(f"instrument {given.instrument!r}: give one of {', '.join(instruments)}")
    if given.temperature is not None and not 0 <= given.temperature < float("inf"):
        raise ValueError(f"temperature {given.temperature}: give 0 or more")
    chart = chart_of_options(given)
    audio, rate = soundfile.read(given.backing, dtype="float32")
    begun = time.perf_counter()
    loaded = load(folder, given.threads)
    heard = listen(audio, rate, loaded, chart)
    for note in [] if heard.placed is None else chart_notes(heard.placed):
        print(f"saxsolo-runtime: {note}", file=sys.stderr)
    how = (given.seed, given.instrument, given.temperature)
    played, first, length = config["codec"]["sampling_rate"], 0.0, 0
    with soundfile.SoundFile(given.out, "w", played, 1) as file:
        for samples, _ in stream(heard, loaded, *how):
            file.write(samples)
            length += len(samples)
            first = first or time.perf_counter() - begun
    seconds, spent = length / played, time.perf_counter() - begun
    print(
        f"{given.out}: {seconds:.1f} s in {spent:.1f} s, {seconds / spent:.2f} times real time, "
        f"the first sound after {first:.1f} s"
    )


if __name__ == "__main__":
    main()
