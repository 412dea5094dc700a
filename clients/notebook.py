"""Audio in a notebook, heard in its browser while it comes."""

from __future__ import annotations

import base64
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from wavesynth.extras import extra

from .messages import Chunk

with extra("notebook", "playing in a notebook"):
    from IPython.display import Javascript, display

__all__ = ["play"]

#: Seconds of audio that one piece of output brings: each is a message to the browser and a script that it runs.
_PIECE = 0.25
#: Seconds that the browser waits before it plays the first piece, so that a later one may be late.
_IN_HAND = 0.15

_SCRIPT = """
const bytes = Uint8Array.from(atob("{audio}"), (c) => c.charCodeAt(0));
const samples = Float32Array.from(new Int16Array(bytes.buffer), (s) => s / 32768);
const player = (window.wavesynth ??= {{ context: new AudioContext(), until: 0 }});
const buffer = player.context.createBuffer(1, samples.length, {rate});
buffer.copyToChannel(samples, 0);
const source = player.context.createBufferSource();
source.buffer = buffer;
source.connect(player.context.destination);
player.until = Math.max(player.until, player.context.currentTime + {in_hand});
source.start(player.until);
player.until += buffer.duration;
"""


def play(chunks: Iterable[Chunk]) -> NDArray[np.float32]:
    """Plays the chunks of a call in the cell's output as they arrive; returns all samples [n].

    >>> with Client() as client:  # doctest: +SKIP
    ...     samples = play(client.stream(audio=recording, sample_rate=16000).chunks())
    """
    played: list[Chunk] = []
    waiting, rate = b"", 1
    for chunk in chunks:
        played.append(chunk)
        waiting, rate = waiting + chunk.pcm, chunk.sample_rate
        if len(waiting) >= 2 * _PIECE * rate:
            _show(waiting, rate)
            waiting = b""
    if waiting:
        _show(waiting, rate)
    return np.concatenate([np.zeros(0, np.float32), *(chunk.samples for chunk in played)])


def _show(pcm: bytes, rate: int) -> None:
    audio = base64.b64encode(pcm).decode()
    display(Javascript(_SCRIPT.format(audio=audio, rate=rate, in_hand=_IN_HAND)))
