"""The codes of known notes, step by step: the decoder's graph with its caches handed on.

Windows, delays and prompts are those of `modeling_saxsolo.generation_saxsolo`.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from modeling_saxsolo.resting_saxsolo import long_rests

from .hearing import Heard
from .spectra import Array

# frames that are handed on at once
AT_ONCE = 25


def play(
    graphs: dict[str, Any],
    config: dict[str, Any],
    heard: Heard,
    notes: Callable[[int], Array],
    ids: list[int],
    temperature: float,
    random: np.random.Generator,
    forced: Array | None = None,
) -> Iterator[Array]:
    """Codes (N, t) of a solo over T frames, as they are whole.

    Args:
        notes: gives the first so many frames of the score stream.
        ids: of the conditions. temperature: of the codebooks; 0 takes the likeliest.
        forced: (K, T) codes that are given, -1 where they are chosen.
    """
    model = config["model"]
    delays, window = model["stream_delays"], model["window_frames"]
    pad, frames = model["pad_token_id"], heard.posteriors.shape[2]
    steps = frames + max(delays)
    played = np.full((model["num_streams"], steps), -1)
    for stream, delay in enumerate(delays):
        played[stream, :delay] = played[stream, delay + frames :] = pad
        if stream and forced is not None:
            played[stream, delay : delay + frames] = forced[stream - 1]
    step = given = 0
    while step < steps:
        first = min(max(0, step - window // 2), max(0, frames - window))
        last = min(first + window, frames)
        stop = steps if last == frames else last - max([0, *(model["lookahead"] or [])])
        _give_notes(played, notes(min(stop, frames)), model)
        part = played[:, first:stop].copy()
        for stream, delay in enumerate(delays):
            # a window does not know the frames before it, as in training
            part[stream, : min(delay, step - first)] = pad
        encoded = graphs["encoder"].run(
            None, {"posteriors": heard.posteriors[..., first:last], "ids": np.array([ids])}
        )
        window_steps = _play_window(graphs, model, encoded, part, step - first, temperature, random)
        for done in window_steps:
            played[:, step : first + done] = part[:, step - first : done]
            step = first + done
            ready = min(step - max(delays), frames)
            if ready - given >= AT_ONCE or given < ready == frames:
                yield np.stack([played[n, given + d : ready + d] for n, d in enumerate(delays)])
                given = ready


def _give_notes(played: Array, notes: Array, model: dict[str, Any]) -> None:
    """Writes the score's first frames (t,), and silence where a rest has lasted, in place."""
    delays = model["stream_delays"]
    played[0, delays[0] : delays[0] + len(notes)] = notes
    if not model["rest_codes"]:
        return
    resting = long_rests(notes, model["score_vocab_size"])
    for stream, code in enumerate(model["rest_codes"], start=1):
        codes = played[stream, delays[stream] : delays[stream] + len(notes)]
        codes[(codes == -1) & resting] = code


def _play_window(
    graphs: dict[str, Any],
    model: dict[str, Any],
    encoded: list[Array],
    part: Array,
    known: int,
    temperature: float,
    random: np.random.Generator,
) -> Iterator[int]:
    """Fills `part` (N, S), of which `known` steps are past, in place; yields how many are filled,
    now and then and at the end."""
    clock, roots, phases, memory_keys, memory_values = encoded
    steps, start = part.shape[1], model["decoder_start_token_id"]
    read = np.concatenate([np.full((len(part), 1), start), part[:, :-1]], axis=1)
    beats, heard = _count_beats(phases[0, :steps])
    extra = graphs["notes"].run(
        None,
        {
            "clock": clock[:, :steps],
            "roots": roots[:, :steps],
            "beats": beats[None],
            "known": heard[None],
            "notes": read[:1],
            "onsets": _last_onsets(read[0], (model["score_vocab_size"] - 1) // 2)[None],
        },
    )[0]
    cosines, sines = _rotations(steps, model)
    shape = (model["decoder_layers"], 1, model["num_attention_heads"], 0, model["head_dim"])
    keys = values = np.zeros(shape, np.float32)
    silent, delay = model["silent_codes"] or [], model["stream_delays"][1]
    notes = _note_codes(read[0], model)
    at = 0
    for step in range(known, steps):
        # what is past, and steps with nothing to choose, go through in one call
        if (part[1:, step] == -1).any():
            codes = read[None, 1:, at : step + 1].transpose(0, 2, 1)
            logits, keys, values = graphs["decoder"].run(
                None,
                {
                    "codes": np.ascontiguousarray(codes),
                    "extra": extra[:, at : step + 1],
                    "cosines": cosines[at : step + 1],
                    "sines": sines[at : step + 1],
                    "keys": keys,
                    "values": values,
                    "memory_keys": memory_keys,
                    "memory_values": memory_values,
                    **({} if notes is None else {"notes": notes[None, at : step + 1]}),
                },
            )
            at = step + 1
            if step >= delay and 0 < part[0, step - delay] < model["score_vocab_size"]:
                logits[0, 0, silent] = -np.inf
            chosen = _choose(logits[0], temperature, random)
            part[1:, step] = np.where(part[1:, step] == -1, chosen, part[1:, step])
        if step + 1 < steps:
            read[:, step + 1] = part[:, step]
        if (step + 1) % AT_ONCE == 0 or step + 1 == steps:
            yield step + 1


def _note_codes(score: Array, model: dict[str, Any]) -> Array | None:
    """(S,) tokens as the decoder reads them -> pitch codes of their notes, -1 = none; None for a
    codec whose codes are no pitches."""
    if model["note_codes"] is None:
        return None
    codes = np.array(model["note_codes"])
    return np.where(score < model["score_vocab_size"], codes[np.minimum(score, len(codes) - 1)], -1)


def _choose(logits: Array, temperature: float, random: np.random.Generator) -> Array:
    if not temperature:
        return logits.argmax(axis=-1)
    chances = np.exp((logits - logits.max(axis=-1, keepdims=True)) / temperature)
    reached = chances.cumsum(axis=-1, dtype=np.float64)
    draws = random.random(len(logits)) * reached[:, -1]
    return np.array(
        [part.searchsorted(draw, "right") for part, draw in zip(reached, draws, strict=True)]
    )


def _rotations(steps: int, model: dict[str, Any]) -> tuple[Array, Array]:
    """(S, d / 2) cosines and sines: a quarter of a head's numbers is turned by pairs."""
    pairs = model["head_dim"] // 4
    speeds = np.float32(model["rope_theta"]) ** -(np.arange(pairs, dtype=np.float32) / pairs)
    angles = np.arange(steps, dtype=np.float32)[:, None] * speeds
    still = np.zeros((steps, pairs), np.float32)
    return (
        np.concatenate([np.cos(angles), still + 1], axis=1),
        np.concatenate([np.sin(angles), still], axis=1),
    )


def _count_beats(phases: Array) -> tuple[Array, Array]:
    """(S, 12) -> (S,) a running count of beats, and whether there is one; see rhythm_saxsolo."""
    angles = (np.arange(12) + 0.5) * (2 * np.pi / 12)
    east, north = phases @ np.cos(angles), phases @ np.sin(angles)
    known = east**2 + north**2 > 1e-4
    place = np.arctan2(north, east) / (2 * np.pi)
    steps = np.diff(place, prepend=place[:1])
    steps = (steps - np.round(steps)) * (known & np.roll(known, 1))
    return steps.cumsum().astype(np.float32), known


def _last_onsets(score: Array, pitches: int) -> Array:
    """(S,) tokens as the decoder reads them -> (S, 2) frames of the last two onsets, -1 = none."""
    places = np.arange(len(score))
    struck = (score > 0) & (score <= pitches)
    last = np.maximum.accumulate(np.where(struck, places, -1))
    before = np.where(last < 1, -1, last[np.maximum(last - 1, 0)])
    return np.maximum(np.stack([last, before], axis=1) - 1, -1)
