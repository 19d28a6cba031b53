"""Charts that hypothesis makes up: any bars, and forms that a format can say."""

from hypothesis import strategies as st

from saxsolo.music.charts.chart import Chart, ChartBar, beats_of
from saxsolo.music.charts.spelling import read_symbol

ROOTS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
QUALITIES = (
    "", "m", "7", "m7", "maj7", "m7b5", "dim7", "dim", "6", "m6", "6/9", "m6/9", "9", "m9", "maj9",
    "13", "7b9", "7#9", "7alt", "7#11", "7#5", "aug", "sus", "7sus", "9sus", "13sus", "m(maj7)",
    "add9", "maj7#11", "7b9b13", "13#11", "m11", "maj7#5",
)  # fmt: skip
METRES = ("4/4", "3/4", "5/4", "6/8", "7/8", "12/8", "2/2", "6/4")


@st.composite
def symbols(draw: st.DrawFn, basses: bool = True) -> str:
    """A chord in the inner spelling."""
    if draw(st.integers(0, 19)) == 0:
        return "NC"
    text = draw(st.sampled_from(ROOTS)) + draw(st.sampled_from(QUALITIES))
    if basses and draw(st.integers(0, 5)) == 0:
        text += "/" + draw(st.sampled_from(ROOTS))
    return read_symbol(text)


@st.composite
def bars(draw: st.DrawFn, metre: str) -> ChartBar:
    """A bar whose chords begin on beats, no two alike in a row."""
    size = beats_of(metre)
    count = draw(st.integers(1, min(4, size)))
    starts = sorted(draw(st.sets(st.integers(1, size - 1), min_size=count - 1, max_size=count - 1)))
    edges = [0, *starts, size]
    names: list[str] = []
    for _ in range(count):
        name = draw(symbols().filter(lambda s: not names or s != names[-1]))
        names.append(name)
    lengths = [float(b - a) for a, b in zip(edges, edges[1:], strict=False)]
    return ChartBar(tuple(zip(names, lengths, strict=True)), metre)


@st.composite
def charts(draw: st.DrawFn, forms: bool = True, metres: tuple[str, ...] = METRES) -> Chart:
    """A chart of up to a dozen bars, with repeats, endings, jumps and sections."""
    from dataclasses import replace

    metre = draw(st.sampled_from(metres))
    body = draw(st.lists(bars(metre), min_size=1, max_size=12))
    if forms and len(body) >= 6:
        kind = draw(st.sampled_from(("plain", "repeat", "endings", "fine", "coda")))
        body[0] = replace(body[0], section="A")
        last = len(body) - 1
        if kind == "repeat":
            body[1] = replace(body[1], repeat_start=True)
            body[3] = replace(body[3], repeat_end=2)
        if kind == "endings":
            body[0] = replace(body[0], repeat_start=True)
            body[2] = replace(body[2], endings=(1,))
            body[3] = replace(body[3], repeat_end=2)
            body[4] = replace(body[4], endings=(2,))
        if kind == "fine":
            body[2] = replace(body[2], fine=True)
            body[last] = replace(body[last], jump="D.C. al Fine")
        if kind == "coda":
            body[1] = replace(body[1], segno=True)
            body[2] = replace(body[2], to_coda=True)
            body[4] = replace(body[4], jump="D.S. al Coda")
            body[5] = replace(body[5], coda=True, section="B")
    key = draw(st.sampled_from(("", "C", "Eb", "F#m")))
    tempo = draw(st.sampled_from((None, 60.0, 144.0)))
    return Chart(
        tuple(body), "A Tune", key, tempo, draw(st.sampled_from(("Bossa", "Medium Swing")))
    )
