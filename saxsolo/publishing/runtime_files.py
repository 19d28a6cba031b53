"""The programs that play from exported graphs, as a package of their own: `saxsolo_runtime`.

They are saxsolo/runtime and what of modeling_saxsolo needs no torch. This module imports the
standard library alone, and nothing beside it, since packaging/runtime loads it by its path.
"""

import shutil
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
#: of modeling_saxsolo: what needs no torch
NUMPY_MODULES = (
    "chord_search_saxsolo",
    "decoder_kernels_saxsolo",
    "ear_decoding_saxsolo",
    "folded_planner_saxsolo",
    "lead_sheet_saxsolo",
    "line_saxsolo",
    "loudness_saxsolo",
    "note_events_saxsolo",
    "phrasing_saxsolo",
    "planner_features_saxsolo",
    "planner_kernels_saxsolo",
    "planning_saxsolo",
    "resting_saxsolo",
    "steering_saxsolo",
    "subdivision_saxsolo",
    "viterbi_saxsolo",
    "vocabulary_saxsolo",
)
REQUIREMENTS = ("numpy>=1.26", "onnxruntime>=1.22", "soundfile>=0.13", "soxr>=0.5")
PLAY = '''"""Plays a saxophone solo over a backing: python play.py --help."""

from pathlib import Path

from saxsolo_runtime.command import main

main(Path(__file__).parent)
'''


def copy_programs(package: Path) -> None:
    """Writes the package into a folder of its name, which is made where it is missing."""
    package.mkdir(parents=True, exist_ok=True)
    for path in sorted((PACKAGE / "runtime").glob("*.py")):
        text = path.read_text("utf-8").replace("from modeling_saxsolo.", "from .")
        (package / path.name).write_text(text, "utf-8")
    for name in NUMPY_MODULES:
        source = PACKAGE.parent / "modeling_saxsolo" / f"{name}.py"
        shutil.copyfile(source, package / source.name)
