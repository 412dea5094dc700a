"""How the system shares cores out between a worker, whose steps are long, and whoever has little to do meanwhile.

Linux lets a thread that wakes up wait for the end of the running one's slice, and looks up to 4 ms later. So a worker's
step would hold up who receives and sends, here and in other processes. A thread that asks for longer slices is
interrupted at once by others with shorter ones (Linux 6.12 and newer: EEVDF, PREEMPT_SHORT). Its share of the time
stays the same.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys

__all__ = ["ask_for_long_slices"]

#: The number of the system call `sched_setattr`.
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
#: Nanoseconds of a slice: the most that Linux takes.
_SLICE = 100_000_000


class _Attributes(ctypes.Structure):
    """`struct sched_attr` of Linux, in its first version."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )


def ask_for_long_slices() -> bool:
    """Lets the other threads of this machine interrupt this one sooner; whether the system does that. Policy and
    niceness stay."""
    number = _SCHED_SETATTR.get(platform.machine())
    if sys.platform != "linux" or number is None or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return False
    size, nice = ctypes.sizeof(_Attributes), os.getpriority(os.PRIO_PROCESS, 0)
    attributes = _Attributes(size, os.SCHED_OTHER, 0, nice, 0, _SLICE, 0, 0)
    return bool(ctypes.CDLL(None).syscall(number, 0, ctypes.byref(attributes), 0) == 0)
