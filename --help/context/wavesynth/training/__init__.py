"""From prepared recordings to a trained network, and to a voice."""
