"""Ways to use a wavesynth server."""
