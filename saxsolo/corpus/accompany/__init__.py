"""Accompaniments without a soloist, rendered from chord charts with their chords, beats, tuning."""
