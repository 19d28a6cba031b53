"""Sound: files, loudness, pitch, codec codes."""
