"""The page in the browser: choose a backing, hear the solo while it is generated, download it.

server      starts the page: `saxsolo app`, or a Space on the Hub
layout      the components and their places · events: which handler each of them calls
handlers    what buttons and fields do
controls    the settings, and the share link
soloist     what all ways to a solo share: a model that plays (playing), the takes (take_store)
files       downloads of a take
heard_tab   the tab that listens: the ear (listener), tracks (heard_store), their chart (heard_page)
            and downloads (heard_files)
limits      what may be uploaded · refusals: what a visitor reads when the queue is full
page, roll  a take as HTML, and its notes under chords and beats
model       which model is played · gpu: ZeroGPU · theme: colours and fonts
"""
