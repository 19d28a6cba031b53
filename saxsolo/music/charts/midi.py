"""The chord track of a MIDI file: chord names in markers, texts or lyrics, else what sounds.

mido reads the file (extra `notes`). Bars follow its time signatures. Where no chord is named, the
pitched channels are compared with the chord qualities, beat by beat, and the likeliest chain of
chords is taken (Viterbi).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from modeling_saxsolo.viterbi_saxsolo import best_path_of_equal_changes
from saxsolo.errors import SettingError
from saxsolo.music.chord_symbols import QUALITY_SYMBOLS, TONES, ChordError, transpose_chord

from .chart import MOST_BARS, NO_CHORD, Chart, ChartBar, ChartError, beats_of, read_key
from .spelling import read_symbol

DRUMS = 9
# nats for a change on the first beat, in the middle of a bar, elsewhere
CHANGES = (0.6, 1.2, 2.4)
# what a bass note on the root is worth, as a share of the whole beat
BASS = 0.5
LEAST_NAMED = 4


@dataclass(frozen=True)
class MidiTrack:
    """A file's bars and notes.

    Attributes:
        bars: (first tick, metre) of each. end: tick behind the last event.
        seconds: (ticks, seconds), each a change of tempo; what lies between is linear.
        notes: (start tick, end tick, channel, pitch, velocity, program).
        texts: (tick, text) of markers, texts, lyrics and cues.
        title, key: as the file names them.
        quarter: ticks of a quarter note.
    """

    bars: list[tuple[int, str]]
    end: int
    seconds: tuple[np.ndarray, np.ndarray]
    notes: list[tuple[int, int, int, int, int, int]]
    texts: list[tuple[int, str]]
    title: str
    key: str
    quarter: int

    def at(self, tick: float | np.ndarray) -> Any:
        """Seconds of a tick or of many."""
        return np.interp(tick, *self.seconds)

    @property
    def tempo(self) -> float:
        """Quarter notes a minute at the beginning."""
        return 60 / float(self.at(self.quarter))


def read_midi_track(data: bytes) -> MidiTrack:
    """Bars, tempo, notes and texts of a Standard MIDI File.

    Raises:
        ChartError: for what is none. SettingError: where mido is not installed.
    """
    try:
        import mido
    except ModuleNotFoundError:
        from saxsolo.extras import missing_extra

        raise SettingError(missing_extra("mido", "notes")) from None
    try:
        file = mido.MidiFile(file=io.BytesIO(data), clip=True)
    except (OSError, ValueError, EOFError, IndexError, KeyError, TypeError) as error:
        cut = isinstance(error, EOFError)
        reason = str(error) or ("it breaks off" if cut else type(error).__name__)
        raise ChartError(f"the file is not MIDI, or is damaged: {reason}") from None
    if file.ticks_per_beat <= 0 or file.type == 2:
        raise ChartError("the MIDI file counts in seconds or holds separate songs; give bars")
    return _track(file)


def _track(file: Any) -> MidiTrack:
    quarter = int(file.ticks_per_beat)
    tempos, metres, texts = [(0, 500_000)], [(0, "4/4")], []
    notes: list[tuple[int, int, int, int, int, int]] = []
    title = key = ""
    end = 0
    for number, track in enumerate(file.tracks):
        now, programs = 0, [0] * 16
        sounding: dict[tuple[int, int], tuple[int, int]] = {}
        for message in track:
            now += message.time
            if message.type == "set_tempo":
                tempos.append((now, message.tempo))
            elif message.type == "time_signature":
                metres.append((now, f"{message.numerator}/{message.denominator}"))
            elif message.type in ("marker", "text", "lyrics", "cue_marker"):
                texts.append((now, message.text))
            elif message.type == "track_name" and number == 0:
                title = message.name.strip()
            elif message.type == "key_signature" and not key:
                key = read_key(message.key)
            elif message.type == "program_change":
                programs[message.channel] = message.program
            elif message.type in ("note_on", "note_off"):
                place = (message.channel, message.note)
                begun = sounding.pop(place, None)
                if begun is not None and now > begun[0]:
                    start, velocity = begun
                    notes.append((start, now, *place, velocity, programs[message.channel]))
                if message.type == "note_on" and message.velocity > 0:
                    sounding[place] = (now, message.velocity)
        end = max(end, now)
    last = max([n[1] for n in notes] + [tick + quarter for tick, _ in texts] + [quarter])
    end = min(max(end, 1), last) if notes or texts else end
    return MidiTrack(_bars(metres, end, quarter), end, _clock(tempos, end, quarter),
                     sorted(notes), sorted(texts), title, key, quarter)  # fmt: skip


def _bars(metres: list[tuple[int, str]], end: int, quarter: int) -> list[tuple[int, str]]:
    # of two at one tick the later message holds
    changes = dict(sorted(metres, key=lambda change: change[0]))
    bars: list[tuple[int, str]] = []
    now, metre = 0, "4/4"
    while now < end:
        metre = next((m for tick, m in sorted(changes.items(), reverse=True) if tick <= now), metre)
        beats_of(metre)
        bars.append((now, metre))
        count, unit = (int(part) for part in metre.split("/"))
        now += max(1, 4 * quarter * count // unit)
        if len(bars) > 4 * MOST_BARS:
            raise ChartError(f"the MIDI file has more than {4 * MOST_BARS} bars")
    return bars


def _clock(tempos: list[tuple[int, int]], end: int, quarter: int) -> tuple[np.ndarray, np.ndarray]:
    changes = sorted(dict(sorted(tempos, key=lambda change: change[0])).items())
    ticks, seconds = [0.0], [0.0]
    speed = changes[0][1]
    for tick, tempo in [*changes[1:], (max(end, changes[-1][0]) + 100 * quarter, 0)]:
        seconds.append(seconds[-1] + (tick - ticks[-1]) * speed / 1e6 / quarter)
        ticks.append(float(tick))
        speed = tempo
    return np.array(ticks), np.array(seconds)


def read_midi(data: bytes) -> Chart:
    """The chords of a MIDI file.

    Raises:
        ChartError: for what is no MIDI file, or one in which no chord is named or sounds.
    """
    track = read_midi_track(data)
    named = _named(track.texts)
    cells = _cells_of_names(track, named) if named else _cells_of_notes(track)
    bars = []
    place = 0
    for _, metre in track.bars[:MOST_BARS]:
        size = beats_of(metre)
        chords: list[tuple[str, float]] = []
        for symbol in cells[place : place + size]:
            if chords and chords[-1][0] == symbol:
                chords[-1] = (symbol, chords[-1][1] + 1)
            else:
                chords.append((symbol, 1.0))
        bars.append(ChartBar(tuple(chords), metre))
        place += size
    while len(bars) > 1 and all(symbol == NO_CHORD for symbol, _ in bars[-1].chords):
        bars.pop()
    if all(symbol == NO_CHORD for bar in bars for symbol, _ in bar.chords):
        raise ChartError("no chord is named or sounds in the MIDI file")
    count, unit = (int(part) for part in bars[0].metre.split("/"))
    tempo = track.tempo * bars[0].beats / (4 * count / unit)
    return Chart(tuple(bars), track.title, track.key, round(tempo, 2))


def _named(texts: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Texts that are chord symbols; none where they are too few to be a chord track."""
    found = []
    for tick, text in texts:
        try:
            found.append((tick, read_symbol(text.strip().removeprefix("@"))))
        except ChordError:
            continue
    roots = [symbol for _, symbol in found if symbol != NO_CHORD]
    # section letters are chord symbols too
    if len(roots) < LEAST_NAMED or len(found) < len(texts) / 2:
        return []
    return found


def beat_ticks(track: MidiTrack) -> np.ndarray:
    """(N + 1,) ticks of all beats and of the end."""
    ticks: list[float] = []
    for start, metre in track.bars:
        count, unit = (int(part) for part in metre.split("/"))
        size = beats_of(metre)
        ticks += [start + 4 * track.quarter * count / unit * beat / size for beat in range(size)]
    start, metre = track.bars[-1]
    count, unit = (int(part) for part in metre.split("/"))
    return np.array([*ticks, start + 4 * track.quarter * count / unit])


def _cells_of_names(track: MidiTrack, named: list[tuple[int, str]]) -> list[str]:
    """A chord for each beat: the one that begins on it, else the one before."""
    beats = beat_ticks(track)
    cells = [NO_CHORD] * (len(beats) - 1)
    for tick, symbol in named:
        first = int(np.abs(beats[:-1] - tick).argmin())
        cells[first:] = [symbol] * (len(cells) - first)
    return cells


def _cells_of_notes(track: MidiTrack) -> list[str]:
    beats = beat_ticks(track)
    count = len(beats) - 1
    weights, bass = np.zeros((count, 12)), np.full(count, -1)
    lowest = np.full(count, 128)
    for start, end, channel, pitch, _, _ in track.notes:
        if channel == DRUMS:
            continue
        first = max(0, int(np.searchsorted(beats, start + 1e-6, side="right")) - 1)
        for beat in range(first, count):
            if beats[beat] >= end:
                break
            length = min(end, beats[beat + 1]) - max(start, beats[beat])
            if length <= 0:
                continue
            # an octave doubled is no second voice
            weights[beat, pitch % 12] = max(
                weights[beat, pitch % 12], length / (beats[beat + 1] - beats[beat])
            )
            if pitch < lowest[beat] and length > 0.2 * (beats[beat + 1] - beats[beat]):
                lowest[beat], bass[beat] = pitch, pitch % 12
    return _likeliest(weights, bass, track)


def _likeliest(weights: np.ndarray, bass: np.ndarray, track: MidiTrack) -> list[str]:
    scores = np.zeros((len(weights), 12 * len(TONES) + 1))
    for root in range(12):
        for quality, tones in enumerate(TONES):
            inside = [(root + tone) % 12 for tone in tones]
            outside = [pitch for pitch in range(12) if pitch not in inside]
            fit = 4 * weights[:, inside].mean(axis=1) - weights[:, outside].sum(axis=1)
            # the seventh may be missing, root and third should not
            fit += 0.5 * weights[:, inside[0]] + 0.5 * weights[:, inside[1]]
            scores[:, root * len(TONES) + quality] = fit + BASS * (bass == root)
    # no chord where nothing pitched sounds
    scores[:, -1] = np.where(weights.sum(axis=1) > 0, -1.0, 2.0)
    first, middle, other = CHANGES
    costs = []
    for _, metre in track.bars:
        size = beats_of(metre)
        costs += [
            first if b == 0 else middle if size % 2 == 0 and b == size // 2 else other
            for b in range(size)
        ]
    path = best_path_of_equal_changes(scores, np.array(costs))
    return [_symbol(int(state)) for state in path]


def _symbol(state: int) -> str:
    root, quality = divmod(state, len(TONES))
    return NO_CHORD if root == 12 else transpose_chord(QUALITY_SYMBOLS[quality], root)
