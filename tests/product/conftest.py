"""Small sounds and a small random checkpoint for the product's tests."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from modeling_saxsolo import pipeline_saxsolo
from modeling_saxsolo.configuration_saxcodec import SaxcodecConfig
from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig
from modeling_saxsolo.modeling_saxcodec import SaxcodecModel
from modeling_saxsolo.modeling_saxsolo import SaxsoloForConditionalGeneration
from modeling_saxsolo.processing_saxsolo import SaxsoloProcessor
from saxsolo import cli


def chords(seconds: float, sampling_rate: int) -> np.ndarray:
    """(n, 2) float32, four chords and a click on every half second."""
    time = np.arange(round(seconds * sampling_rate)) / sampling_rate
    root = 110 * 2 ** (np.array([0, 5, 7, 0])[(time // 1).astype(int) % 4] / 12)
    left = sum(np.sin(2 * np.pi * root * ratio * time) for ratio in (1, 1.25, 1.5))
    click = np.exp(-80 * (time % 0.5)) * np.sin(2 * np.pi * 3000 * time)
    return (0.1 * np.stack([left, 0.5 * left + click], axis=1)).astype(np.float32)


def tiny_codec(**changes: object) -> SaxcodecModel:
    """A random codec whose sound has a level like a real one's."""
    sizes = {"encoder_size": 16, "encoder_layers": 1, "decoder_size": 16, "decoder_layers": 1}
    torch.manual_seed(1)
    codec = SaxcodecModel(SaxcodecConfig(**{**sizes, **changes}))
    with torch.no_grad():
        codec.filter_head.bias += 3.0
    return codec


def tiny_config(**changes: object) -> SaxsoloConfig:
    """The config of a model that plays fast."""
    sizes = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_attention_heads": 2,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "codec_dim": 0,
        # so large that what the model is told shows in what it plays
        "initializer_range": 0.3,
        "window_frames": 128,
        "lookahead": [5],
    }
    return SaxsoloConfig(**{**sizes, **changes})


def save_checkpoint(folder: Path, **changes: object) -> Path:
    """A random model with its processor and codec in `folder`."""
    config = tiny_config(**changes)
    config.custom_pipelines = pipeline_saxsolo.CUSTOM_PIPELINES
    torch.manual_seed(2)
    SaxsoloForConditionalGeneration(config).save_pretrained(folder)
    SaxsoloProcessor(tiny_codec(), config, {"timbre": "mtg"}).save_pretrained(folder)
    shutil.copy(pipeline_saxsolo.__file__, folder)
    return folder


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="session")
def player(checkpoint: Path):
    from saxsolo import load_player

    return load_player(checkpoint)


@pytest.fixture(scope="session")
def backing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds, stereo, 44.1 kHz."""
    path = tmp_path_factory.mktemp("backing") / "backing.wav"
    sf.write(path, chords(3.0, 44100), 44100)
    return path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture):
    """Runs the command line in this process: run("codec", ...) -> (exit code, stdout, stderr)."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["saxsolo", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capfd.readouterr()
        return stop.value.code or 0, out, err

    return call


@pytest.fixture(scope="module")
def schema():
    """MusicXML 4.0 as the W3C publishes it."""
    xmlschema = pytest.importorskip("xmlschema", reason="needs pip install saxsolo[dev]")
    musicxml = pytest.importorskip("musicxml", reason="needs pip install saxsolo[dev]")
    path = Path(musicxml.__file__).parent / "generate_classes" / "musicxml_4_0.xsd"
    local = Path(xmlschema.__file__).parent / "schemas"
    namespaces = {
        "http://www.w3.org/1999/xlink": local / "XLINK" / "xlink.xsd",
        "http://www.w3.org/XML/1998/namespace": local / "XML" / "xml.xsd",
    }
    return xmlschema.XMLSchema(path, locations={k: str(v) for k, v in namespaces.items()})
