"""Where models and codecs are found."""

import json
import shutil

import pytest

from saxsolo import CheckpointError, Performance, Settings, load_player
from saxsolo.audio.files import open_sound
from saxsolo.errors import SettingError
from saxsolo.weights.loading import load_codec

from .conftest import chords, tiny_codec


@pytest.fixture
def without_codec(checkpoint, tmp_path):
    """A checkpoint that names a codec beside it."""
    folder = shutil.copytree(checkpoint, tmp_path / "model")
    (folder / "codec").rename(tmp_path / "somewhere")
    settings = json.loads((folder / "processor_config.json").read_text())
    settings["codec"] = "../somewhere"
    (folder / "processor_config.json").write_text(json.dumps(settings))
    return folder


def test_the_codec_that_the_checkpoint_names(without_codec, checkpoint):
    found, inside = load_player(without_codec).codec, load_player(checkpoint).codec
    assert found.sha256 == inside.sha256


def test_another_codec_goes_before_it(checkpoint, tmp_path, monkeypatch):
    codec = tiny_codec()
    codec.quantizer.vectors.data += 1
    codec.save_pretrained(tmp_path)
    own = load_player(checkpoint).codec.sha256
    given = load_player(checkpoint, tmp_path).codec.sha256
    monkeypatch.setenv("SAXSOLO_CODEC", str(tmp_path))
    assert own != given == load_player(checkpoint).codec.sha256


def test_the_checkpoint_of_the_environment(checkpoint, monkeypatch):
    monkeypatch.setenv("SAXSOLO_CHECKPOINT", str(checkpoint))
    assert load_player().solo.name == str(checkpoint)


def test_a_hub_id(checkpoint, monkeypatch):
    asked = []

    def download(name: str, allow_patterns: list[str]) -> str:
        asked.append((name, allow_patterns))
        return str(checkpoint)

    monkeypatch.setattr("saxsolo.weights.loading.snapshot_download", download)
    player = load_player("someone/saxsolo-small")
    assert player.solo.name == "someone/saxsolo-small"
    ((name, patterns),) = asked
    assert name == "someone/saxsolo-small"
    # neither code nor pickles are fetched
    assert all(pattern.endswith((".json", ".safetensors")) for pattern in patterns)


def test_a_damaged_processor(without_codec):
    (without_codec / "processor_config.json").write_text("{")
    with pytest.raises(CheckpointError, match="processor_config.json is damaged"):
        load_player(without_codec)


def test_the_default_timbre_is_the_checkpoints(player):
    source = open_sound((chords(1.0, 32000), 32000))
    ids = Performance(player, source, Settings(instrument="alto")).condition_ids
    conditions = player.solo.model.config.conditions
    told = {name: int(i) for name, i in zip(conditions, ids[0], strict=True)}
    assert told == {"instrument": 1, "feel": -1, "tempo": -1, "timbre": 0}
    other = Performance(player, source, Settings(timbre="musescore")).condition_ids
    assert other[0].tolist() == [2, -1, -1, 2]
    with pytest.raises(SettingError, match="timbre 'brass' is none of those that .* plays: mtg"):
        Performance(player, source, Settings(timbre="brass"))


def test_names_of_the_encodec_package_lead_to_safetensors(monkeypatch, tmp_path):
    """Its weights are pickles and its import needs torchaudio: neither is touched."""
    asked = []

    def download(name, **words):
        asked.append(name)
        raise OSError("no network")

    monkeypatch.setattr("saxsolo.weights.loading.snapshot_download", download)
    with pytest.raises(CheckpointError, match="facebook/encodec_24khz"):
        load_codec("encodec:24khz")
    assert asked == ["facebook/encodec_24khz"]
    with pytest.raises(CheckpointError, match="two channels"):
        load_codec("encodec:48khz")
    with pytest.raises(CheckpointError, match="encodec:16khz is not known; encodec:24khz is"):
        load_codec("encodec:16khz")
    assert len(asked) == 1
