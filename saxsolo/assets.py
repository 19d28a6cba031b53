"""Files that come with the package but are no code: default weights, examples, cards.

In a checkout, and in a Space on the Hub, they stand beside the package; a wheel carries them
inside it.
"""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ROOTS = (PACKAGE / "assets", PACKAGE.parent)


def asset(name: str) -> Path:
    """The path of a file or folder such as `checkpoints/saxsolo-small` or `NOTICE`.

    Where it is missing, the place beside the package is returned: the reader of it reports that it
    is not there.
    """
    return next((root / name for root in ROOTS if (root / name).exists()), ROOTS[-1] / name)
