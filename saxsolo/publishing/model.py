"""A model as it stands on the Hub: weights, codec, custom code, card, samples."""

import hashlib
import json
import tempfile
from pathlib import Path

import modeling_saxsolo
from saxsolo.assets import asset
from saxsolo.errors import PublishError

from .card import check_weights, fill_card
from .folder import copy_files

# what an earlier commit may hold that this one replaces
MODEL_FILES = ["*.py", "*.safetensors", "*.safetensors.index.json", "codec/*", "samples/*"]
CODE = Path(modeling_saxsolo.__file__).parent
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
) -> None:
    """Fills `folder` with a checkpoint as `from_pretrained` and `pipeline` load it from the Hub.

    The code is this package's, so what is published is what is tested. A codec that stands beside
    the checkpoint is copied into codec/: a path would lead nowhere on the Hub.

    Args:
        source: folder of a checkpoint; the default one when None.
        card, dataset: see `publish`.
        examples: folder of the backings to play samples over; the project's own when None.
        seconds: of each sample.

    Raises:
        PublishError: no checkpoint of a solo model, no codec, no card, figures of other weights.
    """
    from saxsolo.weights.loading import DEFAULT_MODEL

    source = source or DEFAULT_MODEL
    settings = _read_json(source / "config.json")
    if settings.get("model_type") != "saxsolo":
        raise PublishError(
            f"{source} holds a {settings.get('model_type')} model; name the folder of a solo model "
            "(its codec goes with it)"
        )
    from modeling_saxsolo.pipeline_saxsolo import CUSTOM_PIPELINES

    if "auto_map" not in settings:
        raise PublishError(
            f"{source}/config.json has no auto_map; make the folder with saxsolo export"
        )
    weights = sorted(path.name for path in source.glob("*.safetensors*"))
    optional = [n for n in ("generation_config.json", "figures.json") if (source / n).is_file()]
    copy_files(source, folder, [*weights, *optional])
    _write_json(folder / "config.json", {**settings, "custom_pipelines": CUSTOM_PIPELINES})
    copy_files(CODE, folder, [p.name for p in sorted(CODE.glob("*.py")) if p.stem != "__init__"])
    processor = _read_json(source / "processor_config.json")
    codec = source / str(processor.get("codec"))
    if codec.is_dir():
        names = [path.name for path in sorted(codec.glob("*.safetensors"))]
        copy_files(codec, folder / "codec", ["config.json", *names])
        processor["codec"] = "codec"
    elif "/" not in str(processor.get("codec")) or str(processor["codec"]).startswith("."):
        raise PublishError(f"{source} names the codec {processor.get('codec')}, which is not there")
    _write_json(folder / "processor_config.json", processor)
    copy_files(asset("NOTICE").parent, folder, ["LICENSE", "NOTICE"])
    card = find_card(source, card)
    check_weights(card, sha256(folder), sha256(folder / "codec"), source)
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


def play_samples(folder: Path, examples: Path, seconds: float) -> list[str]:
    """Plays the model over each example into samples/NAME.mp3; returns their paths."""
    backings = sorted(examples.glob("*.flac"))
    if not backings:
        raise PublishError(f"{examples} holds no backing (*.flac) to play samples over")
    from saxsolo.playing.performance import improvise
    from saxsolo.weights.loading import load_player

    codec = folder / "codec"
    player = load_player(folder, codec if codec.is_dir() else None)
    names = []
    for backing in backings:
        take = improvise(backing, seconds=seconds, seed=SAMPLE_SEED, player=player)
        with tempfile.TemporaryDirectory(prefix="saxsolo-") as place:
            take.save(place, audio_format="mp3")
            name = f"samples/{backing.stem}.mp3"
            (folder / "samples").mkdir(exist_ok=True)
            (folder / name).write_bytes((Path(place) / "mix.mp3").read_bytes())
        names.append(name)
    return names


def sha256(folder: Path) -> str | None:
    """Of all *.safetensors of a folder in the order of their names, as run.json says it."""
    files = sorted(folder.glob("*.safetensors"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest() if files else None


def _read_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PublishError(f"{path.parent} is no checkpoint: it has no {path.name}") from error
    except (OSError, ValueError) as error:
        raise PublishError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise PublishError(f"{path} holds no settings; fetch it again")
    return content


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
