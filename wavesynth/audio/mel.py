"""Log-mel features, of a whole recording or of a stream as it arrives, to the same numbers.

A frame is |FFT|² of a Hann window of 800 samples, summed into 80 triangular bands (HTK scale, not normalised:
torchaudio's MelSpectrogram with pad_mode="constant") and scaled: (log10(max(power, 1e-5)) + 2) / 2.

    samples      0 ······· 160 ······ 320 ······ 480 ······ 640 ···
    frame 0   ───┴───┐                                             centred on sample 0, held for 0 to 159
    frame 1   ───────┴───────────┐                                 centred on sample 160, held for 160 to 319

Frame f reads the samples from f·hop - window/2 to f·hop + window/2 - 1. Beyond its ends a recording is taken
as silent, so that a stream needs no reflection and a clip may be shorter than a window.

All is computed in float64: in float32 a quiet band beside a loud tone would be the FFT's rounding noise.

Of a stream, which windows are complete (`StreamingLogMel.windows`) and what their features are (`features`) are two
questions, so that the windows of many streams may be answered together. PyTorch is imported when something is analysed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from wavesynth.audio.analysis import MelConfig, filter_bank, hann_window, log_mel_kernel
from wavesynth.audio.executor import per_stream

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = [
    "MelConfig",
    "StreamingLogMel",
    "features",
    "features_in_turn",
    "features_reference",
    "log_mel",
    "log_mel_of_array",
    "mel_tables",
]

#: Windows that are analysed at a time, so that an hour of audio does not hold all its overlapping ones at once.
_BLOCK = 4096


def log_mel(waveform: Tensor, config: MelConfig | None = None) -> Tensor:
    """The features of a whole recording: waveform [N] → float32 [F, bands], F = ceil(N / hop)."""
    import torch
    import torch.nn.functional as F

    config = config or MelConfig()
    _check_mono(waveform)
    frames = config.frames(waveform.numel())
    if not frames:
        return waveform.new_zeros(0, config.bands, dtype=torch.float32)
    around = _around(config, waveform.numel())
    windows = F.pad(waveform.double(), around).unfold(0, config.window, config.hop)
    return torch.cat([features(block, config) for block in windows.split(_BLOCK)])


def log_mel_of_array(samples: NDArray[np.float32], config: MelConfig) -> NDArray[np.float32]:
    """`log_mel` on a processor, [N] → [F, bands]; without PyTorch where the C++ kernel has the analysis."""
    kernel = log_mel_kernel(config)
    if kernel is None:
        import torch

        return log_mel(torch.from_numpy(samples), config).numpy()
    if not len(samples):
        return np.zeros((0, config.bands), np.float32)
    padded = np.pad(samples.astype(np.float64), _around(config, len(samples)))
    windows = sliding_window_view(padded, config.window)[:: config.hop]
    blocks = (windows[first : first + _BLOCK] for first in range(0, len(windows), _BLOCK))
    return np.concatenate([kernel.features(np.ascontiguousarray(block)) for block in blocks])


class StreamingLogMel:
    """The same features of a stream: frames come out as soon as their last sample is in.

    All the state is `pending` (the samples from the next frame's first one on), `samples` and `frames` (how
    many went in and came out). Each frame is computed alone, by operations of one fixed shape, so its bits do
    not depend on how the stream was cut into chunks. A `Stage` (wavesynth.audio.stage).

    >>> import torch
    >>> mel = StreamingLogMel()
    >>> [len(mel.push(torch.zeros(n))) for n in (399, 1, 160)], len(mel.finish())
    ([0, 1, 1], 2)
    """

    def __init__(self, config: MelConfig | None = None) -> None:
        self.config = config or MelConfig()
        self.pending = np.zeros(self.config.window // 2)
        self.samples = 0
        self.frames = 0

    @property
    def look_ahead(self) -> int:
        """Samples after a frame's first one that must be in: half a window, 25 ms."""
        return self.config.window - self.config.window // 2 - 1

    @property
    def warm_up(self) -> int:
        """Samples before a frame's first one that decide it; the window begins with 0."""
        return self.config.window // 2 - 1

    @property
    def start_up(self) -> int:
        """Samples that must be in before the first frame comes out."""
        return self.look_ahead + 1

    def push(self, samples: Tensor) -> Tensor:
        """Takes the next samples [N]; returns the frames that are now complete, float32 [f, bands]."""
        return per_stream(features, self.windows(samples), config=self.config)

    def finish(self) -> Tensor:
        """The frames that still waited for samples, which are silence now; nothing may be pushed after."""
        return per_stream(features, self.rest(), config=self.config)

    def windows(self, samples: Tensor) -> Tensor:
        """`push`, before `features`: the samples under the windows of those frames, float64 [f, window]."""
        _check_mono(samples)
        self.samples += samples.numel()
        self.pending = np.concatenate([self.pending, np.asarray(samples, np.float64)])
        return self._complete()

    def rest(self) -> Tensor:
        """`finish`, before `features`: float64 [f, window]."""
        missing = self.config.frames(self.samples) - self.frames
        length = (missing - 1) * self.config.hop + self.config.window if missing else 0
        self.pending = np.pad(self.pending, (0, max(0, length - len(self.pending))))[:length]
        return self._complete()

    def _complete(self) -> Tensor:
        import torch

        hop, window = self.config.hop, self.config.window
        if len(self.pending) < window:
            return torch.zeros(0, window, dtype=torch.float64)
        windows = torch.from_numpy(sliding_window_view(self.pending, window, writeable=True)[::hop])
        self.pending = self.pending[len(windows) * hop :].copy()  # a view would keep the whole chunk
        self.frames += len(windows)
        return windows


def features(windows: Tensor, config: MelConfig) -> Tensor:
    """Samples under their windows, [..., window], to features, float32 [..., bands]; in the samples' precision, which
    is float64 for all that is held against others' features.

    In float64 on the CPU by the C++ kernel where it has the analysis: faster, and with the same bits for a window in
    any company and on every processor.
    """
    import torch

    native = windows.device.type == "cpu" and windows.dtype == torch.float64
    kernel = log_mel_kernel(config) if native else None
    if kernel is None:
        return features_reference(windows, config)
    made = kernel.features(windows.reshape(-1, config.window).contiguous().numpy())
    return torch.from_numpy(made).view(*windows.shape[:-1], config.bands)


def features_in_turn(samples: Tensor, frames: int, config: MelConfig) -> Tensor:
    """`features` of `frames` windows a hop apart, of samples [B, window + (frames - 1) · hop]: float32
    [B, frames, bands]. Each window of all B is computed as if it were alone, so that its bits are the same."""
    import torch

    windows = [samples[:, k * config.hop : k * config.hop + config.window].double() for k in range(frames)]
    return torch.stack([features(window, config) for window in windows], 1)


def features_reference(windows: Tensor, config: MelConfig) -> Tensor:
    """`features` in PyTorch, with any analysis, in any precision and on any device."""
    import torch

    window, bank = mel_tables(config, windows.device, windows.dtype)
    # The FFT pads at the end, torchaudio on both sides: another phase, the same power.
    spectrum = torch.fft.rfft(windows * window, config.n_fft)
    power = torch.view_as_real(spectrum).square().sum(-1)
    return (((power @ bank).clamp(min=config.floor).log10() + 2) / 2).float()


@lru_cache(maxsize=8)
def mel_tables(config: MelConfig, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The window [window] and the filter bank [n_fft // 2 + 1, bands]."""
    import torch

    window, bank = torch.from_numpy(hann_window(config.window)), torch.from_numpy(filter_bank(config))
    return window.to(device, dtype), bank.to(device, dtype)


def _around(config: MelConfig, samples: int) -> tuple[int, int]:
    """How many samples of silence the windows see before a recording and after it."""
    before = config.window // 2
    return before, (config.frames(samples) - 1) * config.hop + config.window - before - samples


def _check_mono(waveform: Tensor) -> None:
    if waveform.dim() != 1:
        raise ValueError(f"waveform has shape {list(waveform.shape)}; it must be one channel, [N]")
