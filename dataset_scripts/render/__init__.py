"""Scores -> pairs of audio: a saxophone, and the rhythm section it plays with."""

from .corpus import CorpusError, read_manifest, render_corpus
from .pair import Pair, render_pair
from .sounds import MissingSoundError, Sounds

__all__ = [
    "CorpusError",
    "MissingSoundError",
    "Pair",
    "Sounds",
    "read_manifest",
    "render_corpus",
    "render_pair",
]
