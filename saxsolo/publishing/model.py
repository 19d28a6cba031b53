"""A model as it stands on the Hub: weights, codec, custom code, card, samples."""

import tempfile
from pathlib import Path

from saxsolo.assets import asset
from saxsolo.errors import CheckpointError, PublishError
from saxsolo.scratch import scratch_prefix
from saxsolo.weights.hub_folder import CODEC, copy_hub_folder
from saxsolo.weights.loading import DEFAULT_MODEL, load_player, weights_sha256

from .card import check_weights, fill_card
from .folder import copy_files

# what an earlier commit may hold that this one replaces
MODEL_FILES = [
    "*.py", "*.safetensors", "*.safetensors.index.json", "codec/*", "ear/*", "samples/*", "onnx/*",
]  # fmt: skip
#: the folder of the graphs that play without torch
ONNX = "onnx"
SAMPLE_SECONDS = 12.0
SAMPLE_SEED = 1


def lay_out_model(
    folder: Path,
    repository: str,
    source: Path | None,
    *,
    card: Path | None = None,
    dataset: str | None = None,
    examples: Path | None = None,
    seconds: float = SAMPLE_SECONDS,
    onnx: bool = False,
) -> None:
    """Fills `folder` with a checkpoint as `from_pretrained` and `pipeline` load it from the Hub.

    The code is this package's, so what is published is what is tested. A codec that stands beside
    the checkpoint is copied into codec/: a path would lead nowhere on the Hub.

    Args:
        source: folder of a checkpoint; the default one when None.
        card, dataset: see `publish`.
        examples: folder of the backings to play samples over; the project's own when None.
        seconds: of each sample.
        onnx: export the graphs that play without torch into onnx/ as well.

    Raises:
        PublishError: no checkpoint of a solo model, no codec, no card, figures of other weights, a
            model that cannot be exported.
    """
    source = source or DEFAULT_MODEL
    try:
        copy_hub_folder(source, folder)
    except CheckpointError as error:
        raise PublishError(str(error)) from error
    copy_files(asset("NOTICE").parent, folder, ["LICENSE", "NOTICE"])
    card = find_card(source, card)
    check_weights(card, weights_sha256(folder), weights_sha256(folder / CODEC), source)
    if onnx:
        _export_graphs(folder)
    samples = play_samples(folder, examples or asset("examples"), seconds)
    text = fill_card(card, repository, samples, dataset)
    (folder / "README.md").write_text(text, encoding="utf-8")


def find_card(source: Path, card: Path | None) -> Path:
    """The card that is named, else the one in the checkpoint's folder, else the project's.

    Raises:
        PublishError: when there is none.
    """
    places = [card] if card else [source / "README.md", source / "model_card.md"]
    if card is None:
        places.append(asset("model_card.md"))
    for place in places:
        if place.is_file():
            return place
    raise PublishError(f"{places[0]}: no such model card")


def _export_graphs(folder: Path) -> None:
    from .onnx_export import export_onnx

    codec = folder / CODEC
    player = load_player(folder, codec if codec.is_dir() else None, device="cpu")
    try:
        export_onnx(player, folder / ONNX)
    except CheckpointError as error:
        raise PublishError(str(error)) from error


def play_samples(folder: Path, examples: Path, seconds: float) -> list[str]:
    """Plays the model over each example into samples/NAME.mp3; returns their paths."""
    backings = sorted(examples.glob("*.flac"))
    if not backings:
        raise PublishError(f"{examples} holds no backing (*.flac) to play samples over")
    from saxsolo.playing.performance import improvise

    codec = folder / CODEC
    player = load_player(folder, codec if codec.is_dir() else None)
    names = []
    for backing in backings:
        take = improvise(backing, seconds=seconds, seed=SAMPLE_SEED, player=player)
        with tempfile.TemporaryDirectory(prefix=scratch_prefix("publish")) as place:
            take.save(place, audio_format="mp3")
            name = f"samples/{backing.stem}.mp3"
            (folder / "samples").mkdir(exist_ok=True)
            (folder / name).write_bytes((Path(place) / "mix.mp3").read_bytes())
        names.append(name)
    return names
