"""Sampling: a voice, its packed weights, a stream's state, and the backends that advance it."""
