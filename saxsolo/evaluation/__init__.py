"""Does it listen? Metrics, baselines and the report."""
