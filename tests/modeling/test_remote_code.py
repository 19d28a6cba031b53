"""A saved folder works in a process that cannot see this package, as any Hugging Face model."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from modeling_saxsolo import (
    SaxcodecConfig,
    SaxcodecModel,
    SaxsoloForConditionalGeneration,
    SaxsoloProcessor,
)

ROOT = Path(__file__).resolve().parents[2]

STRANGER = """
import sys
import numpy as np
import torch
from transformers import AutoConfig, AutoModel, AutoProcessor

torch.set_num_threads(1)
folder = sys.argv[1]
try:
    import modeling_saxsolo
except ImportError:
    pass
else:
    raise SystemExit("this process sees the package")
config = AutoConfig.from_pretrained(folder, trust_remote_code=True)
model = AutoModel.from_pretrained(folder, trust_remote_code=True)
processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
audio = np.load(folder + "/audio.npy")
inputs = processor(audio, sampling_rate=44100, return_tensors="pt", instrument="tenor")
torch.manual_seed(5)
codes = model.generate(**inputs)
np.savez(
    folder + "/heard.npz",
    delays=config.stream_delays,
    codes=codes.numpy(),
    sound=processor.batch_decode(codes)[0],
    **{"buffer." + name: tensor.numpy() for name, tensor in model.named_buffers()},
    **{"buffer.codec." + name: tensor.numpy() for name, tensor in processor.codec.named_buffers()},
)
"""


def test_auto_classes_load_the_folder_from_its_own_code(make_config, tmp_path):
    torch.manual_seed(1)
    config = make_config(num_codebooks=4, codebook_size=2048, window_frames=64)
    config.conditions["instrument"] = ["soprano", "alto", "tenor"]
    model = SaxsoloForConditionalGeneration(config).eval()
    codec = SaxcodecModel(SaxcodecConfig(encoder_size=16, decoder_size=16, codebook_dim=8)).eval()
    processor = SaxsoloProcessor(codec, config, {"feel": "swing"})
    audio = np.random.default_rng(0).normal(size=22050).astype(np.float32) * 0.1
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    np.save(tmp_path / "audio.npy", audio)
    assert not [p for p in tmp_path.rglob("*") if p.suffix in (".bin", ".pt", ".pkl")]

    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    # -P and another folder: neither the clone nor an editable install of it is in sight.
    hide = "import sys; sys.modules['modeling_saxsolo'] = None\n"
    run = subprocess.run(
        [sys.executable, "-P", "-c", hide + STRANGER, str(tmp_path)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr[-2000:]

    heard = np.load(tmp_path / "heard.npz", allow_pickle=False)
    inputs = processor(audio, sampling_rate=44100, instrument="tenor")
    torch.manual_seed(5)
    codes = model.generate(**inputs)
    assert heard["delays"].tolist() == config.stream_delays
    np.testing.assert_array_equal(heard["codes"], codes.numpy())
    np.testing.assert_array_equal(heard["sound"], processor.batch_decode(codes)[0])
    buffers = {"buffer." + name: b for name, b in model.named_buffers()}
    buffers |= {"buffer.codec." + name: b for name, b in codec.named_buffers()}
    assert {name for name in heard.files if name.startswith("buffer.")} == set(buffers)
    for name, buffer in buffers.items():
        np.testing.assert_array_equal(heard[name], buffer.numpy())


def test_weights_survive_a_file(make_model, make_inputs, tmp_path):
    model = make_model()
    inputs = make_inputs(model.config)
    model.save_pretrained(tmp_path)
    loaded = SaxsoloForConditionalGeneration.from_pretrained(tmp_path).eval()
    for (name, one), (_, two) in zip(
        model.state_dict().items(), loaded.state_dict().items(), strict=True
    ):
        assert torch.equal(one, two), name
    assert torch.equal(model(**inputs).loss, loaded(**inputs).loss)
    assert loaded.generation_config.do_sample is True


def test_the_code_in_checkpoints_is_the_code_here():
    """What a clone loads must be what is tested: the code beside the weights is links."""
    links = sorted((ROOT / "checkpoints").glob("*/*.py"))
    assert links
    for link in links:
        wanted = Path("..", "..", "modeling_saxsolo", link.name)
        assert link.is_symlink(), f"{link} is a copy: ln -sf {wanted} {link}"
        assert link.readlink() == wanted and link.is_file()


def test_checkpoints_hold_safetensors_of_less_than_100_mb():
    files = [path for path in (ROOT / "checkpoints").rglob("*") if path.is_file()]
    kinds = {path.suffix for path in files}
    assert kinds <= {".json", ".py", ".safetensors", ".md", ""}
    assert sum(path.stat().st_size for path in files) < 100e6
