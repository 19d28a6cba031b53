"""What the Hub starts. Here `saxsolo app` does the same with a few options."""

# beside this file, here and on the Hub
from web.server import launch

if __name__ == "__main__":
    launch()
