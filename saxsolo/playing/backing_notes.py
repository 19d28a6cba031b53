"""What a person should know of a backing, in one line each: on the screen and in run.json."""

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
