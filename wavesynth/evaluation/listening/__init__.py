"""Blind listening: a page on which people judge pairs, and what their judgements come to."""
