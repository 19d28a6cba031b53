"""Notes written for people: MIDI, MusicXML, pictures."""
