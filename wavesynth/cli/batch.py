"""wavesynth batch: many recordings at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Self

import typer

from wavesynth.cli.common import fail, one_sentence_errors
from wavesynth.cli.terminal import say, terminal
from wavesynth.extras import extra

if TYPE_CHECKING:
    from wavesynth.batch.run import Summary

__all__ = ["batch"]

#: Between lines that say how far it is, where there is no terminal for a bar.
_SECONDS_BETWEEN = 10.0


def batch(
    manifest: Annotated[
        Path, typer.Argument(help="JSONL file, a line for each output, or a folder of recordings.")
    ],
    out: Annotated[Path, typer.Argument(help="Folder for the outputs.")],
    voice: Annotated[str, typer.Option(help="For entries that name none; the default if not given.")] = "",
    seed: Annotated[int, typer.Option(help="For entries that have none.", min=0, max=2**64 - 1)] = 0,
    temperature: Annotated[
        float | None, typer.Option(help="For entries that have none; the voice's own if not given.")
    ] = None,
    speaker: Annotated[str, typer.Option(help="For entries that name none.")] = "",
    voices: Annotated[Path | None, typer.Option(help="Folder of voices, instead of those that ship.")] = None,
    backend: Annotated[str, typer.Option(help="cpu or reference.")] = "cpu",
    workers: Annotated[
        int | None, typer.Option(help="Cores to use; all if not given.", min=1, max=100_000)
    ] = None,
    ray: Annotated[
        str | None, typer.Option(help="Address of a Ray cluster (host:port, auto), or local for one here.")
    ] = None,
    gpus: Annotated[float, typer.Option(help="With --ray: GPUs, or part of one, of a worker.", min=0)] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Makes every output that is not there yet, on all cores; run again after an interruption, it does the rest.

    A line of the manifest: {"audio": "a.wav", "out": "b.wav", "voice": "allison", "seed": 1, "temperature": 0.8}.
    Instead of audio it may have mel (a NumPy file), text (with markup, rate and pitch) or seconds; without out, b.wav
    is the input's name, where it has one. Entries that cannot be made are lines of OUT/errors.jsonl. Exit code 0: all
    made; 1: some failed; 130: interrupted.

    Example: wavesynth batch recordings/ spoken-again/ --voice allison-small
    """
    with one_sentence_errors():
        import time

        from wavesynth.batch.manifest import count
        from wavesynth.batch.run import Run, run
        from wavesynth.batch.work import BatchOptions
        from wavesynth.voices.folders import SHIPPED

        if ray is not None:
            _check_ray()
        elif gpus:
            fail(f"--gpus is {gpus:g}; it is for --ray")
        total, ignored = count(manifest, out)
        for one in ignored:
            say(f"wavesynth: ignored {one['source']}: {one['reason']}", err=True)
        defaults = {"voice": voice, "seed": seed, "temperature": temperature, "speaker": speaker}
        options = BatchOptions(str((voices or SHIPPED).absolute()), backend)
        what = Run(manifest, out, defaults, options, workers, ray, gpus)
        started = time.monotonic()
        with _Progress(total, started) as progress, _interruptible(progress):
            summary = run(what, progress.update, lambda note: say(f"wavesynth: {note}", err=True))
        elapsed = time.monotonic() - started
    figures: dict[str, Any] = {
        "entries": total,
        "made": summary.made,
        "kept": summary.kept,
        "failed": summary.failed,
        "ignored": ignored,
        "seconds": summary.seconds,
        "elapsed_seconds": elapsed,
        "real_time_factor": summary.seconds / elapsed,
    }
    if as_json:
        import json

        say(json.dumps(figures))
    else:
        say(
            f"{summary.made} made, {summary.kept} there already, {summary.failed} failed: {summary.seconds:.1f} s of "
            f"audio in {elapsed:.1f} s, {figures['real_time_factor']:.2f} x real time"
        )
    if summary.failed:
        fail(f"{summary.failed} of {total} entries failed; {out / 'errors.jsonl'} says why")


def _check_ray() -> None:
    with extra("ray", "--ray"):
        import ray.data  # noqa: F401


class _Progress:
    """A bar on standard error, with how fast it goes and when it will be done."""

    def __init__(self, total: int, started: float) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = terminal(stderr=True)
        self.done = 0
        self.total = total
        self._started = self._said = started
        self._moves = console.is_terminal
        self._bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=total, speed="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self, summary: Summary) -> None:
        """Shows how far it is."""
        import time

        self.done = summary.made + summary.kept + summary.failed
        now = time.monotonic()
        failed = f", {summary.failed} failed" if summary.failed else ""
        speed = f"{summary.seconds / (now - self._started):.1f} x real time{failed}"
        self._bar.update(self._task, completed=self.done, speed=speed)
        if not self._moves and now - self._said >= _SECONDS_BETWEEN:
            self._said = now
            say(f"{self.done} of {self.total}, {speed}", err=True)


@contextmanager
def _interruptible(progress: _Progress) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the command with one sentence and exit code 130."""
    import signal

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        say(
            f"wavesynth: interrupted after {progress.done} of {progress.total}; run again to do the rest",
            err=True,
        )
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)
