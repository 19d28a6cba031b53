"""Bass lines: walking, two-feel, broken, pedal, bossa, samba, latin, funk, pop, ballad."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saxsolo.music.chord_symbols import Chord

from .plan import Bar, Harmony, Note, Plan

LOWEST, HIGHEST = 28, 55
Hit = tuple[float, str, float]

# place in a bar of four, what is played (r root, 5 fifth, o octave, 3 third, a approach), length
PATTERNS: dict[str, tuple[tuple[Hit, ...], ...]] = {
    "bossa": (((0, "r", 1.4), (1.5, "5", 0.5), (2, "5", 1.4), (3.5, "r", 0.5)),
              ((0, "r", 1.9), (2, "5", 1.9)), ((0, "r", 1.4), (1.5, "r", 0.5), (2, "5", 1.9)),
              ((0, "r", 1.4), (1.5, "5", 0.5), (2, "o", 1.4), (3.5, "5", 0.5))),
    "samba": (((0, "r", 0.9), (1.5, "5", 0.5), (2, "5", 1.4), (3.5, "r", 0.5)),
              ((0, "r", 0.8), (2, "5", 1.9)), ((0, "r", 1.4), (1.5, "5", 0.4), (2, "o", 1.2))),
    "latin": (((0, "r", 1.4), (1.5, "5", 1.4), (3, "o", 0.9)),
              ((0, "r", 1.4), (1.5, "5", 1.4), (3, "n", 0.9)),
              ((0, "r", 0.9), (2, "5", 0.9), (3, "o", 0.9))),
    "pop": (((0, "r", 0.45), (0.5, "r", 0.45), (1, "r", 0.45), (1.5, "r", 0.45), (2, "r", 0.45),
             (2.5, "r", 0.45), (3, "r", 0.45), (3.5, "r", 0.45)), ((0, "r", 2), (2.5, "r", 1.4)),
            ((0, "r", 1.4), (1.5, "r", 0.5), (2, "r", 1.4), (3.5, "a", 0.5)),
            ((0, "r", 0.9), (1, "5", 0.9), (2, "o", 0.9), (3, "5", 0.9))),
    "two": (((0, "r", 1.8), (2, "5", 1.8)), ((0, "r", 1.8), (2, "5", 1.2), (3.5, "a", 0.4)),
            ((0, "r", 1.8), (2, "3", 0.9), (3, "a", 0.9)), ((0, "r", 1.3), (1.5, "r", 0.4),
                                                           (2, "5", 1.8))),
    "ballad": (((0, "r", 3.8),), ((0, "r", 1.9), (2, "5", 1.9)), ((0, "r", 2.8), (3, "a", 0.9)),
               ((0, "r", 1.4), (1.5, "o", 0.5), (2, "5", 1.9))),
}  # fmt: skip
MANNERS = {
    "swing": ("walk", "walk", "walk", "walk", "two", "broken", "pedal"),
    "ballad": ("ballad", "ballad", "two", "walk", "broken"),
    "bossa": ("bossa", "bossa", "bossa", "broken"), "samba": ("samba", "samba", "bossa"),
    "latin": ("latin", "latin", "bossa"), "funk": ("funk", "funk", "pop"),
    "pop": ("pop", "pop", "funk", "ballad"), "rubato": ("ballad",),
    "triplet": ("shuffle", "shuffle", "walk", "ballad"), "two": ("two",), "walk": ("walk",),
    "half": ("ballad", "two"), "double": ("double",),
}  # fmt: skip


def play_bass(plan: Plan, feel: str, rng: np.random.Generator) -> list[Note]:
    """The bass line for the bars in which "bass" plays; one voice, E1 to G3."""
    player = _Bassist(plan, rng)
    menu = MANNERS["triplet"] if plan.grid == 3 else MANNERS.get(feel, MANNERS["swing"])
    usual = str(rng.choice(menu))
    for bar in plan.bars:
        if "bass" in bar.players:
            manner = usual
            if bar.feel != feel and bar.feel in MANNERS:
                manner = MANNERS[bar.feel][0]
            player.bar(bar, manner)
    return _one_voice(player.notes)


class _Bassist:
    def __init__(self, plan: Plan, rng: np.random.Generator) -> None:
        self.plan, self.rng = plan, rng
        self.harmony = Harmony(plan.bars)
        self.last = int(rng.integers(33, 44))
        self.loud = float(rng.uniform(65, 100))
        self.short = float(rng.choice((0.55, 0.8, 0.95, 1.0)))
        self.notes: list[Note] = []
        self.busy = float(rng.choice((0, 0.08, 0.2)))
        # how often a chord does not begin on its root
        self.loose = float(rng.choice((0.05, 0.2, 0.45, 0.6)))
        self.turns = int(rng.integers(100))
        self.groove: list[Hit] = []
        self.pedal: int | None = None
        self.upward = float(rng.choice((-1, 1)))

    def bar(self, bar: Bar, manner: str) -> None:
        if bar.part == "stop":
            self._role(bar.start, "r", 0.6)
        elif manner in ("walk", "double"):
            self._walk(bar, 2 if manner == "double" else 1)
        elif manner == "shuffle":
            self._shuffle(bar)
        elif manner == "funk":
            self._funk(bar)
        elif manner == "broken":
            self._broken(bar)
        elif manner == "pedal":
            self._pedal(bar)
        else:
            self._pattern(bar, PATTERNS[manner])

    def _near(self, pitch_class: int, around: float | None = None) -> int:
        """The key of a pitch class nearest to the last note, inside the instrument."""
        aim = self.last if around is None else around
        keys = [key for key in range(LOWEST, HIGHEST + 1) if key % 12 == pitch_class % 12]
        pull = [abs(key - aim) + 0.25 * abs(key - 39) for key in keys]
        return keys[int(np.argmin(pull))]

    def _put(self, beat: float, key: int, length: float, loud: float = 1.0) -> None:
        velocity = self.loud * loud * float(self.rng.uniform(0.9, 1.1))
        self.notes.append(Note(beat, length, key, velocity))
        self.last = key

    def _role(self, beat: float, role: str, length: float, loud: float = 1.0) -> None:
        chord = self.harmony.chord(beat)
        span = self.harmony.span(beat)
        if role == "n" and span is not None:
            chord = self.harmony.chord(span.end) or chord
            role = "r"
        if chord is None or chord.root is None or chord.bass is None:
            return
        first = span is not None and beat - span.start < 0.3
        if role == "a" and span is not None and span.end - beat <= 1.1:
            self._put(beat, self._approach(span.end), length, loud)
            return
        slash = chord.bass != chord.root
        step = {"r": 0, "a": 0, "o": 0}.get(role)
        if first or step == 0 or (slash and self.rng.random() < 0.7):
            around: float | None = self.last + 12 if role == "o" else None
            if self.rng.random() < 0.1:
                around = self.last + float(self.rng.choice((-9, 9)))
            self._put(beat, self._near(chord.bass, around), length, loud)
            return
        self._put(beat, self._near(chord.root + self._interval(chord, role)), length, loud)

    def _interval(self, chord: Chord, role: str) -> int:
        steps = {(tone - (chord.root or 0)) % 12 for tone in chord.tones}
        if role == "3":
            return next((step for step in (3, 4, 5) if step in steps), 7)
        if role == "7":
            return next((step for step in (10, 11, 9) if step in steps), 7)
        return next((step for step in (7, 6, 8) if step in steps), 7)

    def _approach(self, beat: float) -> int:
        """A key that leads to the chord at `beat`."""
        chord = self.harmony.chord(beat)
        if chord is None or chord.bass is None:
            return self.last
        target = self._near(chord.bass)
        step = int(self.rng.choice((-1, 1, -2, 2, 7, -5), p=(0.3, 0.25, 0.13, 0.14, 0.1, 0.08)))
        return int(np.clip(target + step, LOWEST, HIGHEST))

    def _walk(self, bar: Bar, rate: int) -> None:
        rng = self.rng
        for step in range(bar.size * rate):
            beat = bar.start + step / rate
            span = self.harmony.span(beat)
            chord = self.harmony.chord(beat)
            if span is None or chord is None or chord.root is None or chord.bass is None:
                continue
            length = self.short / rate
            left = span.end - beat
            following = self.harmony.span(span.end)
            changes = following is not None and following.symbol != span.symbol
            if abs(beat - span.start) < 0.3:
                if rng.random() < self.loose and chord.bass == chord.root:
                    role = self._interval(chord, str(rng.choice(("3", "5"))))
                    key = self._near(chord.root + role)
                else:
                    key = self._near(chord.bass)
            elif left <= 1.01 / rate and (changes or rng.random() < 0.5):
                key = self._approach(span.end)
            else:
                key = self._passing(chord)
            self._put(beat, key, length, 1.05 if step % 2 else 1.0)
            if rate == 1 and rng.random() < self.busy:
                length = self.notes[-1].length
                self.notes[-1] = self.notes[-1]._replace(length=min(length, 0.5))
                self.notes.append(Note(beat + 0.5, 0.3, key, self.loud * 0.75))

    def _passing(self, chord: Chord) -> int:
        """The next step of a line through chord tones and scale."""
        if self.last > 50:
            self.upward = -1
        elif self.last < 32:
            self.upward = 1
        elif self.rng.random() < 0.2:
            self.upward = -self.upward
        want = chord.tones if self.rng.random() < 0.72 else chord.scale
        reach = [self.last + self.upward * step for step in range(1, 8)]
        keys = [int(key) for key in reach if int(key) % 12 in want and LOWEST <= key <= HIGHEST]
        if not keys:
            return self._near(chord.root or 0)
        return keys[0] if len(keys) < 2 or self.rng.random() < 0.75 else keys[1]

    def _pattern(self, bar: Bar, menu: Sequence[Sequence[Hit]]) -> None:
        rng = self.rng
        if not self.groove or rng.random() < 0.2:
            self.groove = list(menu[int(rng.integers(len(menu)))])
        if bar.size != 4:
            hits = [(0.0, "r", 0.9 * bar.size)]
            middle = (bar.size + 1) // 2 if bar.size > 3 else 2
            if bar.size > 2 and rng.random() < 0.75:
                hits = [(0.0, "r", 0.9 * middle), (float(middle), "5", 0.9 * (bar.size - middle))]
                if rng.random() < 0.4:
                    hits.append((bar.size - 0.5, "a", 0.45))
            self._hits(bar, hits)
            return
        self._hits(bar, self.groove)

    def _hits(self, bar: Bar, hits: list[Hit]) -> None:
        """Strokes of a pattern; a chord that none of them begins gets its root."""
        plan = list(hits)
        for span in bar.spans:
            at = span.start - bar.start
            if all(abs(place - at) > 0.3 for place, _, _ in hits):
                plan.append((at, "r", min(1.0, span.end - span.start)))
        plan.sort()
        ends = [place for place, _, _ in plan[1:]] + [float(bar.size)]
        for (place, role, length), end in zip(plan, ends, strict=True):
            if self.rng.random() < 0.96 or place == 0:
                self._role(bar.start + place, role, min(length, max(0.2, end - place)))

    def _funk(self, bar: Bar) -> None:
        rng = self.rng
        if not self.groove or rng.random() < 0.12:
            steps = 4 * bar.size
            count = min(steps - 1, int(rng.integers(2, 7)))
            chosen = np.sort(rng.choice(np.arange(1, steps), count, replace=False))
            roles = rng.choice(("r", "r", "o", "5", "7", "a"), len(chosen))
            self.groove = [(0.0, "r", 0.7)] + [
                (float(s) / 4, str(r), 0.3) for s, r in zip(chosen, roles, strict=True)
            ]
        self._hits(bar, [hit for hit in self.groove if hit[0] < bar.size])

    def _shuffle(self, bar: Bar) -> None:
        for beat in range(bar.size):
            self._role(bar.start + beat, "r" if beat % 2 == 0 else "5", 0.6)
            if self.rng.random() < 0.5:
                role = "a" if beat == bar.size - 1 else str(self.rng.choice(("r", "5", "3")))
                self._role(bar.start + beat + 2 / 3, role, 0.3, 0.85)

    def _broken(self, bar: Bar) -> None:
        rng = self.rng
        places = [0.0] if rng.random() < 0.85 else []
        places += [step / 2 for step in range(1, 2 * bar.size) if rng.random() < 0.28]
        self._hits(bar, [(at, str(rng.choice(("r", "5", "3", "7", "a"))), 0.9) for at in places])

    def _pedal(self, bar: Bar) -> None:
        chord = self.harmony.chord(bar.start)
        if chord is None or chord.bass is None:
            return
        self.turns += 1
        if self.turns % 16 < 8:
            self._walk(bar, 1)
            self.pedal = None
            return
        if self.pedal is None:
            self.pedal = self._near(chord.bass + int(self.rng.choice((0, 7))))
        for beat in (0.0, 1.5, 2.5) if bar.size == 4 else (0.0,):
            self._put(bar.start + beat, self.pedal, 1.0)


def _one_voice(notes: list[Note]) -> list[Note]:
    """Each note ends where the next begins."""
    notes = sorted(notes, key=lambda note: note.beat)
    out: list[Note] = []
    for note in notes:
        if out and note.beat - out[-1].beat < 0.05:
            continue
        if out and out[-1].beat + out[-1].length > note.beat:
            out[-1] = out[-1]._replace(length=note.beat - out[-1].beat)
        out.append(note)
    return out
