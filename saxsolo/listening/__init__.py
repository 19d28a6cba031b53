"""Listening to a track: key, tempo, metre, tuning, beats, bars and chords, and files of them."""
