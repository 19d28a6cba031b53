"""The state of a run of the codec, in a folder that survives a kill."""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from modeling_saxsolo.configuration_saxcodec import SaxcodecConfig
from modeling_saxsolo.modeling_saxcodec import SaxcodecModel
from modeling_saxsolo.quantizer_saxcodec import CodebookTrainer
from saxsolo.device import fast_bfloat16

from .codec_adversary import Adversary
from .codec_losses import ChordHead
from .codec_settings import CodecTraining
from .errors import SettingsError
from .model_sizes import sized
from .weight_average import WeightAverage


class CodecRun:
    """Codec, optimiser, codebooks, average and random numbers of a run.

    Args:
        out: folder of the run; a run that was broken off there goes on.
        init_from: a trained codec whose weights a new run starts with.
        device: that the codec trains on.
    """

    def __init__(
        self,
        config: CodecTraining,
        out: Path,
        init_from: Path | None = None,
        device: torch.device | str = "cpu",
    ):
        self.config, self.out = config, out
        torch.manual_seed(config.seed)
        torch.set_num_threads(config.threads)
        self.rng = np.random.default_rng(config.seed)
        codec = SaxcodecModel(sized(SaxcodecConfig, config.model))
        if init_from is not None:
            start_from(codec, init_from)
        if not config.train_codes:
            for part in (codec.short_in, codec.long_in, codec.encoder):
                part.requires_grad_(False)
            codec.to_latent.requires_grad_(False)
            if codec.config.pitch_codes:  # the pitch that it names is a code
                codec.f0_head.requires_grad_(False)
        self.codec = codec
        torch.nn.Module.to(codec, device)
        self.chord_head = ChordHead(codec.config.codebook_dim).to(device)
        self.optimizer = torch.optim.AdamW(
            self.trained(), config.learning_rate, betas=(0.8, 0.99), weight_decay=0.01, fused=True
        )
        self.books = CodebookTrainer(self.codec.quantizer)
        self.average = WeightAverage(self.codec, config.average_decay)
        fast = fast_bfloat16(self.codec.device)
        self.half_precision = config.half_precision and fast
        self.adversary = None
        if config.adversarial:
            self.adversary = Adversary(
                config.discriminator_channels, self.codec.device, half_precision=fast
            )
        self.step, self.seconds = 0, 0.0
        self.resume()

    def trained(self) -> list[torch.nn.Parameter]:
        """The parameters that the optimiser moves."""
        parameters = [p for p in self.codec.parameters() if p.requires_grad]
        if not self.config.train_codes:
            return parameters
        return parameters + list(self.chord_head.parameters())

    def resume(self) -> None:
        """Takes over what an earlier run saved, if there is one."""
        state = self.out / "state"
        if not (state / "state.json").exists():
            # the moment between two renames: the older state is whole
            state = self.out / "state.old"
        if not (state / "state.json").exists():
            return
        facts = json.loads((state / "state.json").read_text(encoding="utf-8"))
        device = self.codec.device
        tensors = load_file(state / "state.safetensors", device=str(device))
        self.codec.load_state_dict(_under(tensors, "codec."))
        self.average.load(_under(tensors, "average."))
        self.books.counts, self.books.sums = tensors["books.counts"], tensors["books.sums"]
        head = _under(tensors, "chord_head.")
        if head:  # a state from before there was one starts a new head
            self.chord_head.load_state_dict(head)
        opponent = _under(tensors, "adversary.")
        if self.adversary is not None and opponent:
            self.adversary.load(opponent)
        for i, p in enumerate(self.trained()):
            moments = _under(tensors, f"optimizer.{i}.")
            if moments:
                self.optimizer.state[p] = moments
        self.step, self.seconds = facts["step"], facts["seconds"]
        self.rng.bit_generator.state = facts["rng"]

    def save(self) -> None:
        """Writes the state beside the earlier one, then puts it in its place."""
        tensors = {f"codec.{n}": p.detach() for n, p in self.codec.named_parameters()}
        tensors |= {f"average.{n}": p for n, p in self.average.tensors.items()}
        tensors |= {"books.counts": self.books.counts, "books.sums": self.books.sums}
        tensors |= {f"chord_head.{n}": p.detach() for n, p in self.chord_head.named_parameters()}
        if self.adversary is not None:
            tensors |= {f"adversary.{n}": t for n, t in self.adversary.state().items()}
        for i, p in enumerate(self.trained()):
            for name, value in self.optimizer.state.get(p, {}).items():
                tensors[f"optimizer.{i}.{name}"] = value
        half, whole, old = (self.out / n for n in ("state.half", "state", "state.old"))
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        save_file({n: t.contiguous() for n, t in tensors.items()}, half / "state.safetensors")
        facts = {"step": self.step, "seconds": self.seconds, "rng": self.rng.bit_generator.state}
        (half / "state.json").write_text(json.dumps(facts), encoding="utf-8")
        shutil.rmtree(old, ignore_errors=True)
        if whole.exists():
            whole.rename(old)
        half.rename(whole)

    def save_final(self) -> Path:
        """Writes the averaged weights as a Hugging Face folder in fp16; loads as fp32."""
        final = SaxcodecModel(self.codec.config)
        vectors = {"quantizer.vectors": self.codec.quantizer.vectors}
        final.load_state_dict(self.average.tensors | vectors)
        return export_codec(final, self.out / "final")

    def log(self, **figures: float) -> None:
        """Appends a line to log.jsonl."""
        with open(self.out / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")


def start_from(codec: SaxcodecModel, folder: Path) -> None:
    """Copies the weights of a trained codec; attention that it lacks, and what the decoder reads of
    codes ahead, where the old one read fewer, start at nothing, so that the sound is the old one's.

    Raises:
        OSError: no codec in the folder.
        SettingsError: a codec of other sizes.
    """
    weights = SaxcodecModel.from_pretrained(folder).state_dict()
    wide = codec.from_latent.in_features
    old = weights["from_latent.weight"]
    if old.shape[1] < wide:
        weights["from_latent.weight"] = F.pad(old, (0, wide - old.shape[1]))
    new = len(codec.decoder) - 1
    if codec.config.decoder_attention and f"decoder.{new}.distance" not in weights:
        weights |= {n: p for n, p in codec.state_dict().items() if n.startswith(f"decoder.{new}.")}
    sizes = {n: tuple(p.shape) for n, p in codec.state_dict().items()}
    theirs = {n: tuple(p.shape) for n, p in weights.items()}
    unlike = sorted(n for n in sizes | theirs if sizes.get(n) != theirs.get(n))
    if unlike:
        name = unlike[0]
        raise SettingsError(
            f"{folder} is a codec of other sizes than the config's: {name} is {theirs.get(name)} "
            f"there and {sizes.get(name)} here; take its sizes as `model:`"
        )
    codec.load_state_dict(weights)


def export_codec(codec: SaxcodecModel, folder: Path) -> Path:
    """Saves `codec` in fp16 with a config that asks for fp32 arithmetic (FFTs need it)."""
    torch.nn.Module.half(codec)
    codec.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["dtype"] = "float32"
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")
    return folder


def _under(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
