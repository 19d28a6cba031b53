"""Takes on disk, each in its own folder under a name that nobody can guess.

    solo.flac  backing.flac  codes.npy  take.json   · downloads are written beside them on request

No part of a take stays in memory: the process that plays (on a borrowed GPU it is not the one that
serves) and the one that serves share the takes through this folder.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from saxsolo.audio.files import Source, open_sound
from saxsolo.audio.writing import PEAK, Scratch, write_audio
from saxsolo.music.articulations import named_articulations
from saxsolo.music.beat_grid import BeatGrid
from saxsolo.music.charts.text import read_text, write_text
from saxsolo.music.frame_labels import tokens_to_notes
from saxsolo.music.metre import BEAT_UNITS, QUARTER
from saxsolo.music.placed_chart import PlacedChart, form_of
from saxsolo.playing.take import Take

from .folder_store import FolderStore

BLOCK = 65_536


@dataclass(frozen=True)
class TakeInfo:
    """What take.json says about a take.

    Attributes:
        title: name of the backing.
        run: as in run.json.
        link: the query of the share link, without the question mark.
        label: name of the take in the list of takes.
        gain: factor of solo.flac in the mix at balance 0; `TakeStore.put` measures it.
        quieter: factor of the whole mix that keeps its true peak below -1 dBTP; also
            measured there.
    """

    title: str
    run: dict[str, Any]
    link: str
    label: str
    gain: float = 1.0
    quieter: float = 1.0


class TakeStore(FolderStore):
    """The takes of all visitors.

    Args:
        root: folder that holds nothing else.
    """

    def __init__(self, root: Path):
        super().__init__(root, "take.json", "this take has expired; its link plays it again")

    def put(self, take: Take, backing: Source, info: TakeInfo) -> str:
        """Stores a take and returns its name."""
        with self.filling() as (name, partial):
            rate, length = take.sampling_rate, len(take.solo)
            quieter = min(1.0, PEAK / max(float(np.abs(take.solo).max()), PEAK))
            solo = (quieter * take.solo[i : i + BLOCK] for i in range(0, length, BLOCK))
            write_audio(partial / "solo.flac", solo, rate, audio_format="flac")
            backing_blocks = backing.blocks(BLOCK, rate, length, mono=False)
            # FLAC holds nothing beyond full scale; a float WAV may
            clipped = (block.clip(-1, 1) for block in backing_blocks)
            write_audio(partial / "backing.flac", clipped, rate, backing.channels, "flac")
            np.save(partial / "codes.npy", take.codes, allow_pickle=False)
            if take.articulation is not None:
                np.save(partial / "articulation.npy", take.articulation, allow_pickle=False)
            facts = {
                **asdict(info),
                "grid": _plain(take.grid),
                "placed": None if take.placed is None else _plain_chart(take.placed),
                "has_score": bool(take.has_score),
            }
            # measured on the files just written, which the mixer and the downloads both use
            levels = _take(partial, facts).mix_levels()
            facts["gain"], facts["quieter"] = levels.solo, levels.whole
            (partial / "take.json").write_text(json.dumps(facts), encoding="utf-8")
        return name

    def info(self, name: str) -> TakeInfo:
        """What take.json says about a take.

        Raises:
            GoneError: when it has expired.
        """
        facts = self.facts(name)
        return TakeInfo(**{key: facts[key] for key in TakeInfo.__dataclass_fields__})

    def take(self, name: str) -> Take:
        """A take as `improvise` returned it, ready to be saved in any format.

        Raises:
            GoneError: when it has expired.
        """
        return _take(self.folder(name), self.facts(name))


def _take(folder: Path, facts: dict[str, Any]) -> Take:
    codes = np.load(folder / "codes.npy", allow_pickle=False)
    masks = None
    if (folder / "articulation.npy").exists():
        masks = np.load(folder / "articulation.npy", allow_pickle=False)
    samples, rate = sf.read(folder / "solo.flac", dtype="float32")
    solo = Scratch(folder)
    solo.append(samples)
    grid = _grid(facts["grid"])
    notes = tokens_to_notes(codes[0]) if facts["has_score"] else []
    return Take(
        sampling_rate=rate,
        codes=codes,
        notes=named_articulations(notes, masks),
        run=facts["run"],
        _backing=open_sound(folder / "backing.flac", facts["title"]),
        _solo=solo,
        _has_score=facts["has_score"],
        _placed=_placed(facts.get("placed")),
        _find_grid=lambda: grid,
        articulation=masks,
    )


def _plain(grid: BeatGrid | None) -> dict[str, Any] | None:
    if grid is None:
        return None
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in {**vars(grid), "unit": grid.unit.name}.items()
    }


def _grid(facts: dict[str, Any] | None) -> BeatGrid | None:
    if facts is None:
        return None
    arrays: dict[str, Any] = {
        name: np.array(value) if isinstance(value, list) else value for name, value in facts.items()
    }
    # a take that was stored before there were beat units has none
    units = {unit.name: unit for unit in BEAT_UNITS}
    return BeatGrid(**{**arrays, "unit": units[facts.get("unit", QUARTER.name)]})


def _plain_chart(placed: PlacedChart) -> dict[str, Any]:
    return {
        "chart": write_text(placed.chart),
        "beats": placed.beats.tolist(),
        "index": placed.index.tolist(),
        "agreement": placed.agreement,
        "transposed": placed.transposed,
        "heard": _plain(placed.heard),
        "rendered": placed.rendered,
    }


def _placed(facts: dict[str, Any] | None) -> PlacedChart | None:
    if facts is None:
        return None
    chart = read_text(facts["chart"])
    beats, index = (np.array(facts[name]) for name in ("beats", "index"))
    how = {name: facts[name] for name in ("agreement", "transposed", "rendered")}
    return PlacedChart(chart, form_of(chart), beats, index, heard=_grid(facts["heard"]), **how)
