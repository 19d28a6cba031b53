"""Everything that makes the corpus: scores, rendered pairs, token rows and batches."""
