"""A microphone to a voice to a loudspeaker, while one speaks."""
