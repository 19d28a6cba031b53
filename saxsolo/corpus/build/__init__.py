"""Recordings to tokens in one command: stages, workers, the report."""
