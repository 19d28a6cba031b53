"""Training: resume, accumulation, divergence, early stop, and that it learns."""

import json
import os
import shutil
import signal

import pytest
import torch
from transformers import Trainer, TrainingArguments

from saxsolo.corpus.tokens.collate import Collator
from saxsolo.training.batches import Batches, drawn_ahead
from saxsolo.training.errors import TrainingError
from saxsolo.training.run_state import checkpoints
from saxsolo.training.trainer import SoloTrainer


def records(run, kind: str) -> dict[int, dict]:
    lines = (run / "log.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return {record["step"]: record for record in found if record["kind"] == kind}


@pytest.fixture
def train(make_model, score_corpus, audio_corpus):
    """train(settings, run, prepare=None) -> the trainer after its run, on both corpora."""

    def run(settings, folder, prepare=None, audio=audio_corpus, scores=score_corpus, **model):
        heldout = audio or scores
        trainer = SoloTrainer(make_model(**model), settings, folder, audio, scores, heldout)
        if prepare:
            prepare(trainer)
        trainer.finished = trainer.train()
        return trainer

    return run


def test_a_killed_run_goes_on_as_if_nothing_had_been(settings, train, tmp_path):
    whole = train(settings, tmp_path / "whole")

    def kill_at_step_6(trainer):
        step = trainer._step

        def stepping(elapsed):
            if trainer.state.step == 5:
                raise KeyboardInterrupt
            step(elapsed)

        trainer._step = stepping

    with pytest.raises(KeyboardInterrupt):
        train(settings, tmp_path / "killed", kill_at_step_6)
    torch.manual_seed(99)
    again = train(settings, tmp_path / "killed")
    assert list(records(tmp_path / "killed", "resume")) == [4]
    one, two = (records(tmp_path / name, "train") for name in ("whole", "killed"))
    assert set(one) == set(two) == set(range(1, 9))
    for step in one:
        assert one[step]["loss"] == two[step]["loss"], step
    for name, parameter in whole.model.state_dict().items():
        assert torch.equal(parameter, again.model.state_dict()[name]), name
    for name, average in whole.average.tensors.items():
        assert torch.equal(average, again.average.tensors[name]), name


def test_a_torn_newest_checkpoint_costs_only_its_own_steps(settings, train, tmp_path):
    train(settings, tmp_path / "run")
    losses = records(tmp_path / "run", "train")
    newest = checkpoints(tmp_path / "run")[-1]
    assert newest.name.endswith("8")
    whole = (newest / "optimizer.safetensors").read_bytes()
    (newest / "optimizer.safetensors").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "run" / "log.jsonl").unlink()
    train(settings, tmp_path / "run")
    assert list(records(tmp_path / "run", "resume")) == [6]
    again = records(tmp_path / "run", "train")
    assert {step: again[step]["loss"] for step in again} == {
        7: losses[7]["loss"],
        8: losses[8]["loss"],
    }


@pytest.mark.parametrize("kind", ["audio", "scores"])
def test_accumulated_parts_give_the_gradient_of_one_batch(
    kind, settings, make_model, score_corpus, audio_corpus, tmp_path
):
    rows = audio_corpus if kind == "audio" else score_corpus
    # Rows of different lengths: every part then has another number of targets.
    names = ("score", "frame_labels", "backing_codes", "solo_codes")
    cut = [
        {n: v[30 : 60 + 40 * i] if n in names and v is not None else v for n, v in row.items()}
        for i, row in enumerate(rows)
    ]
    after = []
    for parts in (1, 4):
        model = make_model(dropout=0.0)
        chosen = settings.changed(
            accumulation=parts, backing_dropout=0.0, weight_average=0.0, max_grad_norm=1e9
        )
        audio, scores = (cut, []) if kind == "audio" else ([], cut)
        trainer = SoloTrainer(model, chosen, tmp_path / str(parts), audio, scores, [])
        gradients = {}

        def look(trainer=trainer, gradients=gradients):
            for name, parameter in trainer.model.named_parameters():
                if parameter.grad is not None:
                    gradients[name] = parameter.grad.clone()

        trainer.optimizer.step = look
        trainer._step(0.0)
        after.append(gradients)
    assert after[0].keys() == after[1].keys() and len(after[0]) > 10
    for name, gradient in after[0].items():
        assert torch.allclose(gradient, after[1][name], atol=1e-6, rtol=1e-4), name


def test_a_non_finite_loss_stops_and_keeps_the_last_checkpoint(settings, train, tmp_path):
    def poison_step_6(trainer):
        step = trainer._step

        def stepping(elapsed):
            if trainer.state.step == 5:
                trainer.model.decoder.norm.weight.data[0] = float("nan")
            step(elapsed)

        trainer._step = stepping

    with pytest.raises(TrainingError, match="loss nan .* at step 5"):
        train(settings, tmp_path, poison_step_6)
    assert [path.name[-1] for path in checkpoints(tmp_path)] == ["2", "4"]
    assert train(settings, tmp_path).state.step == 8


def test_a_signal_saves_and_stops(settings, train, tmp_path):
    def signal_at_step_3(trainer):
        step = trainer._step

        def stepping(elapsed):
            if trainer.state.step == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            step(elapsed)

        trainer._step = stepping

    trainer = train(settings, tmp_path, signal_at_step_3)
    assert not trainer.finished and trainer.state.step == 3
    assert checkpoints(tmp_path)[-1].name.endswith("3")
    assert train(settings, tmp_path).finished


def test_time_ends_a_run_with_everything_saved(settings, train, tmp_path):
    trainer = train(settings.changed(max_steps=100000, max_minutes=0.01), tmp_path)
    assert trainer.finished and 1 <= trainer.state.step < 2000
    assert checkpoints(tmp_path)[-1].name.endswith(str(trainer.state.step))
    assert trainer.state.step in records(tmp_path, "heldout")


def test_patience_ends_a_run_that_no_longer_improves(settings, train, tmp_path):
    hopeless = settings.changed(
        learning_rate=0.0, final_learning_rate=0.0, max_steps=40, patience=2
    )
    trainer = train(hopeless, tmp_path)
    assert trainer.state.step == 12  # best at 4, none better at 8 and 12


def test_the_best_weights_are_kept(settings, train, tmp_path):
    trainer = train(settings, tmp_path)
    judged = records(tmp_path, "heldout")
    best = min(judged, key=lambda step: judged[step]["loss_own"])
    trainer.load_best()
    assert trainer.evaluate().own_loss == pytest.approx(judged[best]["loss_own"], rel=1e-5)
    assert trainer.state.best_loss == pytest.approx(judged[best]["loss_own"])


def test_another_model_does_not_resume(settings, train, tmp_path):
    train(settings, tmp_path)
    other = settings.changed(model={**settings.model, "decoder_layers": 2})
    with pytest.raises(OSError, match="same settings"):
        train(other, tmp_path)


def test_batches_depend_on_the_step_alone(settings, make_model, score_corpus, audio_corpus):
    config = make_model().config

    def batches():
        return Batches(audio_corpus, score_corpus, Collator(config, transpose=True), 8, 0.5, 3)

    one, two = batches(), batches()
    one.part(4, 0, 1)
    whole = one.part(5, 0, 1)
    for name, value in two.part(5, 0, 1).items():
        assert torch.equal(value, whole[name]), name
    halves = [two.part(5, part, 2) for part in (0, 1)]
    for name, value in whole.items():
        assert torch.equal(torch.cat([half[name] for half in halves]), value), name
    assert not torch.equal(one.part(6, 0, 1)["labels"], whole["labels"])
    with_audio = [one.part(step, 0, 1)["attention_mask"].any().item() for step in range(40)]
    assert 8 < sum(with_audio) < 32


def test_batches_drawn_ahead_are_those_drawn_here(make_model, score_corpus, audio_corpus):
    collator = Collator(make_model().config)
    batches = Batches(audio_corpus, score_corpus, collator, 4, 0.5, seed=3)
    ahead = drawn_ahead(batches, range(5, 9), [1], 2, workers=2)
    for step, parts in zip(range(5, 9), ahead, strict=True):
        here = batches.part(step, 1, 2)
        assert set(parts[0]) == set(here)
        assert all(torch.equal(parts[0][name], value) for name, value in here.items())


def test_bf16_trains_and_learns_to_listen(settings, train, tmp_path, audio_corpus):
    """The codes of the solo are the backing's random ones: only who listens can know them."""
    chosen = settings.changed(
        max_steps=100,
        batch_size=6,
        learning_rate=5e-3,
        evaluate_every=100,
        save_every=100,
        log_every=20,
        warmup_steps=10,
        dtype="bfloat16",
        label_inputs=0.0,
        weight_average=0.9,
    )
    # Without delays every stream is predicted at the step of its own frame.
    train(chosen, tmp_path, scores=[], delays=[0, 0, 0, 0], score_lead=0)
    judged = records(tmp_path, "heldout")[100]
    assert judged["loss_own_codebook_2"] < judged["loss_other_codebook_2"] - 0.5
    assert judged["loss_own_codebook_2"] < judged["loss_none_codebook_2"] - 0.3
    assert judged["gap_other_codebook_2_95"][0] > 0.3
    assert judged["accuracy_chord_root"] > 0.5
    first, last = (records(tmp_path, "train")[step]["loss"] for step in (20, 100))
    assert last < first - 0.5


def test_transformers_trainer_takes_the_model_and_the_collator(make_model, audio_corpus, tmp_path):
    model = make_model()
    arguments = TrainingArguments(
        str(tmp_path),
        max_steps=2,
        per_device_train_batch_size=2,
        remove_unused_columns=False,
        use_cpu=True,
        save_strategy="no",
        logging_steps=1,
        report_to="none",
        disable_tqdm=True,
    )
    trainer = Trainer(
        model, arguments, train_dataset=audio_corpus * 2, data_collator=Collator(model.config)
    )
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == 2 and all(0 < loss < 10 for loss in losses)
    shutil.rmtree(tmp_path)
