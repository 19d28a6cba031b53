"""Scores rendered to pairs of backing and solo audio."""
