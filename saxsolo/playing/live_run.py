"""Live playing from and to files and sound cards, and how late it was.

The solo runs `delay` behind the band: none with a lookahead of -0.5 s or less. A block that is
not ready when it is due is an underrun: a sound card would have played a gap.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from modeling_saxsolo.vocabulary_saxsolo import FRAME_RATE
from saxsolo.atomic import replacing
from saxsolo.errors import SettingError
from saxsolo.extras import missing_extra

from .live import BLOCK, LiveSolo

FED_SECONDS = 0.1


@dataclass
class LiveReport:
    """What a live run says of itself.

    Attributes:
        latencies: seconds from when the sound that a block needs was there until the block was.
        late: blocks that were not ready when they were due. busy: processor seconds spent.
    """

    seconds: float = 0.0
    delay: float = 0.0
    late: int = 0
    busy: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def describe(self) -> dict[str, Any]:
        """For run.json."""
        shares = {"median": 50, "p95": 95, "p99": 99, "worst": 100}
        values = self.latencies or [0.0]
        return {
            "audio_seconds": self.seconds,
            "blocks": len(self.latencies),
            "latency_seconds": {
                name: round(float(np.percentile(values, share)), 4)
                for name, share in shares.items()
            },
            "underruns": self.late,
            "delay_seconds": self.delay,
            "busy_seconds": round(self.busy, 3),
        }


def play_live(
    solo: LiveSolo, blocks: Iterator[np.ndarray], pace: bool
) -> Iterator[tuple[np.ndarray, LiveReport]]:
    """Feeds a solo and yields its blocks with the report so far.

    Args:
        blocks: (n,) or (n, channels) float32 of the band, as they come.
        pace: whether they come at the pace of music; else the latency is the processor time that a
            block takes with what is heard in the same push: what it would be on an idle core.
    """
    lookahead = solo.settings.lookahead
    report = LiveReport(delay=max(0.0, lookahead + BLOCK / FRAME_RATE))
    clock = time.perf_counter if pace else time.process_time
    begun, busy = clock(), time.process_time()
    slack = report.delay - lookahead
    made = 0
    for samples in blocks:
        arrived = clock()
        for audio in solo.push(samples):
            now = clock()
            # when the sound that it needs was there, on a clock that did not wait for us
            needed = begun + max(0.0, made * BLOCK / FRAME_RATE + lookahead) if pace else arrived
            report.latencies.append(now - needed)
            report.late += report.latencies[-1] > slack
            made += 1
            arrived = now
            report.seconds, report.busy = solo.received / solo.rate, time.process_time() - busy
            yield audio, report


def file_blocks(path: Path, pace: bool, seconds: float | None = None) -> Iterator[np.ndarray]:
    """A file by tenths of a second; with `pace` none before it would have been played."""
    begun = time.perf_counter()
    with soundfile.SoundFile(path) as file:
        size = round(FED_SECONDS * file.samplerate)
        left = file.frames if seconds is None else round(seconds * file.samplerate)
        fed = 0
        while left > 0:
            samples = file.read(min(size, left), dtype="float32")
            if not len(samples):
                # shorter than asked for: once more from the beginning
                file.seek(0)
                continue
            left, fed = left - len(samples), fed + len(samples)
            wait = begun + fed / file.samplerate - time.perf_counter()
            if pace and wait > 0:
                time.sleep(wait)
            yield samples


def device_blocks(device: str, rate: int, seconds: float | None) -> Iterator[np.ndarray]:
    """What a sound card hears, mono, by tenths of a second, until it is interrupted."""
    size = round(FED_SECONDS * rate)
    with _sounddevice().InputStream(rate, size, _device(device), 1, "float32") as stream:
        fed = 0
        while seconds is None or fed < seconds * rate:
            samples, _ = stream.read(size)
            fed += size
            yield samples[:, 0]


def output_stream(device: str, rate: int) -> Any:
    """A started stream of a sound card; `write` takes (n,) float32."""
    stream = _sounddevice().OutputStream(rate, 0, _device(device), 1, "float32")
    stream.start()
    return stream


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError as error:
        raise SettingError(missing_extra("sounddevice", "live")) from error
    except OSError as error:
        raise SettingError(f"no PortAudio; install libportaudio2 ({error})") from error
    return sounddevice


def _device(name: str) -> int | str | None:
    if name == "default":
        return None
    return int(name) if name.isdigit() else name


def save_live(out: Path, parts: list[np.ndarray], solo: LiveSolo, report: LiveReport) -> None:
    """Writes the solo, and run.json beside it."""
    audio = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    run = {
        "settings": asdict(solo.settings),
        "live": report.describe(),
        "tuning_cents": solo.ear.cents,
        "chart": None if solo.placed is None else solo.placed.describe(),
        "checkpoint": {"name": solo.player.solo.name, "sha256": solo.player.solo.sha256},
    }
    with replacing(out, out.parent / "run.json") as (sound, facts):
        kind = out.suffix[1:].upper()
        soundfile.write(str(sound), audio, solo.player.sampling_rate, format=kind)
        facts.write_text(json.dumps(run, indent=2) + "\n", "utf-8")
