"""A voice on disk: a folder with weights.safetensors, voice.json and CARD.md. Nothing in it is ever unpickled.

`format` in voice.json says which fields it has, all of them and no others (wavesynth.formats):

- 1, of the voices that ship: `temperature`, `correction`, `fine` and `converter` may be absent.
- 2, which is written: all fields are there, with `mid_tread` and `wavesynth`, the version that wrote it.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from wavesynth.audio.correction import MAX_FRAMES, can_correct
from wavesynth.audio.mel import MelConfig
from wavesynth.files import atomic_path, read_text
from wavesynth.formats import check_fields, check_format, version
from wavesynth.models.converter import Converter, ConverterConfig
from wavesynth.models.wavenet import WaveNet, WaveNetConfig
from wavesynth.sampling.draw import TEMPERATURES
from wavesynth.sampling.int8 import Int8Weights, Scales
from wavesynth.sampling.weights import Float32Weights

__all__ = ["SHIPPED", "Voice", "VoiceError", "find_voices", "load_voice", "save_voice"]

#: The folder of the voices that ship.
SHIPPED = Path(__file__).parent / "shipped"
_FORMAT = 2
#: What voices of format 1 mean by a field that they lack.
_ABSENT = {"temperature": 1.0, "correction": 0, "fine": False, "converter": None}
_MAX_BYTES = 256 << 20


class VoiceError(ValueError):
    """A voice's files are not what they must be; the message names the file, the field and the limit."""


@dataclass(frozen=True)
class Voice:
    """A trained network and what is needed to use it."""

    name: str
    description: str
    language: str
    licence: str
    model: WaveNet
    gains: Scales
    mel: MelConfig = field(default_factory=MelConfig)
    preemphasis: float = 0.85
    speakers: tuple[str, ...] = ()
    temperature: float = 1.0
    """Of streams that name none."""
    correction: int = 0
    """Frames corrected jointly in streams that do not say (wavesynth.audio.correction), 0 to 16; 0: not corrected."""
    fine: bool = False
    """Whether its layers' activations have 16 bits where the rest has 8 (wavesynth.sampling.int8)."""
    converter: Converter | None = None
    """What the log-mel of whoever speaks goes through, for a voice that says it as its own speaker would."""
    mid_tread: bool = True
    """Whether the classes next to zero stand for zero (wavesynth.audio.companding.decode), so that silence is silent.
    Of format 1 none does."""

    @property
    def sample_rate(self) -> int:
        """Hertz."""
        return self.mel.sample_rate

    @property
    def hop(self) -> int:
        """Samples that one frame of conditioning lasts."""
        return self.model.config.hop

    @property
    def mel_bands(self) -> int:
        """Bands of the log-mel that it takes; 0 for a voice that takes none, only how long it is to speak."""
        return self.model.config.mel_bands

    @property
    def takes_mel(self) -> bool:
        """Whether it says what a log-mel, or a recording, says; if not, it takes only a duration."""
        return self.mel_bands > 0

    @property
    def mel_context(self) -> int:
        """Mel frames on each side of a frame that its network sees."""
        return self.model.config.mel_context

    @property
    def receptive_field(self) -> int:
        """Samples before a sample that its network sees."""
        return self.model.config.receptive_field

    @property
    def layers(self) -> int:
        """Layers of its network, as voices are listed."""
        return self.model.config.layers

    @property
    def classes(self) -> int:
        """Values that a sample may have."""
        return self.model.config.classes

    @property
    def frames_ahead(self) -> int:
        """Mel frames after a frame that must be known before its samples can be made."""
        converted = 0 if self.converter is None else self.converter.config.look_ahead
        return self.mel_context + converted

    @property
    def look_ahead(self) -> int:
        """Samples that the frames after a frame last which must be known before its samples can be made."""
        return self.frames_ahead * self.hop

    @property
    def warm_up(self) -> int:
        """Samples after which the start is forgotten, but for what a converter remembers: what its network sees, and
        the frames before a frame."""
        past = 0 if self.converter is None else self.converter.config.past
        return self.receptive_field + (self.mel_context + past) * self.hop

    @property
    def cost(self) -> tuple[bool, int]:
        """What orders voices: the lower, the less a second of audio takes to make."""
        return self.converter is not None, self.layers

    @property
    def workload(self) -> Hashable:
        """Equal for voices of which a second of audio takes equally long to make."""
        converter = None if self.converter is None else self.converter.config
        return self.model.config, self.sample_rate, self.correction, converter

    def float32(self) -> Float32Weights:
        """The weights in full precision."""
        return Float32Weights.pack(self.model)

    def int8(self) -> Int8Weights:
        """The weights as the fast samplers serve them."""
        return Int8Weights.pack(self.float32(), self.gains, self.fine)


_TEXTS = ("name", "description", "language", "licence")


def save_voice(folder: str | Path, voice: Voice) -> None:
    """Writes `voice` to `folder`: the weights as float16, the gains as float32."""
    folder = Path(folder)
    tensors = {f"model.{name}": tensor.to(torch.float16) for name, tensor in voice.model.state_dict().items()}
    tensors |= {f"gains.{name}": getattr(voice.gains, name).float() for name in _names(Scales)}
    description = {name: getattr(voice, name) for name in _TEXTS}
    description |= {
        "format": _FORMAT,
        "model": asdict(voice.model.config),
        "mel": asdict(voice.mel),
        "preemphasis": voice.preemphasis,
        "speakers": list(voice.speakers),
        "temperature": voice.temperature,
        "correction": voice.correction,
        "fine": voice.fine,
        "converter": None,
        "mid_tread": voice.mid_tread,
        "wavesynth": version(),
    }
    if voice.converter is not None:
        weights = voice.converter.state_dict()
        tensors |= {f"converter.{name}": tensor.to(torch.float16) for name, tensor in weights.items()}
        description["converter"] = asdict(voice.converter.config)
    with atomic_path(folder / "weights.safetensors") as path:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    with atomic_path(folder / "voice.json") as path:
        path.write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load_voice(folder: str | Path) -> Voice:
    """The voice in `folder`, its weights in float32.

    Raises VoiceError if a file is missing, truncated or too large, or if a field or a tensor is missing, left
    over, of the wrong type or shape, or not finite.
    """
    folder = Path(folder)
    path = folder / "voice.json"
    try:
        text = read_text(path)
        description = json.loads(text)
    except (OSError, ValueError) as error:
        raise VoiceError(f"{path} cannot be read: {error}") from error
    try:
        number = check_format("voice.json", description, _FORMAT)
    except ValueError as error:
        raise VoiceError(f"{path}: {error}") from error
    names = {*_TEXTS, "format", "model", "mel", "preemphasis", "speakers", *_ABSENT}
    if number == 1:
        description = _ABSENT | description
    else:
        names |= {"mid_tread", "wavesynth"}
    _expect_fields(path, "voice.json", description, names)
    for name in (*_TEXTS, *(["wavesynth"] if number > 1 else [])):
        if not isinstance(description[name], str):
            raise VoiceError(f"{path}: {name} is {description[name]!r}; it must be a text")
    preemphasis, speakers = description["preemphasis"], description["speakers"]
    if isinstance(preemphasis, bool) or not isinstance(preemphasis, int | float) or not 0 <= preemphasis < 1:
        raise VoiceError(f"{path}: preemphasis is {preemphasis!r}; it must be a number from 0 to below 1")
    temperature, correction = description["temperature"], description["correction"]
    low, high = TEMPERATURES
    if (
        isinstance(temperature, bool)
        or not isinstance(temperature, int | float)
        or not low <= temperature <= high
    ):
        raise VoiceError(f"{path}: temperature is {temperature!r}; it must be a number from {low} to {high}")
    if not isinstance(correction, int) or isinstance(correction, bool) or not 0 <= correction <= MAX_FRAMES:
        raise VoiceError(
            f"{path}: correction is {correction!r}; it must be a whole number from 0 to {MAX_FRAMES}"
        )
    mid_tread = description.get("mid_tread", False)
    for name, value in (("fine", description["fine"]), ("mid_tread", mid_tread)):
        if not isinstance(value, bool):
            raise VoiceError(f"{path}: {name} is {value!r}; it must be true or false")
    if not isinstance(speakers, list) or not all(isinstance(speaker, str) for speaker in speakers):
        raise VoiceError(f"{path}: speakers is {speakers!r}; it must be a list of names")
    config: WaveNetConfig = _config(path, "model", description["model"], WaveNetConfig)
    mel: MelConfig = _config(path, "mel", description["mel"], MelConfig)
    if len(speakers) != config.speakers:
        raise VoiceError(f"{path}: speakers has {len(speakers)} names; model.speakers is {config.speakers}")
    if config.mel_bands and (config.mel_bands, config.hop) != (mel.bands, mel.hop):
        raise VoiceError(
            f"{path}: mel has {mel.bands} bands and hop {mel.hop}; "
            f"the model needs {config.mel_bands} and {config.hop}"
        )
    if correction and not can_correct(config.mel_bands, mel):
        raise VoiceError(
            f"{path}: correction is {correction}; it must be 0 without mel bands that overlap by half"
        )
    with torch.device("meta"):
        model, converter = WaveNet(config), _converter(path, description["converter"], config.mel_bands)
    networks = {"model": model} | ({} if converter is None else {"converter": converter})
    shapes = {
        f"{prefix}.{name}": tuple(tensor.shape)
        for prefix, network in networks.items()
        for name, tensor in network.state_dict().items()
    }
    c = config
    shapes |= {
        "gains.input": (c.layers, c.residual),
        "gains.gate": (c.layers, c.residual),
        "gains.skip": (c.skip,),
        "gains.hidden": (c.classes,),
    }
    tensors = _tensors(folder / "weights.safetensors", shapes)
    for prefix, network in networks.items():
        weights = {name: tensors[f"{prefix}.{name}"] for name in network.state_dict()}
        network.load_state_dict(weights, assign=True)
        network.requires_grad_(False).eval()
    gains = Scales(*(tensors[f"gains.{name}"] for name in _names(Scales)))
    texts = {name: description[name] for name in _TEXTS}
    return Voice(
        **texts,
        model=model,
        gains=gains,
        mel=mel,
        preemphasis=float(preemphasis),
        speakers=tuple(speakers),
        temperature=float(temperature),
        correction=correction,
        fine=description["fine"],
        converter=converter,
        mid_tread=mid_tread,
    )


def find_voices(folder: str | Path = SHIPPED) -> dict[str, Path]:
    """The folders below `folder` that hold a voice, by their names, in order."""
    return {path.parent.name: path.parent for path in sorted(Path(folder).glob("*/voice.json"))}


def _tensors(path: Path, shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    try:
        if (size := path.stat().st_size) > _MAX_BYTES:
            raise VoiceError(f"{path} has {size} bytes; at most {_MAX_BYTES} are read")
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise VoiceError(f"{path} cannot be read: {error}") from error
    _expect_fields(path, "weights", tensors, set(shapes))
    for name, shape in shapes.items():
        if tuple(tensors[name].shape) != shape:
            raise VoiceError(
                f"{path}: {name} has shape {list(tensors[name].shape)}; it must be {list(shape)}"
            )
        if not torch.isfinite(tensors[name]).all():
            raise VoiceError(f"{path}: {name} has NaN or infinite values; it must be finite")
        if name.startswith("gains.") and not (tensors[name] > 0).all():
            raise VoiceError(f"{path}: {name} has values that are not positive; they must be")
    return tensors


def _converter(path: Path, values: Any, bands: int) -> Converter | None:
    if values is None:
        return None
    config: ConverterConfig = _config(path, "converter", values, ConverterConfig)
    if config.bands != bands:
        raise VoiceError(f"{path}: converter.bands is {config.bands}; model.mel_bands is {bands}")
    return Converter(config)


def _config(path: Path, name: str, values: Any, kind: type) -> Any:
    _expect_fields(path, name, values, set(_names(kind)))
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise VoiceError(f"{path}: {name}: {error}") from error


def _expect_fields(path: Path, what: str, values: Any, names: set[str]) -> None:
    try:
        check_fields(what, values, names)
    except ValueError as error:
        raise VoiceError(f"{path}: {error}") from error


def _names(kind: type) -> list[str]:
    return [f.name for f in fields(kind)]
