"""Many files to audio: manifest, segments, journal."""
