"""Scores in the background: one recording after the other, without PyTorch where the voice's kind needs none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from wavesynth.server.background import BackgroundWorker
from wavesynth.server.editions import Editions

__all__ = ["ScoreJob", "ScoreWorker", "begin_scoring", "score_worker"]


@dataclass(frozen=True)
class ScoreJob:
    """A recording, and the voice under which it is scored."""

    folder: Path
    """The voice's."""
    edition: int
    """The voice's: that of a folder which was read again is loaded again."""
    sign: str
    """Of the folder, when the service read it."""
    speaker: int | None
    arithmetic: str
    pieces: list[NDArray[Any]]
    """Of the recording, int16 or float32, one after the other."""
    sample_rate: int
    """Theirs, in hertz."""


#: Gives the bits of a job's samples, float32, of one stretch after the other.
ScoreWorker = BackgroundWorker[ScoreJob]


def score_worker(waiting: int) -> ScoreWorker:
    """A worker for scores, for which so many calls may be under way or wait."""
    return BackgroundWorker("wavesynth-score", begin_scoring, "calls for scores", waiting)


def begin_scoring() -> Callable[[ScoreJob], Iterator[bytes]]:
    """What scores the recordings of jobs, in the worker's process."""
    from wavesynth.engine.scoring import costs, recording_of
    from wavesynth.voices.voice import load_voice
    from wavesynth.workers import one_torch_thread

    voices = Editions(load_voice)

    def bits(job: ScoreJob) -> Iterator[bytes]:
        voice = voices.get(job.folder, job.edition, job.sign)
        recording = recording_of(job.pieces, job.sample_rate, voice.sample_rate)
        try:
            for stretch in costs(voice, recording, job.speaker, job.arithmetic):
                one_torch_thread()  # if the voice's kind has needed PyTorch
                yield stretch.tobytes()
        except OSError as error:  # PyTorch is missing
            raise ValueError(str(error)) from error

    return bits
