"""Musical vocabulary without torch: scores, chord symbols, frame labels, the beat grid."""
