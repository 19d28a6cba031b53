"""Loudness, true peak and stems of the mix: one gain for all."""

import json
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf
import soxr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import saxsolo
from modeling_saxsolo.loudness_saxsolo import LoudnessMeter
from saxsolo import SettingError, Settings
from saxsolo.audio.files import open_sound
from saxsolo.audio.true_peak import TruePeakMeter
from saxsolo.corpus.accompany.from_chart import Band
from saxsolo.playing.batch import play_jobs
from saxsolo.playing.rendered_band import RenderedBand, _source
from saxsolo.playing.requests import jobs_of_band

from .conftest import chords

RATE = 32000
#: -1 dBTP, and what a meter of another make may differ by
PEAK = 10 ** (-1 / 20)


def true_peak(sound: np.ndarray, rate: int, block: int = 4096) -> float:
    """Of (n, channels), pushed in blocks."""
    meter = TruePeakMeter(rate, sound.shape[1])
    for start in range(0, len(sound), block):
        meter.push(sound[start : start + block])
    return meter.finish()


def lufs(sound: np.ndarray, rate: int = RATE) -> float:
    meter = LoudnessMeter(rate, sound.shape[1])
    meter.push(sound)
    return meter.loudness


@pytest.mark.parametrize("rate", [32000, 44100, 48000])
def test_the_peak_between_the_samples_is_found(rate):
    """EBU Tech 3341, case 16: a sine of a quarter of the rate whose samples miss its peak by 3 dB;
    a meter may read 0.4 dB too little or 0.2 dB too much."""
    time = np.arange(rate)
    faded = np.minimum(1, np.minimum(time, time[::-1]) / 1000)
    sine = 0.5 * faded * np.sin(np.pi / 2 * time + np.pi / 4)
    assert np.abs(sine).max() < 0.36
    found = 20 * np.log10(true_peak(sine[:, None].astype(np.float32), rate) / 0.5)
    assert -0.4 < found < 0.2


def test_the_peak_is_that_of_ffmpegs_meter_and_of_any_blocks():
    av = pytest.importorskip("av")
    rate, rng = 48000, np.random.default_rng(3)
    # below 20 kHz: at the edge of the band every resampler has its own slope
    sound = soxr.resample((0.2 * rng.normal(size=(2 * 40000, 2))).astype(np.float32), 40000, rate)
    graph = av.filter.Graph()
    nodes = [
        graph.add_abuffer(format="flt", sample_rate=rate, layout="stereo", time_base="1/48000"),
        graph.add("ebur128", "metadata=1:peak=true"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="flt", layout="stereo")
    frame.sample_rate = rate
    graph.push(frame)
    graph.push(None)
    peaks = [0.0]
    while True:
        try:
            metadata = graph.pull().metadata
        except (av.error.EOFError, av.error.BlockingIOError):
            break
        peaks += [float(v) for k, v in metadata.items() if "true_peak" in k]
    wanted = max(peaks)
    if not wanted:
        pytest.skip("this FFmpeg hands out no peaks")
    assert true_peak(sound, rate) == pytest.approx(wanted, rel=0.03)
    assert true_peak(sound, rate, 777) == pytest.approx(true_peak(sound, rate, len(sound)))


@pytest.fixture(scope="module")
def take(player):
    return saxsolo.improvise((chords(2.0, RATE), RATE), player=player)


@given(
    level=st.floats(-50, 6), wanted=st.one_of(st.none(), st.floats(-40, -5)), stereo=st.booleans()
)
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_stems_sum_to_the_mix_at_the_loudness_that_is_asked_for(
    take, tmp_path, level, wanted, stereo
):
    sound = take._backing.samples * 10 ** (level / 20)
    backing = open_sound((sound if stereo else sound[:, :1], RATE))
    changed = replace(take, _backing=backing, run={"settings": {}})
    changed.save(tmp_path, stems=True, lufs=wanted)
    run = json.loads((tmp_path / "run.json").read_text())
    mix, solo, band = (
        sf.read(tmp_path / f"{name}.wav", always_2d=True)[0]
        for name in ("mix", "stem_solo", "stem_backing")
    )
    assert {"stem_solo.wav", "stem_backing.wav"} < set(run["files"])
    assert np.abs(solo + band - mix).max() < 1e-4
    # one gain for all: the stem is the backing at that gain
    gain = 10 ** (run["mix"]["gain_decibels"] / 20)
    np.testing.assert_allclose(band, gain * backing.samples, atol=1e-4)
    assert true_peak(mix.astype(np.float32), RATE) <= PEAK
    assert lufs(mix) == pytest.approx(run["mix"]["lufs"], abs=0.05)
    if wanted is not None:
        at_the_peak = true_peak(mix.astype(np.float32), RATE) > PEAK - 0.002
        quieter = any("any louder, its true peak would pass -1 dBTP" in n for n in run["notes"])
        assert lufs(mix) == pytest.approx(wanted, abs=0.15) or (at_the_peak and quieter)
        assert lufs(mix) < wanted + 0.05


def test_what_cannot_be_is_refused_and_an_earlier_stem_makes_room(take, tmp_path):
    with pytest.raises(SettingError, match="1 LUFS is not between -60 and 0"):
        take.save(tmp_path, lufs=1.0)
    with pytest.raises(SettingError, match="stems in mp3 would not sum to the mix; give wav"):
        take.save(tmp_path, audio_format="mp3", stems=True)
    take.save(tmp_path, stems=True)
    take.save(tmp_path)
    assert {p.name for p in tmp_path.glob("*.wav")} == {"solo.wav", "mix.wav"}


def test_the_players_of_a_band_are_stems_that_sum_to_the_mix(player, tmp_path):
    """Of any rate, and off zero: what a player lies off zero stays, or the stems would not sum."""
    sound = chords(1.5, 44100)
    stems = {"bass": 0.7 * sound + 0.01, "drums": 0.4 * sound[:, ::-1]}
    band = Band({name: stem.astype(np.float32) for name, stem in stems.items()}, 44100, 0.0, 120)
    rendered = RenderedBand(band, _source(band, "band"), Settings(), None)
    saving = {"audio_format": "wav", "stems": True, "lufs": -18, "midi": False}
    jobs = jobs_of_band(rendered, tmp_path, 1)
    (outcome,) = play_jobs(jobs, lambda: player, saving, lambda word: nullcontext())
    names = ("solo", "bass", "drums")
    parts = [sf.read(tmp_path / f"stem_{name}.wav", always_2d=True)[0] for name in names]
    assert np.abs(sum(parts) - sf.read(tmp_path / "mix.wav")[0]).max() < 1e-4
    assert f"{tmp_path}/stem_drums.wav" in outcome.files
    assert outcome.run["mix"]["lufs_asked"] == -18
