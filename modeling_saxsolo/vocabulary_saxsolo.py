"""The musical vocabulary, once: rates, frame tokens, frame labels, chord qualities, conditions.

The solo model's configuration, the scores, the corpus, the evaluation and the page all take it from
here. It imports nothing, so whoever needs only the words does not load torch. The lists are part of
every checkpoint (`SaxsoloConfig` stores them), so their order never changes.
"""

SAMPLING_RATE = 32_000  # samples a second of the codec and of all audio in the corpus
# types of whole numbers that samples may come in, beside floats
INTEGER_SAMPLES = ("uint8", "int8", "int16", "int32")
FRAME_RATE = 50  # frames a second: one code per codebook, one score token, one row of labels
SAMPLES_PER_FRAME = SAMPLING_RATE // FRAME_RATE

# Score tokens, one a frame: 0 rest, 1..60 onset of MIDI pitch 40..99, 61..120 that pitch held.
LOWEST_PITCH, HIGHEST_PITCH = 40, 99
NUM_PITCHES = HIGHEST_PITCH - LOWEST_PITCH + 1
REST = 0
FREE = -1  # where nothing is given and the model chooses
ONSET = 1  # ONSET + (pitch - LOWEST_PITCH)
HOLD = ONSET + NUM_PITCHES  # HOLD + (pitch - LOWEST_PITCH)
SCORE_VOCAB_SIZE = HOLD + NUM_PITCHES

PITCH_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
QUALITY_NAMES = (
    "major",
    "minor",
    "dominant",
    "half-diminished",
    "diminished",
    "suspended",
    "augmented",
    "none",
)
MAJOR, MINOR, DOMINANT, HALF_DIMINISHED, DIMINISHED, SUSPENDED, AUGMENTED, NO_CHORD = range(8)
NO_ROOT = len(PITCH_NAMES)  # the chord root of "no chord"
BEAT_PHASES = 12  # parts of a beat
IRREGULAR_BAR = 7  # the place in a bar of no metre, or of more than seven beats

# Frame labels: name -> number of classes, in the order of the columns (T, 4).
LABEL_SIZES = {
    "chord_root": NO_ROOT + 1,
    "chord_quality": len(QUALITY_NAMES),
    "beat_phase": BEAT_PHASES,
    "bar_beat": IRREGULAR_BAR + 1,
}
UNKNOWN = -100  # a label that nobody knows; the losses ignore it

# How a note is played: bit i of a frame's mask is kind i. A note of none of them is tongued. Most
# hold over the whole note; vibrato, fall and bend over the frames in which they are heard.
ARTICULATIONS = (
    "slurred",
    "short",
    "vibrato",
    "scoop",
    "fall",
    "bend",
    "glide",
    "ghost",
    "growl",
    "subtone",
)
UNKNOWN_ARTICULATION = -1  # the mask of a frame that nobody described

INSTRUMENTS = ("soprano", "alto", "tenor", "baritone")
# lowest and highest MIDI pitch as they sound; three or four semitones above the highest key
INSTRUMENT_RANGES = {
    "soprano": (56, 92),
    "alto": (49, 84),
    "tenor": (44, 80),
    "baritone": (36, 72),
}
FEELS = ("swing", "latin", "funk", "ballad", "twobeat", "waltz")
TEMPO_CLASSES = ("slow", "medium", "medium-up", "up", "very-up")
TEMPO_LIMITS = (90.0, 140.0, 190.0, 240.0)  # beats a minute between one class and the next
# whose samples a horn was rendered with
TIMBRES = (
    "mtg",
    "fluidr3",
    "musescore",
    "weresax",
    "bear",
    "bear_subtone",
    "bear_growl",
    "iowa",
)

# What a solo may be asked for: name -> values, in the order of the columns of `condition_ids`.
CONDITIONS = {
    "instrument": INSTRUMENTS,
    "feel": FEELS,
    "tempo": TEMPO_CLASSES,
    "timbre": TIMBRES,
}
