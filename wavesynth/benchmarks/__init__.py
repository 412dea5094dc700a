"""What `wavesynth bench gpu` and `wavesynth bench host` measure."""
