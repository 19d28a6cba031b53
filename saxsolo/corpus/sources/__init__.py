"""The open data that the models learn from: what, from where, fetched and checked."""
