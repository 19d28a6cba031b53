"""What a run of the solo model trains on and begins with: rows, codec, earlier weights."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from modeling_saxsolo.codec_adapter_saxsolo import load_codec
from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig
from modeling_saxsolo.errors_saxsolo import CodecError
from modeling_saxsolo.modeling_saxsolo import SaxsoloForConditionalGeneration
from saxsolo.corpus.scores.builtin import builtin_scores
from saxsolo.corpus.scores.weimar import read_weimar
from saxsolo.corpus.tokens.checks import codes_sha256
from saxsolo.corpus.tokens.score_rows import Row, score_rows

from .earlier_weights import carried_over
from .errors import SettingsError
from .run_state import RunStateError
from .settings import TrainSettings
from .small_corpus import recording_of, split_by_recording

FINAL = "final"


@dataclass(frozen=True)
class SoloInputs:
    """Where everything comes from.

    Attributes:
        tokens: folder or Hub id of a token corpus.
        weimar_dir: folder of the Weimar Jazz Database.
        builtin: the scores built into this project, for a look.
        codec: folder or Hub id of the codec that the tokens were made with.
        init_from: folder of a run or of a model to begin with.
        split: held-out performers to evaluate on.
    """

    tokens: str | None = None
    weimar_dir: Path | None = None
    builtin: bool = False
    codec: str | None = None
    init_from: Path | None = None
    split: str = "validation"


def load_rows(
    inputs: SoloInputs, settings: TrainSettings, config: SaxsoloConfig
) -> tuple[list[Row], list[Row]]:
    """Rows of all splits of the token corpus and of the scores, as far as they are asked for.

    Raises:
        SettingsError: neither is asked for. TokensError, WeimarError: they cannot be read.
    """
    audio: list[Row] = []
    if inputs.tokens:
        audio = _token_rows(inputs.tokens, inputs.split, config)
    scores = read_weimar(inputs.weimar_dir) if inputs.weimar_dir else []
    rows = score_rows(scores, settings.tempi) if scores else []
    if inputs.builtin:
        # A look at the machinery: it is evaluated on what it is trained on.
        rows += score_rows(builtin_scores())
        rows += [{**row, "split": inputs.split} for row in rows]
    if not audio and not rows:
        raise SettingsError("nothing to train on: give --tokens, --weimar-dir or --builtin")
    return audio, rows


def _token_rows(tokens: str, split: str, config: SaxsoloConfig) -> list[Row]:
    """Rows of training and of the held-out split; where a corpus has no such splits, some of its
    recordings are held out."""
    from saxsolo.corpus.tokens.shards import load_tokens, token_splits  # datasets takes seconds

    present = token_splits(tokens)
    wanted = ["train", split]
    made = split == "validation" and not set(wanted) <= set(present)
    if made:
        # what is held out for the end stays so, unless there is nothing else
        wanted = ["train"] if "train" in present else present
    rows: list[Row] = []
    for name in wanted:
        rows += load_tokens(
            tokens, name, num_codebooks=config.num_codebooks, codebook_size=config.codebook_size
        )
    if made:
        rows = split_by_recording(rows, split)
        held_out = {recording_of(row) for row in rows if row["split"] == split}
        count = len({recording_of(row) for row in rows})
        print(
            f"{tokens} has the splits {', '.join(present)}: {len(held_out)} of {count} recordings "
            f"held out for {split}",
            file=sys.stderr,
        )
    return rows


def open_codec(folder: str) -> PreTrainedModel:
    """The codec of a folder or Hub id.

    Raises:
        OSError: it cannot be loaded; the message names it.
    """
    try:
        return load_codec(folder)
    except OSError as error:
        raise OSError(f"cannot load the codec {folder}: {error}") from error


def check_codec(codec: PreTrainedModel, row: Row) -> None:
    """Raises `CodecError` when the corpus was not made with this codec."""
    present = codes_sha256(codec)
    if present != row["codec_sha256"]:
        raise CodecError(
            f"the codec's weights have sha256 {present[:12]}, the tokens were made with "
            f"{str(row['codec_sha256'])[:12]}; tokenise again, or give that codec"
        )


def initialise(
    model: SaxsoloForConditionalGeneration,
    init_from: Path | None,
    codec: Any,
    new_codes: bool = False,
) -> None:
    """Weights of an earlier run's final/ folder, and the codec's vectors where no earlier run has
    trained the embeddings of codes; quiet at first where it has heard none.

    Args:
        new_codes: the earlier run learnt another codec's codes.

    Raises:
        RunStateError: no model there, or one of other sizes.
    """
    heard_audio = init_from is not None and _load_earlier(model, init_from, new_codes)
    if codec is not None and not heard_audio and hasattr(codec, "codebook_vectors"):
        vectors: Any = codec.codebook_vectors
        model.init_codec_embeddings(vectors)
        if init_from and not new_codes:
            model.quieten_codes()


def existing(folder: Path) -> Path:
    """The folder itself. Raises `RunStateError` where it holds no model: the library would take
    its name for one on the Hub."""
    if not (folder / "config.json").is_file():
        raise RunStateError(f"{folder} holds no model (config.json is missing)")
    return folder


def _load_earlier(model: SaxsoloForConditionalGeneration, init_from: Path, new_codes: bool) -> bool:
    """Takes the weights over; whether they were trained on audio."""
    folder = init_from / FINAL if (init_from / FINAL).is_dir() else existing(init_from)
    earlier = SaxsoloForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    try:
        model.load_state_dict(carried_over(earlier, model, new_codes))
    except ValueError as error:
        raise RunStateError(
            f"{folder} does not fit the settings: {error}; use the same model section"
        ) from error
    figures = folder / "figures.json"
    if new_codes:
        return False
    return figures.exists() and bool(json.loads(figures.read_text("utf-8"))["has_audio"])
