"""Sizes of the saxophone codec.

Every codec that saxsolo accepts shares this layout: `frame_rate` frames per second, each with one
code from each of `num_codebooks` codebooks of `codebook_size` entries. All other
fields are the codec's own.
"""

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PretrainedConfig


@strict
class SaxcodecConfig(PretrainedConfig):
    """Configuration of `SaxcodecModel`.

    Args:
        sampling_rate: samples a second.
        num_codebooks: K, residual codebooks a frame.
        codebook_size: V, codes in a codebook.
        hop_length: samples in a spectrum frame; two of them make one code frame.
        n_fft: samples in the analysis and synthesis window.
        long_n_fft: samples in the long analysis window that resolves low notes.
        long_bins: lowest bins of the long spectrum that the encoder reads.
        encoder_size, encoder_layers: width and depth of the encoder.
        decoder_size, decoder_layers: width and depth of the decoder.
        decoder_attention: spectrum frames back that a layer of attention at the decoder's end
            reads; 0 = no such layer.
        decoder_lookahead: code frames after its own that the decoder reads before it sounds a
            frame: a note's first milliseconds are in the next code, not in their own.
        expansion: width of a block's inner layer over its outer one.
        codebook_dim: dimension of a code's vector.
        min_f0, max_f0: pitch range of the harmonic source, hertz.
        f0_bins: steps of the pitch range, equal in log frequency.
        filter_bands: places at which the filter of the pulses is told, close together at low
            frequencies; the noise's filter has a fifth of them. 0 = every bin for both.
        free_bins: lowest bins that the free spectrum fills; 0 = all.
        pitch_codes: the first codebook is the pitch (pitch_saxcodec.py), the others are what is
            left; without, the decoder reads the pitch from all codes.
    """

    model_type = "saxcodec"

    sampling_rate: int = 32000
    num_codebooks: int = 4
    codebook_size: int = 2048
    hop_length: int = 320
    n_fft: int = 1280
    long_n_fft: int = 4096
    long_bins: int = 192
    encoder_size: int = 256
    encoder_layers: int = 4
    decoder_size: int = 384
    decoder_layers: int = 6
    decoder_lookahead: int = 1
    expansion: int = 3
    codebook_dim: int = 64
    min_f0: float = 46.875
    max_f0: float = 1760.0
    f0_bins: int = 360
    pitch_codes: bool = False
    decoder_attention: int = 0
    filter_bands: int = 0
    free_bins: int = 0

    def __post_init__(self, **kwargs: Any) -> None:
        if self.n_fft % self.hop_length or self.n_fft < 2 * self.hop_length:
            raise ValueError(
                f"n_fft={self.n_fft} must be a multiple (2 or more) of "
                f"hop_length={self.hop_length}: the overlap-add needs whole hops. "
                "Choose n_fft = 4 * hop_length."
            )
        if self.sampling_rate % (2 * self.hop_length):
            raise ValueError(
                f"sampling_rate={self.sampling_rate} is not a multiple of two hops "
                f"(2 * hop_length={2 * self.hop_length}): the frame rate must be whole. "
                "Choose hop_length = sampling_rate / 100."
            )
        if self.long_bins > self.long_n_fft // 2 + 1:
            raise ValueError(
                f"long_bins={self.long_bins} is more than the long spectrum has "
                f"(long_n_fft={self.long_n_fft} gives {self.long_n_fft // 2 + 1}). Lower long_bins."
            )
        if not (0 <= self.filter_bands <= self.num_bins and 0 <= self.free_bins <= self.num_bins):
            raise ValueError(
                f"filter_bands={self.filter_bands} and free_bins={self.free_bins} must not be more "
                f"than the spectrum's {self.num_bins} bins."
            )
        if self.filter_bands and self.filter_bands < 10:
            raise ValueError(f"filter_bands={self.filter_bands} must be 0 or at least 10.")
        if self.decoder_lookahead < 0:
            raise ValueError(
                f"decoder_lookahead={self.decoder_lookahead} frames is before the frame itself; it "
                "must be 0 or more."
            )
        if self.decoder_attention < 0:
            raise ValueError(
                f"decoder_attention={self.decoder_attention} must be 0 (none) or frames back."
            )
        if not 0 < self.min_f0 < self.max_f0 < self.sampling_rate / 2:
            raise ValueError(
                f"min_f0={self.min_f0} and max_f0={self.max_f0} must rise and stay below half of "
                f"sampling_rate={self.sampling_rate}."
            )
        if self.pitch_codes and (self.num_codebooks < 2 or self.codebook_size < 3):
            raise ValueError(
                f"pitch_codes takes the first of num_codebooks={self.num_codebooks} codebooks of "
                f"{self.codebook_size} codes: at least 2 of 3 are needed."
            )
        needed = (self.n_fft - self.hop_length - 1) // (2 * self.hop_length) + 2
        if self.pitch_codes and self.decoder_lookahead < needed:
            raise ValueError(
                f"decoder_lookahead={self.decoder_lookahead} code frames is too few for "
                f"pitch_codes: a window of n_fft={self.n_fft} reaches {needed} frames ahead."
            )
        super().__post_init__(**kwargs)

    @property
    def frame_samples(self) -> int:
        """Samples in one code frame."""
        return 2 * self.hop_length

    @property
    def frame_rate(self) -> int:
        """Code frames a second."""
        return self.sampling_rate // self.frame_samples

    @property
    def pitch_hop(self) -> int:
        """Samples between two pitches that training is told."""
        return self.frame_samples if self.pitch_codes else self.hop_length

    @property
    def pitch_start(self) -> int:
        """The sample whose pitch is the first: a code's own, or the middle of a window."""
        return 0 if self.pitch_codes else self.n_fft // 2

    @property
    def filter_sizes(self) -> tuple[int, int, int]:
        """Outputs for the filters of the pulses and of the noise, and for the free spectrum."""
        bands = self.filter_bands
        pulses, noise = (bands, bands // 5) if bands else (self.num_bins, self.num_bins)
        return pulses, noise, self.free_bins or self.num_bins

    @property
    def num_bins(self) -> int:
        """Bins of the spectrum, n_fft / 2 + 1."""
        return self.n_fft // 2 + 1


SaxcodecConfig.register_for_auto_class()
