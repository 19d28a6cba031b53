"""Weights of an earlier model, as far as a new one can begin with them.

What an earlier model lacks starts as new: the parts that know beats and pitches are silent at
first, values of a condition that it did not know are as drawn. Codes of another codec mean nothing
to it: with `new_codes` all that reads and names them starts as new.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig
from modeling_saxsolo.modeling_saxsolo import SaxsoloForConditionalGeneration

# what listened to codes is not needed where the ear listens
_UNREAD = ("encoder.embed.", "encoder.layers.", "encoder.norm.", "encoder.label_head.")
# the planner is trained by itself
_PLANNER = ("planner.",)
_SILENT_AT_FIRST = ("decoder.rhythm.", "decoder.intonation.", "encoder.articulation.")
_CONDITIONS = "encoder.condition_embed.weight"


def carried_over(
    earlier: SaxsoloForConditionalGeneration,
    model: SaxsoloForConditionalGeneration,
    new_codes: bool = False,
) -> dict[str, Tensor]:
    """All weights of `model`, those of `earlier` in place of its own where there are any.

    Raises:
        ValueError: for a weight of another size, or one that only one of the two has.
    """
    own = model.state_dict()
    weights = dict(earlier.state_dict())
    if _CONDITIONS in weights and _CONDITIONS in own:
        weights[_CONDITIONS] = _conditions(
            earlier.config, weights[_CONDITIONS], model.config, own[_CONDITIONS]
        )
    fresh: tuple[str, ...] = ()
    if new_codes:
        fresh = ("encoder.embed.", "decoder.embed.", *_code_heads(model))
    left_out = (*fresh, *_PLANNER, *(() if model.config.reads_codes else _UNREAD))
    weights = {n: value for n, value in weights.items() if not n.startswith(left_out)}
    for name, value in own.items():
        if name not in weights and name.startswith((*left_out, *_SILENT_AT_FIRST)):
            weights[name] = value
    for name in sorted({*own, *weights}):
        there, here = weights.get(name), own.get(name)
        sizes = [None if value is None else tuple(value.shape) for value in (there, here)]
        if sizes[0] != sizes[1]:
            raise ValueError(f"{name} is {sizes[0]} there and {sizes[1]} here")
    return weights


def _code_heads(model: SaxsoloForConditionalGeneration) -> list[str]:
    first = model.config.num_streams - model.config.num_codebooks
    return [f"heads.{stream}." for stream in range(first, model.config.num_streams)]


def _conditions(earlier: SaxsoloConfig, rows: Tensor, config: SaxsoloConfig, own: Tensor) -> Tensor:
    """Rows of the conditions' embedding, by name; those of unknown names as they are. Rows of
    another width are left to be refused."""
    if rows.shape[1] != own.shape[1]:
        return rows
    places, known = _rows(earlier.conditions or {}), own.clone()
    with torch.no_grad():
        for name, row in _rows(config.conditions or {}).items():
            if name in places:
                known[row] = rows[places[name]]
    return known


def _rows(conditions: Mapping[str, list[str]]) -> dict[tuple[str, str], int]:
    """(condition, value) -> row; each condition begins with the row of "not given"."""
    names = [(name, value) for name, values in conditions.items() for value in ("", *values)]
    return {name: row for row, name in enumerate(names)}
