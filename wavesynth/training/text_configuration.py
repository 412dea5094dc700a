"""The configuration of a text network's run.

    kind = "text"
    start_from = "allison-reads"                      # a voice that takes text, or a run; leave out to begin anew
    keep = 0.4                                        # how much of these weights the exported network has
    adversarial = 0.3                                 # how much a critic counts that knows predicted log-mel

    [text]                                            # TextConfig
    channels = 192

    [data]                                            # DataConfig: one speaker, prepared with --transcripts
    speakers.alice = ["datasets/alice"]

    [training]                                        # TrainingConfig
    steps = 2_500

    [voice]                                           # TextVoiceConfig
    name = "alice-reads"
    vocoder = "alice"                                 # the voice that says what the network makes
    spectrum_of = "bob-reads"                         # whose spectrum it has, if the vocoder knows only that speaker

A run of it is what wavesynth.training.text trains.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from wavesynth.checks import require
from wavesynth.models.text_config import TextConfig
from wavesynth.training.configuration import DataConfig, TrainingConfig, VoiceConfig

__all__ = ["TextConfiguration", "TextVoiceConfig"]


@dataclass(frozen=True)
class TextVoiceConfig(VoiceConfig):
    """With the voice that says what the network makes: one that ships, or a voice's folder. `spectrum_of` is a voice
    that reads, or a run, whose speaker's mean and spread of each mel band the exported network has."""

    vocoder: str = "allison-small"
    spectrum_of: str | None = None


@dataclass(frozen=True)
class TextConfiguration:
    """A whole training run. The exported network has the part `keep` of the weights that it started from."""

    data: DataConfig
    voice: TextVoiceConfig
    text: TextConfig = field(default_factory=TextConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    start_from: str | None = None
    keep: float = 0.0
    adversarial: float = 0.0
    kind: str = "text"

    def __post_init__(self) -> None:
        if len(self.data.speakers) != 1:
            names = ", ".join(self.data.speakers)
            raise ValueError(f"[data] speakers has {names}; a text network must have one speaker")
        for name in ("perturb", "augment"):
            require(self.data, name, not getattr(self.data, name), "0 for a text network")
        require(self, "keep", 0 <= self.keep < 1, "at least 0 and below 1")
        if self.keep and self.start_from is None:
            raise ValueError(f"keep is {self.keep:g}; it must be 0 without start_from")
        require(self, "adversarial", 0 <= self.adversarial <= 10, "from 0 to 10")
        if self.text.bands != self.data.mel.bands:
            raise ValueError(
                f"[text] bands is {self.text.bands}; it must be data.mel.bands, {self.data.mel.bands}"
            )

    def to_json(self) -> dict[str, Any]:
        """Every key with its value, such that `wavesynth.training.run.parse_run` gives this configuration again."""
        return asdict(self)

    def fixed(self) -> dict[str, Any]:
        """What a run cannot change when it is resumed: the network and what its outputs mean."""
        return {
            "kind": self.kind,
            "adversarial above 0": self.adversarial > 0,
            **{f"[text] {name}": value for name, value in asdict(self.text).items()},
            **{f"[data.mel] {name}": value for name, value in asdict(self.data.mel).items()},
        }
