"""What the Hub loads: solo model, codec and processor, on torch and transformers alone."""

from modeling_saxsolo.codec_adapter_saxsolo import (
    CodecError,
    CodecLayout,
    StreamingDecoder,
    codec_layout,
    load_codec,
)
from modeling_saxsolo.configuration_saxcodec import SaxcodecConfig
from modeling_saxsolo.configuration_saxsolo import SaxsoloConfig, SaxsoloConfigError
from modeling_saxsolo.delay_saxsolo import apply_delay, undo_delay
from modeling_saxsolo.generation_saxsolo import FrameStreamer
from modeling_saxsolo.modeling_saxcodec import SaxcodecModel
from modeling_saxsolo.modeling_saxsolo import SaxsoloForConditionalGeneration, SaxsoloOutput
from modeling_saxsolo.processing_saxsolo import SaxsoloProcessor
from modeling_saxsolo.resample_saxsolo import AudioError

__all__ = [
    "AudioError",
    "CodecError",
    "CodecLayout",
    "FrameStreamer",
    "SaxcodecConfig",
    "SaxcodecModel",
    "SaxsoloConfig",
    "SaxsoloConfigError",
    "SaxsoloForConditionalGeneration",
    "SaxsoloOutput",
    "SaxsoloProcessor",
    "StreamingDecoder",
    "apply_delay",
    "codec_layout",
    "load_codec",
    "undo_delay",
]
