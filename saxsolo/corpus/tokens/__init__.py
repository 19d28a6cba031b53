"""Pairs as codec tokens: encoding, shards, their checks, batches for training."""
