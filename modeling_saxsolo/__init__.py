"""What the Hub loads: solo model, codec and processor, on torch and transformers alone."""

from .backing_saxsolo import BackingMeasure, BackingMeter
from .codec_adapter_saxsolo import (
    CodecError,
    CodecLayout,
    StreamingDecoder,
    codec_layout,
    load_codec,
)
from .configuration_saxcodec import SaxcodecConfig
from .configuration_saxsolo import SaxsoloConfig, SaxsoloConfigError
from .delay_saxsolo import apply_delay, undo_delay
from .generation_saxsolo import FrameStreamer
from .modeling_saxcodec import SaxcodecModel
from .modeling_saxsolo import SaxsoloForConditionalGeneration, SaxsoloOutput
from .processing_saxsolo import SaxsoloProcessor
from .resample_saxsolo import AudioError

__all__ = [
    "AudioError",
    "BackingMeasure",
    "BackingMeter",
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
