"""What a validation leaves to be heard or seen: a copy that the averaged weights make of a clip, or images."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from wavesynth.audio.companding import Deemphasis, decode
from wavesynth.evaluation.pictures import grid
from wavesynth.images.sampling import params_from
from wavesynth.kinds import kind_of
from wavesynth.models.pixels import PixelModel, intensities
from wavesynth.models.wavenet import WaveNet
from wavesynth.networks import Network
from wavesynth.sampling.backends.cpu import CpuSampler
from wavesynth.sampling.calibration import calibrate
from wavesynth.sampling.int8 import Int8Weights
from wavesynth.sampling.params import SamplingParams
from wavesynth.training.configuration import WaveNetConfiguration
from wavesynth.training.wavenet import WaveNetTask
from wavesynth.workers import threads

__all__ = ["Example", "copy_of_a_clip", "images_of", "some_images"]

#: Seconds of a copy: enough to hear words, and sampled in seconds.
_SECONDS = 2.0
#: Samples of the clip at which activations are looked at for their 8-bit scales.
_POSITIONS = 2_000
#: Images that are made, all at once.
_IMAGES = 16
#: Images side by side in the picture.
_COLUMNS = 8
#: Values of an image, H · W · C, up to which some are made: 32 x 32 pixels of three channels.
_MOST_VALUES = 3072


@dataclass(frozen=True)
class Example:
    """Waveforms, float32 [N], by name, or a picture, uint8 [H, W, C]."""

    waveforms: dict[str, Tensor] = field(default_factory=dict)
    sample_rate: int = 16000
    picture: Tensor | None = None


@torch.inference_mode()
def copy_of_a_clip(task: WaveNetTask, average: nn.Module, configuration: WaveNetConfiguration) -> Example:
    """The first two seconds of the validation split's first recording, and the copy that is sampled from its features,
    one sample after the other, in 8 bits, as the voice would be served: without correction, always by one seed.

    The 8-bit scales are those of this very clip, so a copy is a little better than an exported voice's.
    """
    model = copy.deepcopy(average).cpu()
    assert isinstance(model, WaveNet)
    c, data, voice = model.config, configuration.data, configuration.voice
    whole = int(task.validating.end[0])
    frames = min(whole, round(_SECONDS * data.mel.sample_rate / c.hop))
    tokens, targets, mel, folder = next(task.validating.sequential(frames))
    speaker = task.speakers[folder]
    conditioning = model.conditioning(mel if c.mel_bands else None, speaker if c.speakers else None, frames)
    bits = voice.activation_bits
    scales = calibrate(model, tokens, conditioning, keep=_POSITIONS, activation_bits=bits)
    sampler = CpuSampler(Int8Weights.pack(Network.of(model), scales, bits))
    params = SamplingParams(configuration.training.seed, voice.temperature)
    drawn = sampler.advance([sampler.start()], [conditioning[0]], [params], frames * c.hop)

    def heard(classes: Tensor) -> Tensor:
        samples = Deemphasis(data.preemphasis).push(decode(classes, c.classes, mid_tread=True).numpy())
        return torch.from_numpy(samples).clamp(-1, 1)

    return Example(
        {"original": heard(targets[0]), "copy": heard(torch.from_numpy(drawn[0]))}, data.mel.sample_rate
    )


@torch.inference_mode()
def some_images(average: nn.Module) -> Example:
    """Sixteen images, always by the same seeds; none of a network that would take minutes for them."""
    assert isinstance(average, PixelModel)
    c = average.config
    if c.variant != "gated" or c.dimensions > _MOST_VALUES:  # the others compute each row anew for each pixel
        return Example()
    return images_of(kind_of("pixelcnn"), average)


@torch.inference_mode()
def images_of(kind: Any, average: Any) -> Example:
    """Sixteen images that a network of a kind of models of images makes, always by the same seeds."""
    c = average.config
    model = copy.deepcopy(average).cpu().eval()
    labels = torch.arange(_IMAGES) % c.labels if c.labels else None
    with threads():
        made = torch.stack(list(kind.rows(model, params_from(0, _IMAGES), labels)), 1)
    return Example(picture=grid(intensities(made, c.levels), _COLUMNS))
