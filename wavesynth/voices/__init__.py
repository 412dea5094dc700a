"""Voices: what one is, on disk and in memory; those that ship are in shipped/."""
