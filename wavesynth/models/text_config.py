"""The shape of a text network, without PyTorch: what a voice's description says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wavesynth.checks import require, require_value, require_whole

__all__ = ["PAUSES", "PHONEMES", "SYMBOLS", "TextConfig"]

#: The pauses of an utterance: begin; end without a mark; between words; then the marks by which a clause ends.
PAUSES = ("^", "$", "_", ",", ".", "?", "!", ";", "…")
#: The phonemes of American English, one character each (wavesynth.text.inventory), in the order in which weights have
#: them: new ones are added at the end.
PHONEMES = tuple("AIOWYiuæɑɔəɛɜɪʊʌᵊᵻbdfhjklmnpstvwzðŋɡɹɾʃʒʤʧθ")
SYMBOLS = PAUSES + PHONEMES


@dataclass(frozen=True)
class TextConfig:
    """The shape of a text network (wavesynth.models.text_to_mel). It makes two frames a decoder's step.

    `symbols` are the phonemes and pauses that it can say, as they are numbered. A stack of `encoder_layers` sees the
    symbols of an utterance, one of `predictor_layers` says how long each lasts, another its pitch and energy, and one
    of `decoder_layers` makes the frames.
    """

    symbols: tuple[str, ...] = SYMBOLS
    bands: int = 80
    channels: int = 192
    encoder_layers: int = 4
    encoder_kernel: int = 5
    predictor_channels: int = 128
    predictor_layers: int = 2
    decoder_layers: int = 6
    decoder_kernel: int = 7
    expansion: int = 3

    #: Frames of a step of the decoder.
    FRAMES: ClassVar[int] = 2
    #: Numbers that a phoneme's prosody is: the pitch of its three thirds, and its energy.
    PROSODY: ClassVar[int] = 4
    #: Numbers that say where in its phoneme a frame is.
    PLACE: ClassVar[int] = 5
    #: Heights that a frame's pitch lies between, from -HIGHEST to HIGHEST standard deviations.
    HEIGHTS: ClassVar[int] = 25
    HIGHEST: ClassVar[float] = 3.0
    #: Numbers that the decoder is told of a frame beside its phoneme: its place, its pitch, how near each height is.
    FEATURES: ClassVar[int] = PLACE + 1 + HEIGHTS

    def __post_init__(self) -> None:
        limits = {
            "bands": (1, 256),
            "channels": (16, 512),
            "encoder_layers": (1, 12),
            "encoder_kernel": (1, 31),
            "predictor_channels": (16, 512),
            "predictor_layers": (1, 12),
            "decoder_layers": (1, 24),
            "decoder_kernel": (1, 31),
            "expansion": (1, 8),
        }
        require_whole(self, limits)
        for name in ("channels", "predictor_channels"):
            require(self, name, getattr(self, name) % 16 == 0, "a multiple of 16")
        for name in ("encoder_kernel", "decoder_kernel"):
            require(self, name, getattr(self, name) % 2 == 1, "odd")
        holds = 0 < len(self.symbols) <= 512 and len(set(self.symbols)) == len(self.symbols)
        require(self, "symbols", holds, "1 to 512 texts, all different")
        missing = [pause for pause in PAUSES if pause not in self.symbols]
        require_value("symbols", self.symbols, not missing, f"a list with {' '.join(missing)}")

    @property
    def frame_inputs(self) -> int:
        """Numbers that the decoder is given for a frame: its phoneme's vector and prosody, and its features."""
        return self.channels + self.PROSODY + self.FEATURES

    @property
    def stacks(self) -> dict[str, tuple[int, int, int, int, int]]:
        """Of each stack of convolutions by its name: inputs, outputs, channels, layers and kernel."""
        c = self.channels
        predictor = self.predictor_channels, self.predictor_layers, self.encoder_kernel
        return {
            "encoder": (c, c, c, self.encoder_layers, self.encoder_kernel),
            "duration": (c, 1, *predictor),
            "prosody": (c, self.PROSODY, *predictor),
            "decoder": (
                self.FRAMES * self.frame_inputs,
                self.FRAMES * self.bands,
                c,
                self.decoder_layers,
                self.decoder_kernel,
            ),
        }

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the network's weights, by their names in `wavesynth.models.text_to_mel.TextToMel`."""
        shapes: dict[str, tuple[int, ...]] = {
            "mean": (self.bands,),
            "scale": (self.bands,),
            "silence": (self.bands,),
            "pitch_range": (2,),
            "symbol.weight": (len(self.symbols), self.channels),
            "stress.weight": (3, self.channels),
            "clause.weight": (len(PAUSES), self.channels),
        }
        for stack, (inputs, outputs, channels, layers, kernel) in self.stacks.items():
            inner = self.expansion * channels
            its: dict[str, tuple[int, ...]] = {
                "input.weight": (channels, inputs),
                "input.bias": (channels,),
                "norm.weight": (channels,),
                "norm.bias": (channels,),
                "output.weight": (outputs, channels),
                "output.bias": (outputs,),
            }
            for layer in range(layers):
                its |= {
                    f"blocks.{layer}.depthwise.weight": (channels, 1, kernel),
                    f"blocks.{layer}.depthwise.bias": (channels,),
                    f"blocks.{layer}.norm.weight": (channels,),
                    f"blocks.{layer}.norm.bias": (channels,),
                    f"blocks.{layer}.up.weight": (inner, channels),
                    f"blocks.{layer}.up.bias": (inner,),
                    f"blocks.{layer}.down.weight": (channels, inner),
                    f"blocks.{layer}.down.bias": (channels,),
                }
            shapes |= {f"{stack}.{name}": shape for name, shape in its.items()}
        return shapes
