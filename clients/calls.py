"""Attempts of a call whose input is there: the same for both clients, whose stubs have the same methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wavesynth.v1 import synthesis_pb2 as pb

from .messages import Given
from .progress import Progress

__all__ = ["attempts"]


def attempts(
    stub: Any, metadata: tuple[tuple[str, str], ...], synthesis: pb.Synthesis, given: Given
) -> Callable[[int, float | None], tuple[Any, Progress]]:
    """A function that makes the call from a sample on, with a timeout; it returns what says whether it gets on, too.

    What is given goes in one message if it is short, and piece by piece if not: the audio is the same.
    """
    rate = given.how.get("sample_rate", 0)

    def attempt(first_sample: int, left: float | None) -> tuple[Any, Progress]:
        synthesis.first_sample = first_sample
        if given.whole:
            progress = Progress(rate, first_sample, given.message_bytes)
            request = pb.StreamSynthesizeRequest(synthesis=synthesis, conditioning=given.conditioning())
            return stub.StreamSynthesize(request, timeout=left, metadata=metadata), progress
        progress = Progress(rate, first_sample, 0)
        messages = progress.watched(given.pieces(synthesis))
        return stub.Resynthesize(messages, timeout=left, metadata=metadata), progress

    return attempt
