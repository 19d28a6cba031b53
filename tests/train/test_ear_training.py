"""The ear's data and training: labels that move with the sound, runs that go on where they were."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from modeling_saxsolo.ear_saxsolo import CHORDS, FRAMES_PER_TOKEN, SaxsoloEar, SaxsoloEarConfig
from modeling_saxsolo.ear_spectrum_saxsolo import BINS_PER_SEMITONE, HARMONY_BINS
from saxsolo.training.ear import EarTraining, losses, train_ear
from saxsolo.training.ear_augment import add_soloist, augment, roll, transpose
from saxsolo.training.ear_calibration import best_temperatures, calibrate
from saxsolo.training.ear_corpus import EarCorpus
from saxsolo.training.ear_data import (
    LABELS,
    UNKNOWN,
    Stretch,
    cache_corpus,
    crop,
    draw_batch,
    frame_labels,
    load_items,
    stretched,
)
from saxsolo.training.ear_settings import read_ear_settings
from saxsolo.training.errors import SettingsError

ROOT = Path(__file__).parents[2]
RATE = 16_000
TRUTH = {
    "tuning_cents": 0.0,
    "metre": "3/4",
    "beats": [[0.5 + 0.5 * beat, beat % 3 + 1, 3] for beat in range(12)],
    "chords": [
        [0.0, 0.5, "NC", None, 7, None],
        [0.5, 3.5, "D-7", 2, 1, 2],
        [3.5, 6.5, "G7", 7, 2, 7],
        [6.5, 8.0, "NC", None, 7, None],
    ],
    "bass_notes": [[0.5, 1.0, 38], [3.5, 4.0, 43]],
    "count_in": None,
}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Two items of noise, cached."""
    folder = tmp_path_factory.mktemp("ear")
    for number in range(2):
        item = folder / "items" / "train" / f"tune{number}"
        item.mkdir(parents=True)
        sound = 0.1 * np.random.default_rng(number).standard_normal(8 * RATE)
        soundfile.write(item / "backing.flac", sound, RATE)
        (item / "truth.json").write_text(json.dumps(TRUTH))
    assert cache_corpus(folder / "items", folder / "cache", "train") == 2
    return folder / "cache"


def test_labels_describe_the_middle_of_their_frame():
    labels = dict(zip(LABELS, frame_labels(TRUTH, 400).T, strict=True))
    assert labels["chord"][24] == CHORDS - 1 and labels["chord"][25] == 2 * 7 + 1
    assert labels["chord"][174] == 2 * 7 + 1 and labels["chord"][175] == 7 * 7 + 2
    assert (labels["bass"][25:50] == 2).all() and labels["bass"][60] == 12
    assert labels["phase"][24] == UNKNOWN and labels["phase"][25] == 0 and labels["phase"][49] == 11
    assert list(labels["place"][[30, 55, 80, 105]]) == [0, 1, 2, 0]
    assert list(np.flatnonzero(labels["beat"] == 2)[:2]) == [25, 100]
    assert (labels["beat"] == 1).sum() == 8
    assert labels["metre"][30] == 1 and labels["activity"][10] == 0 and labels["activity"][30] == 2


def test_a_count_in_is_no_band_yet():
    labels = frame_labels(TRUTH | {"count_in": [0.5, 2.0]}, 400)
    assert labels[30, 6] == 1 and labels[110, 6] == 2


def test_items_are_cached_once_and_damaged_ones_are_left(cache, tmp_path):
    (tmp_path / "train" / "bad").mkdir(parents=True)
    (tmp_path / "train" / "bad" / "truth.json").write_text("{}")
    lines: list[str] = []
    assert cache_corpus(tmp_path, tmp_path / "cache", "train", report=lines.append) == 0
    assert len(lines) == 1 and "no chords and no beats" in lines[0]
    items = load_items(cache, "train")
    assert [len(item.labels) for item in items] == [4 * len(item.features) for item in items]


def test_crops_past_the_end_are_silent_and_unknown(cache):
    item = load_items(cache, "train")[0]
    features, labels = crop(item, len(item.features) - 3, 10)
    assert features[:3].any() and not features[3:].any()
    assert (labels[3 * FRAMES_PER_TOKEN :] == UNKNOWN).all()


@pytest.mark.parametrize("tokens", [64, 100, 130])
def test_a_crop_at_another_tempo_keeps_its_beats_where_its_phase_turns(cache, tokens):
    item = load_items(cache, "train")[0]
    features, labels = stretched(*crop(item, 0, 100), tokens)
    assert features.shape == (tokens, item.features.shape[1]) and len(labels) == 4 * tokens
    beats = np.flatnonzero(labels[:, 4] > 0)
    assert len(beats) == 12
    turns = np.flatnonzero((labels[1:, 2] == 0) & (labels[:-1, 2] != 0)) + 1
    assert np.abs(beats[:, None] - turns).min(axis=1).max() <= 1


def test_transposed_labels_follow_the_bins():
    labels = torch.full((2, 3, len(LABELS)), UNKNOWN)
    labels[..., 0] = torch.tensor([11 * 7 + 2, CHORDS - 1, UNKNOWN])
    labels[..., 1] = torch.tensor([11, 12, UNKNOWN])
    moved = transpose(labels, np.array([3, -1]))
    assert moved[0, :, 0].tolist() == [2 * 7 + 2, CHORDS - 1, UNKNOWN]
    assert moved[:, :, 1].tolist() == [[2, 12, UNKNOWN], [10, 12, UNKNOWN]]
    bins = torch.zeros(3, 1, HARMONY_BINS)
    bins[:, 0, 40] = bins[:, 0, -1] = 1.0
    whole, between, down = roll(bins, np.array([3.0 * BINS_PER_SEMITONE, 0.25, -41.5]))[:, 0]
    assert whole[49] == 1.0 and whole.sum() == 1
    assert between[40] == 0.75 and between[41] == 0.25
    assert down[HARMONY_BINS - 42] == 0.5 and down.sum() == 1


def test_augmentation_keeps_shapes_and_stays_finite(cache):
    items = load_items(cache, "train")
    for seed in range(6):
        rng = np.random.default_rng(seed)
        batch = draw_batch(items, 2, 50, rng, stretch=Stretch(0.2))
        varied = augment(batch, rng)
        for name in ("harmony", "bass", "rhythm", "labels"):
            before, after = getattr(batch, name), getattr(varied, name)
            assert before.shape == after.shape and torch.isfinite(after).all()
        assert varied.harmony.min() >= 0


def test_a_soloist_only_adds():
    harmony = torch.rand(2, 40, HARMONY_BINS)
    louder = add_soloist(harmony, np.random.default_rng(0), np.array([True, False]))
    assert (louder >= harmony - 1e-5).all() and (louder[0] > harmony[0] + 0.1).any()
    assert louder[1].equal(harmony[1])


def test_a_corpus_on_a_device_draws_what_is_drawn_from_files(cache):
    items = load_items(cache, "train")
    corpus = EarCorpus(items, torch.device("cpu"))
    for seed, tokens in enumerate((25, 60, 130)):
        stretch = Stretch(0.3, 0.6 * (seed > 0))
        here = draw_batch(items, 6, tokens, np.random.default_rng(seed), stretch)
        there = corpus.draw(6, tokens, np.random.default_rng(seed), stretch)
        for name in ("harmony", "bass", "rhythm", "labels"):
            torch.testing.assert_close(getattr(there, name), getattr(here, name))


def test_unknown_labels_cost_nothing_and_right_ones_little():
    config = tiny()
    labels = torch.full((1, 8, len(LABELS)), UNKNOWN)
    ear = SaxsoloEar(config)
    out = ear(torch.rand(1, 2, 216), torch.rand(1, 2, 108), torch.rand(1, 16, 40))
    assert all(float(part) == 0 for part in losses(out, labels).values())


def tiny() -> SaxsoloEarConfig:
    return SaxsoloEarConfig(
        note_channels=2, channels=4, scalars=8, num_hidden_layers=1, num_attention_heads=2,
        rhythm_channels=4,
    )  # fmt: skip


def test_a_run_that_went_on_equals_one_that_was_not_broken_off(cache, tmp_path):
    common = {"batch_size": 2, "tokens": 25, "log_every": 1, "warmup_steps": 1, "decay": 1e-6}
    for name, stops in (("whole", [4]), ("parts", [2, 4])):
        for stop in stops:
            settings = EarTraining(minutes=5, max_steps=stop, **common)
            train_ear([cache], tmp_path / name, settings, tiny(), {"own": (cache, "train")})
    rows = [
        [json.loads(line) for line in (tmp_path / name / "log.jsonl").read_text().splitlines()]
        for name in ("whole", "parts")
    ]
    chords = [[row["chord"] for row in run if "chord" in row] for run in rows]
    assert chords[0] == pytest.approx(chords[1]) and len(chords[0]) == 4
    ears = [SaxsoloEar.from_pretrained(tmp_path / name / "best") for name in ("whole", "parts")]
    for first, second in zip(ears[0].parameters(), ears[1].parameters(), strict=True):
        torch.testing.assert_close(first, second)
    assert {"root", "phase", "chord_loss"} <= set(rows[0][-1]["held_out"]["own"])


def test_a_temperature_undoes_what_was_multiplied_and_changes_no_answer(cache, tmp_path):
    items = load_items(cache, "train")
    torch.manual_seed(0)
    ear = SaxsoloEar(tiny())
    plain = best_temperatures(ear, items)
    ear.save_pretrained(tmp_path / "ear")
    path = tmp_path / "ear/config.json"
    assert calibrate(tmp_path / "ear", {"own": (cache, "train")}) == plain
    told = json.loads(path.read_text())
    assert told["temperatures"] == plain
    # what is found does not depend on what stood there before
    heated = SaxsoloEar.from_pretrained(tmp_path / "ear")
    assert best_temperatures(heated, items) == plain
    features = torch.rand(1, 2, 216), torch.rand(1, 2, 108), torch.rand(1, 16, 40)
    for name in ("chord", "place", "beats"):
        heat = heated.config.divisor(name)
        torch.testing.assert_close(heated(*features)[name] * heat, ear(*features)[name])
    assert calibrate(tmp_path / "ear", {"other": (cache, "test")}) == {}


def test_the_settings_of_the_default_ear_are_those_of_the_shipped_one(tmp_path):
    settings, sizes = read_ear_settings(ROOT / "configs/ear.yaml", {"minutes": 1.0, "seed": None})
    assert (settings.minutes, settings.batch_size, settings.seed) == (1.0, 48, 0)
    shipped = SaxsoloEarConfig.from_pretrained(ROOT / "checkpoints/saxsolo-ear")
    for name in ("channels", "scalars", "num_hidden_layers", "expansion", "rhythm_channels"):
        assert getattr(sizes, name) == getattr(shipped, name), name
    for text, named in (
        ("model: {chanels: 8}", "chanels"), ("minute: 3", "minute"), ("tokens: many", "tokens"),
        ("model: {channels: 9}", "num_attention_heads"), ("- 1", "list"), ("model: 3", "a int"),
    ):  # fmt: skip
        (tmp_path / "ear.yaml").write_text(text)
        with pytest.raises(SettingsError, match=named):
            read_ear_settings(tmp_path / "ear.yaml", {})


def test_training_without_data_is_refused(tmp_path):
    with pytest.raises(ValueError, match="cache_corpus"):
        train_ear([tmp_path], tmp_path / "run", EarTraining(minutes=1))
