"""What is shipped loads as it is, samples as it was told, and refuses what is no run."""

import json

import pytest
import torch
from transformers import AutoModel, AutoProcessor, pipeline

from modeling_saxsolo.configuration_saxcodec import SaxcodecConfig
from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig
from modeling_saxsolo.modeling_saxcodec import SaxcodecModel
from modeling_saxsolo.modeling_saxsolo import SaxsoloForConditionalGeneration

from ..command_line import command

SIZES = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 1}
CODEC = {"encoder_size": 8, "decoder_size": 8, "encoder_layers": 1, "decoder_layers": 1}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder with a codec and a run's final/."""
    folder = tmp_path_factory.mktemp("shelf")
    torch.manual_seed(0)
    SaxcodecModel(SaxcodecConfig(codebook_size=128, codebook_dim=8, **CODEC)).save_pretrained(
        folder / "codec"
    )
    config = SaxsoloConfig(
        codebook_size=128, codec_dim=8, encoder_layers=1, decoder_layers=1, **SIZES
    )
    SaxsoloForConditionalGeneration(config).save_pretrained(folder / "final")
    (folder / "final" / "figures.json").write_text(json.dumps({"loss_own": 1.5}))
    return folder


def test_shipped_folder_loads_and_plays(shelf, capsys):
    out = shelf / "shipped"
    arguments = [str(shelf / "final"), str(out), "--codec", "../codec"]
    arguments += ["--set", "temperature=0.9", "--set", "pitch_temperature=0.8"]
    assert command("export", *arguments) == 0
    assert command("export", *arguments) == 0, "over an older one"
    model = AutoModel.from_pretrained(out, trust_remote_code=True)
    processor = AutoProcessor.from_pretrained(out, trust_remote_code=True)
    assert model.generation_config.temperature == 0.9
    assert model.config.pitch_temperature == 0.8
    assert model.dtype == torch.float32
    assert json.loads((out / "figures.json").read_text()) == {"loss_own": 1.5}
    assert not [path for path in out.rglob("*") if path.is_symlink()]
    assert not (out / "codec").exists() and not list(shelf.glob("*.partial"))
    inputs = processor(0.1 * torch.randn(6400).numpy(), sampling_rate=32000, return_tensors="pt")
    assert model.generate(**inputs).shape == (1, 5, 10)
    play = pipeline("audio-to-audio", model=str(out), trust_remote_code=True)
    assert play(0.1 * torch.randn(6400), sampling_rate=32000)["codes"].shape == (5, 10)


def test_no_run_no_folder(shelf, capsys):
    assert command("export", shelf / "nothing", shelf / "none", "--codec", "../codec") == 2
    assert "final/" in capsys.readouterr().err
    assert command("export", shelf / "final", shelf / "none", "--codec", "../missing") == 2
    assert not (shelf / "none").exists()


def test_a_setting_that_loading_would_lose(shelf, capsys):
    arguments = [str(shelf / "final"), str(shelf / "lost"), "--codec", "../codec"]
    assert command("export", *arguments, "--set", "warmth=0.8") == 2
    assert "warmth" in capsys.readouterr().err
    assert not (shelf / "lost").exists()
