"""Training of what saxsolo hears with."""
