"""Conditioning frames on the GPU, of many streams at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from wavesynth.audio.fixed_batch import to_device
from wavesynth.kernels.triton.condition import PackedConditioner, pack_conditioner
from wavesynth.kernels.triton.network import PackedNetwork
from wavesynth.models.wavenet import WaveNet
from wavesynth.sampling.windows import Tracks, Windows

__all__ = ["DeviceConditioning"]


class DeviceConditioning:
    """A voice's conditioning network on the GPU, for `network`, which is on its device."""

    def __init__(self, model: WaveNet, network: PackedNetwork) -> None:
        self._model, self._network, self._device = model, network, network.embedding.device
        mel = model.config.mel_bands
        self._conditioner = _conditioner_of(model, network) if mel else None
        self._constant = None if mel else self._constant_frames()

    def warm_up(self) -> None:
        """Compiles what `frames` launches."""
        if self._conditioner is not None:
            config = self._model.config
            window = torch.zeros(1, 1 + 2 * config.mel_context, config.mel_bands, device=self._device)
            self._conditioner(window, torch.zeros(1, dtype=torch.int32, device=self._device))

    def frames(self, conditioning: Sequence[Tensor | Windows]) -> Tensor:
        """[C, F, L, 2R] float16 on the device; streams with fewer frames than others have zeros behind them."""
        if isinstance(conditioning, Tracks):
            return self._of_tracks(conditioning)
        lengths = [len(c) for c in conditioning]
        windows = [c for c in conditioning if isinstance(c, Windows)]
        if windows and len(windows) < len(lengths):
            raise TypeError("conditioning is part frames, part windows; it must be one of them")
        if windows and self._constant is not None:
            return self._repeated(torch.tensor([w.speaker or 0 for w in windows]), max(lengths))
        counts = torch.tensor(lengths)
        if windows:
            assert self._conditioner is not None
            mel = to_device(torch.cat([torch.as_tensor(w.mel) for w in windows]), self._device)
            speakers = torch.repeat_interleave(
                torch.tensor([w.speaker or 0 for w in windows], dtype=torch.int32), counts
            )
            made = self._conditioner(mel, to_device(speakers, self._device)).unflatten(1, self._shape)
        else:
            given = torch.cat([torch.as_tensor(frames) for frames in conditioning])
            made = self._network.conditioning(to_device(given, self._device))
        return self._filled_up(made, counts)

    def _of_tracks(self, tracks: Tracks) -> Tensor:
        """`frames` of many streams' windows, which are cut from their mel frames on the device."""
        speakers, counts = torch.from_numpy(np.maximum(tracks.speakers, 0)), torch.from_numpy(tracks.counts)
        if self._constant is not None:
            return self._repeated(speakers, int(counts.max()))
        assert self._conditioner is not None
        mel, first = (
            to_device(torch.from_numpy(array), self._device) for array in (tracks.mel, tracks.rows())
        )
        width = torch.arange(tracks.around + 1, device=self._device)
        of_windows = to_device(torch.repeat_interleave(speakers, counts), self._device)
        made = self._conditioner(mel[first[:, None] + width], of_windows).unflatten(1, self._shape)
        return self._filled_up(made, counts)

    @property
    def _shape(self) -> tuple[int, int]:
        """Of a frame: [L, 2R]."""
        return self._network.layers, 2 * self._network.residual_channels

    def _repeated(self, speakers: Tensor, frames: int) -> Tensor:
        """The constant frames of streams with these speakers [C]."""
        assert self._constant is not None
        made = self._constant[to_device(speakers, self._device)]
        return made[:, None].expand(-1, frames, -1, -1).contiguous()

    def _filled_up(self, made: Tensor, counts: Tensor) -> Tensor:
        """Frames [sum of counts, L, 2R] as [C, F, L, 2R]."""
        most = int(counts.max())
        if (counts == most).all():
            return made.view(len(counts), most, *self._shape)
        shape = (len(counts), most, *self._shape)
        frames = torch.zeros(shape, dtype=torch.float16, device=self._device)
        rows = (torch.arange(most) < counts[:, None]).flatten().nonzero()[:, 0]
        frames.view(-1, *self._shape).index_copy_(0, to_device(rows, self._device), made)
        return frames

    def _constant_frames(self) -> Tensor:
        """The conditioning of each speaker, or of nobody, of a network that hears nothing: [speakers or 1, L, 2R]."""
        speakers = self._model.config.speakers
        with torch.inference_mode():
            frames = self._model.conditioning(speaker=torch.arange(speakers) if speakers else None)[:, 0]
        return self._network.conditioning(frames.to(self._device))


def _conditioner_of(model: WaveNet, network: PackedNetwork) -> PackedConditioner:
    """The conditioning network's weights for the kernel."""
    with torch.no_grad():
        return pack_conditioner(
            network, hidden=model.mel_hidden.weight, hidden_bias=model.mel_hidden.bias,
            smooth=model.mel_smooth.weight, smooth_bias=model.mel_smooth.bias,
            output=model.mel_output.weight, bias=model.bias,
            speakers=model.speaker.weight if model.config.speakers else None,
        )  # fmt: skip
