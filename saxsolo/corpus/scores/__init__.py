"""Scores to render or learn from, and their splits."""
