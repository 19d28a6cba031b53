"""The page in the browser: choose a backing, hear the solo while it is made up, keep what you like.

server    the page and the server: `saxsolo app`, or a Space on the Hub
playing   one solo, from the controls' values to a take on the shelf
shelf     takes on disk, bounded in number and age
files     what a take can be downloaded as
limits    what may be uploaded
page      what a take looks like · roll: its notes under chords and beats
"""
