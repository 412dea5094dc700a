"""What `wavesynth evaluate --text` does: a voice reads texts aloud beside others, and all are measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wavesynth.cli.terminal import say, terminal, track

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wavesynth.data.dataset import Recordings
    from wavesynth.evaluation.reading.evaluation import Copies
    from wavesynth.evaluation.reading.prompts import Prompt
    from wavesynth.evaluation.reading.readers import Reader
    from wavesynth.evaluation.reading.sentences import Sentence
    from wavesynth.voices.voice import Voice

__all__ = ["print_readings", "readings"]


def readings(
    voice: Voice,
    recordings: Recordings,
    transcripts: Path | None,
    *,
    clips: int,
    split: str,
    seed: int,
    options: Mapping[str, Any],
    without: frozenset[str],
    kokoro: Path | None,
    threads: int,
) -> dict[str, Any]:
    """The figures of `voice`, of its speaker's recordings and copies of them, and of other packages.

    `transcripts` is a table of what the recordings say, where it is not the one that is kept beside them; `options`
    are those of `Synthesizer.synthesize`, `kokoro` is the folder of Kokoro's styles. Raises ValueError for a voice that
    reads no text, and where no recording can be a prompt.
    """
    from wavesynth.data.transcripts import NAME, kept_transcripts
    from wavesynth.evaluation.measure import check_libraries
    from wavesynth.evaluation.reading.evaluation import evaluate_reading
    from wavesynth.evaluation.reading.measure import NAMES
    from wavesynth.evaluation.reading.prompts import prompts_of
    from wavesynth.evaluation.reading.readers import installed_readers
    from wavesynth.evaluation.reading.sentences import shipped_texts
    from wavesynth.evaluation.words import read_transcripts
    from wavesynth.synthesizer import Synthesizer

    if not voice.takes_text:
        raise ValueError(f"voice is {voice.name!r}, which reads no text; it must be one that does")
    check_libraries(without & set(NAMES), NAMES)
    if transcripts:
        texts = read_transcripts(transcripts)
    else:
        texts = {name: one.text for name, one in kept_transcripts(recordings.path).items()}
    chosen, chosen_of = prompts_of(recordings, texts, clips, split)
    table = transcripts or recordings.path / NAME
    if not chosen:
        raise ValueError(f"no recording can be a prompt with the transcripts in {table}: {chosen_of}")
    say(f"prompts, with the transcripts in {table}: {chosen_of}", err=True)

    def shown(name: str, results: Iterable[Any], total: int) -> Iterable[Any]:
        return track(results, f"{name:11}", total)

    # One worker: the times are those of one core.
    with Synthesizer(voice, threads=1) as synthesizer:
        prompts, copies = _copied(synthesizer, chosen, seed, options)
        return evaluate_reading(
            [_reader(voice, synthesizer, options), *installed_readers(kokoro)],
            shipped_texts(),
            prompts,
            copies,
            seed,
            without,
            threads,
            shown,
        )


def _reader(voice: Voice, synthesizer: Any, options: Mapping[str, Any]) -> Reader:
    from wavesynth.evaluation.reading.readers import Reader, timed

    networks = [voice.network, voice.text_network]
    parameters = sum(w.size for network in networks if network is not None for w in network.weights.values())

    def say(text: str, seed: int) -> Any:
        def stream() -> Iterator[NDArray[np.float32]]:
            return iter(synthesizer.stream(text=text, seed=seed, **options))

        return timed(stream, voice.sample_rate)

    return Reader(voice.name, say, parameters)


def _copied(
    synthesizer: Any, prompts: Sequence[Prompt], seed: int, options: Mapping[str, Any]
) -> tuple[list[Sentence], list[Copies]]:
    """What the prompts say; their recordings, and the voice's copies of them."""
    from wavesynth.evaluation.reading.evaluation import Copies
    from wavesynth.evaluation.reading.sentences import Sentence

    copied = {}
    for title, correction in ((f"{synthesizer.voice.name}, copies", False), ("copies, corrected", True)):
        copied[title] = [
            synthesizer.synthesize(prompt.samples, seed=seed + i, **{**options, "correction": correction})
            for i, prompt in enumerate(prompts)
        ]
    own = Copies("recordings", [prompt.samples for prompt in prompts], own=True)
    others = [Copies(title, samples) for title, samples in copied.items()]
    return [Sentence(prompt.text, prompt.name) for prompt in prompts], [own, *others]


def print_readings(figures: Mapping[str, Any]) -> None:
    """The figures as tables."""
    from rich.table import Table

    from wavesynth.evaluation.reading.measure import COLUMNS
    from wavesynth.evaluation.reading.sentences import TEXTS

    console = terminal()
    for name, rows in figures["sets"].items():
        title = TEXTS.get(name, "prompts of the split")
        table = Table(f"{title}: {figures['sentences'][name]}, {figures['words'][name]} words")
        _fill(table, rows, {key: (column.title, column.decimals) for key, column in COLUMNS.items()})
        console.print(table)
    table = Table("on one core")
    costs = {"parameters": ("parameters", 0), "first_audio_ms": ("first audio, ms", 0)}
    _fill(table, figures["readers"], costs | {"real_time_factor": ("times real time", 1)})
    console.print(table)


def _fill(
    table: Any, rows: Mapping[str, Mapping[str, float | None]], columns: Mapping[str, Sequence[Any]]
) -> None:
    known = [key for key in columns if any(row.get(key) is not None for row in rows.values())]
    for key in known:
        table.add_column(columns[key][0], justify="right")
    for title, row in rows.items():
        cells = ["" if (value := row.get(key)) is None else f"{value:,.{columns[key][1]}f}" for key in known]
        table.add_row(title, *cells)
