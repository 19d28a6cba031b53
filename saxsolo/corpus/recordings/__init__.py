"""Recordings: fetched, separated, selected, augmented."""
