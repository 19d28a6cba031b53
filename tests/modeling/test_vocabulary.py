"""The vocabulary: one set of words for every checkpoint, and none of them costs a torch."""

import json
import subprocess
import sys
from pathlib import Path

from modeling_saxsolo import SaxsoloConfig
from modeling_saxsolo import vocabulary_saxsolo as vocabulary

ROOT = Path(__file__).resolve().parents[2]


def test_the_sizes_fit_the_words():
    assert vocabulary.SCORE_VOCAB_SIZE == 121
    assert vocabulary.NO_CHORD == len(vocabulary.QUALITY_NAMES) - 1
    assert vocabulary.SAMPLES_PER_FRAME * vocabulary.FRAME_RATE == vocabulary.SAMPLING_RATE
    assert len(vocabulary.TEMPO_LIMITS) == len(vocabulary.TEMPO_CLASSES) - 1
    assert list(vocabulary.LABEL_SIZES.values()) == [13, 8, 12, 8]


def test_a_new_config_speaks_it():
    config = SaxsoloConfig()
    assert config.frame_labels == vocabulary.LABEL_SIZES
    assert {name: tuple(values) for name, values in config.conditions.items()} == (
        vocabulary.CONDITIONS
    )
    assert config.frame_label_names == list(vocabulary.LABEL_SIZES)
    # a config's own lists: changing one config changes no other
    config.conditions["feel"].append("polka")
    assert "polka" not in SaxsoloConfig().conditions["feel"]


def test_the_shipped_model_speaks_it():
    stored = json.loads((ROOT / "checkpoints/saxsolo-small/config.json").read_text())
    assert stored["frame_labels"] == vocabulary.LABEL_SIZES
    assert stored["frame_label_names"] == list(vocabulary.LABEL_SIZES)
    assert stored["condition_names"] == list(vocabulary.CONDITIONS)
    for name, values in stored["conditions"].items():
        # a model knows the timbres that it learnt from
        known = [value for value in vocabulary.CONDITIONS[name] if value in values]
        assert values == known and (
            name == "timbre" or len(known) == len(vocabulary.CONDITIONS[name])
        )


def test_music_is_read_without_torch():
    code = (
        "import sys\n"
        "import saxsolo.music.beat_grid, saxsolo.music.frame_labels, saxsolo.music.score\n"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.strip() == "[]"
