"""The Space: app.py, requirements.txt and README.md as the Hub wants them, web/ is the page."""
