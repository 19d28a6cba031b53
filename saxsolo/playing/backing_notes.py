"""What a person should know of a backing, in one line each: on the screen and in run.json."""

from modeling_saxsolo.ear_decoding_saxsolo import HeardMusic
from saxsolo.listening.heard import Listening
from saxsolo.music.beat_grid import PLAIN_TEMPO

# below this confidence the time signature was wrong in one of three tracks
SURE_METRE = 0.5
_HEARD = {
    "difference": "left and right of {name} cancel each other out; their difference was heard",
    "left": "left and right of {name} cancel each other out in part; the left was heard",
    "right": "left and right of {name} cancel each other out in part; the right was heard",
}


def channel_notes(name: str, mono: str) -> list[str]:
    """Says so where another mono than the mean of the channels was heard.

    Args:
        name: of the backing. mono: of its `BackingMeasure`.
    """
    return [_HEARD[mono].format(name=name)] if mono in _HEARD else []


def metre_notes(name: str, music: HeardMusic) -> list[str]:
    """Says so where no beat was heard, or where the time signature is not sure.

    Args:
        name: of the backing. music: what the ear made of it.
    """
    heard = Listening(name, 0.0, music)
    if heard.metre is None:
        return [f"no beat was heard in {name}: its bars are written at {PLAIN_TEMPO:.0f} bpm"]
    sure = heard.metre_confidence or 0.0
    if sure >= SURE_METRE:
        return []
    return [f"the metre of {name} is not clear: {heard.metre} with a confidence of {sure:.0%}"]
