"""The pairs of a blind test: held-out humans through the codec, and the model over the same
backings."""

from __future__ import annotations

from pathlib import Path

from modeling_saxsolo.vocabulary_saxsolo import SAMPLING_RATE
from saxsolo.audio.rates import at_rate
from saxsolo.progress_bar import Progress

from .blind_kit import BlindPair, write_kit
from .cases import EvaluationError, choose_cases, find_takes, read_sound
from .report import Options, round_trip


def make_kit(options: Options, count: int) -> list[Path]:
    """Plays over `count` cases, or takes what was played, and writes the kit into `options.out`.

    Raises:
        EvaluationError: fewer cases than asked for, or a silent one. CheckpointError: no such
            model. OutputError: the kit cannot be written.
    """
    import saxsolo
    from saxsolo.weights.loading import load_player

    cases = choose_cases(options.data, options.split, count, options.seconds)
    if len(cases) < count:
        raise EvaluationError(
            f"{options.data} has {len(cases)} cases of {options.seconds:g} s in split "
            f"{options.split!r}, --blind asks for {count}; render more or ask for fewer"
        )
    takes = None if options.takes is None else find_takes(options.takes, cases)
    player = load_player(options.checkpoint, options.codec, options.device)
    pairs = []
    with Progress("playing") as progress:
        for place, case in enumerate(cases):
            backing = case.backing()
            if takes is not None:
                ours = read_sound(takes[place], options.seconds)
            else:
                take = saxsolo.improvise(
                    (backing, SAMPLING_RATE),
                    seed=options.seed,
                    instrument=case.instrument,
                    temperature=options.temperature,
                    top_k=options.top_k,
                    guidance=options.guidance,
                    player=player,
                )
                ours = at_rate(take.solo, take.sampling_rate)
            human = round_trip(case.human(), player.codec)
            pairs.append(BlindPair(case.name, backing, human, ours))
            progress((place + 1) * options.seconds, count * options.seconds)
    return write_kit(pairs, SAMPLING_RATE, options.out)
