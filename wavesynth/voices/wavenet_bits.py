"""The bits that a recording costs a WaveNet: by the C++ sampler in int8, or by the definition of an arithmetic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from wavesynth.audio.companding import classes_of
from wavesynth.sampling.conditioning import conditioner_of, constant_frame
from wavesynth.sampling.following import Frames, follow
from wavesynth.voices.surroundings import surrounded

if TYPE_CHECKING:
    from wavesynth.networks import Network
    from wavesynth.sampling.backends.cpu import CpuSampler
    from wavesynth.sampling.int8 import Scales
    from wavesynth.sampling.weights import Weights
    from wavesynth.voices.wavenet import WaveNetVoice

__all__ = ["bits"]

#: Frames whose samples are scored at once by the definition: all layers' activations of them are in memory together.
PIECE_FRAMES = 200
#: By network, as long as there is the network; with the scales and activation bits that they are made of.
_SAMPLERS: WeakKeyDictionary[Network, tuple[Scales, int, CpuSampler]] = WeakKeyDictionary()


def bits(
    voice: WaveNetVoice,
    samples: NDArray[np.float32],
    mel: NDArray[np.float32] | None,
    speaker: int | None,
    first: int,
    end: int,
    arithmetic: str,
) -> NDArray[np.float32]:
    """As `VoiceKind.bits`: -log2 of the probability of each sample's μ-law class, given those before it (van den Oord
    et al., "WaveNet", 2016, eq. 1)."""
    c = voice.config
    # Of what was before, only what the stretch depends on is encoded: whole frames of it, and one more, so that a
    # sample stands before the first one that is heard. Pre-emphasis needs yet another.
    begin = max(0, first - c.receptive_field - c.hop) // c.hop
    offset = begin * c.hop
    classes = classes_of(samples[max(0, offset - 1) : end], c.classes, voice.preemphasis)[min(offset, 1) :]
    if mel is not None:
        mel = surrounded(mel, begin, -(-end // c.hop), c.mel_context, voice.mel.silence)
    first, end = first - offset, end - offset
    if arithmetic == "int8" and (sampler := _sampler_of(voice)) is not None:
        return follow(sampler, classes, _frames(voice, mel, speaker), first, end)
    weights = voice.int8() if arithmetic == "int8" else voice.float32()
    step = PIECE_FRAMES * voice.hop
    pieces = ((at, min(at + step, end)) for at in range(first, end, step))
    return np.concatenate([_by_definition(voice, weights, classes, mel, speaker, *piece) for piece in pieces])


def _sampler_of(voice: WaveNetVoice) -> CpuSampler | None:
    """The C++ sampler of its weights, made once; None where it was not built."""
    scales, activation_bits, found = _SAMPLERS.get(voice.network, (None, None, None))
    if found is None or scales is not voice.scales or activation_bits != voice.activation_bits:
        try:
            from wavesynth.sampling.backends.cpu import CpuSampler
        except ImportError:
            return None
        found = CpuSampler(voice.int8())
        _SAMPLERS[voice.network] = voice.scales, voice.activation_bits, found
    return found


def _frames(voice: WaveNetVoice, mel: NDArray[np.float32] | None, speaker: int | None) -> Frames:
    """The conditioning of frames by the C++ kernel."""
    c = voice.config
    if mel is None:
        constant = constant_frame(voice.network, speaker).reshape(c.layers, -1)
        return lambda numbers: np.broadcast_to(constant, (len(numbers), *constant.shape))
    kernel = conditioner_of(voice.network)
    assert kernel is not None  # it was built, as the sampler was
    windows = sliding_window_view(mel, 1 + 2 * c.mel_context, 0).transpose(
        0, 2, 1
    )  # [F, window, bands], a view
    who = -1 if speaker is None else speaker

    def frames(numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        made = kernel.frames(np.ascontiguousarray(windows[numbers]), np.full(len(numbers), who, np.int32))
        return made.reshape(len(numbers), c.layers, -1)

    return frames


def _by_definition(
    voice: WaveNetVoice,
    weights: Weights,
    classes: NDArray[np.int32],
    mel: NDArray[np.float32] | None,
    speaker: int | None,
    first: int,
    end: int,
) -> NDArray[np.float32]:
    """The samples' bits from the receptive field before them, in PyTorch. `mel` has the context on each side."""
    import torch

    from wavesynth.sampling.likelihood import likelihood

    c = voice.config
    begin = max(0, first - c.receptive_field) // c.hop
    frames = -(-end // c.hop) - begin
    targets = torch.from_numpy(classes[max(0, begin * c.hop - 1) : end]).long()
    tokens = targets[:-1] if begin else torch.cat([torch.tensor([c.start_token]), targets[:-1]])
    window = None if mel is None else torch.from_numpy(mel[begin : begin + frames + 2 * c.mel_context])[None]
    with torch.inference_mode():
        who = None if speaker is None else torch.tensor([speaker])
        conditioning = voice.model.conditioning(window, who, frames=frames)[0]
    nats = likelihood(weights, tokens, targets[-len(tokens) :], conditioning)
    return (nats[first - begin * c.hop :] / math.log(2)).numpy()
