"""Trains the saxophone codec: `saxsolo train-codec` as a script; --help lists the options."""

import sys

from saxsolo.cli import main

if __name__ == "__main__":
    main(["train-codec", *sys.argv[1:]])
