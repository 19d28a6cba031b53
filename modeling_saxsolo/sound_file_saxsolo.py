"""Sound files decoded to their end by FFmpeg's libraries (PyAV): MP3, M4A, WMA, WebM, video.

The length in such a header is often an estimate, or that of the first of several joined files, so
nothing here trusts it: what is decoded counts, and what the header says is told beside it.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from .errors_saxsolo import AudioError

try:
    import av
except ImportError:
    av = None  # type: ignore[assignment]

# whether there is something to decode with
CAN_DECODE = av is not None
# the beginnings of files that count samples: libsndfile reads those
SAMPLED = (b"RIFF", b"RF64", b"fLaC", b"FORM", b"OggS")
# Containers of sound and film alone: FFmpeg also reads playlists, which open other files and
# addresses, and pictures and text, which hold no sound.
CONTAINERS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,gsm,iff,ircam,"
    "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,nistsphere,ogg,qcp,rm,shn,"
    "sox,tak,truehd,tta,voc,w64,wav,wsaud,wv,xwma"
)
# their length is what FFmpeg makes of size and bit rate
ESTIMATED = {"mp3", "aac", "ac3", "eac3", "dts", "amr", "mpeg", "mpegts", "ogg", "gsm", "flv"}
# seconds by which codecs pad, and clocks of containers round
PADDING = 0.25
# packets that may fail among those that do not, before it is no sound at all
MOST_DAMAGED = 0.5

# MPEG audio, ISO 11172-3 and 13818-3: kbit/s by version 1 and layers 1 to 3, version 2 likewise
_KBITS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44100, 48000, 32000)


@dataclass
class Decoded:
    """What is known of a file while it is decoded, and in full once it has been.

    Attributes:
        format: FFmpeg's name of the container, "mp3" say.
        sampling_rate, channels: of what is yielded.
        frames: samples of a channel so far.
        promised: seconds that the header says, None where it says nothing or an estimate.
        promised_packets: how many packets an MP3 says that it has.
        packets, damaged: how many there were, and how many of them could not be decoded.
        junk: how many of those were no frames at all: tags in the middle or at the end.
        within_frame: whether the data stop within a frame.
    """

    format: str = ""
    sampling_rate: int = 0
    channels: int = 0
    frames: int = 0
    promised: float | None = None
    promised_packets: int | None = None
    packets: int = 0
    damaged: int = 0
    junk: int = 0
    within_frame: bool = False

    @property
    def seconds(self) -> float:
        """Length so far."""
        return self.frames / self.sampling_rate if self.sampling_rate else 0.0

    @property
    def breaks_off(self) -> bool:
        """Whether the end is missing: the data stop within a frame, or long before the end that a
        header names which is not estimated."""
        if self.promised_packets is not None:
            return self.within_frame and self.packets <= self.promised_packets
        if self.promised is None:
            return self.within_frame
        return self.seconds < self.promised - PADDING

    @property
    def header_lies(self) -> bool:
        """Whether the header says another length than there is, by more than what codecs pad."""
        if self.promised is None or self.breaks_off:
            return False
        return abs(self.seconds - self.promised) > PADDING


def decode_file(path: str | os.PathLike[str], known: Decoded) -> Iterator[np.ndarray]:
    """Yields a file's sound to its end, (n, channels) float32 with 1 or 2 channels.

    More channels are mixed down to two by their places (ITU-R BS.775, the low-frequency channel
    left out). Damaged packets are left out, as players do.

    Args:
        known: filled while the file is decoded.

    Raises:
        AudioError: for what is no sound, or where PyAV is not installed.
    """
    name = os.fspath(path)
    if not CAN_DECODE:
        raise AudioError(f"{name} needs PyAV to be read; pip install av, or convert it to WAV.")
    failures = (av.FFmpegError, ValueError, IndexError, MemoryError)
    try:
        # by an open file: FFmpeg takes some names for addresses, and others cannot be encoded
        with open(path, "rb") as file, av.open(file, **_options()) as container:
            stream = container.streams.best("audio")
            if stream is None:
                raise AudioError(f"{name} holds no sound.")
            known.format = container.format.name.split(",")[0]
            if known.format == "mp3":
                _read_xing(file, known)
            else:
                known.promised = _promised(known.format, container, stream)
            yield from _frames(container, stream, known, failures)
        if known.format == "ogg":
            known.within_frame = not last_page_is_whole(path)
        if known.format == "w64" and _w64_is_cut(path):
            known.within_frame, known.promised = True, None
    except failures as error:
        reason = getattr(error, "strerror", None) or error
        raise AudioError(f"{name} cannot be read as a sound: {reason}.") from error
    if not known.frames or known.damaged > MOST_DAMAGED * known.packets:
        raise AudioError(f"{name} cannot be read as a sound: nothing in it can be decoded.")


def _options() -> dict[str, Any]:
    return {
        "mode": "r",
        "metadata_errors": "ignore",
        "options": {"format_whitelist": CONTAINERS, "protocol_whitelist": ""},
    }


def _frames(
    container: Any, stream: Any, known: Decoded, failures: tuple[type[Exception], ...]
) -> Iterator[np.ndarray]:
    """The frames of a stream in the form of its first one, whatever changes on the way."""
    last = b""
    resampler, form, channels = None, None, "stereo"
    for packet in _packets(container, stream, known, failures):
        if packet.size:
            known.packets += 1
            last = bytes(memoryview(packet)[:6]) + packet.size.to_bytes(4, "big")
        known.within_frame |= bool(packet.is_corrupt)
        try:
            frames = packet.decode()
        except failures:
            known.damaged += bool(packet.size)
            known.junk += bool(packet.size) and known.format == "mp3" and not _mpeg_frame(last)
            continue
        for frame in frames:
            if not known.sampling_rate:
                known.sampling_rate = frame.sample_rate
                known.channels = min(2, frame.layout.nb_channels)
                channels = "mono" if known.channels == 1 else "stereo"
            now = (frame.format.name, frame.layout.name, frame.sample_rate)
            if now != form:
                resampler, form = _resampler(channels, known.sampling_rate), now
            # the clock of a stream that is joined or damaged jumps; the samples follow each other
            frame.pts = None
            for ready in resampler.resample(frame) if resampler else ():
                samples = np.ascontiguousarray(ready.to_ndarray().T, dtype=np.float32)
                known.frames += len(samples)
                yield samples
    known.within_frame |= _is_part_of_a_frame(last)


def _resampler(channels: str, rate: int) -> Any:
    return av.AudioResampler(format="fltp", layout=channels, rate=rate)


def _packets(
    container: Any, stream: Any, known: Decoded, failures: tuple[type[Exception], ...]
) -> Iterator[Any]:
    try:
        yield from container.demux(stream)
    except failures:
        known.damaged += 1


def _promised(kind: str, container: Any, stream: Any) -> float | None:
    """Seconds that the header says, None where it says nothing or FFmpeg guesses."""
    if kind in ESTIMATED:
        return None
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    # the longest of all streams: of a film it is not the sound's
    if container.duration is None or container.streams.video:
        return None
    return float(container.duration / av.time_base)


def _read_xing(file: BinaryIO, known: Decoded) -> None:
    """What the first frame of an MP3 says of its length (Xing, Info); the place is kept."""
    place = file.tell()
    file.seek(0)
    head = file.read(10)
    while head[:3] == b"ID3" and len(head) == 10:
        size = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        file.seek(size, os.SEEK_CUR)
        head = file.read(10)
    head += file.read(200)
    file.seek(place)
    frame = _mpeg_frame(head)
    at = max(head.find(b"Xing"), head.find(b"Info"))
    if frame is not None and at >= 0 and len(head) >= at + 12 and head[at + 7] & 1:
        known.promised_packets = int.from_bytes(head[at + 8 : at + 12], "big")
        known.promised = known.promised_packets * frame[1] / frame[2]


def is_one_ogg(path: str | os.PathLike[str]) -> bool:
    """Whether an Ogg file is one stream: libsndfile reads only the first of several."""
    starts, held = 0, b""
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            held += part
            # a page's flags follow its version, which is 0; 2 marks the first page of a stream
            starts += len(re.findall(rb"OggS\0[\2\3\6\7]", held))
            held = held[-5:]
    return starts == 1


def last_page_is_whole(path: str | os.PathLike[str]) -> bool:
    """Whether all of the last page of an Ogg file is there (RFC 3533: at most 65,307 bytes)."""
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - 2 * 65_536))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27:
        return False
    lengths = page[27 : 27 + page[26]]
    return len(lengths) == page[26] and len(page) >= 27 + len(lengths) + sum(lengths)


def ogg_frames(path: str | os.PathLike[str]) -> int:
    """Samples that an Ogg Vorbis file ends after, by the position of its last page that has one; 0
    where none says so."""
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - 2 * 65_536))
        tail = file.read()
    positions = [tail[at.end() : at.end() + 8] for at in re.finditer(rb"OggS\0[\0-\7]", tail)]
    ends = [int.from_bytes(position, "little", signed=True) for position in positions]
    return max([0, *(end for end in ends[-2:] if end > 0)])


def _w64_is_cut(path: str | os.PathLike[str]) -> bool:
    """Whether a Sony Wave64 file is shorter than its first chunk says; streams leave that open."""
    with open(path, "rb") as file:
        stated = int.from_bytes(file.read(24)[16:], "little")
    return os.path.getsize(path) < stated < 1 << 62


def _mpeg_frame(head: bytes) -> tuple[int, int, int] | None:
    """Bytes, samples and rate of the frame of MPEG audio that begins here, None for none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:
        return None
    version = {3: 1, 2: 2, 0: 3}.get(head[1] >> 3 & 3)
    layer, kbit, rate = 4 - (head[1] >> 1 & 3), head[2] >> 4, head[2] >> 2 & 3
    if version is None or layer == 4 or not 0 < kbit < 15 or rate == 3:
        return None
    hertz = _RATES[rate] >> (version - 1)
    bits = 1000 * _KBITS[(1, layer) if version == 1 else (2, min(layer, 2))][kbit - 1]
    padding = head[2] >> 1 & 1
    if layer == 1:
        return (12 * bits // hertz + padding) * 4, 384, hertz
    samples = 576 if layer == 3 and version > 1 else 1152
    return samples // 8 * bits // hertz + padding, samples, hertz


def _is_part_of_a_frame(last: bytes) -> bool:
    """Whether the last packet, its first six bytes and its size, is less than it says it is."""
    head, size = last[:-4], int.from_bytes(last[-4:], "big")
    if len(head) == 6 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        # AAC in ADTS, ISO 14496-3
        return size < ((head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5)
    layout = _mpeg_frame(head)
    return layout is not None and size < layout[0]
