"""A blind listening test: pairs of a human's and our solo, a page to vote on, and a key.

    saxsolo evaluate --data PAIRS --out KIT --blind 10

Both solos of a pair stand over the same backing, on the same horn, at the same loudness, and both
have been through the same codec, so that the sound says nothing: what is left to judge is what is
played. KIT/index.html holds all sounds; KIT/key.json says which is which and is for the examiner.
"""

from __future__ import annotations

import base64
import html
import io
import json
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from modeling_saxsolo.loudness_saxsolo import LoudnessMeter
from saxsolo.atomic import output_folder, write_json, write_text

from .cases import EvaluationError

KEY, PAGE = "key.json", "index.html"
SIDES = ("a", "b")
# LUFS of a solo, and of a mix; dB by which the backing is quieter than the solo
SOLO_LOUDNESS, BACKING_BELOW = -20.0, 2.0
_PEAK = 0.98


@dataclass(frozen=True)
class BlindPair:
    """Two solos over one backing, mono, (n,) float32 each at one sampling rate.

    Attributes:
        name: of the case; only the key names it.
    """

    name: str
    backing: np.ndarray
    human: np.ndarray
    ours: np.ndarray


def write_kit(pairs: Sequence[BlindPair], sampling_rate: int, out: Path) -> list[Path]:
    """Writes the page and its key. Sides and order are drawn anew each time, and half of the pairs
    have the human first.

    Raises:
        EvaluationError: a silent solo. OutputError: `out` cannot be written.
    """
    chance = random.SystemRandom()
    order = chance.sample(range(len(pairs)), len(pairs))
    firsts = [place % 2 for place in range(len(pairs))]
    chance.shuffle(firsts)
    kit, sounds, key = uuid.uuid4().hex[:12], [], []
    for number, (place, first) in enumerate(zip(order, firsts, strict=True), 1):
        pair = pairs[place]
        mixes = dict(zip(("human", "ours"), mixed(pair, sampling_rate), strict=True))
        who = ("human", "ours") if first == 0 else ("ours", "human")
        sounds.append([_as_mp3(mixes[name], sampling_rate) for name in who])
        key.append({"pair": number, "case": pair.name, **dict(zip(SIDES, who, strict=True))})
    with output_folder(out):
        write_json(out / KEY, {"kit": kit, "pairs": key})
        write_text(out / PAGE, page(kit, sounds))
    return [out / PAGE, out / KEY]


def mixed(pair: BlindPair, sampling_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """The human's and our mix, (n,): solos equally loud, the backing the same in both, no clipping;
    where one has to be lowered, both are."""
    backing = at_loudness(pair.backing, sampling_rate, SOLO_LOUDNESS - BACKING_BELOW, pair.name)
    mixes = []
    for solo in (pair.human, pair.ours):
        loud = at_loudness(solo, sampling_rate, SOLO_LOUDNESS, pair.name)
        length = min(len(loud), len(backing))
        mixes.append(loud[:length] + backing[:length])
    peak = max(float(np.abs(mix).max()) for mix in mixes)
    scale = min(1.0, _PEAK / peak)
    return mixes[0] * scale, mixes[1] * scale


def at_loudness(sound: np.ndarray, sampling_rate: int, wanted: float, name: str) -> np.ndarray:
    """A sound (n,) at so many LUFS (ITU-R BS.1770-4)."""
    meter = LoudnessMeter(sampling_rate, 1)
    meter.push(sound[:, None])
    if meter.loudness is None:
        raise EvaluationError(f"{name}: a sound of this pair is silent; leave it out or play anew")
    return sound * np.float32(10 ** ((wanted - meter.loudness) / 20))


def _as_mp3(sound: np.ndarray, sampling_rate: int) -> str:
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, sampling_rate, format="MP3", subtype="MPEG_LAYER_III")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def page(kit: str, sounds: Sequence[Sequence[str]]) -> str:
    """The page as one HTML file without anything from elsewhere; `sounds` as base64 of MP3."""
    rows = []
    for number, pair in enumerate(sounds, 1):
        players = "".join(
            f"<div><b>{side.upper()}</b> <audio controls preload=metadata "
            f'src="data:audio/mpeg;base64,{sound}"></audio></div>'
            for side, sound in zip(SIDES, pair, strict=True)
        )
        rows.append(
            f"<fieldset data-pair={number}><legend>Pair {number} of {len(sounds)}</legend>{players}"
            + _question(number, "human", "Which solo did a person improvise?")
            + _question(number, "preferred", "Which do you like better?")
            + "</fieldset>"
        )
    return _PAGE.replace("KIT", html.escape(json.dumps(kit), quote=False)).replace(
        "PAIRS", "\n".join(rows)
    )


def _question(number: int, name: str, words: str) -> str:
    choices = "".join(
        f"<label><input type=radio name={name}{number} value={side}> {side.upper()}</label> "
        for side in SIDES
    )
    return f"<p>{words} {choices}</p>"


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Which solo did a person improvise?</title>
<style>
body { font: 16px/1.5 sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
fieldset { margin: 1.5rem 0; border: 1px solid #999; border-radius: .4rem }
audio { vertical-align: middle; width: 85% }
label { margin-left: 1rem }
button { font-size: 1rem; padding: .5rem 1rem }
</style>
<h1>Which solo did a person improvise?</h1>
<p>Each pair is one backing with two saxophone solos. One was improvised by a person, and its
transcription is played here by a synthetic saxophone; a program improvised the other, on the same
saxophone. Listen to both, as often as you like, then choose. Headphones help. Nothing is sent: the
button saves a file of your votes.</p>
<p>Your name or any word: <input id=listener maxlength=60>
I play jazz: <select id=plays><option value="">-<option>no<option>some<option>professionally
</select></p>
PAIRS
<p><button id=save>Save my votes</button> <span id=note role=status></span></p>
<script>
"use strict";
const kit = KIT;
document.getElementById("save").onclick = () => {
  const chosen = (name) => (document.querySelector(`input[name=${name}]:checked`) || {}).value;
  const votes = [...document.querySelectorAll("fieldset")].map((set) => {
    const pair = Number(set.dataset.pair);
    return { pair, human: chosen("human" + pair), preferred: chosen("preferred" + pair) };
  }).filter((vote) => vote.human || vote.preferred);
  const of = (id) => document.getElementById(id).value;
  const text = JSON.stringify({ kit, listener: of("listener"), plays: of("plays"), votes });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "votes-" + (of("listener").replace(/[^A-Za-z0-9]+/g, "-") || "me") + ".json";
  link.click();
  const all = document.querySelectorAll("fieldset").length;
  document.getElementById("note").textContent = votes.length + " of " + all + " pairs saved.";
};
</script>
</html>
"""
