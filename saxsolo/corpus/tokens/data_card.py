"""The data card of the token corpus: README.md with the front matter that `load_dataset` reads."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import yaml

from modeling_saxsolo.vocabulary_saxsolo import ARTICULATIONS, LABEL_SIZES

from .checks import LayoutFile

_LICENCE_IDS = {
    "ODbL-1.0": "odbl",
    "CC0-1.0": "cc0-1.0",
    "CC-BY-4.0": "cc-by-4.0",
    "CC-BY-SA-4.0": "cc-by-sa-4.0",
    "CC-BY-NC-4.0": "cc-by-nc-4.0",
}
_RENDERED = (
    "Saxophone solos and their backings as codes of an audio codec, with chord and beat",
    "of every frame. The audio was rendered from scores; it contains no recording.",
)
_ALONE = (
    "Saxophone solos as codes of an audio codec, without backings, with chord and beat of every",
    "frame as their scores have them. The audio was rendered from scores and contains no",
    "recording.",
)
_RECORDED = (
    "Saxophone solos and their backings as codes of an audio codec. They come from recordings",
    "that a source separator split into stems: each stem may contain a trace of the other. The",
    "notes (`score`) were tracked from the solo, chords and beats are unknown (-100).",
)
_TIMBRES = (
    "Timbres of the saxophone: `mtg` MTG Solo Sax (CC-BY 4.0, Music Technology Group,",
    "Universitat Pompeu Fabra, on freesound; SFZ by kinwie), `fluidr3` FluidR3 GM (MIT,",
    "Frank Wen), `musescore` MuseScore_General (MIT, S. Christian Collins), `weresax`, `bear`,",
    "`bear_subtone` and `bear_growl` (CC0, Karoryfer Samples), `iowa` University of Iowa Musical",
    "Instrument Samples (public domain).",
    "",
)
_LAW = (
    "## What this means in law",
    "",
    "These tokens are copies of recordings: the codec turns them back into the music, clearly",
    "enough to recognise players and takes. Holding and sharing them is holding and sharing the",
    "recordings, and needs the permission of those who composed, who played and who recorded.",
    "The licences below are what the sources state; nobody has checked them for you. A licence",
    "that requires attribution, or forbids commercial use or changes, does so here too. Whether",
    "training on music without consent is allowed differs by country (in the European Union,",
    "text and data mining under articles 3 and 4 of Directive 2019/790, where the holder has not",
    "reserved it; in the United States, case by case under fair use), and a permission to train",
    "is not a permission to publish the tokens, or music that a model has memorised.",
    "Rows marked `not stated` have no known licence: do not publish them. If you hold",
    "rights in a recording, you can ask for its removal: `pair_id` contains the recording's id.",
    "This is not legal advice.",
    "",
)


def card_text(layout: LayoutFile, rows: Sequence[dict[str, Any]]) -> str:
    """The card of a corpus made from these manifest rows."""
    recorded = any("recording" in row for row in rows)
    licences = sorted({row["licence"] for row in rows})
    ids = [_LICENCE_IDS.get(name, "other") for name in licences]
    front = {
        "pretty_name": "Jazz saxophone tokens",
        "license": ids[0] if len(ids) == 1 else ids,
        "task_categories": ["audio-to-audio"],
        "tags": ["music", "jazz", "saxophone", "codec"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": split, "path": f"data/{split}-*.parquet"} for split in layout.rows
                ],
            }
        ],
    }
    return "\n".join(
        [
            "---",
            yaml.safe_dump(front, sort_keys=False).strip(),
            "---",
            "",
            "# Jazz saxophone tokens",
            "",
            *(_RECORDED if recorded else _RENDERED if layout.backing else _ALONE),
            "",
            *_size_table(layout, rows),
            "",
            f"One row is a clip of at most 1500 frames, {layout.frame_rate:g} frames per second:",
            "",
            "| field | shape | meaning |",
            "| --- | --- | --- |",
            f"| {', '.join(layout.codes)} | (T, {layout.num_codebooks}) int16 | codes "
            f"0..{layout.codebook_size - 1} |",
            "| score | (T,) int16 | 0 rest, 1 + (p - 40) onset of MIDI pitch p, 61 + (p - 40) "
            "held |",
            f"| frame_labels | (T, {len(LABEL_SIZES)}) int16 | {', '.join(LABEL_SIZES)}; "
            f"-100 unknown |",
            *(_heard_row() if layout.ear_sha256 else ()),
            *(_mask_row() if layout.articulation else ()),
            "| pair_id, clip, start_frame | | the position of the clip in its solo |",
            "| split, performer, title, instrument, style, feel, tempo, timbre | | the solo |",
            "| semitones, tempo_factor | | how the score was changed before rendering |",
            "| source, licence, attribution, codec_sha256, frame_rate | | origin of the row |",
            "",
            "Splits are by performer, and no title is in two splits.",
            "",
            f"Codec: sha256 of the weights `{layout.codec_sha256}`.",
            *((f"Ear: `{layout.ear_sha256}`.",) if layout.ear_sha256 else ()),
            "",
            "## Integrity",
            "",
            "`tokens.json` holds the sha256 of every shard, and the pages carry checksums:",
            "`pyarrow.parquet.ParquetFile(path, page_checksum_verification=True)`. Plain readers",
            "do not check them.",
            "",
            *(_LAW if recorded else ()),
            "## Sources",
            "",
            *_sources(rows),
            "",
            *(() if recorded else _TIMBRES),
        ]
    )


def _heard_row() -> list[str]:
    sizes = ", ".join(f"{name} {size}" for name, size in LABEL_SIZES.items())
    total = sum(LABEL_SIZES.values())
    return [
        f"| heard | (T, {total}) uint8 | what the ear hears in the backing: probabilities in "
        f"255ths, side by side: {sizes} |"
    ]


def _mask_row() -> list[str]:
    bits = ", ".join(f"{1 << bit} {name}" for bit, name in enumerate(ARTICULATIONS))
    return [
        f"| articulation | (T,) int16 | how the note is played, a sum of {bits}; 0 tongued or no "
        "note, -1 unknown; vibrato, fall and bend where they are heard, else the whole note |"
    ]


def _size_table(layout: LayoutFile, rows: Sequence[dict[str, Any]]) -> list[str]:
    pairs = Counter(row["split"] for row in rows)
    performers: dict[str, set[str]] = defaultdict(set)
    hours: Counter[str] = Counter()
    for row in rows:
        performers[row["split"]].add(row["performer"])
        hours[row["split"]] += row["frames"] / layout.frame_rate / 3600
    lines = ["| split | rows | pairs | hours | performers |", "| --- | --- | --- | --- | --- |"]
    for split, count in layout.rows.items():
        lines.append(
            f"| {split} | {count} | {pairs[split]} | {hours[split]:.1f} | "
            f"{', '.join(sorted(performers[split]))} |"
        )
    return lines


def _sources(rows: Sequence[dict[str, Any]]) -> list[str]:
    sources = Counter((row["source"], row["licence"], row["attribution"]) for row in rows)
    return [
        f"- {source} ({licence}): {attribution}; {count} pairs"
        for (source, licence, attribution), count in sorted(sources.items())
    ]
