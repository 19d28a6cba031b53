"""Figures about a set of solos, a codec or a model, not about one solo."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modeling_saxsolo.codec_adapter_saxsolo import encode
from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.audio import codec_metrics
from saxsolo.audio.rates import at_rate
from saxsolo.evaluation import shape, sound
from saxsolo.intervals import percentile_interval, resamples
from saxsolo.weights.loading import Player, Weights

from .adherence import Embedding, apa_style, interval_content
from .artifact_cache import WORKERS, ArtifactCache
from .case_metrics import figure, nothing
from .cases import EvaluationError
from .notes import SoloNotes
from .novelty import Novelty
from .performances import Performances

SHAPE_DRAWS = 200
# the players whose notes or sound could resemble a human's
COMPARED = ("saxsolo", "human", "human_codec", "retrieval", "random_walk", "held_note", "noise")


def originality(
    notes: Mapping[str, Sequence[SoloNotes | None]], training: Sequence[SoloNotes], seed: int
) -> dict[str, dict[str, dict[str, Any]]]:
    """Longest copy and share of n-grams out of the training solos, for every player.

    Args:
        notes: player -> solo of each case.
        training: the notes of the training solos.
    """
    if not training:
        why = nothing("the corpus has no training solos")
        return {name: {"longest_copy": why, "seen_share": why} for name in notes}
    novelty = Novelty(list(training))
    figures = {}
    for name, solos in notes.items():
        measured = [
            {"longest_copy": None, "seen_share": None}
            if solo is None or not len(solo.pitches)
            else novelty.measure(solo)
            for solo in solos
        ]
        figures[name] = {
            metric: figure([values[metric] for values in measured], seed, "no solo is long enough")
            for metric in ("longest_copy", "seen_share")
        }
    return figures


def resemblance(performances: Performances, seed: int) -> dict[str, dict[str, Any]]:
    """How far each player's solos, as a set, are from the humans': notes and sound.

    The human's own row holds one half of the human solos against the other: how much
    two sets of humans differ at that size.

    Returns:
        player -> {"shape": {distance: figure}, "frechet_log_mel": figure, "against": text}.
    """
    human, figures = performances.notes["human"], {}
    size = len(human)
    for name in COMPARED:
        solos = performances.notes[name]
        mine, theirs = list(range(size)), list(range(size))
        if name == "human":
            mine, theirs = mine[::2], theirs[1::2]
        figures[name] = {
            "against": "the other half of the humans" if name == "human" else "all humans",
            "shape": shape_distances(
                [solo for i in mine if (solo := solos[i]) is not None],
                [solo for i in theirs if (solo := human[i]) is not None],
                seed,
            ),
            "frechet_log_mel": frechet(performances, name, mine, theirs),
        }
    return figures


def shape_distances(
    generated: Sequence[SoloNotes], human: Sequence[SoloNotes], seed: int
) -> dict[str, dict[str, Any]]:
    """Jensen-Shannon divergences with intervals that draw whole solos of the player again."""
    if not generated or not human:
        return {}
    values = shape.distances(list(generated), list(human))
    ours = [shape.features(notes) for notes in generated]
    theirs = [shape.features(notes) for notes in human]
    picks = resamples(len(ours), SHAPE_DRAWS, seed)
    # how often each solo is drawn
    drawn = np.stack([np.bincount(row, minlength=len(ours)) for row in picks])
    figures = {}
    for name, value in values.items():
        edges = shape.BINS[name]
        mine, other = (
            np.stack([np.histogram(solo[name], edges)[0] for solo in side])
            for side in (ours, theirs)
        )
        draws = [shape.jensen_shannon(counts, other.sum(axis=0)) for counts in drawn @ mine]
        again = [distance for distance in draws if distance is not None]
        known = value is not None and again and len(ours) > 1
        figures[name] = {
            "value": value,
            "interval": list(percentile_interval(again)) if known else None,
            "n": len(ours),
            **({} if value is not None else {"reason": "too few notes"}),
        }
    return figures


def frechet(
    performances: Performances, name: str, mine: Sequence[int], theirs: Sequence[int]
) -> dict[str, Any]:
    """The Frechet distance on log-mel statistics, one figure for the whole set."""
    if not mine or not theirs:
        return nothing("needs two cases")
    play, human = performances.sound[name], performances.sound["human"]
    try:
        value = sound.frechet_log_mel(
            [play(i) for i in mine], [human(i) for i in theirs], SAMPLING_RATE
        )
    except ValueError as error:
        return nothing(str(error))
    if value is None:
        return nothing("the sound has too little to measure")
    return {"value": float(value), "interval": None, "n": len(mine)}


def adherence_figures(
    performances: Performances, embed: Embedding | None
) -> dict[str, dict[str, Any]]:
    """APA-style adherence of each player's mixes, one figure for the whole set.

    Args:
        embed: mix (n,) and sampling rate -> (W, D); None for the project's own.
    """
    embed, backings = (
        remembered(embed or interval_content),
        [c.backing() for c in performances.cases],
    )
    human = [(b, performances.sound["human"](i)) for i, b in enumerate(backings)]
    figures = {}
    for name in performances.notes:
        play = performances.sound.get(name)
        if play is None or name == "silence":
            figures[name] = nothing("it has no sound to mix")
            continue
        value = apa_style(
            [(b, play(i)) for i, b in enumerate(backings)], human, SAMPLING_RATE, embed
        )
        figures[name] = (
            nothing("APA-style adherence needs three cases")
            if value is None
            else {"value": value, "interval": None, "n": len(backings)}
        )
    return figures


def remembered(embed: Embedding) -> Embedding:
    """The same embedding, computed once for each sound."""
    known: dict[str, np.ndarray] = {}

    def look_up(audio: np.ndarray, sampling_rate: int) -> np.ndarray:
        key = hashlib.sha256(audio.tobytes()).hexdigest()
        if key not in known:
            known[key] = embed(audio, sampling_rate)
        return known[key]

    return look_up


def find_embedding(name: str | None) -> Embedding | None:
    """The function `MODULE:FUNCTION` of a user's own, CLAP or COCOLA behind it say.

    Raises:
        EvaluationError: where there is none.
    """
    if name is None:
        return None
    module, _, function = name.partition(":")
    try:
        embedding = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise EvaluationError(f"--embedding {name}: no such MODULE:FUNCTION ({error})") from error
    if not callable(embedding):
        raise EvaluationError(f"--embedding {name} is not a function")
    return embedding


def codec_figures(
    performances: Performances, codec: Weights, cache: ArtifactCache, seed: int
) -> dict[str, Any]:
    """What the codec does to the human solos: distances, pitch agreement, use of the codebooks."""
    config = codec.model.config

    def kept(i: int) -> dict[str, Any]:
        def measure() -> dict[str, Any]:
            original, decoded = performances.sound["human"](i), performances.sound["human_codec"](i)
            agree, voiced = codec_metrics.pitch_agreement(original, decoded, SAMPLING_RATE)
            figures = {
                "pitch_agreement": float(agree[0] / voiced[0]) if voiced[0] else None,
                "log_mel_distance": codec_metrics.log_mel_distance(
                    original, decoded, SAMPLING_RATE
                ),
                "multi_resolution_stft": codec_metrics.multi_resolution_stft_distance(
                    original, decoded
                ),
                "si_sdr": codec_metrics.si_sdr(original, decoded),
            }
            heard = at_rate(original, SAMPLING_RATE, config.sampling_rate)
            codes = encode(codec.model, torch.from_numpy(heard)[None, None])[0]
            return {"figures": figures, "codes": codes.T.tolist()}

        case = performances.cases[i]
        key = [
            case.row,
            case.seconds,
            codec.sha256,
            Path(codec_metrics.__file__).read_text("utf-8"),
        ]
        return cache.value(case.name, "codec", key, measure)

    with ThreadPoolExecutor(WORKERS) as pool:
        measured = list(pool.map(kept, range(len(performances.cases))))
    rows = [values["figures"] for values in measured]
    pooled = np.concatenate([np.array(values["codes"]) for values in measured])
    shares, entropies = codec_metrics.codebook_use(pooled, config.codebook_size)
    written, needed = codec_metrics.bits_a_second(pooled, config.codebook_size)
    return {
        **{name: figure([row[name] for row in rows], seed) for name in rows[0]},
        "codes_used": shares,
        "entropy_bits": entropies,
        "bits_a_second": written,
        "bits_a_second_needed": needed,
    }


def likelihood(player: Player, tokens: Path, split: str, count: int) -> dict[str, Any]:
    """Held-out loss with the own backing, another tune's and none; see saxsolo.training.heldout.

    Args:
        tokens: folder of the token corpus, made with the player's codec.
        count: clips, evenly spaced; 0 = all.

    Raises:
        EvaluationError: for tokens of another codec or without clips of that split.
        TokensError: for a corpus that is missing or damaged.
    """
    from saxsolo.corpus.tokens.checks import codes_sha256
    from saxsolo.corpus.tokens.shards import load_tokens
    from saxsolo.training.heldout import choose_clips, evaluate_heldout

    model = player.solo.model
    rows = load_tokens(
        tokens,
        split,
        num_codebooks=model.config.num_codebooks,
        codebook_size=model.config.codebook_size,
    )
    rows = [row for row in rows if row["semitones"] == 0]
    if not rows:
        raise EvaluationError(f"{tokens} has no {split} clips in their own key")
    sha256 = codes_sha256(player.codec.model)
    if sha256 != rows[0]["codec_sha256"]:
        raise EvaluationError(
            f"{tokens} was made with another codec (sha256 {rows[0]['codec_sha256'][:12]}, this "
            f"one's is {sha256[:12]}); tokenise again or name that --codec"
        )
    result = evaluate_heldout(model, choose_clips(rows, count))
    return {"streams": result.streams, **result.figures()}
