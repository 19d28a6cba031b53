"""Models and codecs: loading them, and writing folders that load."""
