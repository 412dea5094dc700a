"""Training a harmonic voice: what its network is to say of each frame is what WORLD hears in the recordings."""

from __future__ import annotations

from typing import Any

from wavesynth.checks import require_value
from wavesynth.training.configuration import VoiceConfiguration
from wavesynth.training.voices import AnyVoiceRecipe

__all__ = ["HarmonicRecipe"]

#: Hertz of the recordings that WORLD is given (wavesynth.voices.harmonic).
_RATE = 16000


class HarmonicRecipe(AnyVoiceRecipe):
    """As any voice's, by frames."""

    unit = "frame"

    def parse(self, values: dict[str, Any]) -> VoiceConfiguration:
        """As `AnyVoiceRecipe.parse`; and samples must be as they are heard, for WORLD."""
        configuration = super().parse(values)
        data = configuration.data
        rate = data.mel.sample_rate
        require_value("[data] mel sample_rate", rate, rate == _RATE, f"{_RATE:,} for a harmonic voice")
        require_value("[data] preemphasis", data.preemphasis, data.preemphasis == 0, "0 for a harmonic voice")
        return configuration
