"""An exported folder plays what torch plays, and plays without torch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from modeling_saxsolo.lead_sheet_saxsolo import sheet_of_inputs, sheet_of_music
from modeling_saxsolo.vocabulary_saxsolo import LABEL_SIZES

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
from saxsolo.publishing.onnx_export import (  # noqa: E402
    model_settings,
    solo_graphs,
    write_graph,
)
from saxsolo.runtime import command  # noqa: E402
from saxsolo.runtime.hearing import Heard, hear  # noqa: E402
from saxsolo.runtime.planning import plan_of  # noqa: E402
from saxsolo.runtime.playing import play  # noqa: E402
from saxsolo.runtime.sounding import Voice  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BACKING = Path("examples/two_five_one.flac")
# imports of these fail, as where they are not installed
ALONE = """
import runpy, sys
for name in ("torch", "transformers", "saxsolo", "modeling_saxsolo"):
    sys.modules[name] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def _heard(posteriors: torch.Tensor) -> Heard:
    frames = posteriors.shape[-1]
    return Heard(posteriors.numpy(), None, 0.0, 0, frames)  # type: ignore[arg-type]


def played(graphs, config, heard: Heard, notes: np.ndarray, ids: list[int]) -> np.ndarray:
    """The likeliest codes (N, T), which come in parts."""
    random = np.random.default_rng(0)
    parts = list(play(graphs, config, heard, lambda frames: notes[:frames], ids, 0.0, random))
    assert len(parts) > 1
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize("pitch_range", [None, [60.0, 1500.0]], ids=["codes", "pitch codes"])
def test_tiny_model_plays_the_same_codes_over_several_windows(make_model, tmp_path, pitch_range):
    model = make_model(
        pitch_range=pitch_range,
        codebook_size=300,
        hears="spectrum",
        listen="labels",
        degrees=True,
        rhythm=True,
        frame_labels=dict(LABEL_SIZES),
        window_frames=48,
    )
    if pitch_range:
        # it starts at zero
        torch.nn.init.normal_(model.decoder.intonation.out.weight)
    graphs = {}
    with torch.no_grad():
        for graph in solo_graphs(model):
            write_graph(graph, tmp_path / f"{graph.name}.onnx")
            graphs[graph.name] = onnxruntime.InferenceSession(tmp_path / f"{graph.name}.onnx")
    frames = 300
    torch.manual_seed(1)
    parts = [torch.rand(1, size, frames).softmax(1) for size in LABEL_SIZES.values()]
    posteriors = torch.cat(parts, dim=1)
    forced = torch.full((1, model.config.num_streams, frames), -1)
    pitches = torch.randint(0, 4, (frames // 5,)).repeat_interleave(5)
    forced[:, 0] = torch.where(torch.arange(frames) % 5 == 0, 1, 5) + pitches
    # a rest long enough that its codes are given
    forced[:, 0, 100:180] = 0
    model.config.rest_codes = [7] * (model.config.num_streams - 1)
    ids = [1, 2]
    expected = model.generate(
        frame_label_posteriors=posteriors,
        condition_ids=torch.tensor([ids]),
        forced_codes=forced,
        plan_frames=frames,
        do_sample=False,
        guidance_scale=1.0,
    )
    config = {"model": model_settings(model.config)}
    codes = played(graphs, config, _heard(posteriors), forced[0, 0].numpy(), ids)
    assert np.array_equal(codes, expected[0].numpy())
    assert (codes[1:, 130:170] == 7).all()


@pytest.mark.slow
def test_default_model_hears_plans_plays_and_sounds_the_same(default_player, folder, in_32_bits):
    import soundfile
    import soxr

    from modeling_saxsolo.ear_stream_saxsolo import label_posteriors

    graphs, planner, config = command.load(folder)
    samples, rate = soundfile.read(BACKING, dtype="float32", always_2d=True)
    audio = soxr.resample(samples.mean(axis=1), rate, 16_000)[: 16_000 * 9]
    progressions = np.array(config["progressions"])
    ours = hear(graphs["ear"], audio, progressions)
    theirs = default_player.ear.model.hear(torch.from_numpy(audio), cents=ours.cents)
    posteriors = label_posteriors(theirs)[None]
    frames = ours.posteriors.shape[2]
    assert np.allclose(ours.posteriors, posteriors[..., :frames], atol=2e-3)

    posteriors = torch.from_numpy(ours.posteriors)
    arrays = {name: values[:frames].numpy() for name, values in theirs.items()}
    from modeling_saxsolo.ear_decoding_saxsolo import decode

    sheet = sheet_of_music(decode(arrays, None, ours.cents, progressions), frames / 50)
    # `generate` is given the beats in single precision
    sheet = sheet_of_inputs(sheet.inputs())
    ids = [2, -1, -1, 0]
    expected = default_player.solo.model.generate(
        frame_label_posteriors=posteriors,
        condition_ids=torch.tensor([ids]),
        **{name: torch.from_numpy(v)[None] for name, v in sheet.inputs().items()},
        do_sample=False,
        habits="free",  # the graphs are told nothing
        fast=False,  # which rounds weights to eight bits
    )[0].numpy()
    plan = plan_of(planner, config, sheet, np.ones(frames, bool), "tenor", 0.0, seed=0)
    notes = plan.tokens(0, frames)
    assert np.array_equal(notes, expected[0])
    heard = Heard(ours.posteriors, sheet, ours.cents, 0, frames)
    codes = played(graphs, config, heard, notes, ids)
    assert np.array_equal(codes, expected)

    voice = Voice(graphs["codec_decoder"], config["codec"], cents=15.0)
    parts = [voice.push(codes[1:, at : at + 25]) for at in range(0, frames, 25)]
    sound = np.concatenate([*parts, voice.finish()])
    with torch.no_grad():
        given = torch.from_numpy(codes[None, 1:])
        wanted = default_player.codec.model.decode(given, cents=15.0)[0, 0]
    assert sound.shape == wanted.shape
    assert np.abs(sound - wanted.numpy()).max() < 1e-3 * float(wanted.abs().max())


@pytest.mark.slow
def test_the_folder_plays_alone_and_the_same_for_a_seed(folder, tmp_path):
    import soundfile

    samples, rate = soundfile.read(BACKING, frames=4 * 44_100)
    backing = tmp_path / "backing.wav"
    soundfile.write(backing, samples, rate)

    def run(name: str, seed: int, *chart: str) -> bytes:
        out = tmp_path / name
        arguments = [folder / "play.py", backing, "--out", out, "--seed", str(seed), *chart]
        done = subprocess.run(
            [sys.executable, "-c", ALONE, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={"PYTHONPATH": str(folder)},
        )
        assert done.returncode == 0, done.stderr
        return out.read_bytes()

    assert run("a.wav", 1) == run("b.wav", 1) != run("c.wav", 2)
    chart = ("--chords", "Ebm7 | Ab7", "--first-bar", "0", "--tempo", "120")
    assert run("d.wav", 1, *chart) == run("e.wav", 1, *chart) != run("a.wav", 1)
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 200e6


@pytest.mark.slow
def test_the_command_plays_from_the_folder_where_torch_is_missing(folder, tmp_path):
    import soundfile

    samples, rate = soundfile.read(BACKING, frames=4 * 44_100)
    soundfile.write(tmp_path / "backing.wav", samples, rate)
    hidden = "import sys\nfor name in ('torch', 'transformers'): sys.modules[name] = None\n"

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        line = ["improvise", "backing.wav", "--out", "take", *options]
        code = f"{hidden}from saxsolo.cli import main\nmain({line!r})"
        environment = {"PYTHONPATH": str(ROOT), "SAXSOLO_RUNTIME_MODEL": str(folder)}
        return subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
        )

    done = run("--seed", "3")
    assert done.returncode == 0, done.stderr
    solo, played = soundfile.read(tmp_path / "take" / "solo.wav")
    assert abs(len(solo) / played - len(samples) / rate) < 0.05
    refused = run("--prompt", "earlier")
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1
    assert "without torch" in refused.stderr


@pytest.mark.slow
def test_published_graphs_are_tried_without_torch(folder, tmp_path):
    from saxsolo.errors import PublishError
    from saxsolo.publishing import check

    (tmp_path / "onnx").symlink_to(folder)
    check._run(check.HIDE + check.PLAY_GRAPHS, tmp_path)
    (tmp_path / "onnx").unlink()
    with pytest.raises(PublishError, match="does not load as it stands"):
        check._run(check.HIDE + check.PLAY_GRAPHS, tmp_path)
