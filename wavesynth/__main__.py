"""Where the command line begins: what holds for every command, whatever it does and whenever it is ended.

Nothing else is imported before signals have their handlers, so that none of them ends in a traceback.
"""

from __future__ import annotations

import errno
import io
import os
import select
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

__all__ = ["main", "nobody_reads"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_stopped_by = 0  # the signal that ended the command
_refused = False  # the system has refused what was to be written, and it has been said


class _Stopped(KeyboardInterrupt):
    """Raised in the main thread by SIGINT and SIGTERM, so that what was begun is cleaned up."""


def main() -> NoReturn:
    """Runs the command line, and ends the process.

    Its exit code is the command's. SIGINT and SIGTERM end it with 130 and 143, where a command does not make more of
    them; a second one ends it at once. Output that nobody reads ends it quietly, and output for
    which there is no room with a sentence, both with 1.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup and the like
            signal.signal(number, _stop)
    sys.unraisablehook = _unraisable
    _take_name()
    code = 0
    try:
        _open_standard_streams()
        from wavesynth.cli import app
        from wavesynth.cli.loading import announce

        announce({"torch": "PyTorch"})
        app()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except OSError as error:
        code = _failed(error)
    except BaseException:
        if not _stopped_by:
            raise
    _end(code)


def _take_name() -> None:
    """Has the system list the process as `wavesynth`, where it has files for that: a script in a folder with a space in
    its name is listed as its interpreter."""
    with suppress(OSError), open("/proc/self/comm", "w", encoding="ascii") as name:
        name.write("wavesynth")


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    global _stopped_by
    _stopped_by = number
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_DFL)
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            os._exit(128 + number)  # an import may swallow what is raised in it, as PyTorch's of NumPy does
        frame = frame.f_back
    raise _Stopped


def _unraisable(fault: Any) -> None:
    """A signal that came where nothing can be raised ends the process all the same."""
    if isinstance(fault.exc_value, _Stopped):
        os._exit(128 + _stopped_by)
    sys.__unraisablehook__(fault)


def _end(code: int) -> NoReturn:
    """Ends the process, after what it still has to write, with a signal's code if one ended it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            code = _failed(error)
            # Or it is tried again, and complained of.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(128 + _stopped_by if _stopped_by else code)


def _failed(error: OSError) -> int:
    """Says what the system refused, once, unless it is that nobody reads what is said; returns the exit code."""
    global _refused
    if not (_refused or _stopped_by or nobody_reads(error)):
        _refused = True
        from wavesynth.files import sentence

        with suppress(OSError):
            print(f"wavesynth: {sentence(error)}", file=sys.stderr)
    return 1


def _open_standard_streams() -> None:
    """Makes the standard streams such that all can be written to them: what their encoding has no letters for is
    escaped, and one that is closed goes nowhere."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # or the next file opened would be taken for the stream
        if getattr(sys, name) is None:
            setattr(sys, name, io.TextIOWrapper(io.FileIO(number, "w" if number else "r", closefd=False)))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def nobody_reads(error: BaseException) -> bool:
    """Whether an error is that standard output or standard error has lost its reader."""
    if not (isinstance(error, OSError) and error.errno == errno.EPIPE):
        return False
    poll = select.poll()
    for number in (1, 2):
        poll.register(number, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


if __name__ == "__main__":
    main()
