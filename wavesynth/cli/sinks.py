"""Where a command's audio goes: a file, a pipe or the loudspeaker; and how fast it came."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from wavesynth.cli.terminal import say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FileSink", "Sink", "print_timing", "sink_of"]


class Sink(Protocol):
    """Where audio goes; entered before the first chunk, left after the last."""

    def __enter__(self) -> Any: ...
    def __exit__(self, *error: Any) -> None: ...
    def write(self, samples: NDArray[np.float32], sample_rate: int) -> None:
        """Takes the next chunk, samples [n] at so many hertz."""


def sink_of(out: str | None, sources: Iterable[Path | None], what: str) -> Sink:
    """The file `out`, which may be none of the `sources`; standard output for "-"; the loudspeaker for None.

    Raises ValueError, and OSError, saying `what` needs something that is missing.
    """
    if out is None:
        return _Loudspeaker(what)
    return _Pipe() if out == "-" else FileSink(Path(out), sources)


class FileSink:
    """A file of the kind that its name says, written when all is there: whole or not at all."""

    def __init__(self, path: Path, sources: Iterable[Path | None]) -> None:
        from wavesynth.audio.files import WRITABLE
        from wavesynth.files import check_output

        check_output(path, *WRITABLE, sources=sources)
        self._path, self._rate = path, 0
        self._chunks: list[NDArray[np.int16]] = []

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        if self._chunks and error[0] is None:
            import numpy as np

            from wavesynth.audio.files import write

            samples = np.concatenate(self._chunks).astype(np.float32) / np.float32(32768)
            write(self._path, samples, self._rate)

    def write(self, samples: NDArray[np.float32], sample_rate: int) -> None:
        """Keeps the chunk."""
        from wavesynth.audio.pcm import pcm16

        self._chunks.append(pcm16(samples))
        self._rate = sample_rate


class _Pipe:
    """Raw PCM on standard output."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        pass

    def write(self, samples: NDArray[np.float32], sample_rate: int) -> None:
        """Passes the chunk on at once."""
        import sys

        sys.stdout.buffer.write(_pcm(samples))
        sys.stdout.buffer.flush()


class _Loudspeaker:
    """The default loudspeaker, opened with the first chunk; writing waits while its buffer is full."""

    def __init__(self, what: str) -> None:
        from wavesynth.clients.live.devices import library

        self._library = library(what)
        self._device: Any = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        if self._device is not None:
            self._device.stop()  # after what it still holds is played
            self._device.close()

    def write(self, samples: NDArray[np.float32], sample_rate: int) -> None:
        """Plays the chunk."""
        try:
            if self._device is None:
                self._device = self._library.RawOutputStream(sample_rate, channels=1, dtype="int16")
                self._device.start()
            self._device.write(_pcm(samples))
        except self._library.PortAudioError as error:
            raise OSError(f"cannot play: {error}") from error


def _pcm(samples: NDArray[np.float32]) -> bytes:
    from wavesynth.audio.encodings import pcm16_bytes
    from wavesynth.audio.pcm import pcm16

    return pcm16_bytes(pcm16(samples))


def print_timing(name: str, figures: dict[str, Any], as_json: bool) -> None:
    """The figures on standard error, all of them as JSON, since the audio may be on standard output."""
    if as_json:
        import json

        say(json.dumps(figures), err=True)
        return
    say(
        f"{name}{figures['seconds']:.2f} s, first audio after {figures['time_to_first_audio_ms']:.0f} ms, "
        f"{figures['real_time_factor']:.1f} x real time, {figures['underruns']} underruns",
        err=True,
    )
