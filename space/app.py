"""What the Hub starts. On your own machine `saxsolo app` does the same with a few options."""

from saxsolo.page.server import launch

if __name__ == "__main__":
    launch()
