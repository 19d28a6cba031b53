"""An exported folder on emulated 64-bit ARM beside this machine: the same notes, codes and sound?

    saxsolo export --format onnx --out FULL; saxsolo export --format onnx --int8 --out SMALL
    apt-get install qemu-user-static mmdebstrap
    saxsolo benchmark aarch64 FULL SMALL --place PLACE

On Debian, with its package manager and pip in reach; anywhere else it says in one line what is
missing. Debian's Python and the aarch64 wheels of what the folders want are unpacked into PLACE
(200 MB), where they stay for the next run; nothing is installed, and no root is entered. Python in
qemu-aarch64-static then plays the beginning of a backing: with the likeliest everywhere, and with a
seed. Seconds under emulation say nothing of a board; peak memory includes the emulator's own.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from saxsolo.assets import PACKAGE
from saxsolo.errors import SettingError

EMULATOR, UNPACKER = "qemu-aarch64-static", "mmdebstrap"
# the Python whose wheels are fetched, and the Debian that has it
VERSION, SUITE = "3.11", "bookworm"
LIBRARIES = ("python3", "libstdc++6", "zlib1g", "libexpat1", "libffi8", "libssl3")
# of a Raspberry Pi 4. Without it onnxruntime reads this machine's, and crashes.
CORE = "cortex-a72"
CPUINFO = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

"""
PLAY = """
import json, platform, resource, sys
from pathlib import Path
sys.modules["numba"] = None  # the folder does not want it, and plays without
import numpy as np, soundfile
from saxsolo_runtime.command import improvise

model, backing, seconds, temperature, seed, out = sys.argv[1:]
audio, rate = soundfile.read(backing, dtype="float32")
how = {"seed": int(seed), "temperature": json.loads(temperature)}
samples, codes = improvise(audio[: round(float(seconds) * rate)], rate, Path(model), **how)
np.savez(out, samples=samples, codes=codes)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
print(json.dumps({"machine": platform.machine(), "megabytes": round(peak)}))
"""


def main(
    folders: Annotated[list[Path], typer.Argument(help="Of saxsolo export --format onnx.")],
    place: Annotated[Path, typer.Option(help="Where Python and wheels are unpacked.")],
    backing: Annotated[Path, typer.Option(help="A backing track.")] = Path("examples/ballad.flac"),
    seconds: Annotated[float, typer.Option(help="Of it.")] = 6.0,
    seed: Annotated[int, typer.Option(help="Of the drawn solo.")] = 1,
) -> None:
    check()
    root = unpacked_python(place / "root")
    libraries = unpacked_wheels(place / "wheels", folders[0] / "requirements.txt")
    here: list[str | Path] = [sys.executable]
    there = [EMULATOR, "-L", root, root / f"usr/bin/python{VERSION}"]
    print("| folder | played | notes | codes | first other frame | sound | MB | MB, emulated |")
    print("|" + " --- |" * 8)
    for folder in folders:
        for name, temperature in (("likeliest", "0"), (f"seed {seed}", "null")):
            how = (str(backing), str(seconds), temperature, str(seed))
            ours, memory = play(here, folder, how, [folder])
            theirs, emulated = play(there, folder, how, [folder, libraries])
            row = [*compared(ours, theirs), memory, emulated]
            print(f"| {folder.name} | {name} | " + " | ".join(map(str, row)) + " |", flush=True)


def check() -> None:
    """Raises:
    SettingError: the programs that emulate and unpack are missing.
    """
    missing = [name for name in (EMULATOR, UNPACKER) if shutil.which(name) is None]
    if missing:
        raise SettingError(
            f"{' and '.join(missing)} missing; on Debian: apt-get install qemu-user-static "
            f"{UNPACKER}"
        )


def unpacked_python(root: Path) -> Path:
    """Debian's Python for aarch64, its packages unpacked and not configured."""
    if not root.is_dir():
        root.parent.mkdir(parents=True, exist_ok=True)
        half = root.with_name(f"{root.name}.new")
        shutil.rmtree(half, ignore_errors=True)
        include = f"--include={','.join(LIBRARIES)}"
        how = ["--quiet", "--variant=extract", "--architectures=arm64", include]
        subprocess.run([UNPACKER, *how, SUITE, half], check=True)
        (half / "proc").mkdir(exist_ok=True)
        (half / "proc/cpuinfo").write_text(CPUINFO)
        half.rename(root)
    return root


def unpacked_wheels(place: Path, requirements: Path) -> Path:
    """What a folder wants, as aarch64 wheels of the versions that this project is tested with."""
    if not place.is_dir():
        half = place.with_name(f"{place.name}.new")
        shutil.rmtree(half, ignore_errors=True)
        tags = (f"manylinux_2_{minor}_aarch64" for minor in (28, 27, 26, 17))
        platforms = [f"--platform={tag}" for tag in tags]
        wheels = ["--only-binary=:all:", f"--python-version={VERSION}", "--no-compile", *platforms]
        what = ["-r", requirements, "-c", PACKAGE.parent / "constraints.txt"]
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", half]
        subprocess.run([*pip, *wheels, *what], check=True)
        half.rename(place)
    return place


def play(
    python: list[Any], folder: Path, how: tuple[str, ...], packages: list[Path]
) -> tuple[dict[str, np.ndarray], int]:
    """Samples and codes of a solo in a process of its own, and its peak megabytes."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    paths = os.pathsep.join(str(path.resolve()) for path in packages)
    environment = {**os.environ, **one, "PYTHONPATH": paths, "QEMU_CPU": CORE}
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "solo.npz"
        line = [*map(str, python), "-c", PLAY, str(folder), *how, str(out)]
        done = subprocess.run(line, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise SettingError(f"{python[0]} played nothing: {done.stderr.strip()[-400:]}")
        with np.load(out) as played:
            return dict(played), int(json.loads(done.stdout.splitlines()[-1])["megabytes"])


def compared(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> list[str]:
    """Shares of equal notes and codes, the first frame with other codes, and how far the sounds
    lie apart at most, in parts of the peak."""
    same = ours["codes"] == theirs["codes"]
    other = np.flatnonzero(~same.all(axis=0))
    apart = np.abs(ours["samples"] - theirs["samples"]).max() / np.abs(ours["samples"]).max()
    first = str(other[0]) if len(other) else "none"
    return [f"{same[0].mean():.3f}", f"{same[1:].mean():.3f}", first, f"{apart:.1e}"]


if __name__ == "__main__":
    typer.run(main)
