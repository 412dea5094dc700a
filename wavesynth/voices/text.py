"""The kind text: what turns phonemes into log-mel. It is no voice; a voice may have one, and then takes text."""

from __future__ import annotations

from wavesynth.kinds import Kind
from wavesynth.models.text_config import TextConfig

__all__ = ["TextKind"]


class TextKind(Kind):
    """A text network, which is exported with the WaveNet of a voice."""

    name = "text"
    makes = "texts"
    config = TextConfig
    network = "wavesynth.models.text_to_mel:TextToMel"
    recipe = "wavesynth.training.text:TextRecipe"

    def weight_shapes(self, config: TextConfig) -> dict[str, tuple[int, ...]]:
        """What its configuration says."""
        return config.weight_shapes()
