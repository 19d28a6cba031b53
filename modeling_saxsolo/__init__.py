"""What the Hub loads: solo model, codec and processor, on torch and transformers alone."""
