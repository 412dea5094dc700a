"""The values of SSML's `break` and `prosody` as numbers."""

from __future__ import annotations

import re

from wavesynth.checks import brief

__all__ = ["MAX_BREAK", "PITCHES", "RATES", "STRENGTHS", "pause_seconds", "pitch_factor", "rate_factor"]

#: Seconds.
MAX_BREAK = 10.0
STRENGTHS = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.2}
RATES = {"x-slow": 0.6, "slow": 0.8, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.5}
PITCHES = {"x-low": 0.75, "low": 0.87, "medium": 1.0, "default": 1.0, "high": 1.15, "x-high": 1.33}
_RATE_LIMITS, _PITCH_LIMITS = (0.25, 4.0), (0.5, 2.0)


def pause_seconds(time: str | None, strength: str | None) -> float:
    """The length of a pause: `time` counts, as "500ms" or "1.5s", otherwise `strength`. Raises ValueError."""
    if time is None:
        if strength is not None and strength not in STRENGTHS:
            raise ValueError(f"strength is {brief(strength)}; it must be one of {', '.join(STRENGTHS)}")
        return STRENGTHS[strength or "medium"]
    match = re.fullmatch(r"\s*\+?(\d{1,9}(?:\.\d{1,9})?|\.\d{1,9})(ms|s)\s*", time)
    seconds = float(match[1]) / (1000 if match[2] == "ms" else 1) if match else -1.0
    if not 0 <= seconds <= MAX_BREAK:
        raise ValueError(
            f"time is {brief(time)}; it must be from 0s to {MAX_BREAK:g}s, such as 500ms or 1.5s"
        )
    return seconds


def rate_factor(value: str | None, outer: float) -> float:
    """The speed inside of a `prosody` whose surroundings have the speed `outer`. Raises ValueError."""
    if value is None:
        return outer
    factor = RATES.get(value)
    if factor is None and (match := re.fullmatch(r"([+-]?)(\d{1,4}(?:\.\d{1,6})?)(%?)", value)):
        sign, number, percent = match[1], float(match[2]), bool(match[3])
        factor = number / 100 if percent else number
        if sign:
            factor = 1 + (factor if sign == "+" else -factor) if percent else None
    return _within("rate", value, factor, outer, _RATE_LIMITS, f"{', '.join(RATES)}, 80%, +20% or 1.2")


def pitch_factor(value: str | None, outer: float) -> float:
    """The factor of the fundamental frequency inside of a `prosody`. Raises ValueError; hertz are not accepted."""
    if value is None:
        return outer
    factor = PITCHES.get(value)
    if factor is None and (match := re.fullmatch(r"([+-])(\d{1,4}(?:\.\d{1,6})?)(%|st)", value)):
        change = float(match[2]) if match[1] == "+" else -float(match[2])
        factor = 1 + change / 100 if match[3] == "%" else 2 ** (change / 12)
    return _within("pitch", value, factor, outer, _PITCH_LIMITS, f"{', '.join(PITCHES)}, +10% or -2st")


def _within(
    name: str, value: str, factor: float | None, outer: float, limits: tuple[float, float], allowed: str
) -> float:
    low, high = limits
    if factor is None or not low <= factor * outer <= high:
        raise ValueError(
            f"{name} is {brief(value)}; it must be {allowed}, and from {low:g} to {high:g} times in all"
        )
    return factor * outer
