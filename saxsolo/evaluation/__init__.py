"""Figures of merit for what saxsolo hears."""
