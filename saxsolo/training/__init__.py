"""Training of the solo model and of the codec."""
