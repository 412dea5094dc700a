"""Training a harmonic voice: what its network is to say of each frame is what WORLD hears in the recordings."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from wavesynth.checks import require_value
from wavesynth.data.features import Track
from wavesynth.models.harmonic import Excitation, Harmonic
from wavesynth.training.configuration import VoiceConfiguration
from wavesynth.training.excitations import Excitations, hear_folder
from wavesynth.training.processes import Processes
from wavesynth.training.spoken import SPLITS
from wavesynth.training.task import SplitTask, Task
from wavesynth.training.voices import AnyVoiceRecipe

__all__ = ["HarmonicRecipe", "HarmonicTask"]

#: Hertz of the recordings that WORLD hears.
_RATE = 16000


class HarmonicTask(SplitTask[Excitations]):
    """What the network pays for random frames."""

    fused = False

    def __init__(self, configuration: VoiceConfiguration, track: Track) -> None:
        data, config = configuration.data, configuration.model
        self.model = Harmonic(config)
        self.training, self.validating = (Excitations(data, split, config, track) for split in SPLITS)

    def loss(self, model: Harmonic, mel: Tensor, voiced: Tensor, pitch: Tensor, noise: Tensor) -> Tensor:
        """The nats of each frame [B, 1]."""
        return model.nats(mel, Excitation(voiced[:, None], pitch[:, None], noise[:, None]))


class HarmonicRecipe(AnyVoiceRecipe):
    """By frames; the voice is its network and what all voices have."""

    unit = "frame"

    def parse(self, values: dict[str, Any]) -> VoiceConfiguration:
        """As `AnyVoiceRecipe.parse`, of recordings at 16 kHz that are not pre-emphasised."""
        configuration = super().parse(values)
        data = configuration.data
        rate = data.mel.sample_rate
        require_value("[data] mel sample_rate", rate, rate == _RATE, f"{_RATE} for a harmonic voice")
        require_value("[data] preemphasis", data.preemphasis, data.preemphasis == 0, "0 for a harmonic voice")
        require_value("[data] perturb", data.perturb, data.perturb == 0, "0 for a harmonic voice")
        return configuration

    def prepare(self, configuration: VoiceConfiguration, processes: Processes, track: Track) -> None:
        """Hears all recordings, minutes the first time. All processes wait for the first."""
        if processes.first:
            for _, folder in configuration.data.folders:
                for split in SPLITS:
                    hear_folder(folder, split, configuration.data, configuration.model.noises, track)
        processes.wait()

    def task(self, configuration: VoiceConfiguration, *, resume: bool, track: Track) -> Task:
        """Frames, and what they cost."""
        return HarmonicTask(configuration, track)
