"""Whether a live session kept up with its speaker, and what was too slow if it did not."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Pace", "too_slow"]

#: Seconds of a session that say nothing yet.
_SHORT = 3.0
#: Seconds of latency from which on it is more than devices, network and a margin of the jitter buffer come to.
_LATE = 0.5
#: Interruptions a second from which on they are heard as faults.
_OFTEN = 0.1
#: Interruptions of a session that may be chance: so few say nothing of how often they come.
_CHANCE = 2
#: Seconds of audio in a second below which a service falls behind: less than 1 by what clocks and a short session blur.
_BEHIND = 0.97


@dataclass(frozen=True)
class Pace:
    """What a session measured of itself."""

    seconds: float
    """Its length."""
    latency: float
    """Median, in seconds."""
    underruns: int
    """Times that the jitter buffer was empty."""
    device_faults: int
    """Times that the loudspeaker's own buffer ran dry, and blocks that the microphone's driver lost: the client was
    not run in time."""
    service: float
    """Seconds of audio that came back in a second; 1 is as fast as they were spoken."""


def too_slow(pace: Pace) -> str | None:
    """What is too slow for live, with its figures and what to do; None if nothing is, or it is too early to say.

    >>> too_slow(Pace(60.0, 0.09, 1, 0, 1.0))
    >>> too_slow(Pace(20.0, 1.4, 13, 0, 0.85)).partition(":")[0]
    'the service is too slow for live'
    """
    faults = {"underruns": pace.underruns, "faults of the devices": pace.device_faults}
    often = {name: n > _CHANCE and n > _OFTEN * pace.seconds for name, n in faults.items()}
    if pace.seconds < _SHORT or not (any(often.values()) or pace.latency > _LATE):
        return None
    figures = f"{1000 * pace.latency:,.0f} ms of latency, {pace.underruns} underruns in {pace.seconds:.0f} s"
    if often["faults of the devices"]:
        return (
            f"this machine is too slow for live: {pace.device_faults} times it did not look after the microphone or "
            f"the loudspeaker in time; {figures}. End what else computes here, or run the service on another machine"
        )
    if pace.service < _BEHIND:
        return (
            f"the service is too slow for live: it made {pace.service:.2f} s of audio in a second; {figures}. Take a "
            "voice of fewer layers (`wavesynth voices`), end what else computes on its machine, or take a faster one "
            "(`wavesynth bench service` measures it)"
        )
    return (
        f"audio comes too irregularly for live, though as much as was spoken; {figures}. The service's machine or this "
        "one is busy with something else, or the network between them is"
    )
