"""Reading by blocks: any format and rate, aligned to the sample, and loudness by blocks."""

import numpy as np
import pytest
import soundfile as sf

from saxsolo.audio.files import open_sound

from .conftest import chords


def whole(source, rate: int, length: int, block: int = 4800, mono: bool = True) -> np.ndarray:
    blocks = list(source.blocks(block, rate, length, mono))
    assert all(len(b) == block for b in blocks[:-1]) and 0 < len(blocks[-1]) <= block
    return np.concatenate(blocks)


def delay(found: np.ndarray, wanted: np.ndarray) -> int:
    """Samples by which `found` is late."""
    size = 2 * len(wanted)
    spectrum = np.fft.rfft(found, size) * np.conj(np.fft.rfft(wanted, size))
    place = int(np.argmax(np.fft.irfft(spectrum, size)))
    return place if place < len(wanted) else place - size


# MP3 ends at 48 kHz
RATES = {"wav": 96000, "flac": 96000, "ogg": 96000, "mp3": 48000}


@pytest.mark.parametrize(
    "kind, rate",
    [(kind, r) for kind in RATES for r in (8000, 22050, 32000, 44100, RATES[kind])],
)
def test_every_format_and_rate_is_aligned(tmp_path, kind, rate):
    path = tmp_path / f"sound.{kind}"
    sound = chords(2.0, rate)
    sf.write(path, sound, rate)
    source = open_sound(path)
    assert (source.sampling_rate, source.channels) == (rate, 2)
    assert source.length_at(32000) == 64000
    heard = whole(source, 32000, 64000)
    assert heard.shape == (64000, 1) and heard.dtype == np.float32
    wanted = chords(2.0, 32000).mean(1)
    assert abs(delay(heard[:, 0], wanted)) <= 1
    assert np.corrcoef(heard[:, 0], wanted)[0, 1] > (0.98 if rate >= 22050 else 0.9)


def test_blocks_are_the_same_whatever_their_size(tmp_path):
    path = tmp_path / "sound.flac"
    sf.write(path, chords(2.0, 44100), 44100)
    source = open_sound(path)
    one = whole(source, 32000, 64000, block=64000)
    many = whole(source, 32000, 64000, block=777)
    np.testing.assert_array_equal(one, many)


def test_shorter_and_longer_than_the_sound():
    samples = chords(1.5, 32000)
    source = open_sound((samples, 32000))
    np.testing.assert_array_equal(whole(source, 32000, 9600, mono=False), samples[:9600])
    longer = whole(source, 32000, 60000, mono=False)
    np.testing.assert_array_equal(longer[:48000], samples)
    assert not longer[48000:].any() and len(longer) == 60000


@pytest.mark.parametrize("turn", [lambda x: x, lambda x: x.T, lambda x: x.astype(np.float64)])
def test_arrays_either_way_round(turn):
    samples = chords(1.0, 32000)
    source = open_sound((turn(samples), 32000))
    np.testing.assert_array_equal(whole(source, 32000, 32000, mono=False), samples)


def test_surround_is_mixed_to_stereo_by_its_places(tmp_path):
    band, centre = chords(1.0, 32000), chords(1.0, 32000)[::-1, 0]
    rumble = np.ones(32000, np.float32)
    samples = np.stack([band[:, 0], band[:, 1], centre, rumble, 0 * centre, centre], axis=1)
    wanted = band + np.sqrt(0.5) * centre[:, None]
    wanted[:, 1] += np.sqrt(0.5) * centre
    sf.write(tmp_path / "surround.wav", samples, 32000, subtype="FLOAT")
    for source in (open_sound((samples, 32000)), open_sound(tmp_path / "surround.wav")):
        assert source.channels == 2
        heard = whole(source, 32000, 32000, mono=False)
        np.testing.assert_allclose(heard, wanted, atol=2e-6)


def test_what_lies_off_zero_is_brought_there():
    samples = chords(2.0, 44100)
    for offset in (0.0, 0.3):
        source = open_sound((samples + np.float32([offset, 0]), 44100))
        heard = whole(source, 44100, len(samples), mono=False)
        np.testing.assert_allclose(heard, samples, atol=2e-3)
        assert np.abs(heard.mean(0)).max() < 1e-3


def test_a_wav_of_a_program_that_streams_is_no_truncated_one(tmp_path):
    path = tmp_path / "stream.wav"
    sf.write(path, chords(1.0, 32000), 32000)
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[4:8] = data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert open_sound(path).frames == 32000


@pytest.mark.parametrize(
    "kind, subtype", [("int16", "PCM_16"), ("int32", "PCM_32"), ("uint8", "PCM_U8")]
)
def test_integers_are_what_a_file_of_them_is(tmp_path, kind, subtype):
    floats = chords(1.0, 32000)
    sf.write(tmp_path / "sound.wav", floats, 32000, subtype=subtype)
    file = np.concatenate(list(open_sound(tmp_path / "sound.wav").parts()))
    if kind == "uint8":
        integers = np.round(file * 128 + 128).astype(np.uint8)
    else:
        integers = sf.read(tmp_path / "sound.wav", dtype=kind)[0]
    array = np.concatenate(list(open_sound((integers, 32000)).parts()))
    np.testing.assert_array_equal(array, file)
