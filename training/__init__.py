"""What train.py is made of: its settings, its checkpoints, its batches and its held-out figures."""
