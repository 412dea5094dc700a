"""All of it: each text by each reader, and what the readers cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wavesynth.data.processes import share_out
from wavesynth.evaluation.evaluation import Track
from wavesynth.evaluation.measure import Row
from wavesynth.evaluation.reading.measure import Heard, Reading, hear, summarise
from wavesynth.evaluation.reading.readers import RATE, Reader, Said
from wavesynth.evaluation.reading.sentences import Sentence

__all__ = ["Copies", "evaluate_reading"]


@dataclass(frozen=True)
class Copies:
    """The speaker's own recordings of the prompts, or copies of them by the voice, in the order of the prompts."""

    title: str
    samples: Sequence[NDArray[np.float32]]
    own: bool = False
    """Whether the speaker said them."""


def evaluate_reading(
    readers: Sequence[Reader],
    texts: Mapping[str, Sequence[Sentence]],
    prompts: Sequence[Sentence],
    copies: Sequence[Copies],
    seed: int,
    without: frozenset[str],
    processes: int,
    track: Track,
) -> dict[str, Any]:
    """The figures, ready for JSON.

    `texts` and the `prompts` are read by each of the `readers`, sentence *i* with the seed `seed` + *i*; the `copies`
    are of the prompts, the speaker's own first. Nothing else should run on the core meanwhile.
    """
    sets = {name: list(sentences) for name, sentences in texts.items()}
    if prompts:
        sets = {"prompts": list(prompts), **sets}
    work: list[tuple[str, str, Reading]] = []
    for made in copies if prompts else ():
        work += [
            ("prompts", made.title, Reading(sentence.text, samples, without))
            for sentence, samples in zip(prompts, made.samples, strict=True)
        ]
    costs: dict[str, dict[str, float | None]] = {}
    for reader in readers:
        wanted = [(name, s.text, seed + i) for name, some in sets.items() for i, s in enumerate(some)]
        reader.say(wanted[0][1], seed)  # what is done once is no part of the times
        said: list[Said] = list(
            track(reader.title, (reader.say(text, number) for _, text, number in wanted), len(wanted))
        )
        work += [
            (name, reader.title, Reading(text, one.samples, without))
            for (name, text, _), one in zip(wanted, said, strict=True)
        ]
        costs[reader.title] = _costs(reader, said)
    tasks = [reading for *_, reading in work]
    measured = list(track("measuring", share_out(hear, tasks, processes), len(tasks)))
    found: dict[str, dict[str, list[Heard]]] = {}
    for (name, title, _), one in zip(work, measured, strict=True):
        found.setdefault(name, {}).setdefault(title, []).append(one)
    own = next((summarise(found["prompts"][c.title]) for c in copies if c.own and prompts), Row())
    spread = own.get("f0_semitones")
    return {
        "sentences": {name: len(some) for name, some in sets.items()},
        "words": {name: sum(h.words for h in next(iter(rows.values()))) for name, rows in found.items()},
        "sets": {
            name: {title: summarise(heard, spread) for title, heard in found[name].items()} for name in sets
        },
        "readers": costs,
        "per_sentence": [
            {
                "set": name,
                "reader": title,
                "text": one.text,
                "understood": one.understood,
                "errors": one.errors,
            }
            for (name, title, _), one in zip(work, measured, strict=True)
        ],
    }


def _costs(reader: Reader, said: Sequence[Said]) -> dict[str, float | None]:
    first = [one.first_audio for one in said if one.first_audio is not None]
    took = sum(one.processor_seconds or 0.0 for one in said)
    seconds = sum(len(one.samples) for one in said) / RATE
    return {
        "parameters": reader.parameters,
        "first_audio_ms": 1000 * median(first) if first else None,
        "real_time_factor": seconds / took if took else None,
    }
