"""The kind flow: voices of a normalizing flow over blocks of samples, whose likelihood is exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wavesynth.models.frame_flow_config import MEL_CONTEXT, FrameFlowConfig
from wavesynth.sampling.backends.sampler import Sampler
from wavesynth.voices.kinds import VoiceKind
from wavesynth.voices.voice import Needs, Voice

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["FlowKind"]

#: Half a step of 16 bits: recordings are dequantised while they are learned (Theis et al., 2016, sec. 3.1).
_HALF_STEP = 2.0**-16
#: The largest standard deviation, over the gain, of the noise that is added to the past samples in training: in
#: sampling the past has errors too, and the network is to trust the log-mel.
_NOISE = 0.5


class FlowKind(VoiceKind):
    """A frame flow (wavesynth.models.frame_flow)."""

    name = "flow"
    needs_torch = False
    config = FrameFlowConfig
    network = "wavesynth.models.frame_flow:FrameFlow"
    likelihoods = ("float32",)

    def weight_shapes(self, config: FrameFlowConfig) -> dict[str, tuple[int, ...]]:
        """What its configuration says."""
        return config.weight_shapes()

    def needs(self, config: FrameFlowConfig) -> Needs:
        """What its configuration says."""
        return Needs(config.hop, config.mel_bands, MEL_CONTEXT, 0, config.receptive_field, config.layers)

    def sampler(
        self, voice: Voice, backend: str, threads: int, max_streams: int | None, max_batch: int | None
    ) -> Sampler:
        """The kernel for processors, whatever the backend: a server with a GPU serves such a voice too."""
        from wavesynth.sampling.backends.flow import FlowSampler

        return FlowSampler(voice.network, threads)

    def loss(self, network: nn.Module, samples: Tensor, mel: Tensor, speaker: Tensor) -> Tensor:
        """The nats that each sample costs, [B, T]. While gradients are computed, samples are dequantised, and noise is
        added to the past samples that the network is given."""
        import torch

        if not torch.is_grad_enabled():
            return _nats(network, samples, mel)
        noisy = samples + _HALF_STEP * (2 * torch.rand_like(samples) - 1)
        return _nats(network, noisy, mel, _NOISE)

    def bits(
        self,
        voice: Voice,
        samples: NDArray[np.float32],
        mel: NDArray[np.float32] | None,
        speaker: int | None,
        first: int,
        end: int,
        arithmetic: str,
    ) -> NDArray[np.float32]:
        """As `VoiceKind.bits`, without PyTorch: of each sample as one of 256 μ-law classes, as a WaveNet's are. The
        samples of a block share what it costs evenly."""
        from wavesynth.voices.flow_bits import bits

        assert mel is not None  # such a voice takes log-mel
        return bits(voice, samples, mel, first, end)


def _nats(network: nn.Module, samples: Tensor, mel: Tensor, noise: float = 0.0) -> Tensor:
    """What each sample [B, T] costs as one of 256 μ-law classes, [B, T]: the density at the sample, times the width of
    a class there, so that a flow and a WaveNet may be compared. The samples of a block share what it costs evenly."""
    import torch

    from wavesynth.audio.companding import class_width

    nats: Tensor = network(samples, mel, noise)
    block = samples.shape[1] // nats.shape[1]
    return (nats / block).repeat_interleave(block, 1) - torch.log(class_width(samples.abs()))
