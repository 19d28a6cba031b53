"""How the solo model generates."""

from transformers.generation import GenerationMixin


class SaxsoloGenerationMixin(GenerationMixin):
    """The library's `generate()` with small overrides."""
