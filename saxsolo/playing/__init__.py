"""Playing: a solo over a backing, as a take or block by block."""
