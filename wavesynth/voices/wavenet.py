"""The kind wavenet: voices of a WaveNet, sampled one μ-law class after the other."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from wavesynth.checks import require_value
from wavesynth.extras import extra
from wavesynth.models.wavenet_config import WaveNetConfig
from wavesynth.sampling.backends.mulaw import MuLawSampler
from wavesynth.sampling.backends.sampler import ClassSampler, Sampler
from wavesynth.sampling.conditioning import conditioner_of
from wavesynth.sampling.int8 import Int8Weights, Scales
from wavesynth.voices.kinds import VoiceKind
from wavesynth.voices.voice import Needs, Voice, load_voice

if TYPE_CHECKING:
    from torch import Tensor

    from wavesynth.sampling.float32 import Float32Weights

__all__ = ["WaveNetKind", "WaveNetVoice", "load_wavenet"]


@dataclass(frozen=True, kw_only=True)
class WaveNetVoice(Voice):
    """A WaveNet with what 8-bit sampling needs."""

    kind: str = "wavenet"
    scales: Scales
    """Of its activations, as they were calibrated."""
    activation_bits: int = 8
    """Of its layers' inputs and gated activations, 8 or 16 (wavesynth.sampling.int8)."""
    mid_tread: bool = True
    """Whether the classes next to zero stand for zero (wavesynth.audio.companding.levels), so that silence is silent.
    Of format 1 none does."""

    @property
    def companding(self) -> tuple[int, bool]:
        """Its classes, and whether the two next to zero both stand for zero."""
        return self.config.classes, self.mid_tread

    @property
    def workload(self) -> Hashable:
        """Equal for voices of which a second of audio takes equally long to make."""
        return super().workload, self.activation_bits

    def float32(self) -> Float32Weights:
        """The weights in full precision."""
        from wavesynth.sampling.float32 import Float32Weights

        return Float32Weights.pack(self.model)

    def int8(self) -> Int8Weights:
        """The weights as the fast samplers serve them."""
        return Int8Weights.pack(self.network, self.scales, self.activation_bits)


class WaveNetKind(VoiceKind):
    """Conditioned by its own network, drawn by the samplers in `wavesynth.sampling.backends`."""

    name = "wavenet"
    needs_torch = False
    config = WaveNetConfig
    network = "wavesynth.models.wavenet:WaveNet"
    recipe = "wavesynth.training.wavenet:WaveNetRecipe"
    likelihoods = ("int8", "float32")
    own_fields = ("activation_bits", "mid_tread")
    old_tensors: ClassVar[Mapping[str, str]] = {f"scales.{f.name}": f"gains.{f.name}" for f in fields(Scales)}

    def weight_shapes(self, config: WaveNetConfig) -> dict[str, tuple[int, ...]]:
        """What its configuration says."""
        return config.weight_shapes()

    def needs(self, config: WaveNetConfig) -> Needs:
        """What its configuration says."""
        c = config
        return Needs(c.hop, c.mel_bands, c.mel_context, c.speakers, c.receptive_field, c.layers)

    def condition(self, voice: Voice, window: Tensor | None, speaker: int | None) -> Tensor:
        """What the frame adds before each layer's gate, [L, 2R]. On a processor by the C++ kernel where it was built:
        the same bits everywhere."""
        import torch

        kernel = None if window is None else conditioner_of(voice.network)
        if window is None or kernel is None:
            return self.condition_reference(voice, window, speaker)
        row = np.array([-1 if speaker is None else speaker], np.int32)
        frame = kernel.frames(window[None].contiguous().numpy(), row)
        return torch.from_numpy(frame).view(voice.config.layers, -1)

    def condition_reference(self, voice: Voice, window: Tensor | None, speaker: int | None) -> Tensor:
        """`condition` in PyTorch."""
        import torch

        mel, network = None if window is None else window[None], voice.model
        with torch.inference_mode():
            frames: Tensor = network.conditioning(mel, None if speaker is None else torch.tensor([speaker]))
            return frames[0, 0]

    def sampler(
        self, voice: Voice, backend: str, threads: int, max_streams: int | None, max_batch: int | None
    ) -> Sampler:
        """What draws classes by that backend, with the samples that these stand for."""
        voice = cast(WaveNetVoice, voice)
        return MuLawSampler(_drawing(voice, backend, threads, max_streams, max_batch), *voice.companding)

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
        """Those of the samples' μ-law classes; in int8 by the C++ kernel where it was built."""
        from wavesynth.voices.wavenet_bits import bits

        return bits(cast(WaveNetVoice, voice), samples, mel, speaker, first, end, arithmetic)

    def shapes(self, config: WaveNetConfig) -> dict[str, tuple[int, ...]]:
        """The shapes of the scales."""
        c = config
        return {
            "scales.input": (c.layers, c.residual),
            "scales.gate": (c.layers, c.residual),
            "scales.skip": (c.skip,),
            "scales.hidden": (c.classes,),
        }

    def tensors(self, voice: Voice) -> dict[str, NDArray[np.float32]]:
        """The scales, in float32."""
        voice = cast(WaveNetVoice, voice)
        return {f"scales.{f.name}": getattr(voice.scales, f.name) for f in fields(Scales)}

    def read(self, fields: dict[str, Any]) -> dict[str, Any]:
        """`activation_bits` and `mid_tread`."""
        bits, mid_tread = fields["activation_bits"], fields["mid_tread"]
        require_value("activation_bits", bits, type(bits) is int and bits in (8, 16), "8 or 16")
        require_value("mid_tread", mid_tread, isinstance(mid_tread, bool), "true or false")
        return fields

    def voice(
        self, common: dict[str, Any], fields: dict[str, Any], tensors: dict[str, NDArray[np.float32]]
    ) -> Voice:
        """A WaveNetVoice."""
        scales = {
            name.removeprefix("scales."): tensors[name] for name in self.shapes(common["network"].config)
        }
        for name, array in scales.items():
            if not (array > 0).all():
                raise ValueError(f"scales.{name} has values that are not positive; they must be")
        return WaveNetVoice(**common, **fields, scales=Scales(**scales))


def load_wavenet(folder: str | Path) -> WaveNetVoice:
    """The voice in `folder`, as `load_voice` has it. Raises ValueError if it is of another kind."""
    voice = load_voice(folder)
    if not isinstance(voice, WaveNetVoice):
        raise ValueError(f"{folder} is a voice of kind {voice.kind}; it must be of kind wavenet")
    return voice


def _drawing(
    voice: WaveNetVoice, backend: str, threads: int, max_streams: int | None, max_batch: int | None
) -> ClassSampler:
    if backend == "cpu":
        from wavesynth.sampling.backends.cpu import CpuSampler

        return CpuSampler(voice.int8(), threads=threads)
    with extra("torch", f"backend {backend}"):
        import torch  # noqa: F401
    if backend == "triton":
        try:
            from wavesynth.sampling.backends.triton import TritonSampler
        except ImportError as error:
            raise ValueError(
                f"backend triton needs the Python package triton ({error}); use --backend cpu"
            ) from error
        return TritonSampler(voice.model, voice.scales, max_streams, voice.activation_bits, max_batch)
    from wavesynth.sampling.backends.reference import BatchSampler

    return BatchSampler(voice.int8() if backend == "reference" else voice.float32())
