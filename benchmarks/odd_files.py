"""Odd files and damaged ones: each is read to its end or refused in one line, in little memory.

    saxsolo benchmark odd-files --mutations 3000

Makes files of many formats, rates, channels, tags and names with ffmpeg, and cuts some; then
damages WAV, FLAC, OGG, MP3 and M4A at random. Fails where a file ends in anything but its sound or
one line of `AudioError`, where a whole one is refused, or where the process grows by more than
200 MB.
tests/product/test_damaged_files.py has a small edition.
"""

from __future__ import annotations

import itertools
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile
import typer

from saxsolo.audio.files import open_sound
from saxsolo.errors import AudioError

SECONDS = 2.5
MOST_MEGABYTES = 200.0
# ending -> arguments of ffmpeg, most channels
FORMATS = {
    "wav": ("-c:a pcm_s24le", 6),
    "flac": ("", 6),
    "ogg": ("-c:a libvorbis", 2),
    "opus": ("-c:a libopus", 2),
    "mp3": ("-c:a libmp3lame -q:a 5", 2),
    "m4a": ("-c:a aac", 6),
    "aiff": ("", 6),
    "caf": ("-c:a alac", 2),
    "wma": ("-c:a wmav2", 2),
    "webm": ("-c:a libopus", 2),
    "mkv": ("-c:a ac3", 6),
    "aac": ("-c:a aac", 2),
    "w64": ("", 6),
    "wv": ("-c:a wavpack", 2),
}
RATES = {"opus": (48000,), "webm": (48000,), "mkv": (32000, 48000)}
USUAL_RATES = (22050, 44100, 48000)
TAGS = ("", "-metadata title=Blues -metadata artist=Band", "-metadata comment=" + 3000 * "x")
NAMES = ("plain", "with spaces", "Ünïcode 日本語", "a'quote\"", "-option", "100%", "two.dots.wav")
MUTATED = ("wav", "flac", "ogg", "mp3", "m4a")


@dataclass(frozen=True)
class OddFile:
    """A file, and whether all of it is there."""

    path: Path
    whole: bool


def make_odd_files(folder: Path, count: int, seed: int = 0) -> Iterator[OddFile]:
    """Makes `count` files, each another mixture of format, rate, channels, tags, cut and name."""
    chance = random.Random(seed)
    kinds = itertools.cycle(FORMATS)
    for number, kind in zip(range(count), kinds, strict=False):
        arguments, most = FORMATS[kind]
        rate = chance.choice(RATES.get(kind, USUAL_RATES))
        channels = chance.choice([c for c in (1, 2, 6) if c <= most])
        name = f"{chance.choice(NAMES)} {number}.{kind}"
        path = folder / name
        options = [*arguments.split(), *chance.choice(TAGS).split()]
        write_sound(path, rate, channels, options)
        whole = (number + number // len(FORMATS)) % 4 != 3
        if not whole:
            data = path.read_bytes()
            path.write_bytes(data[: int(chance.uniform(0.05, 0.95) * len(data))])
        yield OddFile(path, whole)


def write_sound(path: Path, rate: int, channels: int, options: list[str]) -> None:
    """A little music in the format that the name says, by ffmpeg."""
    time = np.arange(round(SECONDS * rate)) / rate
    tones = [np.sin(2 * np.pi * 110 * (k + 2) / 2 * time) for k in range(channels)]
    samples = 0.2 * np.stack(tones, axis=1) * np.exp(-2 * (time % 0.5))[:, None]
    with tempfile.TemporaryDirectory() as place:
        plain = Path(place) / "plain.wav"
        soundfile.write(plain, samples, rate, "PCM_16")
        command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(plain), *options]
        subprocess.run([*command, f"file:{path}"], check=True)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The same bytes with one to four faults: changed, missing, doubled or foreign bytes."""
    new = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        # half of the faults are in the header
        end = min(len(new), 600) if chance.random() < 0.5 else len(new)
        at, size = chance.randrange(max(1, end)), chance.choice((1, 1, 2, 4, 16, 300))
        fault = chance.randrange(6)
        if fault == 0:
            for place in range(at, min(at + size, len(new))):
                new[place] ^= 1 << chance.randrange(8)
        elif fault == 1:
            new[at : at + size] = chance.randbytes(size)
        elif fault == 2:
            new[at : at + size] = chance.choice((b"\0", b"\xff", b"\x7f")) * size
        elif fault == 3:
            del new[at : at + size]
        elif fault == 4:
            new[at:at] = new[at : at + size]
        else:
            del new[max(1, int(chance.random() * len(new))) :]
    return bytes(new)


def outcome(path: Path, partial: bool = False) -> str:
    """Reads a file as a player does: "played", or the one line that refuses it."""
    try:
        source = open_sound(path, partial=partial)
        for part in source.parts():
            assert part.dtype == np.float32 and part.ndim == 2
        length = source.length_at(32000)
        blocks = source.blocks(65536, 32000, length, mono=False)
        assert sum(map(len, blocks)) == length
    except AudioError as error:
        line = str(error)
        assert line and "\n" not in line, repr(line)
        return line
    return "played"


def megabytes() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read_mutations(folder: Path, count: int, seed: int = 0) -> Counter[str]:
    """Reads `count` damaged files, in turn of each kind, with and without `partial`."""
    chance = random.Random(seed)
    whole = {}
    for kind in MUTATED:
        path = folder / f"whole.{kind}"
        write_sound(path, 44100, 2, FORMATS[kind][0].split())
        whole[kind] = path.read_bytes()
        assert outcome(path) == "played"
    told: Counter[str] = Counter()
    for number in range(count):
        kind = MUTATED[number % len(MUTATED)]
        # should the process die, this file is the one
        path = folder / f"damaged.{kind}"
        path.write_bytes(mutated(whole[kind], chance))
        line = outcome(path, partial=number % 2 == 1)
        told[f"{kind} {'played' if line == 'played' else 'refused'}"] += 1
    return told


def main(
    files: Annotated[int, typer.Option(help="Odd files.")] = 280,
    mutations: Annotated[int, typer.Option(help="Damaged files.")] = 3000,
    seed: Annotated[int, typer.Option(help="Of both.")] = 0,
) -> None:
    """Read odd and damaged files."""
    failed = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "odd").mkdir()
        told: Counter[str] = Counter()
        for odd in make_odd_files(folder / "odd", files, seed):
            line = outcome(odd.path)
            ending = f"{odd.path.suffix} {'whole' if odd.whole else 'cut'}"
            told[f"{ending}: {'played' if line == 'played' else 'refused'}"] += 1
            if odd.whole and line != "played":
                failed += 1
                print(f"refused though whole: {os.fspath(odd.path)}: {line}", file=sys.stderr)
            odd.path.unlink()
        before = megabytes()
        told += read_mutations(folder, mutations, seed)
        grown = megabytes() - before
    for name, number in sorted(told.items()):
        print(f"{name}: {number}")
    print(f"{grown:.0f} MB more than before the damaged files")
    if failed or grown > MOST_MEGABYTES:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
