"""Chord charts: what is written, how it is played, and the formats in which charts are kept."""
