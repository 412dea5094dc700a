"""Data sets that `wavesynth datasets` makes of free recordings, scores and images: one file a source of them."""
