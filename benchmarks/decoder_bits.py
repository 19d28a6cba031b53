"""What eight bits in the decoder cost: held-out loss of each codebook, with weights as they are and
rounded as `fast_bits` 8 rounds them.

    saxsolo benchmark decoder-bits TOKENS

The library's own path computes both, on clips of a split of a token corpus (docs/engineers/data.md)
whose notes are known; keys and values stay in 32 bits.
"""

import copy
import tempfile
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from modeling_saxsolo.compiled_layers_saxsolo import eight_bits
from saxsolo.intervals import percentile_interval, resamples
from saxsolo.training.heldout import choose_clips
from saxsolo.training.settings import TrainSettings
from saxsolo.training.solo_inputs import SoloInputs, load_rows
from saxsolo.training.trainer import SoloTrainer
from saxsolo.weights.loading import load_player


def rounded(model: Any) -> Any:
    """A copy of a solo model whose decoder's layers and heads went through eight bits."""
    small = copy.deepcopy(model)
    linear = [
        part
        for layer in small.decoder.layers
        for part in (
            layer.attention.query_key_value,
            layer.attention.out,
            layer.cross_attention.query,
            layer.cross_attention.out,
            layer.mlp.gate_up,
            layer.mlp.out,
        )
    ]
    with torch.no_grad():
        for part in [*linear, *small.heads[1:]]:
            whole, scales = eight_bits(part.weight.mT)
            part.weight.copy_((torch.from_numpy(whole) * torch.from_numpy(scales)).mT)
    return small


def main(
    tokens: Annotated[Path, typer.Argument(help="Folder of a token corpus.")],
    clips: Annotated[int, typer.Option(help="Held-out clips.")] = 20,
    checkpoint: Annotated[Path | None, typer.Option(help="Another model than the default.")] = None,
) -> None:
    model = load_player(checkpoint, device="cpu").solo.model
    settings = TrainSettings(final_clips=clips, weight_average=0.0)
    audio, _ = load_rows(SoloInputs(tokens=str(tokens)), settings, model.config)
    heldout = [row for row in audio if row["split"] == "validation"]
    losses = []
    for one in (model, rounded(model)):
        with tempfile.TemporaryDirectory() as folder:
            trainer = SoloTrainer(
                one,
                settings,
                Path(folder),
                audio=audio,
                scores=[],
                heldout=heldout,
                resume=False,
                device="cpu",
                trackers=(),
            )
            result = trainer.evaluate(choose_clips(heldout, clips))
        losses.append(result.loss[:, 0])
    print("| stream | as it is | eight bits | more, 95 % over clips |")
    print("|" + " --- |" * 4)
    for place, name in enumerate(result.streams):
        plain, small = losses[0][:, place], losses[1][:, place]
        more = (small - plain)[resamples(len(plain), 2000, 0)].mean(axis=1)
        low, high = percentile_interval(more)
        print(f"| {name} | {plain.mean():.4f} | {small.mean():.4f} | [{low:.4f}, {high:.4f}] |")


if __name__ == "__main__":
    typer.run(main)
