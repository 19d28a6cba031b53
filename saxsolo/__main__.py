"""`python -m saxsolo` is `saxsolo`."""

from .cli import main

main()
