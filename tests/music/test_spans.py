"""Stretches and ranges as a person writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saxsolo.music.pitch_names import pitch_name, pitch_of, pitch_range
from saxsolo.music.spans import Span, read_spans, spans_text

times = st.integers(0, 10_000_000).map(lambda ms: ms / 1000)
spans = st.builds(
    lambda unit, first, more: Span(unit, first, first + more),
    st.sampled_from(["bars", "choruses"]),
    st.integers(1, 500),
    st.integers(0, 500),
) | st.builds(lambda first, more: Span("seconds", first, first + more + 1), times, times)


@given(st.lists(spans, min_size=1, max_size=5))
def test_stretches_are_read_as_they_are_written(given_spans):
    read = read_spans(spans_text(given_spans))
    assert [span.unit for span in read] == [span.unit for span in given_spans]
    for one, other in zip(read, given_spans, strict=True):
        assert (one.first, one.last) == pytest.approx((other.first, other.last), abs=1e-3)


def test_a_stretch_is_read_as_musicians_write_it():
    read = read_spans("8-40.5, Bars 9-24, 30, chorus 2, 1:00 to 1:02")
    assert [str(span) for span in read] == [
        "0:08-0:40.5",
        "bars 9-24",
        "bars 30-30",
        "choruses 2-2",
        "1:00-1:02",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no stretch"),
        ("8", "has no end"),
        ("0:40-0:08", "ends before it begins"),
        ("bars 0-2", "count from 1"),
        ("bars 4-2", "the lower number first"),
        ("bars 1.5-2", "whole numbers"),
        ("verses 1-2", "is no stretch"),
        ("1:2:3:4-9", "holds no time"),
    ],
)
def test_what_is_no_stretch_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        read_spans(text)


@given(st.integers(0, 127))
def test_a_pitch_has_a_name(pitch):
    assert pitch_of(pitch_name(pitch)) == pitch == pitch_of(str(pitch))


def test_a_range_is_names_or_numbers():
    assert pitch_range("Bb3-F5") == pitch_range("58-77") == pitch_range("a#3 - E♯5") == (58, 77)
    for wrong in ("Bb3", "F5-Bb3", "H3-F5", "58-", "1-200", "high-low"):
        with pytest.raises(ValueError):
            pitch_range(wrong)
