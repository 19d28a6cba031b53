"""The page in the browser: saxsolo app, and the Space on the Hub."""
