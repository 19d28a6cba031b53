"""Figures that say how well saxsolo does, each a plain function."""
