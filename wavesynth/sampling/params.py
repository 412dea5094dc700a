"""What decides a stream's random choices."""

from __future__ import annotations

from dataclasses import dataclass

from wavesynth.sampling.draw import inverse_temperature

__all__ = ["SamplingParams"]


@dataclass(frozen=True)
class SamplingParams:
    """What decides a stream's random choices: its seed (64 bits) and its temperature (0.1 to 2)."""

    seed: int = 0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed is {self.seed}; it must be from 0 to 2^64 - 1")
        inverse_temperature(self.temperature)
