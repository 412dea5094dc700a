"""Implementations of the sampling function."""
