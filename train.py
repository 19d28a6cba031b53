"""Trains the solo model: `saxsolo train`, as a script that a launcher can start.

    accelerate launch train.py configs/base.yaml --tokens TOKENS --codec CODEC --out runs/base
    ACCELERATE_USE_CPU=true torchrun --nproc_per_node 2 train.py ... --threads 1    # on two cores

python train.py --help lists the options.
"""

import sys

from saxsolo.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
