"""Speech that a text-to-speech model makes: what it reads, how that is pronounced, and the model."""
