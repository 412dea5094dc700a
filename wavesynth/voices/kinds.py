"""A kind of voice: what one must say of itself to be trained, exported, loaded, served and streamed.

The least that a kind says is its name, its network with its configuration, what the network needs, what it pays for
samples (`loss`) and how it makes them (`generate`); tests/voices/test_toy_kind.py has one of twenty lines.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from wavesynth.kinds import Kind
from wavesynth.sampling.backends.frames import FrameSampler
from wavesynth.sampling.backends.sampler import Sampler
from wavesynth.sampling.params import SamplingParams
from wavesynth.voices.voice import Needs, Voice

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["VoiceKind"]


class VoiceKind(Kind):
    """What all kinds of voices have; a kind overrides what it has of its own."""

    makes: ClassVar[Literal["voices", "converters", "texts", "images"]] = "voices"
    recipe: ClassVar[Any] = "wavesynth.training.voices:AnyVoiceRecipe"
    #: Fields of voice.json, and of its voices, that only this kind has.
    own_fields: ClassVar[tuple[str, ...]] = ()
    #: What tensors were called before format 3, by their names now.
    old_tensors: ClassVar[Mapping[str, str]] = {}
    #: The arithmetics in which `bits` computes a voice's likelihood, the one that is served first, such as int8 and
    #: float32. Without one, the kind has no likelihood.
    likelihoods: ClassVar[tuple[str, ...]] = ()

    #: Whether streams of its voices need PyTorch: a server without it leaves them out.
    needs_torch: ClassVar[bool] = True

    @abstractmethod
    def needs(self, config: Any) -> Needs:
        """What a network of that configuration takes and sees."""

    def condition(self, voice: Voice, window: Tensor | None, speaker: int | None) -> Tensor:
        """What the sampler is given for a frame: the log-mel around it, [1 + 2 * mel_context, bands], or what the
        network makes of it. `window` is None for a voice that takes none. (A sampler whose `takes_windows` is true is
        given the log-mel of many frames itself.)"""
        import torch

        return torch.zeros(1, 0) if window is None else window

    def sampler(
        self, voice: Voice, backend: str, threads: int, max_streams: int | None, max_batch: int | None
    ) -> Sampler:
        """What makes the samples of many streams (wavesynth.voices.samplers.make_sampler has the arguments). Raises
        ValueError for a backend that this kind or this machine does not have."""
        if backend != "cpu":
            raise ValueError(f"backend is {backend!r}; voices of kind {self.name} have only cpu")
        return FrameSampler(voice.network, voice.hop, self.generate)

    def generate(
        self,
        network: nn.Module,
        window: Tensor,
        speaker: int | None,
        params: SamplingParams,
        index: int,
        n: int,
    ) -> NDArray[np.float32]:
        """`n` samples from number `index` of a stream on, within one frame, [n], before de-emphasis.

        `window` [1 + 2 * mel_context, bands] is the log-mel around the frame, without bands if the voice takes none.
        What is random is a function of `params.seed` and a sample's index alone (wavesynth.sampling.philox), so that a
        stream may be cut anywhere. A kind whose samples depend on those before has a sampler of its own instead.
        """
        raise NotImplementedError(f"kind {self.name} says neither how it generates nor has a sampler")

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
        """The bits that each of the samples from `first` to `end` of a recording costs, float32 [end - first]: -log2 of
        its probability, given all samples before it and the log-mel. (Of a density: times the width of one of 256
        μ-law classes there, so that all kinds may be compared.)

        `samples` [N] is the whole recording at the voice's rate, within ±1, not pre-emphasised. `mel` [ceil(N / hop),
        bands] is the log-mel that the voice is told, without the frames around it; None for a voice that takes none.
        `arithmetic` is one of `likelihoods`. What a sample costs must not depend on where the recording is cut into
        `first` to `end`: wavesynth.engine.scoring asks for it stretch by stretch, from several threads.
        """
        raise NotImplementedError(f"kind {self.name} has no likelihood")

    def loss(self, network: nn.Module, samples: Tensor, mel: Tensor, speaker: Tensor) -> Tensor:
        """The nats that `network` pays for each of the samples that counts, in any shape.

        `samples` [B, T] are pre-emphasised, `mel` [B, T / hop + 2 * mel_context, bands] has the frames around them,
        `speaker` [B] says whose they are. A kind with a recipe of its own needs no loss here.
        """
        raise NotImplementedError(f"kind {self.name} says neither its loss nor has a recipe")

    def shapes(self, config: Any) -> dict[str, tuple[int, ...]]:
        """The shapes of the kind's own tensors, those that a voice has beside its networks' weights, by their names in
        the file."""
        return {}

    def tensors(self, voice: Voice) -> dict[str, NDArray[np.float32]]:
        """The kind's own tensors of a voice, by the names that `shapes` gives."""
        return {}

    def read(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The `fields` of voice.json that only this kind has, checked. Raises ValueError."""
        return fields

    def voice(
        self, common: dict[str, Any], fields: dict[str, Any], tensors: dict[str, NDArray[np.float32]]
    ) -> Voice:
        """A voice of what all voices have, of what `read` gave and of the tensors in the file. Raises ValueError."""
        return Voice(**common)
