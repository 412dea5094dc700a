"""The shape of a harmonic voice, without PyTorch: what a voice's description says of its network."""

from __future__ import annotations

from dataclasses import dataclass

from wavesynth.checks import require, require_whole

__all__ = ["CONTEXT", "HarmonicConfig"]

#: Mel frames on each side of a frame that the network sees. It says what the frame after that one is.
CONTEXT = 3


@dataclass(frozen=True)
class HarmonicConfig:
    """The shape of a network that hears how a voice is excited (wavesynth.models.harmonic).

    `pitches` are the frequencies that it tells apart, `per_octave` to an octave, from `lowest` hertz on. Of `noises`
    bands of equal width it says how much is noise. `minimum_phase` is the share of the phase that a filter of minimum
    phase has which the harmonics are given: 0 puts all of them in phase. `hop` is the number of samples of a mel frame.
    """

    channels: int = 256
    layers: int = 2
    pitches: int = 82
    per_octave: int = 24
    lowest: float = 55.0
    noises: int = 8
    minimum_phase: float = 0.6
    mel_bands: int = 80
    hop: int = 160

    def __post_init__(self) -> None:
        limits = {
            "channels": (16, 1024),
            "layers": (1, 8),
            "pitches": (3, 512),
            "per_octave": (1, 100),
            "noises": (1, 64),
            "mel_bands": (1, 256),
            "hop": (16, 4096),
        }
        require_whole(self, limits)
        require(self, "hop", self.hop % 16 == 0, "a multiple of 16")
        require(self, "lowest", 20 <= self.lowest <= 500, "from 20 to 500 Hz")
        require(self, "minimum_phase", 0 <= self.minimum_phase <= 1, "from 0 to 1")
        most = f"such that the highest, {self.highest:.0f} Hz, is at most 2,000"
        require(self, "pitches", self.highest <= 2000, most)

    @property
    def highest(self) -> float:
        """The highest frequency that it tells apart, hertz."""
        return self.lowest * 2.0 ** ((self.pitches - 1) / self.per_octave)

    @property
    def inputs(self) -> int:
        """Numbers that the first layer sees: the frames side by side."""
        return (1 + 2 * CONTEXT) * self.mel_bands

    @property
    def outputs(self) -> int:
        """Numbers that the last layer says of a frame: whether it is voiced, its pitch, how much is noise."""
        return 1 + self.pitches + self.noises

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the network's weights, by their names in `wavesynth.models.harmonic.Harmonic`."""
        widths = [self.inputs, *[self.channels] * self.layers, self.outputs]
        shapes: dict[str, tuple[int, ...]] = {}
        for i in range(self.layers + 1):
            shapes[f"dense.{i}.weight"] = widths[i + 1], widths[i]
            shapes[f"dense.{i}.bias"] = (widths[i + 1],)
        return shapes
