"""The programs that play from exported graphs, as a package of their own: `saxsolo_runtime`.

They are saxsolo/runtime, what of modeling_saxsolo needs no torch, and the charts of saxsolo/music.
This module imports the
standard library alone, and nothing beside it, since packaging/runtime loads it by its path.
"""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
#: of modeling_saxsolo: what needs no torch
NUMPY_MODULES = (
    "chord_search_saxsolo",
    "decoder_kernels_saxsolo",
    "ear_decoding_saxsolo",
    "errors_saxsolo",
    "folded_planner_saxsolo",
    "lead_sheet_saxsolo",
    "line_saxsolo",
    "loudness_saxsolo",
    "note_events_saxsolo",
    "phrasing_saxsolo",
    "planner_features_saxsolo",
    "planner_kernels_saxsolo",
    "planning_saxsolo",
    "recall_saxsolo",
    "resting_saxsolo",
    "steering_saxsolo",
    "subdivision_saxsolo",
    "viterbi_saxsolo",
    "vocabulary_saxsolo",
)
#: of saxsolo: charts and their place on a track
CHART_MODULES = (
    "errors",
    "music/__init__",
    "music/beat_grid",
    "music/chart_alignment",
    "music/chart_placing",
    "music/chord_symbols",
    "music/metre",
    "music/placed_chart",
    *(f"music/charts/{path.stem}" for path in sorted((PACKAGE / "music" / "charts").glob("*.py"))),
)
REQUIREMENTS = ("numpy>=1.26", "onnxruntime>=1.22", "soundfile>=0.13", "soxr>=0.5")
PLAY = '''"""Plays a saxophone solo over a backing: python play.py --help."""

from pathlib import Path

from saxsolo_runtime.command import main

main(Path(__file__).parent)
'''


def copy_programs(package: Path) -> None:
    """Writes the package into a folder of its name, which is made where it is missing."""
    modeling = PACKAGE.parent / "modeling_saxsolo"
    files = {path: path.name for path in sorted((PACKAGE / "runtime").glob("*.py"))}
    files |= {modeling / f"{name}.py": f"{name}.py" for name in NUMPY_MODULES}
    files |= {PACKAGE / f"{name}.py": f"{name}.py" for name in CHART_MODULES}
    for source, name in files.items():
        text = source.read_text("utf-8")
        for owner in ("modeling_saxsolo", "saxsolo"):
            text = text.replace(f"from {owner}.", f"from {package.name}.")
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text, "utf-8")
