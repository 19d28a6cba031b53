"""The codec's networks as graphs with explicit state, for ONNX; see onnx_graphs.py.

Spectra, pulses, noise and the filters' way to samples stay in NumPy (saxsolo/runtime).

B rows, L layers, C width, K codebooks, T code frames.
"""

import torch
from torch import nn
from torch.nn import functional as F

from modeling_saxsolo.modeling_saxcodec import SaxcodecModel
from modeling_saxsolo.pitch_saxcodec import code_features


class CodecDecoderGraph(nn.Module):
    """Codes (1, K, T + ahead) and the past of each block (L, 1, 6, C) -> log filters (1, 2 T, ..),
    angles (1, 2 T, ..), the next past; pitch logits (1, 2 T, 1 + bins) where no code is the
    pitch."""

    def __init__(self, codec: SaxcodecModel):
        super().__init__()
        self.codec = codec

    def forward(self, codes: torch.Tensor, past: torch.Tensor) -> tuple[torch.Tensor, ...]:
        codec, config = self.codec, self.codec.config
        ahead, told = config.decoder_lookahead, int(config.pitch_codes)
        read = codec.quantizer.decode(codes[:, told:].transpose(1, 2))
        if told:
            features = code_features(codes[:, 0], config.codebook_size)
            read = torch.cat([read, features], dim=-1)
        frames = codes.shape[2] - ahead
        near = [read[:, a : a + frames] for a in range(ahead + 1)]
        x = codec.from_latent(torch.cat(near, dim=-1))
        x = x.reshape(1, 2 * frames, config.decoder_size)
        states = []
        for index, block in enumerate(codec.decoder):
            x, state = block(x, past[index])
            states.append(state)
        x = codec.out_norm(x)
        filters = codec.filter_head(x).clamp(max=4.0)
        drawn = filters, codec.angle_head(x), torch.stack(states)
        return drawn if told else (*drawn, codec.f0_head(x))


class CodecEncoderGraph(nn.Module):
    """Log spectra, short (1, 2 T, bins) and long (1, T, long bins), and the past of each block ->
    codes (1, K, T) and the next past."""

    def __init__(self, codec: SaxcodecModel):
        super().__init__()
        self.codec = codec

    def forward(
        self, short: torch.Tensor, long: torch.Tensor, past: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        codec = self.codec
        slow = codec.long_in(long)
        x = codec.short_in(short) + torch.stack([slow, slow], dim=2).flatten(1, 2)
        states = []
        for index, block in enumerate(codec.encoder):
            x, state = block(x, past[index])
            states.append(state)
        x = x.reshape(1, long.shape[1], -1)
        latents = codec.to_latent(x)
        latents = F.layer_norm(latents, (codec.config.codebook_dim,))
        codes = codec.quantizer.encode(latents)
        if codec.config.pitch_codes:
            pitch = codec._pitch_code(codec.predicted_f0(codec.f0_head(x)))
            codes = torch.cat([pitch[..., None], codes], dim=-1)
        return codes.transpose(1, 2), torch.stack(states)
