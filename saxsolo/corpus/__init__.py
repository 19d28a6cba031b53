"""What the models learn from: rendered bands, recordings, tokens."""
