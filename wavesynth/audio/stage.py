"""The stages that audio passes through on its way, and how late and how forgetful all of them together are.

    input ─ resampler ─ log-mel ─ converter ─ conditioner ─┃─ sampler ─ de-emphasis ─ correction ─ output
                              analysis                     ┃                synthesis

All lengths are in samples at the voice's rate. A frame, of log-mel or of conditioning, stands at the first sample that
it is held for: frame f at f · hop. What decides an output at position p lies in the input between these positions:

    p - warm_up ─────────────── p ───────── p + look_ahead
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["FrameReach", "Pipeline", "Reach", "Sampling", "Stage"]


class Reach(Protocol):
    """How far around an output the input lies that decides it, in samples at the voice's rate."""

    @property
    def look_ahead(self) -> int:
        """Samples after an output that must be in before it comes out, at the most."""

    @property
    def warm_up(self) -> int:
        """Samples before an output that decide it."""

    @property
    def start_up(self) -> int:
        """Samples that must be in before the first output comes out; look_ahead + 1, or fewer."""


class Stage(Reach, Protocol):
    """One step of a stream. What it gives does not depend on how the stream was cut into pieces."""

    @property
    def push(self) -> Callable[..., Any]:
        """Takes the next piece, and returns what is complete now."""

    @property
    def finish(self) -> Callable[[], Any]:
        """Returns the rest, as if silence followed; nothing may be pushed after."""


@dataclass(frozen=True)
class Sampling:
    """The reach of the network that draws the samples: it sees its `receptive_field`, and nothing ahead."""

    receptive_field: int
    look_ahead: int = 0
    start_up: int = 1

    @property
    def warm_up(self) -> int:
        """The samples before a sample that the network sees."""
        return self.receptive_field


class FrameReach:
    """The reach of a network that sees `past` frames before a frame, of `hop` samples each, and `ahead` after it."""

    def __init__(self, past: int, ahead: int, hop: int) -> None:
        self._past, self._ahead, self._hop = past, ahead, hop

    @property
    def look_ahead(self) -> int:
        """Samples that the frames last that it sees after a frame."""
        return self._ahead * self._hop

    @property
    def warm_up(self) -> int:
        """Samples that the frames last that it sees before a frame."""
        return self._past * self._hop

    @property
    def start_up(self) -> int:
        """Samples up to the first frame that must be in before a frame comes out."""
        return self.look_ahead + 1


@dataclass(frozen=True)
class Pipeline:
    """A stream's stages. How late its audio is, and what it needs, is asked here and nowhere else.

    >>> from wavesynth.audio.mel import StreamingLogMel
    >>> pipeline = Pipeline(160, [StreamingLogMel()], [Sampling(5116)])
    >>> pipeline.look_ahead, pipeline.needed(160), pipeline.before
    (399, 400, 5596)
    """

    hop: int
    """Samples that a frame is held for."""
    analysis: Sequence[Reach]
    """The stages from the input to a frame of conditioning; none where there is no input."""
    synthesis: Sequence[Reach]
    """The stages from there to the audio."""

    @property
    def look_ahead(self) -> int:
        """How late the audio is: samples of input after a sample that must be in before it comes out, at the most."""
        return sum(stage.look_ahead for stage in (*self.analysis, *self.synthesis))

    @property
    def warm_up(self) -> int:
        """Samples of input before a sample that decide it."""
        return self._analysis_warm_up + self.hop - 1 + self._synthesis_warm_up

    @property
    def frames_ahead(self) -> int:
        """Frames after a frame that must be known, where the analysis takes frames."""
        return sum(stage.look_ahead for stage in self.analysis) // self.hop

    def needed(self, samples: int) -> int:
        """Samples of input after which the first `samples` samples can be drawn, at the most: those of the first chunk,
        say."""
        last_frame = (samples - 1) // self.hop * self.hop
        return last_frame + 1 + sum(stage.look_ahead for stage in self.analysis) if self.analysis else 0

    @property
    def held_back(self) -> int:
        """Samples that are drawn until the first comes out, in whole frames; 0 if it comes out at once."""
        held = sum(stage.start_up - 1 for stage in self.synthesis)
        return -(-(held + 1) // self.hop) * self.hop if held else 0

    @property
    def before(self) -> int:
        """Samples of a recording before a piece that must be heard with it, where that begins on a frame."""
        return -(-self._analysis_warm_up // self.hop) * self.hop + self._synthesis_warm_up

    @property
    def after(self) -> int:
        """Samples of a recording after a piece that must be heard with it."""
        return self.look_ahead

    @property
    def _analysis_warm_up(self) -> int:
        return sum(stage.warm_up for stage in self.analysis)

    @property
    def _synthesis_warm_up(self) -> int:
        return sum(stage.warm_up for stage in self.synthesis)
