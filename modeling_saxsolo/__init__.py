"""What the Hub loads: solo model, codec and processor, on torch and transformers alone.

Names are loaded when they are first used, so `modeling_saxsolo.vocabulary_saxsolo` alone loads no
torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .backing_saxsolo import BackingMeasure, BackingMeter
    from .codec_adapter_saxsolo import (
        CodecLayout,
        StreamingDecoder,
        codec_layout,
        load_codec,
    )
    from .configuration_saxcodec import SaxcodecConfig
    from .configuration_saxsolo import SaxsoloConfig, SaxsoloConfigError
    from .delay_saxsolo import apply_delay, undo_delay
    from .errors_saxsolo import AudioError, CodecError
    from .generation_saxsolo import FrameStreamer
    from .modeling_saxcodec import SaxcodecModel
    from .modeling_saxsolo import SaxsoloForConditionalGeneration, SaxsoloOutput
    from .processing_saxsolo import SaxsoloProcessor

_MODULES = {
    "AudioError": "errors_saxsolo",
    "BackingMeasure": "backing_saxsolo",
    "BackingMeter": "backing_saxsolo",
    "CodecError": "errors_saxsolo",
    "CodecLayout": "codec_adapter_saxsolo",
    "FrameStreamer": "generation_saxsolo",
    "SaxcodecConfig": "configuration_saxcodec",
    "SaxcodecModel": "modeling_saxcodec",
    "SaxsoloConfig": "configuration_saxsolo",
    "SaxsoloConfigError": "configuration_saxsolo",
    "SaxsoloForConditionalGeneration": "modeling_saxsolo",
    "SaxsoloOutput": "modeling_saxsolo",
    "SaxsoloProcessor": "processing_saxsolo",
    "StreamingDecoder": "codec_adapter_saxsolo",
    "apply_delay": "delay_saxsolo",
    "codec_layout": "codec_adapter_saxsolo",
    "load_codec": "codec_adapter_saxsolo",
    "undo_delay": "delay_saxsolo",
}

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


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
