"""What the buttons and fields of the page do, apart from how they look."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs

import gradio as gr

from saxsolo.audio.files import Source
from saxsolo.errors import SaxsoloError, SettingError
from saxsolo.music.placed_chart import PlacedChart
from saxsolo.playing.revision import Revision
from saxsolo.playing.take import Take

from . import page
from .band import band_of, why_no_band
from .controls import (
    BAND,
    EXAMPLE,
    EXAMPLES,
    RANGES,
    RECORDING,
    TIMBRES,
    UPLOAD,
    USUAL_TIMBRE,
    Controls,
    checked,
    from_query,
)
from .limits import open_upload
from .playing import SoloRequest, continued, replaced_bars
from .soloist import Soloist
from .take_store import TakeStore

AGAIN, ANOTHER, CONTINUE, BARS, PLAY = "again", "another", "continue", "bars", "play"
# values of `events.outputs`: stream, status, takes, history, take, area of the takes, seed
Outputs = tuple[object, object, object, object, object, object, object]


@dataclass(frozen=True)
class Inputs:
    """Values of the components when a button is pressed.

    Attributes:
        controls: the settings.
        upload, recording: paths of files; None without one.
        heard: chords that the ear wrote into the box of the chart.
        takes: (label, name) of each take so far.
        selected: name of the take that is shown.
        from_second, first_bar, last_bar: numbers of the fields; None where a field is empty.
    """

    controls: Controls
    upload: str | None
    recording: str | None
    heard: str
    takes: list[tuple[str, str]]
    selected: str | None
    from_second: float | None
    first_bar: float | None
    last_bar: float | None

    @classmethod
    def of(cls, values: Sequence[object]) -> "Inputs":
        """From the values in the order of `events.inputs`."""
        count = len(Controls.__dataclass_fields__)
        return cls(Controls(*values[:count]), *values[count:])  # type: ignore[arg-type]


@dataclass(frozen=True)
class Plan:
    """A backing, what is kept of an earlier solo, and words for that in the label of the take.

    Attributes:
        seconds: of an earlier solo that is kept in part: for how long it was asked for; None for
            the whole backing.
        band: settings that a rendered band brings: where its chart begins and how fast it goes.
        placed: the chart on the band's clock.
    """

    source: Source
    revision: Revision | None = None
    seconds: float | None = None
    suffix: str = ""
    band: dict[str, Any] = field(default_factory=dict)
    placed: PlacedChart | None = None


def answer(soloist: Soloist, button: str, *values: object) -> Iterator[Outputs]:
    """Plays a solo and shows the take: the handler of all buttons that play.

    Args:
        soloist: plays and stores.
        button: which one, e.g. `PLAY`.
        values: of the components in `events.inputs`.

    Yields:
        Values of the components in `events.outputs`.
    """
    try:
        inputs = _checked_inputs(values, button)
        chosen_band = inputs.controls.source == BAND and button not in (CONTINUE, BARS)
        beginning = "Rendering the band." if chosen_band else "Listening to the backing."
        yield _status(page.message(beginning))
        plan = _plan(soloist.store, inputs, button)
        yield from _takes(soloist, inputs, plan)
    except SaxsoloError as error:
        yield _status(page.error_message(error))


def _takes(soloist: Soloist, inputs: Inputs, plan: Plan) -> Iterator[Outputs]:
    """Plays as many takes as are asked for, and shows the one that fits its chords best."""
    count = 1 if plan.revision is not None else int(inputs.controls.takes)
    played: list[tuple[str, str]] = []
    for number in range(count):
        request = _request(inputs, plan, number)
        which = f", take {number + 1} of {count}" if count > 1 else ""
        for step in soloist.play(plan.source, request):
            if step.take is None:
                # one take is enough for the ear: the others are heard once they are chosen
                sound = None if number else step.sound
                yield _status(page.progress(step, which), sound)
                continue
            played.append((request.label + page.fit_words(soloist.store, step.take), step.take))
            ordered = sorted(played, key=lambda take: page.fit_order(soloist.store, take[1]))
            best = ordered[0] if number == count - 1 else played[-1]
            done = f"{request.label}: done, {page.clock(step.total)} long."
            yield _finished(soloist.store, inputs, ordered, best[1], done)


def _checked_inputs(values: Sequence[object], button: str) -> Inputs:
    inputs = Inputs.of(values)
    controls = inputs.controls
    if inputs.heard and str(controls.chords).strip() == inputs.heard.strip():
        # what is heard is played without a chart too
        controls = replace(controls, chords="")
    controls = checked(controls)
    if button in (CONTINUE, BARS):
        # what is played anew is improvised
        controls = replace(controls, line="")
    if button == ANOTHER:
        controls = replace(controls, seed=_later(controls.seed, int(controls.takes)))
    return replace(inputs, controls=controls)


def _plan(store: TakeStore, inputs: Inputs, button: str) -> Plan:
    if button == CONTINUE:
        second = _number(inputs.from_second, "time in seconds")
        return _plan_continued(store, inputs.selected, second)
    if button == BARS:
        first, last = (int(_number(n, "bar number")) for n in (inputs.first_bar, inputs.last_bar))
        return _plan_bars(store, inputs.selected, first, last)
    if inputs.controls.source == BAND:
        band = band_of(inputs.controls)
        how = {name: getattr(band.settings, name) for name in ("first_bar", "tempo", "feel")}
        return Plan(band.source, band=how, placed=band.placed)
    return Plan(chosen_source(inputs.controls, inputs.upload, inputs.recording))


def chosen_source(controls: Controls, upload: str | None, recording: str | None) -> Source:
    """The track that a visitor has chosen, opened.

    Args:
        controls: of which source and example count.
        upload, recording: paths of files; None without one.

    Raises:
        SettingError: for a choice that the page does not offer, or where the file is missing.
        AudioError: for a file that the server does not accept.
    """
    controls = checked(controls)
    if controls.source == EXAMPLE:
        return open_upload(EXAMPLES / f"{controls.example}.flac")
    if controls.source == BAND:
        raise SettingError("choose a track: a band plays in the tab Improvise only")
    uploaded = controls.source == UPLOAD
    path = upload if uploaded else recording
    if not path:
        action = "upload a file" if uploaded else "record a track"
        raise SettingError(f"{action} first, or choose an example")
    return open_upload(path)


def _plan_continued(store: TakeStore, selected: str | None, second: float) -> Plan:
    source, take = _earlier(store, selected)
    suffix = f", continued from {page.clock(second)}"
    revision = replace(continued(take.codes, second), articulation=take.articulation)
    return Plan(source, revision, _asked_for(take), suffix, _earlier_band(store, selected))


def _plan_bars(store: TakeStore, selected: str | None, first: int, last: int) -> Plan:
    source, take = _earlier(store, selected)
    suffix = f", new bars {first} to {last}"
    revision = replaced_bars(take.codes, take.grid, first, last)
    revision = replace(revision, articulation=take.articulation)
    return Plan(source, revision, _asked_for(take), suffix, _earlier_band(store, selected))


def _asked_for(take: Take) -> float | None:
    """The seconds that a take was asked for; None where it ended with its backing."""
    seconds: float | None = take.run["settings"]["seconds"]
    return seconds


def _earlier_band(store: TakeStore, selected: str | None) -> dict[str, Any]:
    """What a rendered band brought to the earlier solo; empty over a track."""
    info = store.info(selected or "")
    if parse_qs(info.link).get("source") != [BAND]:
        return {}
    return {name: info.run["settings"][name] for name in ("first_bar", "tempo")}


def _earlier(store: TakeStore, selected: str | None) -> tuple[Source, Take]:
    """The selected take and the backing it was played over."""
    if not selected:
        raise SettingError("play a take first")
    backing = store.folder(selected) / "backing.flac"
    return open_upload(backing, store.info(selected).title), store.take(selected)


def _later(seed: float, count: int) -> int:
    """The seed so many takes later."""
    return int((seed + count) % RANGES["seed"][1]) if count else int(seed)


def _request(inputs: Inputs, plan: Plan, later: int = 0) -> SoloRequest:
    """The request of a take, of several the one that is so many seeds later."""
    # the link plays this one take again
    controls = replace(inputs.controls, seed=_later(inputs.controls.seed, later), takes=1)
    settings = controls.settings(plan.source.seconds)
    if plan.revision is not None:
        settings = settings.changed(seconds=plan.seconds)
    if settings.chords is not None:
        settings = settings.changed(**plan.band)
    number = len(inputs.takes) + 1 + later
    label = f"Take {number}: {controls.instrument}, seed {int(controls.seed)}{plan.suffix}"
    return SoloRequest(
        settings, controls.live == "mix", controls.query(), label, plan.revision, plan.placed
    )


def _status(text: str, sound: object = None) -> Outputs:
    """Outputs that change the status, and the stream where there is a sound.

    Nothing else may reach the stream: a browser gives up on a playlist without segments.
    """
    skip = gr.skip()
    return (skip if sound is None else sound, text, skip, skip, skip, skip, skip)


def _finished(
    store: TakeStore, inputs: Inputs, played: list[tuple[str, str]], shown: str, done: str
) -> Outputs:
    """All takes so far, those played now in the order of their fit, and the one that is shown."""
    takes = [*inputs.takes, *played]
    return (
        gr.skip(),
        page.message(done),
        takes,
        gr.update(choices=takes, value=shown),
        page.show_take(store, shown),
        gr.update(visible=True),
        inputs.controls.seed,
    )


def _number(value: object, name: str) -> float:
    if not isinstance(value, int | float) or not abs(value) < 1e6:
        raise SettingError(f"enter a {name}")
    return float(value)


def restored_controls(controls: Controls, query: Mapping[str, str]) -> list[object]:
    """Values of the controls after a share link, and the start button, now enabled."""
    linked = from_query(query, controls)
    values = [getattr(linked, name) for name in Controls.__dataclass_fields__]
    return [*values, gr.update(interactive=True)]


def horn_of_timbre(timbre: str) -> object:
    """The saxophone that a sound is of; left as it is where a sound is of any."""
    horn = TIMBRES[timbre][1] if timbre in TIMBRES else None
    return gr.skip() if horn is None else horn


def timbre_of_horn(instrument: str, timbre: str) -> object:
    """The usual sound, where the chosen one is of another saxophone."""
    horn = TIMBRES[timbre][1] if timbre in TIMBRES else None
    return gr.skip() if horn in (None, instrument) else USUAL_TIMBRE


def shown_source(source: str) -> tuple[object, ...]:
    """Shows the component of the chosen source, hides the others and says what a band needs."""
    chosen = (source == EXAMPLE, source == UPLOAD, source == RECORDING)
    notice = ""
    if source == BAND:
        missing = why_no_band()
        words = "Bass, chords and drums play the chart that stands in the box below."
        notice = page.error_message(missing) if missing else page.message(words)
    return (*(gr.update(visible=True if shown else "hidden") for shown in chosen), notice)


def described_upload(path: str | None) -> tuple[object, str]:
    """Describes a file, or refuses it and clears its component."""
    if not path:
        return gr.skip(), ""
    try:
        source = open_upload(path)
    except SaxsoloError as error:
        return None, page.error_message(error)
    channels = "mono" if source.channels == 1 else "stereo"
    length, rate = page.clock(source.seconds), source.sampling_rate / 1000
    return gr.skip(), page.message(f"{source.name}: {length}, {rate:g} kHz, {channels}")


def shown_take(store: TakeStore, name: str | None) -> str:
    """The chosen take as HTML, or why it cannot be shown."""
    try:
        return page.show_take(store, name or "")
    except SaxsoloError as error:
        return page.error_message(error)
