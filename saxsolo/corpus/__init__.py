"""The corpora: scores rendered to pairs, recordings cut to pairs, pairs encoded to tokens."""
