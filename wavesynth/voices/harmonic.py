"""The kind harmonic: voices of harmonics and noise, for whoever speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wavesynth.models.harmonic_config import CONTEXT, HarmonicConfig
from wavesynth.sampling.backends.sampler import Sampler
from wavesynth.voices.kinds import VoiceKind
from wavesynth.voices.voice import Needs, Voice

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wavesynth.models.harmonic import Excitation

__all__ = ["HarmonicKind", "excitation"]

#: Frames at each end of a crop that count for nothing: WORLD does not hear what is beyond.
_ENDS = 4


class HarmonicKind(VoiceKind):
    """Harmonics and noise (wavesynth.models.harmonic). Recordings are analysed by WORLD while it is trained."""

    name = "harmonic"
    needs_torch = False
    config = HarmonicConfig
    network = "wavesynth.models.harmonic:Harmonic"
    recipe = "wavesynth.training.harmonic:HarmonicRecipe"

    def weight_shapes(self, config: HarmonicConfig) -> dict[str, tuple[int, ...]]:
        """What its configuration says."""
        return config.weight_shapes()

    def needs(self, config: HarmonicConfig) -> Needs:
        """What its configuration says."""
        return Needs(config.hop, config.mel_bands, CONTEXT, layers=config.layers)

    def sampler(
        self, voice: Voice, backend: str, threads: int, max_streams: int | None, max_batch: int | None
    ) -> Sampler:
        """The kernel for processors, whatever the backend: a server with a GPU serves such a voice too."""
        from wavesynth.sampling.backends.harmonic import HarmonicSampler

        return HarmonicSampler(voice.network, voice.mel, threads)

    def loss(self, network: nn.Module, samples: Tensor, mel: Tensor, speaker: Tensor) -> Tensor:
        """The nats that each frame costs, [B, F], but for those at the crops' ends."""
        import torch

        from wavesynth.models.harmonic import Excitation, Harmonic

        assert isinstance(network, Harmonic)
        crops = [excitation(crop, network.config) for crop in samples.float().cpu().numpy()]
        # What is said of a frame is of the one after it, and nothing is said of the first.
        true = Excitation(*(torch.stack(part)[:, 1:].to(mel.device) for part in zip(*crops, strict=True)))
        nats = network.nats(mel[:, :-1], true)
        return nats[:, _ENDS : nats.shape[1] - _ENDS]


def excitation(samples: NDArray[np.float32], config: HarmonicConfig) -> Excitation:
    """What WORLD hears in samples [N] at 16 kHz, a frame every hop: `Excitation` of [F], [F] and [F, noises]."""
    import torch

    from wavesynth.audio import world
    from wavesynth.models.harmonic import Excitation

    hertz, noise = world.excitation(samples, config.noises, config.hop)
    frames = -(-len(samples) // config.hop)
    hertz, noise = hertz[:frames], noise[:frames]
    number = config.per_octave * np.log2(np.maximum(hertz, 1.0) / config.lowest)
    voiced = (hertz > 0) & (number >= 0) & (number <= config.pitches - 1)
    return Excitation(
        torch.from_numpy(voiced.astype(np.float32)),
        torch.from_numpy(np.clip(number, 0, config.pitches - 1).astype(np.float32)),
        torch.from_numpy(noise.astype(np.float32)),
    )
