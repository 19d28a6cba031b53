"""`saxsolo live`: a solo while the band plays."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from saxsolo.errors import SettingError

from .improvise import Instrument
from .options import ArticulationOption, CheckpointOption, CodecOption, quiet_libraries

DEVICE_RATE = 44_100


class Pace(StrEnum):
    """How fast a file is fed."""

    real = "real"
    fast = "fast"


def live(
    source: Annotated[
        str, typer.Option("--input", help="The band: a file, or a sound card's name or number.")
    ],
    target: Annotated[
        str, typer.Option("--output", help="The solo: a WAV or FLAC file, or a sound card.")
    ],
    lookahead: Annotated[
        float,
        typer.Option(
            help="Seconds of the band beyond a block that it waits for; below 0 it guesses."
        ),
    ] = -0.5,
    pace: Annotated[
        Pace, typer.Option(help="Feed a file as it would play, or at once.")
    ] = Pace.real,
    seconds: Annotated[
        float | None, typer.Option(help="Then it ends.", show_default="with the file")
    ] = None,
    chords: Annotated[str | None, typer.Option(help='The chart: "F7 | Bb7 | F7 | F7".')] = None,
    chart: Annotated[Path | None, typer.Option(help="File with the chart.")] = None,
    first_bar: Annotated[
        float | None, typer.Option(help="Second at which the chart begins.")
    ] = None,
    tempo: Annotated[float | None, typer.Option(help="Beats a minute of the chart.")] = None,
    metre: Annotated[str | None, typer.Option(help="Of the chart, such as 3/4.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed, the same draws.")] = 0,
    temperature: Annotated[float | None, typer.Option(show_default="the model's")] = None,
    articulation: ArticulationOption = None,
    instrument: Annotated[Instrument, typer.Option(help="Which saxophone.")] = Instrument.tenor,
    tuning: Annotated[
        float | None,
        typer.Option(help="Of the band, cents above A = 440 Hz.", show_default="measured"),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(help="Seconds before the first note.", show_default="8, or the chart's"),
    ] = None,
    checkpoint: CheckpointOption = None,
    codec: CodecOption = None,
) -> None:
    """Play a saxophone solo while the band is still playing.

    Without a chart the first seconds are listened to. A chart needs --first-bar and --tempo; then
    the solo does not depend on what is heard. Latency and underruns are printed, and stand in
    run.json beside a file.
    """
    quiet_libraries(lean=True)
    from saxsolo.playing.live import LiveSettings, LiveSolo
    from saxsolo.playing.live_run import device_blocks, file_blocks, play_live, save_live
    from saxsolo.weights.loading import load_player

    path, out = Path(source), Path(target)
    to_file = out.suffix.lower() in (".wav", ".flac")
    rate = DEVICE_RATE
    if path.suffix:
        from saxsolo.audio.files import open_sound

        rate = open_sound(path).sampling_rate
    placed = _placed(chords, chart, first_bar, tempo, metre, seconds or 3600.0)
    player = load_player(checkpoint, codec, "cpu")
    how = LiveSettings(
        lookahead=lookahead,
        seed=seed,
        temperature=temperature,
        instrument=instrument.value,
        tuning=tuning,
        wait=wait,
        articulation=articulation,
    )
    solo = LiveSolo(player, rate, how, placed)
    paced = pace is Pace.real or not path.suffix
    blocks = (
        file_blocks(path, paced, seconds) if path.suffix else device_blocks(source, rate, seconds)
    )
    parts: list[Any] = []
    stream = None
    if not to_file:
        from saxsolo.playing.live_run import output_stream

        stream = output_stream(target, player.sampling_rate)
    report = None
    try:
        for audio, latest in play_live(solo, blocks, paced):
            report = latest
            if stream is not None:
                stream.write(audio)
            else:
                parts.append(audio)
    except KeyboardInterrupt:
        pass
    if report is None:
        raise SettingError(f"{source} ended before the first block of the solo")
    if to_file:
        save_live(out, parts, solo, report)
        print(out)
    facts = report.describe()
    late = ", ".join(f"{name} {value:.3f}" for name, value in facts["latency_seconds"].items())
    print(
        f"{facts['audio_seconds']:.1f} s, {facts['blocks']} blocks; seconds to a block: {late}; "
        f"{facts['underruns']} underruns"
    )


def _placed(
    chords: str | None,
    chart: Path | None,
    first_bar: float | None,
    tempo: float | None,
    metre: str | None,
    seconds: float,
) -> Any:
    """The chart of the options on the band's clock; None without one."""
    from saxsolo.music.placed_chart import place_by_tempo
    from saxsolo.playing.chart_placing import chart_of_settings, chart_text
    from saxsolo.playing.settings import Settings

    if chords is None and chart is None:
        return None
    if first_bar is None or tempo is None:
        raise SettingError("a live chart needs --first-bar and --tempo: the band is not known yet")
    text = chords if chords is not None else chart_text(chart or "")
    how = Settings(chords=text, first_bar=first_bar, tempo=tempo, metre=metre)
    read = chart_of_settings(how)
    assert read is not None, "there is a chart"
    return place_by_tempo(read, first_bar, tempo, seconds)
