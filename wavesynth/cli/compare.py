"""`wavesynth compare`: which of two sets of recordings people prefer, heard blind."""

from __future__ import annotations

from wavesynth.cli.lazy import group

__all__ = ["compare"]

compare = group(
    "Blind listening: which of two sets of recordings people prefer.",
    {"page": "compare_page:page", "summary": "compare_summary:summary"},
)
