"""What it costs to make log-mel of text: processor time of a second of speech, and to the first 160 ms.

    python -m experiments.reading_cost allison-reads [--out FILE.json]

Other programs change processor time little, so that the figures need no quiet machine. The reader's own time, from text
to phonemes, is in both.

Found on 2026-11-30, allison-reads on one core of an AMD Zen 4: 4.6 ms to the first 160 ms, 3.6 ms for a second of
speech.
docs/lab/2026-11-30-allison-reads.md has them.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

from experiments.processor_time import spent
from wavesynth.files import atomic_path
from wavesynth.text.speech import TextSpeech
from wavesynth.voices.voice import Voice, load_voice

__all__ = ["cost", "main"]

TEXTS = (
    "The birch canoe slid on the smooth planks.",
    "I will be there at half past seven, if the train is on time; otherwise please begin without me.",
    "A rod is used to catch pink salmon. Help the woman get back to her feet. The fish twisted and turned.",
)
_TIMES = 15


def cost(voice: Voice) -> dict[str, float]:
    """Medians over texts and repetitions: `first_ms` to the first frames, `of_a_second` for a second of speech."""
    firsts, rates = [], []
    for _ in range(_TIMES):
        for text in TEXTS:
            frames = 0
            speech = TextSpeech(voice)
            speech.push(text)
            speech.finish()

            def begin(speech: TextSpeech = speech) -> None:
                nonlocal frames
                piece = speech.next()
                frames += 0 if piece is None else len(piece.frames)

            def rest(speech: TextSpeech = speech) -> None:
                nonlocal frames
                while (piece := speech.next()) is not None:
                    frames += len(piece.frames)

            first = spent(begin)
            whole = first + spent(rest)
            firsts.append(1000 * first)
            rates.append(whole / (frames * voice.hop / voice.sample_rate))
    return {
        "first_ms": round(statistics.median(firsts), 2),
        "of_a_second": round(statistics.median(rates), 5),
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("voice")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    found = cost(load_voice(arguments.voice))
    print(json.dumps(found))
    if arguments.out:
        with atomic_path(arguments.out) as path:
            path.write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
