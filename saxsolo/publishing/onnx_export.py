"""A player as a folder of ONNX graphs that plays with onnxruntime and NumPy alone.

    DIR/play.py             python play.py BACKING --out solo.wav --seed 1
    DIR/graphs/*.onnx       ear, encoder, notes, decoder, codec (two)
    DIR/planner.npz         the planner's weights
    DIR/config.json         sizes, sampling, tables
    DIR/saxsolo_runtime/    saxsolo/runtime and the modules of modeling_saxsolo without torch
    DIR/requirements.txt    what they want

Nothing of saxsolo, torch or transformers is needed there.
"""

import copy
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from modeling_saxsolo.configuration_saxcodec import SaxcodecConfig
from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig
from modeling_saxsolo.folded_planner_saxsolo import short
from modeling_saxsolo.intonation_saxsolo import note_codes
from saxsolo.atomic import output_folder
from saxsolo.errors import CheckpointError
from saxsolo.runtime.planning import WEIGHTS
from saxsolo.weights.loading import Player

from . import onnx_graphs as graphs
from .onnx_codec_graphs import CodecDecoderGraph, CodecEncoderGraph
from .runtime_files import PLAY, REQUIREMENTS, copy_programs

OPSET = 18


@dataclass(frozen=True)
class Graph:
    """What is exported: a module, one example of its inputs, and which axes vary.

    Attributes:
        inputs: name -> (tensor, {axis: name}). outputs: name -> {axis: name}.
    """

    name: str
    module: nn.Module
    inputs: dict[str, tuple[torch.Tensor, dict[int, str]]]
    outputs: dict[str, dict[int, str]]


def export_onnx(player: Player, out: Path, int8: bool = False) -> list[str]:
    """Writes the folder; returns the names of the graphs.

    Args:
        player: on the CPU, in float32. int8: matrices of the graphs in eight bits.

    Raises:
        CheckpointError: for a model that does not plan in events, reads codes, or has a codec of
            another kind.
    """
    _check(player)
    names = []
    with output_folder(out), warnings.catch_warnings():
        # of the tracer, about sizes that are the same everywhere
        warnings.simplefilter("ignore")
        (out / "graphs").mkdir(exist_ok=True)
        with torch.no_grad():
            for graph in player_graphs(player):
                path = out / "graphs" / f"{graph.name}.onnx"
                write_graph(graph, path)
                if int8:
                    _quantise(path)
                names.append(graph.name)
        (out / "config.json").write_text(json.dumps(_config(player), indent=1) + "\n")
        folded = player.solo.model.planner.folded()
        kept: dict[str, Any] = {name: short(value) for name, value in folded.weights.items()}
        np.savez(out / WEIGHTS, **kept)
        copy_programs(out / "saxsolo_runtime")
        (out / "play.py").write_text(PLAY, "utf-8")
        (out / "requirements.txt").write_text("\n".join(REQUIREMENTS) + "\n", "utf-8")
    return names


def _check(player: Player) -> None:
    config = player.solo.model.config
    codec = player.codec.model.config
    wrong = [
        text
        for text, is_wrong in (
            ("it hears by codes", config.hears != "spectrum" or config.reads_codes),
            ("it has no planner", config.planner is None),
            ("it lacks degrees or rhythm", not (config.degrees and config.rhythm)),
            (f"its codec is {codec.model_type!r}", codec.model_type != "saxcodec"),
            ("its codec has attention", bool(getattr(codec, "decoder_attention", 0))),
        )
        if is_wrong
    ]
    if wrong:
        raise CheckpointError(
            f"{player.solo.name} cannot be exported to ONNX: {', '.join(wrong)}; the graphs are "
            "made for models that hear by an ear and plan in events"
        )


def write_graph(graph: Graph, path: Path) -> None:
    """Exports one graph."""
    axes = {name: axes for name, (_, axes) in graph.inputs.items()} | graph.outputs
    torch.onnx.export(
        graph.module.eval(),
        tuple(value for value, _ in graph.inputs.values()),
        str(path),
        input_names=list(graph.inputs),
        output_names=list(graph.outputs),
        dynamic_axes={name: value for name, value in axes.items() if value},
        opset_version=OPSET,
        dynamo=False,
    )


def _quantise(path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    whole = path.with_suffix(".whole.onnx")
    path.rename(whole)
    quantize_dynamic(whole, path, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"])
    whole.unlink()


def player_graphs(player: Player) -> Iterator[Graph]:
    """All graphs of a player."""
    model: Any = player.solo.model
    yield _ear(player)
    yield from solo_graphs(model)
    yield from codec_graphs(player.codec.model)


def _ear(player: Player) -> Graph:
    assert player.ear is not None, "checked before"
    tokens = 20
    return Graph(
        "ear",
        graphs.EarGraph(copy.deepcopy(player.ear.model)),
        {
            "harmony": (torch.rand(1, tokens, 216), {1: "T"}),
            "bass": (torch.rand(1, tokens, 108), {1: "T"}),
            "rhythm": (torch.rand(1, 8 * tokens, 40), {1: "C"}),
            "swinging": (torch.rand(1, tokens, 4, 2, 66), {1: "T"}),
            "mask": (torch.ones(tokens, tokens, dtype=torch.bool), {0: "T", 1: "T"}),
        },
        {
            name: {0: "F"}
            for name in (
                "chord", "phase", "place", "beats", "metre", "activity", "root", "quality",
            )
        },
    )  # fmt: skip


def solo_graphs(model: Any) -> Iterator[Graph]:
    """Encoder, notes and decoder."""
    config: SaxsoloConfig = model.config
    frames, labels = 30, sum((config.frame_labels or {}).values())
    posteriors = torch.rand(1, labels, frames)
    ids = torch.full((1, len(config.conditions or {})), -1)
    encoder = graphs.EncoderGraph(model)
    clock, roots, phases, keys, values = encoder(posteriors, ids)
    yield Graph(
        "encoder",
        encoder,
        {"posteriors": (posteriors, {2: "T"}), "ids": (ids, {})},
        {"clock": {1: "S"}, "roots": {1: "S"}, "phases": {1: "S"}, "keys": {}, "values": {}},
    )
    steps = clock.shape[1]
    yield Graph(
        "notes",
        graphs.NotesGraph(model),
        {
            "clock": (clock, {1: "S"}),
            "roots": (roots, {1: "S"}),
            "beats": (torch.rand(1, steps).cumsum(1), {1: "S"}),
            "known": (torch.rand(1, steps) > 0.5, {1: "S"}),
            "notes": (torch.randint(0, config.score_vocab_size, (1, steps)), {1: "S"}),
            "onsets": (torch.zeros(1, steps, 2, dtype=torch.long), {1: "S"}),
        },
        {"extra": {1: "S"}},
    )
    layers, size = config.decoder_layers, config.head_dim
    past = torch.rand(layers, 1, config.num_attention_heads, 5, size)
    yield Graph(
        "decoder",
        graphs.DecoderGraph(model),
        {
            "codes": (torch.randint(0, 9, (1, 3, config.num_codebooks)), {1: "S"}),
            "extra": (torch.rand(1, 3, config.hidden_size), {1: "S"}),
            "cosines": (torch.rand(3, size // 2), {0: "S"}),
            "sines": (torch.rand(3, size // 2), {0: "S"}),
            "keys": (past, {3: "P"}),
            "values": (past, {3: "P"}),
            "memory_keys": (keys, {}),
            "memory_values": (values, {}),
            **_notes_of_pitch_codes(config),
        },
        {"logits": {}, "new_keys": {3: "Q"}, "new_values": {3: "Q"}},
    )


def _notes_of_pitch_codes(
    config: SaxsoloConfig,
) -> dict[str, tuple[torch.Tensor, dict[int, str]]]:
    if config.pitch_range is None:
        return {}
    return {"notes": (torch.tensor([[-1, 5, 6]]), {1: "S"})}


def codec_graphs(codec: Any) -> Iterator[Graph]:
    """Decoder and encoder."""
    config = codec.config
    past = torch.zeros(config.decoder_layers, 1, 6, config.decoder_size)
    codes = torch.randint(0, config.codebook_size, (1, config.num_codebooks, 8))
    yield Graph(
        "codec_decoder",
        CodecDecoderGraph(codec),
        {"codes": (codes, {2: "T"}), "past": (past, {})},
        {"filters": {1: "J"}, "angles": {1: "J"}, "new_past": {}}
        | ({} if config.pitch_codes else {"pitch": {1: "J"}}),
    )
    past = torch.zeros(config.encoder_layers, 1, 6, config.encoder_size)
    yield Graph(
        "codec_encoder",
        CodecEncoderGraph(codec),
        {
            "short": (torch.rand(1, 16, config.num_bins), {1: "J"}),
            "long": (torch.rand(1, 8, config.long_bins), {1: "T"}),
            "past": (past, {}),
        },
        {"codes": {2: "T"}, "new_past": {}},
    )


def model_settings(config: SaxsoloConfig) -> dict[str, Any]:
    """What the programs need to know of the solo model beside its graphs."""
    names = (
        "conditions", "window_frames", "lookahead", "stream_delays", "num_streams",
        "pad_token_id", "decoder_start_token_id", "decoder_layers", "num_attention_heads",
        "head_dim", "rope_theta", "pitch_temperature", "rhythm_temperature", "codec_temperature",
        "onset_bias", "phrasing",
        "silent_codes", "rest_codes",
        "score_vocab_size",
    )  # fmt: skip
    note_pitches = None if config.pitch_range is None else note_codes(config).tolist()
    return {name: getattr(config, name) for name in names} | {"note_codes": note_pitches}


def codec_settings(config: SaxcodecConfig) -> dict[str, Any]:
    """What the programs need to know of the codec beside its graphs."""
    names = (
        "decoder_layers", "decoder_size", "decoder_lookahead", "n_fft", "hop_length",
        "frame_samples", "sampling_rate", "min_f0", "max_f0", "f0_bins", "num_bins",
        "filter_sizes", "filter_bands", "pitch_codes", "codebook_size",
    )  # fmt: skip
    return {name: getattr(config, name) for name in names}


def _config(player: Player) -> dict[str, Any]:
    model, codec = player.solo.model, player.codec.model.config
    config, sampling = model.config, model.generation_config
    ranges = (config.planner or {}).get("ranges", {})
    return {
        "model": model_settings(config),
        "default_conditions": player.processor.default_conditions,
        "planner": {"heads": model.planner.sizes["num_heads"], "ranges": ranges},
        "sampling": {
            "temperature": sampling.temperature,
            "guidance_scale": sampling.guidance_scale,
        },
        "silence": player.processor.silence.tolist(),
        "codec": codec_settings(codec),
        "progressions": player.ear.model.progressions.tolist() if player.ear else None,
        "sources": {
            part: {"name": weights.name, "sha256": weights.sha256}
            for part, weights in (
                ("checkpoint", player.solo),
                ("codec", player.codec),
                ("ear", player.ear),
            )
            if weights is not None
        },
    }
