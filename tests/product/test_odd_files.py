"""Whatever a musician brings: every kind of file is played whole, or refused in one line."""

import os
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from saxsolo import AudioError
from saxsolo.audio.files import open_sound
from saxsolo.errors import SettingError
from saxsolo.playing.requests import collect_jobs
from saxsolo.playing.settings import Settings

from .conftest import chords

SECONDS, RATE = 3.03, 44100
# name -> arguments of ffmpeg; how many samples of 44.1 kHz a codec may add
KINDS = {
    "cbr.mp3": "-c:a libmp3lame -b:a 192k -write_xing 0",
    "vbr.mp3": "-c:a libmp3lame -q:a 4 -write_xing 0",
    "xing.mp3": "-c:a libmp3lame -q:a 4",
    "aac.m4a": "-c:a aac",
    "fragments.mp4": "-c:a aac -movflags frag_keyframe+empty_moov",
    "alac.m4a": "-c:a alac",
    "phone.3gp": "-c:a aac",
    "windows.wma": "-c:a wmav2",
    "browser.webm": "-c:a libopus",
    "stream.aac": "-c:a aac",
    "vorbis.ogg": "-c:a libvorbis -page_duration 200000",
    "opus.opus": "-c:a libopus",
    "apple.caf": "",
    "sony.w64": "",
    "lossless.tta": "-c:a tta",
    "lossless.wv": "-c:a wavpack",
    "film.mkv": "-c:a flac",
    "plain.flac": "",
    "sun.au": "",
    "big.aiff": "",
    "adpcm.wav": "-c:a adpcm_ms",
}
PADDING = 3 * 1152


def ffmpeg(*arguments: object) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg to make the files with (apt install ffmpeg)")
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    subprocess.run(command, check=True)


@pytest.fixture(scope="session")
def sound(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("odd") / "sound.wav"
    sf.write(path, chords(SECONDS, RATE), RATE)
    return path


def made(sound: Path, name: str) -> Path:
    path = sound.with_name(name)
    if not path.exists():
        ffmpeg("-i", sound, *KINDS[name].split(), path)
    return path


def whole(path: Path, **options: object) -> np.ndarray:
    source = open_sound(path, **options)
    samples = np.concatenate(list(source.parts()))
    assert len(samples) == source.frames
    return samples


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_played_whole_and_aligned(sound, name):
    path = made(sound, name)
    source = open_sound(path)
    assert source.notes == ()
    heard = np.concatenate(list(source.blocks(65536, RATE, source.length_at(RATE), mono=True)))
    wanted = chords(SECONDS, RATE).mean(1)
    # encoders may leave out a rest that fills no frame
    assert -1024 <= len(heard) - len(wanted) < PADDING
    size = 1 << 19
    found = np.fft.irfft(np.fft.rfft(heard[:, 0], size) * np.conj(np.fft.rfft(wanted, size)), size)
    late = (int(np.argmax(found)) + size // 2) % size - size // 2
    # without a header nobody knows how much of the beginning is the codec's own
    bare = name in ("cbr.mp3", "vbr.mp3", "stream.aac", "windows.wma", "fragments.mp4")
    assert abs(late) <= (2 * 1152 if bare else 2)
    part, wanted = heard[max(0, late) :, 0][: len(wanted)], wanted[max(0, -late) :]
    part = part[: len(wanted)]
    assert np.corrcoef(part, wanted[: len(part)])[0, 1] > 0.97


def test_a_film_is_its_sound(sound):
    path = sound.with_name("film.mp4")
    ffmpeg("-f", "lavfi", "-i", "color=size=32x32:rate=10", "-i", sound, "-shortest", path)
    assert abs(open_sound(path).seconds - SECONDS) < 0.2


def test_a_film_without_sound_is_refused(sound):
    path = sound.with_name("mute.mp4")
    ffmpeg("-f", "lavfi", "-i", "color=size=32x32:rate=10:duration=2", path)
    with pytest.raises(AudioError, match="mute.mp4 is not an audio file"):
        open_sound(path)


@pytest.mark.parametrize("name, parts", [("xing.mp3", 2), ("cbr.mp3", 3), ("vorbis.ogg", 2)])
def test_joined_files_are_played_to_the_end(sound, tmp_path, name, parts):
    data = made(sound, name).read_bytes()
    joined = tmp_path / name
    joined.write_bytes(parts * data)
    source = open_sound(joined)
    assert abs(source.seconds - parts * SECONDS) < 0.1 * parts
    assert len(whole(joined)) == source.frames
    if name == "xing.mp3":
        # its header speaks of the first
        (note,) = source.notes
        assert "says 3.1 s; the 6.1 s that are there are played" in note


ID3V1 = b"TAG" + b"Title".ljust(125, b"\0")
APE_ITEM = b"\5\0\0\0\0\0\0\0Title\0Hello"
APE = (
    APE_ITEM
    + b"APETAGEX"
    + b"".join(value.to_bytes(4, "little") for value in (2000, len(APE_ITEM) + 32, 1, 0, 0, 0))
)
ID3V2 = b"ID3\4\0\0\0\0\x20\0" + bytes(4096)


@pytest.mark.parametrize("name", ["cbr.mp3", "vbr.mp3", "xing.mp3"])
@pytest.mark.parametrize(
    "before, after",
    [(b"", ID3V1), (b"", APE), (b"", APE + ID3V1), (ID3V2, b""), (2 * ID3V2, APE + ID3V1)],
    ids=["ID3v1", "APE", "APE and ID3v1", "ID3v2", "all"],
)
def test_tags_change_nothing(sound, tmp_path, name, before, after):
    path = made(sound, name)
    tagged = tmp_path / "tagged.mp3"
    tagged.write_bytes(before + path.read_bytes() + after)
    assert open_sound(tagged).notes == ()
    np.testing.assert_array_equal(whole(tagged), whole(path))


@pytest.mark.parametrize(
    "name", ["cbr.mp3", "xing.mp3", "vorbis.ogg", "alac.m4a", "stream.aac", "sony.w64"]
)
def test_cut_off_is_said_and_played_on_request(sound, tmp_path, name):
    ffmpeg_options = ["-movflags", "+faststart"] if name == "alac.m4a" else []
    path = made(sound, name)
    if ffmpeg_options:
        path = tmp_path / f"fast {name}"
        ffmpeg("-i", sound, "-c:a", "alac", *ffmpeg_options, path)
    cut = tmp_path / f"cut {name}"
    data = path.read_bytes()
    cut.write_bytes(data[: len(data) * 6 // 10 + 1])
    with pytest.raises(AudioError, match=r"breaks off.*--force") as caught:
        open_sound(cut)
    assert "\n" not in str(caught.value)
    source = open_sound(cut, partial=True)
    assert 0.4 * SECONDS < source.seconds < 0.75 * SECONDS
    (note,) = source.notes
    assert "breaks off" in note and "are played" in note
    there = whole(cut, partial=True)
    np.testing.assert_allclose(there[:40000], whole(path)[:40000], atol=1e-6)


@pytest.mark.parametrize("name", ["vorbis.ogg", "plain.flac"])
def test_one_flipped_bit_is_played_with_a_note(sound, tmp_path, name):
    path = made(sound, name)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    flipped = tmp_path / name
    flipped.write_bytes(data)
    assert open_sound(path).notes == ()
    source = open_sound(flipped)
    (note,) = source.notes
    assert "is damaged; what can be read of it is played" in note
    # a page of Ogg is a second at most
    assert source.seconds > SECONDS - 1.5
    assert len(whole(flipped)) == source.frames


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_forced_pcm_is_what_is_there(sound, tmp_path, kind):
    path = tmp_path / f"cut.{kind}"
    sf.write(path, chords(SECONDS, RATE), RATE)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    source = open_sound(path, partial=True)
    assert 0.4 * SECONDS < source.seconds < 0.6 * SECONDS and "breaks off" in source.notes[0]
    assert len(whole(path, partial=True)) == source.frames


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_wav_of_a_program_that_cannot_know_the_length(sound, tmp_path, size):
    data = bytearray(sound.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = size.to_bytes(4, "little")
    (tmp_path / "stream.wav").write_bytes(data)
    np.testing.assert_array_equal(whole(tmp_path / "stream.wav"), whole(sound))


def test_a_flac_that_was_piped_has_its_length(sound, tmp_path):
    path = tmp_path / "piped.flac"
    with path.open("wb") as file:
        command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(sound), "-f", "flac", "-"]
        if shutil.which("ffmpeg") is None:
            pytest.skip("no ffmpeg to make the file with (apt install ffmpeg)")
        subprocess.run(command, stdout=file, check=True)
    np.testing.assert_allclose(whole(path), whole(sound), atol=1e-7)


@pytest.mark.parametrize("text", ["#EXTM3U\n#EXTINF:3,\n{}\n", "ffconcat version 1.0\nfile {}\n"])
def test_a_playlist_opens_no_other_file(sound, tmp_path, text):
    for name in ("list.mp3", "list.m3u8", "list.m4a"):
        (tmp_path / name).write_text(text.format(sound))
        with pytest.raises(AudioError, match="is not an audio file"):
            open_sound(tmp_path / name)


def test_a_folder_leaves_out_no_sound(sound, tmp_path):
    folder = tmp_path / "songs"
    folder.mkdir()
    good = ["aac.m4a", "opus.opus", "apple.caf", "sony.w64", "windows.wma", "cbr.mp3"]
    for name in good:
        shutil.copy(made(sound, name), folder)
    shutil.copy(made(sound, "aac.m4a"), folder / "without suffix")
    (folder / "broken.amr").write_bytes(b"#!AMR\nnothing")
    (folder / "text.ogg").write_text("no sound")
    for other in ("cover.jpg", "notes.txt", "chart.pdf", ".hidden.mp3"):
        (folder / other).write_bytes(b"something else")
    os.mkfifo(folder / "pipe")
    jobs = collect_jobs([folder], None, tmp_path / "out", 1, Settings())
    played = {Path(job.name).name for job in jobs if job.source}
    refused = {Path(job.name).name for job in jobs if job.reason}
    assert played == {*good, "without suffix"} and refused == {"broken.amr", "text.ogg"}


def test_a_folder_without_sounds(tmp_path):
    (tmp_path / "cover.jpg").write_bytes(b"\xff\xd8")
    with pytest.raises(SettingError, match="without a sound file"):
        collect_jobs([tmp_path], None, tmp_path / "out", 1, Settings())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_a_file(sound, tmp_path):
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(sound.read_bytes()))
    writer.start()
    source = open_sound(pipe)
    writer.join()
    assert source.name == str(pipe)
    # a sound is read more than once
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate(list(source.parts())), whole(sound))


def test_a_device_is_none():
    with pytest.raises(AudioError, match="/dev/zero is a device"):
        open_sound("/dev/zero")


@pytest.mark.parametrize(
    "name", [b"caf\xe9.mp3", "Ünïcode 日本.m4a".encode(), b"http:a.mp3", b"a\nb.mp3"]
)
def test_any_name(sound, tmp_path, name):
    path = os.fsencode(tmp_path) + b"/" + name
    origin = made(sound, "aac.m4a" if name.endswith(b"m4a") else "cbr.mp3")
    shutil.copy(origin, path)
    source = open_sound(os.fsdecode(path))
    source.name.encode()
    assert source.name.isprintable() and source.frames == open_sound(origin).frames
