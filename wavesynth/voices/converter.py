"""The kind converter: what turns whoever speaks into one speaker. It is no voice; a voice may have one."""

from __future__ import annotations

from wavesynth.kinds import Kind
from wavesynth.models.converter_config import ConverterConfig

__all__ = ["ConverterKind"]


class ConverterKind(Kind):
    """A network from log-mel to log-mel, which a voice's configuration names as its `converter`."""

    name = "converter"
    makes = "converters"
    config = ConverterConfig
    network = "wavesynth.models.converter:Converter"
    recipe = "wavesynth.training.converter:ConverterRecipe"

    def weight_shapes(self, config: ConverterConfig) -> dict[str, tuple[int, ...]]:
        """What its configuration says."""
        return config.weight_shapes()
