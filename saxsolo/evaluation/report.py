"""Does it listen? The whole report: a player and its baselines on held-out cases.

    saxsolo evaluate --data PAIRS --out report/
    saxsolo measure card --report report/report.json --card model_card.md

The model (or a folder of takes) and eight baselines play over the same held-out backings. The notes
of all of them are tracked in their sound, in the same way, and compared with the chords and beats
of the labels. OUT gets report.json, report.md, pictures/, and cases/: what has been played and
tracked, so that an interrupted run continues.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modeling_saxsolo.codec_adapter_saxsolo import ENCODE_FRAMES, codec_layout, encode_blocks
from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.atomic import output_folder, replacing
from saxsolo.audio.codes import decode_blocks
from saxsolo.audio.rates import at_rate, to_rate
from saxsolo.corpus.pairs_folder import read_labels
from saxsolo.music.score import Note
from saxsolo.progress_bar import Progress
from saxsolo.weights.loading import Player, Weights, load_codec, load_player

from . import baselines
from .adherence import Embedding
from .artifact_cache import WORKERS, ArtifactCache, digest
from .case_metrics import case_figures, check_ranking
from .cases import (
    Case,
    EvaluationError,
    choose_cases,
    find_takes,
    has_chords,
    partners,
    read_sound,
)
from .notes import TRACKERS, SoloNotes, notes_of_score
from .performances import Performances
from .seeds import seed_of
from .set_metrics import (
    adherence_figures,
    codec_figures,
    find_embedding,
    likelihood,
    originality,
    resemblance,
)

# player -> what it is; the order of the tables
SYSTEMS = {
    "saxsolo": "the model",
    "human": "the transcribed solo as it was rendered",
    "human_codec": "the same through the codec: the ceiling of the whole system",
    "human_wrong_backing": "the human solo of another tune over this backing",
    "retrieval": "the training passage with the likest chords, in this key, on these beats",
    "random_walk": "eighths at random in the scale of the chord, on the beat",
    "held_note": "one note held",
    "noise": "white noise",
    "silence": "silence",
}
CLIPS_A_CASE = 4


@dataclass(frozen=True)
class Options:
    """What to evaluate; see `saxsolo evaluate --help`."""

    data: Path
    out: Path
    checkpoint: str | None = None
    codec: str | None = None
    split: str = "test"
    limit: int = 16
    seconds: float = 30.0
    seed: int = 0
    temperature: float | None = None
    top_k: int | None = None
    guidance: float | None = None
    takes: Path | None = None
    tokens: Path | None = None
    tracker: str = "swift_f0"
    embedding: str | None = None
    sampler: str | None = None
    device: str | None = None

    def command(self) -> str:
        """The command line, with folders of data by the names of the documents."""
        words = ["saxsolo evaluate --data PAIRS --out report/"]
        for name, value, usual in (
            ("checkpoint", _shown(self.checkpoint), None),
            ("codec", _shown(self.codec), None),
            ("split", self.split, "test"),
            ("takes", self.takes and "TAKES", None),
            ("tokens", self.tokens and "TOKENS", None),
            ("temperature", self.temperature, None),
            ("top-k", self.top_k, None),
            ("guidance", self.guidance, None),
            ("tracker", self.tracker, "swift_f0"),
            ("embedding", self.embedding, None),
        ):
            if value is not None and value != usual:
                words.append(f"--{name} {value}")
        words.append(f"--limit {self.limit} --seconds {self.seconds:g} --seed {self.seed}")
        return " ".join(words)


def _shown(place: str | None) -> str | None:
    """A folder as a reader elsewhere can use it: absolute paths lead nowhere there."""
    return Path(place).name if place and Path(place).is_absolute() else place


def evaluate(options: Options) -> dict[str, Any]:
    """Makes the report and writes it into `options.out`.

    Returns:
        What report.json holds.

    Raises:
        SaxsoloError: for material, a checkpoint or an output folder that cannot be used.
        ValueError: from the metrics, for sounds that cannot be measured.
    """
    begun = time.perf_counter()
    cases = choose_cases(options.data, options.split, options.limit, options.seconds)
    takes = find_takes(options.takes, cases) if options.takes else None
    if options.tracker not in TRACKERS:
        raise EvaluationError(
            f"tracker {options.tracker!r} is unknown; take one of {', '.join(TRACKERS)}"
        )
    embed = find_embedding(options.embedding)
    with output_folder(options.out) as out:
        cache = ArtifactCache(out / "cases")
        needs_model = takes is None or options.tokens is not None
        device = options.device
        player = load_player(options.checkpoint, options.codec, device) if needs_model else None
        codec = player.codec if player else load_codec(options.codec, device)
        training = baselines.read_training(options.data)
        losses = measure_likelihood(options, player, cache)
        performances = gather(options, cases, takes, player, codec, training, cache)
        report = {
            "command": options.command(),
            "seed": options.seed,
            "split": options.split,
            "seconds": options.seconds,
            "cases": [describe(*pair) for pair in zip(cases, performances.labels, strict=True)],
            "subject": "takes from a folder" if takes else "the model",
            "checkpoint": player
            and {"name": _shown(player.solo.name), "sha256": player.solo.sha256},
            "codec": {"name": _shown(codec.name), "sha256": codec.sha256},
            "tracker": options.tracker,
            "sampler": performances.sampler,
            "training_solos": len(training),
            "versions": {name: version(name) for name in ("saxsolo", "torch", "numpy")},
        }
        report |= measure_all(options, performances, codec, training, embed, cache)
        report["likelihood"] = losses
        report["minutes"] = (time.perf_counter() - begun) / 60
        write(report, performances, out)
    return report


def describe(case: Case, labels: np.ndarray) -> dict[str, Any]:
    """What the report says of a case."""
    wanted = ("title", "performer", "instrument", "feel", "tempo", "style")
    known = {name: case.row[name] for name in wanted if name in case.row}
    return {"name": case.name, **known, "chord_frames": int((labels[:, 0] >= 0).sum())}


def gather(
    options: Options,
    cases: Sequence[Case],
    takes: Sequence[Path] | None,
    player: Player | None,
    codec: Weights,
    training: Sequence[baselines.TrainingSolo],
    cache: ArtifactCache,
) -> Performances:
    """Lets every player play over every case, and tracks the notes of all."""
    sampler, one_at_a_time = baselines.Sampler(options.sampler), threading.Lock()
    labels = [known_labels(case, cache) for case in cases]
    keys = [[case.row, options.seconds] for case in cases]
    if takes is None:
        assert player is not None, "without takes a player is loaded"
        play(options, cases, keys, player, cache)
    own = digest(Path(baselines.__file__).read_text("utf-8"))
    learnt = digest([solo.name for solo in training])
    sources: list[str | None] = [None] * len(cases)

    def subject(i: int) -> np.ndarray:
        if takes is None:
            assert player is not None, "without takes a player is loaded"
            return cache.audio(cases[i].name, "saxsolo", model_key(options, keys[i], player), _gone)
        return read_sound(takes[i], options.seconds)

    def through_codec(i: int) -> np.ndarray:
        key = [keys[i], codec.sha256]
        return cache.audio(
            cases[i].name, "human_codec", key, lambda: round_trip(cases[i].human(), codec)
        )

    def sampled(name: str, i: int, make: Callable[[], list[Any] | None]) -> np.ndarray:
        def sound() -> np.ndarray:
            with one_at_a_time:
                return sampler.play(make() or [], cases[i])

        key = [keys[i], own, learnt, sampler.name, options.seed]
        return cache.audio(cases[i].name, name, key, sound)

    def retrieval(i: int) -> np.ndarray:
        def passage() -> dict[str, Any]:
            likest = baselines.retrieve(labels[i], cases[i].instrument, training)
            notes = (
                [[n.onset, n.duration, n.pitch, n.loudness] for n in likest[0]] if likest else []
            )
            return {"from": likest[1] if likest else None, "notes": notes}

        kept = cache.value(cases[i].name, "retrieval", [keys[i], own, learnt], passage)
        sources[i] = kept["from"]
        notes = [Note(*note) for note in kept["notes"]]
        return sampled("retrieval", i, lambda: notes)

    def random_walk(i: int) -> np.ndarray:
        swing = cases[i].row.get("feel", "swing") == "swing"
        instrument = cases[i].instrument

        def walk() -> list[Any]:
            return baselines.random_walk(labels[i], instrument, swing, options.seed)

        return sampled("random_walk", i, walk)

    sound = {
        "saxsolo": subject,
        "human": lambda i: cases[i].human(),
        "human_codec": through_codec,
        "retrieval": retrieval,
        "random_walk": random_walk,
        "held_note": lambda i: baselines.held_note(cases[i]),
        "noise": lambda i: baselines.noise(cases[i], options.seed),
        "silence": lambda i: baselines.silence(cases[i]),
    }
    # these are the same sound in every case of one instrument
    shared = ("held_note", "noise", "silence")

    def track(i: int) -> dict[str, SoloNotes]:
        notes = {}
        for name, make in sound.items():
            place = f"shared-{cases[i].instrument}" if name in shared else cases[i].name
            try:
                notes[name] = cache.notes(place, name, make(i), options.tracker)
            except ValueError as error:
                where = takes[i] if takes and name == "saxsolo" else f"{cases[i].name}, {name}"
                raise EvaluationError(f"{where}: {error}") from error
        return notes

    tracked = []
    with Progress("listening") as progress, ThreadPoolExecutor(WORKERS) as pool:
        for tracks in pool.map(track, range(len(cases))):
            tracked.append(tracks)
            progress(len(tracked) * options.seconds, len(cases) * options.seconds)
    notes: dict[str, list[SoloNotes | None]] = {n: [t[n] for t in tracked] for n in sound}
    for i, source in enumerate(sources):
        if source is None:
            notes["retrieval"][i] = None
    wrong = partners(cases)
    if None not in wrong:
        sound["human_wrong_backing"] = lambda i: cases[wrong[i]].human()
    notes["human_wrong_backing"] = [None if j is None else notes["human"][j] for j in wrong]
    ordered = {name: notes[name] for name in SYSTEMS}
    return Performances(list(cases), labels, ordered, sound, sources, sampler.name)


def known_labels(case: Case, cache: ArtifactCache) -> np.ndarray:
    """The corpus's labels of a case; where it knows no chords, chords estimated from the backing.

    (frames, 4) int16.
    """
    labels = case.labels()
    if has_chords(labels):
        return labels
    from .chroma_chords import estimate_chords

    def estimate() -> dict[str, Any]:
        return {"labels": estimate_chords(case.backing(), SAMPLING_RATE).tolist()}

    kept = cache.value(case.name, "chords", [case.row, case.seconds], estimate)["labels"]
    estimated = np.array(kept, np.int16)[: case.frames]
    if len(labels) == len(estimated):
        # what the corpus knows of the beat stays
        estimated[:, 2:] = labels[:, 2:]
    return estimated


def model_key(options: Options, key: object, player: Player) -> list[Any]:
    """All that decides what the model plays."""
    settings: list[Any] = [f"own {options.seed}", options.temperature, options.top_k]
    settings.append(options.guidance)
    settings.append(player.solo.model.generation_config.to_dict())
    config = player.solo.model.config
    settings.append(
        [
            config.pitch_temperature,
            config.rhythm_temperature,
            config.onset_bias,
            config.phrasing,
            config.codec_temperature,
            config.plan_frames,
        ]
    )
    return [key, player.solo.sha256, player.codec.sha256, settings]


def play(
    options: Options,
    cases: Sequence[Case],
    keys: Sequence[object],
    player: Player,
    cache: ArtifactCache,
) -> None:
    """The model plays over each case, unless it has before."""
    import saxsolo

    total = len(cases) * options.seconds
    with Progress("improvising") as progress:
        for place, (case, key) in enumerate(zip(cases, keys, strict=True)):
            before = place * options.seconds

            def improvise(case: Case = case, before: float = before) -> np.ndarray:
                take = saxsolo.improvise(
                    (case.backing(), SAMPLING_RATE),
                    # of one seed for all, chance that pulls one solo would pull the others too
                    seed=seed_of(options.seed, case.name),
                    instrument=case.instrument,
                    temperature=options.temperature,
                    top_k=options.top_k,
                    guidance=options.guidance,
                    player=player,
                    progress=lambda now, _: progress(before + now, total),
                )
                return at_rate(take.solo, take.sampling_rate)

            cache.audio(case.name, "saxsolo", model_key(options, key, player), improvise)
            progress(before + options.seconds, total)


def round_trip(audio: np.ndarray, codec: Weights) -> np.ndarray:
    """A sound of a case (n,) through the codec, (n,) float32."""
    layout = codec_layout(codec.model)
    rate, size = layout.sampling_rate, ENCODE_FRAMES * layout.frame_samples
    blocks = torch.from_numpy(at_rate(audio, SAMPLING_RATE, rate))[None, None].split(size, dim=-1)
    decoded = np.concatenate(list(decode_blocks(codec.model, encode_blocks(codec.model, blocks))))
    return to_rate(decoded, rate, len(audio)).clip(-1, 1)


def measure_all(
    options: Options,
    performances: Performances,
    codec: Weights,
    training: Sequence[baselines.TrainingSolo],
    embed: Embedding | None,
    cache: ArtifactCache,
) -> dict[str, Any]:
    """All figures of the players and the codec."""
    titles = [case.title for case in performances.cases]
    instruments = [case.instrument for case in performances.cases]
    with ThreadPoolExecutor(WORKERS) as pool:
        # these three work on sounds, outside Python for the most part
        adherence = pool.submit(adherence_figures, performances, embed)
        resembling = pool.submit(resemblance, performances, options.seed)
        coded = pool.submit(codec_figures, performances, codec, cache, options.seed)
        systems = {
            name: case_figures(notes, performances.labels, titles, instruments, options.seed)
            for name, notes in performances.notes.items()
        }
    solos = [notes_of_score(read_score(options.data, solo.name)) for solo in training]
    for name, figures in originality(performances.notes, solos, options.seed).items():
        systems[name] |= figures
    for name, figure in adherence.result().items():
        systems[name]["apa_style"] = figure
    report: dict[str, Any] = {
        "systems": {
            name: {"what": what, "figures": systems[name]} for name, what in SYSTEMS.items()
        },
        "ranking": check_ranking(systems),
        "resemblance": resembling.result(),
        "codec_figures": coded.result(),
        "retrieved_from": performances.sources,
    }
    if options.takes:
        report["systems"]["saxsolo"]["what"] = "the takes that were given"
    return report


def measure_likelihood(
    options: Options, player: Player | None, cache: ArtifactCache
) -> dict[str, Any]:
    """Held-out losses, once for a model and a corpus of tokens; or why there are none."""
    tokens = options.tokens
    if tokens is None or player is None:
        return {"reason": "not measured: give --tokens"}
    layout = tokens / "tokens.json"
    if not layout.is_file():
        raise EvaluationError(f"{tokens} holds no token corpus (tokens.json is missing)")
    count = CLIPS_A_CASE * options.limit
    weights = [player.solo.sha256, player.codec.sha256]
    key = [weights, layout.read_text("utf-8"), options.split, count]
    return cache.value(
        "all",
        "likelihood",
        key,
        lambda: likelihood(player, tokens, options.split, count),
    )


def read_score(pairs: Path, name: str) -> np.ndarray:
    """Score tokens (T,) of a training pair."""
    return read_labels(pairs / "train" / name)["score"]


def write(report: dict[str, Any], performances: Performances, out: Path) -> None:
    """report.json, report.md and pictures/, each put in place whole."""
    from .pictures import draw_all
    from .report_markdown import report_text

    names = draw_all(report, performances, out / "pictures")
    with replacing(out / "report.json", out / "report.md") as (figures, text):
        figures.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", "utf-8")
        text.write_text(report_text(report, names), "utf-8")


def _gone() -> np.ndarray:
    raise EvaluationError("a take vanished from OUT/cases while the report was made; run it again")
