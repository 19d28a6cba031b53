"""What a person can bring wrong ends in one line, exit code 2, and nothing written."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from saxsolo import AudioError, SettingError, improvise
from saxsolo.audio.files import open_sound

from .conftest import save_checkpoint, tiny_codec

RATE = 44100


@pytest.fixture
def refused(run, tmp_path, checkpoint):
    """Runs `improvise SOUND` and returns its one line of complaint."""

    def call(sound: Path, *options: object, out: Path | None = None) -> str:
        out = out or tmp_path / "new" / "take"
        before = sorted(tmp_path.rglob("*"))
        if "--checkpoint" not in options:
            options = (*options, "--checkpoint", checkpoint)
        code, stdout, stderr = run("improvise", sound, "--out", out, *options)
        assert code == 2, (code, stderr)
        assert stdout == ""
        assert stderr.count("\n") == 1 and stderr.startswith("saxsolo: "), stderr
        assert sorted(tmp_path.rglob("*")) == before
        return stderr

    return call


def noise(seconds: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    return 0.1 * rng.standard_normal(round(seconds * RATE)).astype(np.float32)


def truncated(path: Path, part: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    return path


def test_no_such_file(refused, tmp_path):
    assert "no such file" in refused(tmp_path / "nothing.wav")


def test_a_folder(refused, tmp_path):
    assert "is a folder" in refused(tmp_path)


def test_text_named_wav(refused, tmp_path):
    path = tmp_path / "text.wav"
    path.write_text("this is no sound\n" * 100)
    assert "is not an audio file" in refused(path)


def test_zero_bytes(refused, tmp_path):
    path = tmp_path / "empty.wav"
    path.touch()
    assert "zero bytes" in refused(path)


def test_header_without_samples(refused, tmp_path):
    path = tmp_path / "none.wav"
    sf.write(path, np.zeros(0), RATE)
    assert "holds no samples" in refused(path)


@pytest.mark.parametrize(
    "kind, part",
    [
        (kind, part)
        for kind in ("wav", "flac", "ogg", "mp3")
        for part in (0.3, 0.9, 0.99)
        # there the last frame alone of a FLAC file is cut: it is played, as if it were damaged
        if (kind, part) != ("flac", 0.99)
    ],
)
def test_truncated(refused, tmp_path, kind, part):
    path = tmp_path / f"cut.{kind}"
    sf.write(path, noise(4.0), RATE)
    assert "breaks off" in refused(truncated(path, part))


def test_a_file_of_random_bytes(refused, tmp_path):
    path = tmp_path / "random.mp3"
    path.write_bytes(np.random.default_rng(0).bytes(50_000))
    assert "is not an audio file" in refused(path)


def test_too_short(refused, tmp_path):
    path = tmp_path / "short.wav"
    sf.write(path, noise(0.2), RATE)
    assert "lasts 0.20 s" in refused(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers(refused, tmp_path, bad):
    path = tmp_path / "nan.wav"
    samples = noise(2.0)
    samples[-5] = bad
    sf.write(path, samples, RATE, subtype="FLOAT")
    assert "NaN or infinite" in refused(path)


def test_silence_is_said_and_played_if_forced(refused, run, tmp_path, checkpoint):
    path = tmp_path / "silence.wav"
    sf.write(path, np.zeros(RATE * 2), RATE)
    assert "is silent" in refused(path)
    out = tmp_path / "take"
    code, _, stderr = run("improvise", path, "--out", out, "--checkpoint", checkpoint, "--force")
    assert code == 0, stderr
    assert sf.info(out / "mix.wav").frames == sf.info(out / "solo.wav").frames == 64000
    solo, mix = sf.read(out / "solo.wav")[0], sf.read(out / "mix.wav")[0]
    # the peak of the mix is the true one: it may be a little quieter than the solo
    gain = float(mix @ solo / (solo @ solo))
    assert np.isfinite(mix).all() and 0.5 < gain <= 1.001
    assert np.allclose(gain * solo, mix, atol=1e-4)


@pytest.mark.parametrize("inside", ["", "deeper/still"])
def test_output_below_a_file(refused, tmp_path, backing, inside):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert "cannot write into" in refused(backing, out=blocked / inside)
    assert blocked.read_text() == "in the way"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no folder that even root cannot write")
def test_output_folder_without_permission(refused, backing):
    assert "cannot write into" in refused(backing, out=Path("/proc/saxsolo"))


def test_unwritable_output_is_found_before_anything_is_loaded(run, tmp_path, backing, monkeypatch):
    def never(*_: object, **__: object) -> None:
        raise AssertionError("loaded a model although nothing can be written")

    monkeypatch.setattr("saxsolo.weights.loading.load_player", never)
    blocked = tmp_path / "file"
    blocked.touch()
    code, _, stderr = run("improvise", backing, "--out", blocked / "take")
    assert (code, stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    "options, words",
    [
        (("--seconds", "0"), "seconds is 0; it must lie in 1..14400"),
        (("--seconds", "nan"), "seconds is nan; it must lie in"),
        (("--seconds", "-1"), "seconds is -1; it must lie in"),
        (("--seconds", "1e9"), "seconds is 1e+09; it must lie in"),
        (("--seconds", "soon"), "--seconds"),
        (("--temperature", "0"), "temperature is 0; it must lie in 0..10, above 0"),
        (("--temperature", "inf"), "temperature is inf; it must"),
        (("--top-k", "0"), "top_k is 0; it must be at least 1"),
        (("--guidance", "0.5"), "guidance is 0.5; it must lie in 1..20"),
        (("--seed", "-1"), "seed is -1; it must lie in 0..9223372036854775807"),
        (("--instrument", "flute"), "flute"),
        (("--loud",), "--loud"),
        (("--device", "tpu"), "tpu"),
    ],
)
def test_settings_out_of_range(refused, backing, options, words):
    assert words in refused(backing, *options)


def test_an_instrument_that_the_checkpoint_does_not_play(refused, tmp_path_factory, backing):
    folder = tmp_path_factory.mktemp("alto-only")
    save_checkpoint(folder, conditions={"instrument": ["alto"], "timbre": ["mtg"]})
    assert "plays: alto" in refused(backing, "--checkpoint", folder)


class TestCheckpoints:
    @pytest.fixture
    def broken(self, checkpoint, tmp_path_factory):
        return shutil.copytree(checkpoint, tmp_path_factory.mktemp("broken") / "checkpoint")

    def test_an_empty_folder(self, refused, backing, tmp_path_factory):
        folder = tmp_path_factory.mktemp("empty")
        assert "no config.json" in refused(backing, "--checkpoint", folder)

    def test_a_file(self, refused, backing):
        assert "is a file" in refused(backing, "--checkpoint", backing)

    def test_no_such_folder(self, refused, backing, tmp_path):
        assert "no such folder" in refused(backing, "--checkpoint", tmp_path / "nothing")

    def test_a_hub_id_that_cannot_be_had(self, refused, backing):
        assert "the Hub did not give it" in refused(backing, "--checkpoint", "nobody/nothing")

    def test_another_kind_of_model(self, refused, backing, checkpoint):
        assert "is not a saxsolo checkpoint" in refused(
            backing, "--checkpoint", checkpoint / "codec"
        )

    def test_a_config_that_is_no_json(self, refused, backing, broken):
        (broken / "config.json").write_text("{")
        assert "is not a saxsolo checkpoint" in refused(backing, "--checkpoint", broken)

    def test_no_weights(self, refused, backing, broken):
        (broken / "model.safetensors").unlink()
        assert "holds no *.safetensors" in refused(backing, "--checkpoint", broken)

    def test_pickled_weights_are_not_read(self, refused, backing, broken):
        (broken / "model.safetensors").rename(broken / "pytorch_model.bin")
        assert "holds no *.safetensors" in refused(backing, "--checkpoint", broken)

    def test_truncated_weights(self, refused, backing, broken):
        truncated(broken / "model.safetensors", 0.5)
        assert "cannot be loaded" in refused(backing, "--checkpoint", broken)

    def test_weights_of_another_model(self, refused, backing, broken):
        shutil.copy(broken / "codec" / "model.safetensors", broken / "model.safetensors")
        assert "weights are missing" in refused(backing, "--checkpoint", broken)

    def test_no_codec(self, refused, backing, broken):
        shutil.rmtree(broken / "codec")
        assert "codec" in refused(backing, "--checkpoint", broken)

    @pytest.mark.parametrize(
        "changes, value",
        [({"num_codebooks": 2}, "2"), ({"hop_length": 640, "n_fft": 2560}, "25")],
        ids=["codebooks", "frame rate"],
    )
    def test_a_codec_that_does_not_match(self, refused, backing, tmp_path_factory, changes, value):
        folder = tmp_path_factory.mktemp("codec")
        tiny_codec(**changes).save_pretrained(folder)
        message = refused(backing, "--codec", folder)
        assert "does not fit" in message and value in message

    def test_a_config_whose_settings_contradict(self, refused, backing, broken):
        config = json.loads((broken / "config.json").read_text())
        config["delays"] = [0, 1]
        (broken / "config.json").write_text(json.dumps(config))
        assert "cannot be loaded" in refused(backing, "--checkpoint", broken)


@pytest.mark.parametrize(
    "samples, words",
    [
        (np.zeros((2, 2, 2), np.float32), "(2, 2, 2)"),
        (np.zeros(0, np.float32), "(0,)"),
        (np.zeros(RATE * 2, np.int64), "int64"),
        (np.full(RATE * 2, np.nan, np.float32), "NaN"),
    ],
)
def test_arrays_that_are_no_sound(samples, words, player):
    with pytest.raises(AudioError, match=words.replace("(", r"\(").replace(")", r"\)")):
        improvise((samples, RATE), player=player)


def test_a_rate_that_no_sound_has():
    with pytest.raises(AudioError, match="10 samples a second"):
        open_sound((np.ones(100, np.float32), 10))


def test_settings_are_refused_in_python_too(backing):
    with pytest.raises(SettingError, match="temperature is -1"):
        improvise(backing, temperature=-1)
    with pytest.raises(SettingError, match="'temprature' is unknown; .* 'temperature'"):
        improvise(backing, temprature=1.0)
    with pytest.raises(SettingError, match="device 'tpu' is none of cpu, cuda, mps"):
        improvise(backing, device="tpu")


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_here(refused, backing, device):
    import torch

    if getattr(torch, device).is_available():
        pytest.skip(f"this machine has {device}")
    assert f"device {device} is not available" in refused(backing, "--device", device)


def test_codec_command_writes_nothing_on_errors(run, tmp_path, checkpoint):
    path = tmp_path / "nan.wav"
    samples = noise(2.0)
    samples[-1] = np.nan
    sf.write(path, samples, RATE, subtype="FLOAT")
    out = tmp_path / "new" / "out.wav"
    code, _, stderr = run("codec", path, "--out", out, "--codec", checkpoint / "codec")
    assert code == 2 and "NaN" in stderr and stderr.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["nan.wav"]


def test_a_full_disk_leaves_the_earlier_take(tmp_path, player, backing, monkeypatch):
    take = improvise(backing, player=player, seconds=1.0)
    take.save(tmp_path)
    earlier = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("saxsolo.playing.take.json.dumps", full)
    with pytest.raises(OSError, match="No space left"):
        take.save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == earlier
