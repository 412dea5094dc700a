"""A training run's configuration: a TOML file as frozen, checked dataclasses.

    start_from = "allison-small"                      # a voice, a run, or one checkpoint; leave out to begin anew
    teacher = "allison"                               # a voice or run whose distributions are learned from as well

    [model]                                           # WaveNetConfig
    stacks = 3

    [data]                                            # DataConfig
    speakers.alice = ["datasets/alice"]

    [training]                                        # TrainingConfig
    steps = 20_000

    [voice]                                           # VoiceConfig
    name = "alice"

Paths are relative to the working directory, not to the file. Whatever is wrong raises ValueError with one
sentence that names the key, what came and what is allowed. docs/reference/configuration.md explains every key.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from wavesynth.audio.correction import MAX_FRAMES, can_correct
from wavesynth.audio.mel import MelConfig
from wavesynth.files import read_text
from wavesynth.models.wavenet import WaveNetConfig
from wavesynth.sampling.draw import TEMPERATURES

__all__ = [
    "Configuration",
    "DataConfig",
    "TrainingConfig",
    "VoiceConfig",
    "build",
    "parse",
    "read_toml",
]

Kind = TypeVar("Kind")
Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class DataConfig:
    """What is learned from. `speakers` are folders that `wavesynth prepare` made, by the speaker's name.

    With `disturb`, there are so many copies of each recording in other people's voices, made once (see
    wavesynth.data.perturbation): what a converter hears, and a voice that has one hears through it.

    The first `unscored_samples` of a crop, whose context the crop's beginning cuts short, count for nothing in
    the loss: as many as the receptive field unless said otherwise, but at most half of the crop. `altered` is the
    share of the crops that are altered at random (wavesynth.data.augmentation).
    """

    speakers: dict[str, tuple[str, ...]]
    preemphasis: float = 0.85
    crop_frames: int = 100
    unscored_samples: int | None = None
    altered: float = 0.0
    disturb: int = 0
    mel: MelConfig = field(default_factory=MelConfig)

    def __post_init__(self) -> None:
        _require(self, "preemphasis", 0 <= self.preemphasis < 1, "from 0 to below 1")
        _require(self, "crop_frames", 1 <= self.crop_frames <= 10_000, "from 1 to 10000")
        _require(self, "altered", 0 <= self.altered <= 1, "from 0 to 1")
        _require(self, "disturb", 0 <= self.disturb <= 100, "from 0 to 100")
        _require(self, "altered", not (self.altered and self.disturb), "0 with disturb")
        if self.unscored_samples is not None:
            most = self.crop_frames * self.mel.hop - 1
            _require(self, "unscored_samples", 0 <= self.unscored_samples <= most, f"from 0 to {most}")
        for name, folders in self.speakers.items():
            if not folders:
                raise ValueError(f"speakers.{name} is empty; it must name at least one prepared folder")
        _require(self, "speakers", bool(self.speakers), "at least one name with its folders")

    @property
    def folders(self) -> list[tuple[int, str]]:
        """Each folder with its speaker's number, in order."""
        return [(n, folder) for n, folders in enumerate(self.speakers.values()) for folder in folders]

    def unscored(self, receptive_field: int) -> int:
        """Samples at the beginning of a crop that the loss leaves out."""
        if self.unscored_samples is not None:
            return self.unscored_samples
        return min(receptive_field, self.crop_frames * self.mel.hop // 2)


@dataclass(frozen=True)
class TrainingConfig:
    """How it is learned. `batch_size` is that of all processes together; None means by the device."""

    batch_size: int = 16
    steps: int = 20_000
    learning_rate: float = 1e-3
    warmup_steps: int = 500
    final_fraction: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    clip: float = 1.0
    ema_decay: float = 0.999
    seed: int = 0
    validate_every: int = 500
    checkpoint_every: int = 500
    keep: int = 2
    precision: Literal["bf16", "float32"] | None = None
    compile: bool | None = None

    def __post_init__(self) -> None:
        for name in ("batch_size", "steps", "validate_every", "checkpoint_every", "keep"):
            _require(self, name, getattr(self, name) >= 1, "at least 1")
        _require(self, "learning_rate", 0 < self.learning_rate <= 1, "above 0 and at most 1")
        _require(self, "warmup_steps", self.warmup_steps >= 0, "at least 0")
        _require(self, "final_fraction", 0 <= self.final_fraction <= 1, "from 0 to 1")
        _require(self, "betas", all(0 <= beta < 1 for beta in self.betas), "two numbers from 0 to below 1")
        _require(self, "weight_decay", 0 <= self.weight_decay < math.inf, "at least 0")
        _require(self, "clip", self.clip > 0, "above 0 (inf: no clipping)")
        _require(self, "ema_decay", 0 <= self.ema_decay < 1, "from 0 to below 1")
        _require(self, "seed", 0 <= self.seed < 2**63, "from 0 to 2^63 - 1")

    def rate(self, step: int) -> float:
        """The learning rate of a step: a linear rise over `warmup_steps`, then half a cosine down.

        It falls to `final_fraction` of the peak (Loshchilov and Hutter, "SGDR", 2017, eq. 5, one period).
        """
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        done = min(1.0, (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps))
        fall = (1 + math.cos(math.pi * done)) / 2
        return self.learning_rate * (self.final_fraction + (1 - self.final_fraction) * fall)


@dataclass(frozen=True)
class VoiceConfig:
    """What the exported voice says of itself."""

    name: str
    description: str = ""
    language: str = ""
    licence: str = ""
    temperature: float = 1.0
    correction: int = 0
    fine: bool = False

    def __post_init__(self) -> None:
        _require(self, "name", bool(self.name.strip()), "a name")
        low, high = TEMPERATURES
        _require(self, "temperature", low <= self.temperature <= high, f"from {low} to {high}")
        _require(self, "correction", 0 <= self.correction <= MAX_FRAMES, f"from 0 to {MAX_FRAMES}")


@dataclass(frozen=True)
class Configuration:
    """A whole training run."""

    data: DataConfig
    voice: VoiceConfig
    model: WaveNetConfig = field(default_factory=WaveNetConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    start_from: str | None = None
    teacher: str | None = None
    teacher_share: float = 0.5
    quantised: bool = False
    converter: str | None = None

    def __post_init__(self) -> None:
        _require(self, "teacher_share", 0 < self.teacher_share <= 1, "above 0 and at most 1")
        model, mel, names = self.model, self.data.mel, len(self.data.speakers)
        if model.speakers not in (0, names):
            raise ValueError(
                f"[model] speakers is {model.speakers}; it must be {names}, the number of names under "
                "data.speakers, or 0 for a voice that is not told who speaks"
            )
        if self.voice.correction and not can_correct(model.mel_bands, mel):
            raise ValueError(
                f"[voice] correction is {self.voice.correction}; it must be 0 without mel bands that overlap by half"
            )
        if (self.converter is None) != (not self.data.disturb) or (self.converter and not model.mel_bands):
            raise ValueError(
                f"converter is {self.converter!r}, [data] disturb {self.data.disturb} and [model] mel_bands "
                f"{model.mel_bands}; a voice that hears through a converter needs all three, any other no converter "
                "and disturb 0"
            )
        if model.mel_bands not in (0, mel.bands):
            raise ValueError(
                f"[model] mel_bands is {model.mel_bands}; it must be data.mel.bands, {mel.bands}, or 0"
            )
        if self.quantised and self.voice.fine:
            raise ValueError(
                "quantised is true, which rounds layers' activations to 8 bits, and so is [voice] fine, which serves "
                "them in 16; one of them must be false"
            )
        if model.hop != mel.hop:
            raise ValueError(f"[model] hop is {model.hop}; it must be data.mel.hop, {mel.hop}")

    def to_json(self) -> dict[str, Any]:
        """Every key with its value, such that `parse` gives this configuration again."""
        return asdict(self)

    def fixed(self) -> dict[str, Any]:
        """What a run cannot change when it is resumed: the network and what its inputs mean."""
        fixed = {
            **{f"[model] {name}": value for name, value in asdict(self.model).items()},
            **{f"[data.mel] {name}": value for name, value in asdict(self.data.mel).items()},
            "[data] preemphasis": self.data.preemphasis,
            "converter": self.converter,
        }
        if self.model.speakers:
            fixed["[data] speakers"] = list(self.data.speakers)  # each embedding is that of a place
        return fixed


def read_toml(path: str | Path, parse: Callable[[dict[str, Any]], Parsed]) -> Parsed:
    """What `parse` makes of a TOML file; ValueError, naming the file, if anything in it is wrong."""
    try:
        values = tomllib.loads(read_text(path))
    except OSError as error:
        raise ValueError(f"configuration {path} cannot be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"configuration {path} is not TOML: {error}") from error
    try:
        return parse(values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def parse(values: dict[str, Any]) -> Configuration:
    """The configuration of a nested dictionary, as tomllib or json give it."""
    return build("", Configuration, values)


def build(section: str, kind: type[Kind], values: Any) -> Kind:
    """A dataclass of the kind from a dictionary; ValueError, naming `section` and key, if anything is wrong."""
    where = f"[{section}] " if section else ""
    if not isinstance(values, dict):
        raise ValueError(f"{section} is {values!r}; it must be a section, [{section}]")
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise ValueError(f"{where}{name} is not a key; it must be one of {', '.join(known)}")
    for name, f in known.items():
        if f.default is MISSING and f.default_factory is MISSING and name not in values:
            raise ValueError(f"{where}{name} is missing; it has no default")
    hints = get_type_hints(kind)
    built = {}
    for name, value in values.items():
        if is_dataclass(hints[name]):
            built[name] = build(f"{section}.{name}" if section else name, hints[name], value)
        else:
            try:
                built[name] = _convert(hints[name], value)
            except TypeError as error:
                raise ValueError(f"{where}{name} is {value!r}; it must be {error}") from None
    try:
        return kind(**built)
    except ValueError as error:
        raise ValueError(f"{where}{error}") from None


def _convert(hint: Any, value: Any) -> Any:
    """`value` as `hint` wants it; TypeError with what is allowed if it is something else."""
    arguments = get_args(hint)
    if get_origin(hint) in (
        Union,
        UnionType,
    ):  # X | None; a checkpoint's JSON has a null where X was left out
        some = next(argument for argument in arguments if argument is not NoneType)
        return None if value is None else _convert(some, value)
    if get_origin(hint) is Literal:
        if value not in arguments:
            raise TypeError(" or ".join(map(repr, arguments)))
        return value
    if get_origin(hint) is dict:
        if not isinstance(value, dict):
            raise TypeError('a table, such as speakers.alice = ["datasets/alice"]')
        return {key: _convert(arguments[1], item) for key, item in value.items()}
    if get_origin(hint) is tuple:
        item, open_ended = arguments[0], arguments[-1] is ...
        if not isinstance(value, list | tuple) or not (open_ended or len(value) == len(arguments)):
            raise TypeError(f"a list of {'' if open_ended else f'{len(arguments)} '}{_PLURAL[item]}")
        return tuple(_convert(item, element) for element in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise TypeError(_SINGULAR[hint])
    return value


_SINGULAR = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
_PLURAL = {float: "numbers", str: "texts"}


def _require(config: Any, name: str, holds: bool, allowed: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {getattr(config, name)!r}; it must be {allowed}")
