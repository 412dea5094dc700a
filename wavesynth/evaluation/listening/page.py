"""The listening page: one file that plays pairs in random order, and asks which take of each is better."""

from __future__ import annotations

import hashlib
import io
import json
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from wavesynth.audio.pcm import pcm16
from wavesynth.evaluation.listening.sets import Pair
from wavesynth.files import atomic_path

__all__ = ["write_page"]

_HERE = Path(__file__).parent


def write_page(path: Path, pairs: Sequence[Pair], names: tuple[str, str], question: str) -> None:
    """Writes the page, whole or not at all. Which take is whose stands nowhere on it until all is judged.

    `names` are those of the sets, in the order of the pairs' takes.
    """
    test = {
        "question": question,
        "sets": list(names),
        "pairs": [
            {
                "name": pair.name,
                "takes": [_flac(*take) for take in pair.takes],
                "original": _flac(*pair.original) if pair.original else None,
            }
            for pair in pairs
        ],
    }
    test["id"] = hashlib.sha256(json.dumps(test).encode()).hexdigest()[:16]
    with atomic_path(path) as temporary:
        temporary.write_text(_html(test), encoding="utf-8")


def _html(test: dict[str, Any]) -> str:
    style, script = ((_HERE / f"listening.{kind}").read_text("utf-8") for kind in ("css", "js"))
    # Only this script and this style, by their hashes; audio that stands on the page; and no other source of anything.
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "media-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )
    filled = {
        "POLICY": escape(policy),
        "STYLE": style,
        "SCRIPT": script,
        "QUESTION": escape(test["question"]),
        # A browser ends a script at the first "</script", wherever it stands.
        "TEST": json.dumps(test).replace("<", "\\u003c"),
    }
    page = (_HERE / "listening.html").read_text("utf-8")
    parts = page.split("@@")
    return "".join(filled[part] if place % 2 else part for place, part in enumerate(parts))


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _flac(samples: NDArray[np.float32], rate: int) -> str:
    """A FLAC file in base64: every browser plays it, and it loses nothing."""
    buffer = io.BytesIO()
    soundfile.write(buffer, pcm16(samples), rate, "PCM_16", format="FLAC")
    return b64encode(buffer.getvalue()).decode()
