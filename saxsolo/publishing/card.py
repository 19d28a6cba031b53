"""The model card on the Hub: every metadata key, the measured figures as its model-index."""

import re
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult, ModelCard

from saxsolo.errors import PublishError

NEEDED = ("license", "library_name", "pipeline_tag", "tags")
TASK = ("audio-to-audio", "A saxophone solo over a backing track")
DATASET = ("jazz-sax-pairs", "Rendered solos of the Weimar Jazz Database, held-out performers")
# column of the table that `saxsolo evaluate --card` writes -> the metric module that measures it
METRICS = {
    "fits its own backing better than another's (chord tones)": "solo_fit",
    "chord tones": "solo_fit",
    "scale tones": "solo_fit",
    "concentration (beat phase)": "solo_time",
    "time with a pitch": "solo_shape",
    "notes a second": "solo_shape",
    "notes in range": "solo_shape",
    "longest copy, notes": "solo_novelty",
}
PLAYER = "saxsolo"
PLAY = """## Play

```python
from transformers import pipeline

play = pipeline("audio-to-audio", model="REPOSITORY", trust_remote_code=True)
solo = play("backing.wav", seed=1, instrument="tenor")
```

`solo["audio"]` is the saxophone alone, `solo["sampling_rate"]` samples a second, aligned with the \
backing. The code of this repository runs on your machine: read it, and pin a `revision`.

"""
LISTEN = """## Samples

Seed 1 over backings that this project made:

"""
RENEW = "`saxsolo evaluate --checkpoint FROM ... --card CARD` measures and writes them"


def check_weights(card: Path, weights: str | None, codec: str | None, source: Path) -> None:
    """Makes sure that the figures of a card were measured with these weights.

    Args:
        weights, codec: sha256 of the model's and the codec's; None is not compared.
        source: what they are called in the message.

    Raises:
        PublishError: for other weights, or a card without figures.
    """
    measured = re.search(r"weights ([0-9a-f]{12}), codec ([0-9a-f]{12})", card.read_text("utf-8"))
    if measured is None:
        raise PublishError(f"{card} names no weights that its figures belong to; {RENEW}")
    sums = (("weights", weights, measured[1]), ("codec", codec, measured[2]))
    for word, there, wanted in sums:
        if there is not None and not there.startswith(wanted):
            raise PublishError(
                f"the figures in {card} were measured with {word} {wanted}, {source} holds "
                f"{there[:12]}; {RENEW}"
            )


def fill_card(card: Path, repository: str, samples: list[str], dataset: str | None) -> str:
    """The text of README.md: the card with its metadata complete, how to play, and the samples.

    Raises:
        PublishError: the front matter cannot be read or lacks a key, no table of figures.
    """
    try:
        filled = ModelCard.load(card)
    except (ValueError, yaml.YAMLError, OSError) as error:
        raise PublishError(f"{card} has no front matter that can be read: {error}") from error
    lacking = [key for key in NEEDED if not filled.data.get(key)]
    if lacking:
        raise PublishError(f"the front matter of {card} lacks {', '.join(lacking)}")
    results = read_results(card, dataset)
    filled.data.model_name = repository.split("/")[1]
    filled.data.eval_results = results
    filled.data.metrics = sorted({result.metric_type for result in results})
    if dataset is not None:
        filled.data.datasets = [dataset]
    filled.text = _with_play(filled.text, repository, samples)
    return str(filled)


def read_results(card: Path, dataset: str | None) -> list[EvalResult]:
    """The model's row of the card's first table of players, one result a column.

    Raises:
        PublishError: when there is no such row, or no number in it.
    """
    text = card.read_text("utf-8")
    rows = [_cells(line) for line in text.splitlines() if line.startswith("|")]
    heads = [i for i, row in enumerate(rows) if row[0] == "player"]
    split = re.search(r"(\d+) held-out cases \((\w+)\) of ([\d.]+) s", text)
    if not heads or split is None:
        raise PublishError(f"{card} has no table of figures; {RENEW}")
    head = rows[heads[0]]
    row = next((row for row in rows[heads[0] + 1 :] if row[0] == PLAYER), None)
    results = []
    for name, cell in zip(head[1:], (row or [])[1:], strict=False):
        number = re.fullmatch(r"(-?[\d.]+)(?: \[(-?[\d.]+), (-?[\d.]+)\])?.*", cell)
        if name == "n" or number is None:
            continue
        more: dict[str, Any] = {"cases": int(split[1]), "seconds": float(split[3])}
        if number[2]:
            more["interval_95"] = [float(number[2]), float(number[3])]
        results.append(
            EvalResult(
                task_type=TASK[0],
                task_name=TASK[1],
                dataset_type=dataset or DATASET[0],
                dataset_name=DATASET[1],
                dataset_split=split[2],
                metric_type=METRICS.get(name, re.sub(r"\W+", "_", name).strip("_")),
                metric_name=name,
                metric_value=float(number[1]),
                metric_args=more,
            )
        )
    if not results:
        raise PublishError(f"{card} has no figures of {PLAYER} in its table; {RENEW}")
    return results


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _with_play(text: str, repository: str, samples: list[str]) -> str:
    """The card's text with how to play and the samples before its second heading."""
    # on the Hub the card itself is README.md
    text = text.replace("[README.md](README.md)", "[Play](#play)")
    place = f"https://huggingface.co/{repository}/resolve/main"
    listen = "\n".join(
        f'- {Path(name).stem}: <audio controls src="{place}/{name}"></audio>' for name in samples
    )
    more = PLAY.replace("REPOSITORY", repository) + LISTEN + listen + "\n"
    first, heading, rest = text.partition("\n## ")
    return f"{first}\n{more}{heading}{rest}"
