"""Without torch a solo is played over a given chart as with torch."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from modeling_saxsolo.lead_sheet_saxsolo import sheet_of_inputs
from modeling_saxsolo.vocabulary_saxsolo import LABEL_SIZES
from saxsolo.music.chart_placing import chart_in_metre
from saxsolo.publishing.runtime_files import copy_programs
from saxsolo.runtime.charts import GivenChart, told
from saxsolo.runtime.options import add_playing_options, chart_of_options

BACKING = Path(__file__).resolve().parents[2] / "examples/two_five_one.flac"
# what the band does not play
CHORDS = "Ebm7 Ab7 | Dbmaj7 | Gm7b5 C7 | Fm"
# imports of these fail, as where they are not installed
ALONE = """
import runpy, sys
for name in ("torch", "transformers", "saxsolo", "modeling_saxsolo", "pydantic"):
    sys.modules[name] = None
runpy.run_module("saxsolo_runtime.command", run_name="__main__")
"""


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("backing")
    add_playing_options(parser)
    return parser.parse_args(["band.wav", *arguments])


def placed(frames: int, first_bar: float = 0.7):
    given = GivenChart(chart_in_metre(CHORDS), first_bar, 110.0)
    return given.placed(frames / 50, pytest.fail)


def test_what_a_chart_tells_reaches_the_decoder_as_in_torch(make_model):
    model = make_model(
        hears="spectrum",
        listen="labels",
        degrees=True,
        rhythm=True,
        frame_labels=dict(LABEL_SIZES),
    )
    frames = 120
    parts = [torch.rand(1, size, frames).softmax(1) for size in LABEL_SIZES.values()]
    heard = torch.cat(parts, dim=1)
    labels = placed(frames).labels(frames).T.astype(np.int64)
    assert (labels[:, :30] == -100).all() and (labels[:, 40:] >= 0).all()
    inputs = {"frame_label_inputs": torch.from_numpy(labels)[None]}
    with torch.no_grad():
        expected = model.encoder(frame_label_posteriors=heard, **inputs)
        posteriors = torch.from_numpy(told(heard[0].numpy(), labels))[None]
        ours = model.encoder(frame_label_posteriors=posteriors)
    for name in ("clock", "roots", "phases"):
        assert torch.equal(ours[name], expected[name])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--chords", "F7 | H7"], "bar 2: .*H is B"),
        (["--chords", "F7", "--metre", "4/3"], "no time signature"),
        (["--chords", "F7", "--tempo", "1000"], "tempo is 1000.0; it must lie in 30..400"),
        (["--chords", "F7", "--tempo", "nan"], "tempo is nan"),
        (["--chords", "F7", "--first-bar", "-1"], "first_bar is -1.0; give 0 or more"),
        (["--first-bar", "1"], "--first-bar says where a chart is played; give its chords too"),
        (["--chart", "none.txt"], "none.txt cannot be read"),
        (["--chords", "F7", "--chart", "a.txt"], "give one chart"),
        (["--chords", "F7", "--tune", "Blues"], "give --chart too"),
    ],
)
def test_a_wrong_chart_is_refused_with_its_mend(arguments, message):
    with pytest.raises(ValueError, match=message):
        chart_of_options(options(*arguments))


def test_a_chart_that_begins_behind_the_end_is_refused():
    with pytest.raises(ValueError, match="first_bar 9 s lies behind the end of band.wav"):
        chart_of_options(options("--chords", "F7", "--first-bar", "9", "--tempo", "99")).placed(
            4.0, pytest.fail
        )


def test_a_file_and_its_text_are_the_same_chart(tmp_path):
    path = tmp_path / "tune.txt"
    path.write_text("Metre: 3/4\nC G7 | F")
    of_file = chart_of_options(options("--chart", str(path)))
    of_text = chart_of_options(options("--chords", "C G7 | F", "--metre", "3/4"))
    assert of_file.chart.bars == of_text.chart.bars
    assert chart_of_options(options()) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--chords", "F7 | C7q"], "bar 2: cannot read the chord 'C7q'"),
        (["--chords", "F7", "--first-bar", "soon"], "--first-bar: invalid float value: 'soon'"),
        (["--chords", "F7", "--tempo", "9"], "tempo is 9.0; it must lie in 30..400"),
    ],
)
def test_the_copied_programs_refuse_a_chart_in_one_line(tmp_path, arguments, message):
    """They read charts where neither torch nor saxsolo is installed."""
    pytest.importorskip("onnxruntime")
    copy_programs(tmp_path / "saxsolo_runtime")
    (tmp_path / "graphs").mkdir()
    conditions = {"instrument": ["tenor"]}
    (tmp_path / "config.json").write_text(json.dumps({"model": {"conditions": conditions}}))
    done = subprocess.run(
        [sys.executable, "-P", "-c", ALONE, str(BACKING), "--model", str(tmp_path), *arguments],
        env={"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("saxsolo-runtime: ") and message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("first_bar", [0.0, 3.2])
def test_default_model_plays_a_chart_as_torch_does(default_player, folder, in_32_bits, first_bar):
    """Where a chart says all, and where the ear goes on before it."""
    import soundfile

    from saxsolo.runtime import command

    audio, rate = soundfile.read(BACKING, dtype="float32", frames=8 * 32_000)
    loaded = command.load(folder)
    config = loaded[2]
    seconds = len(audio) / rate
    chart = GivenChart(chart_in_metre(CHORDS), first_bar, 132.0)
    alone = command.listen(audio, rate, loaded)
    heard = command.listen(audio, rate, loaded, chart)
    frames = heard.posteriors.shape[2]
    labels = chart.placed(seconds, pytest.fail).labels(frames).T.astype(np.int64)
    rests = torch.full((1, 5, frames), -1)
    silence = torch.tensor([0, *config["silence"]])
    rests[..., : heard.first] = rests[..., heard.last :] = silence[:, None]
    sheet = sheet_of_inputs(alone.sheet.inputs())
    expected = default_player.solo.model.generate(
        frame_label_posteriors=torch.from_numpy(alone.posteriors),
        frame_label_inputs=torch.from_numpy(labels)[None],
        condition_ids=torch.tensor([[2, -1, -1, 0]]),
        **{name: torch.from_numpy(v)[None] for name, v in sheet.inputs().items()},
        forced_codes=rests,
        do_sample=False,
        habits="free",  # the graphs are told nothing
    )[0].numpy()
    how = {"temperature": 0.0, "loaded": loaded}
    _, codes = command.improvise(audio, rate, folder, chart=chart, **how)
    assert np.array_equal(codes[0], expected[0])
    assert np.array_equal(codes, expected)
    # the chart is played: other notes than over what is heard
    _, other = command.improvise(audio, rate, folder, **how)
    assert not np.array_equal(codes[0], other[0])


@pytest.mark.slow
def test_a_chart_without_times_is_placed_by_ear_as_in_torch(default_player, folder):
    import soundfile

    import saxsolo
    from saxsolo.runtime import command

    audio, rate = soundfile.read(BACKING, dtype="float32", frames=12 * 32_000)
    loaded = command.load(folder)
    chords = "Dm7 | G7 | Cmaj7 | Cmaj7"
    chart = GivenChart(chart_in_metre(chords))
    ours = command.listen(audio, rate, loaded, chart).placed
    assert ours is not None
    take = saxsolo.improvise((audio, rate), player=default_player, chords=chords)
    assert ours.describe() == take.run["chart"]
