"""A training run's configuration: a TOML file as frozen, checked dataclasses.

    kind = "wavenet"                                  # what is trained: wavesynth.kinds
    start_from = "allison-small"                      # a voice, a run, or one checkpoint; leave out to begin anew
    teacher = "allison"                               # a voice or run whose distributions are learned from as well

    [model]                                           # the network's configuration: WaveNetConfig
    stacks = 3

    [data]                                            # DataConfig
    speakers.alice = ["datasets/alice"]

    [training]                                        # TrainingConfig
    steps = 20_000

    [voice]                                           # VoiceConfig
    name = "alice"

Paths are relative to the working directory, not to the file. Whatever is wrong raises ValueError with one
sentence that names the key, what came and what is allowed. docs/reference/configuration.md explains
every key; `wavesynth.training.run` reads such a file.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from wavesynth.audio.correction import MAX_FRAMES, can_correct
from wavesynth.audio.mel import MelConfig
from wavesynth.checks import require
from wavesynth.formats import check_name, check_texts
from wavesynth.kinds import kind_of
from wavesynth.models.wavenet import WaveNetConfig
from wavesynth.sampling.draw import TEMPERATURES
from wavesynth.voices.description import TEXTS

__all__ = [
    "DataConfig",
    "TrainingConfig",
    "VoiceConfig",
    "VoiceConfiguration",
    "WaveNetConfiguration",
    "WaveNetVoiceConfig",
]


@dataclass(frozen=True)
class DataConfig:
    """What is learned from. `speakers` are folders that `wavesynth prepare` made, by the speaker's name.

    With `perturb`, there are so many copies of each recording in other people's voices, made once (see
    wavesynth.data.perturbation): what a converter hears, and a voice that has one hears through it.

    The first `burn_in_samples` of a crop, whose context the crop's beginning cuts short, count for nothing in
    the loss: as many as the receptive field unless said otherwise, but at most half of the crop. `augment` is the
    share of the crops that are altered at random (wavesynth.data.augmentation).
    """

    speakers: dict[str, tuple[str, ...]]
    preemphasis: float = 0.85
    crop_frames: int = 100
    burn_in_samples: int | None = None
    augment: float = 0.0
    perturb: int = 0
    mel: MelConfig = field(default_factory=MelConfig)

    def __post_init__(self) -> None:
        require(self, "preemphasis", 0 <= self.preemphasis < 1, "from 0 to below 1")
        require(self, "crop_frames", 1 <= self.crop_frames <= 10_000, "from 1 to 10000")
        require(self, "augment", 0 <= self.augment <= 1, "from 0 to 1")
        require(self, "perturb", 0 <= self.perturb <= 100, "from 0 to 100")
        require(self, "augment", not (self.augment and self.perturb), "0 with perturb")
        if self.burn_in_samples is not None:
            most = self.crop_frames * self.mel.hop - 1
            require(self, "burn_in_samples", 0 <= self.burn_in_samples <= most, f"from 0 to {most}")
        for name, folders in self.speakers.items():
            check_name("speakers", name)
            if not folders:
                raise ValueError(f"speakers.{name} is empty; it must name at least one prepared folder")
        require(self, "speakers", bool(self.speakers), "at least one name with its folders")

    @property
    def folders(self) -> list[tuple[int, str]]:
        """Each folder with its speaker's number, in order."""
        return [(n, folder) for n, folders in enumerate(self.speakers.values()) for folder in folders]

    def burn_in(self, receptive_field: int) -> int:
        """Samples at the beginning of a crop that the loss leaves out."""
        if self.burn_in_samples is not None:
            return self.burn_in_samples
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
            require(self, name, getattr(self, name) >= 1, "at least 1")
        require(self, "learning_rate", 0 < self.learning_rate <= 1, "above 0 and at most 1")
        require(self, "warmup_steps", self.warmup_steps >= 0, "at least 0")
        require(self, "final_fraction", 0 <= self.final_fraction <= 1, "from 0 to 1")
        require(self, "betas", all(0 <= beta < 1 for beta in self.betas), "two numbers from 0 to below 1")
        require(self, "weight_decay", 0 <= self.weight_decay < math.inf, "at least 0")
        require(self, "clip", self.clip > 0, "above 0 (inf: no clipping)")
        require(self, "ema_decay", 0 <= self.ema_decay < 1, "from 0 to below 1")
        require(self, "seed", 0 <= self.seed < 2**63, "from 0 to 2^63 - 1")

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

    def __post_init__(self) -> None:
        check_texts(vars(self), TEXTS)
        low, high = TEMPERATURES
        require(self, "temperature", low <= self.temperature <= high, f"from {low} to {high}")
        require(self, "correction", 0 <= self.correction <= MAX_FRAMES, f"from 0 to {MAX_FRAMES}")


@dataclass(frozen=True)
class WaveNetVoiceConfig(VoiceConfig):
    """With the bits that its layers' activations have when it is served."""

    activation_bits: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "activation_bits", self.activation_bits in (8, 16), "8 or 16")


@dataclass(frozen=True)
class VoiceConfiguration:
    """A whole run of a voice of any kind. `model` is the kind's configuration of its network."""

    data: DataConfig
    voice: VoiceConfig
    model: Any
    training: TrainingConfig = field(default_factory=TrainingConfig)
    kind: str = "wavenet"

    def __post_init__(self) -> None:
        kind: Any = kind_of(self.kind)
        needs, mel, names = kind.needs(self.model), self.data.mel, len(self.data.speakers)
        if needs.speakers not in (0, names):
            raise ValueError(
                f"[model] speakers is {needs.speakers}; it must be {names}, the number of names under "
                "data.speakers, or 0 for a voice that is not told who speaks"
            )
        if self.voice.correction and not can_correct(needs.mel_bands, mel):
            raise ValueError(
                f"[voice] correction is {self.voice.correction}; it must be 0 without mel bands that overlap by half"
            )
        if needs.mel_bands not in (0, mel.bands):
            raise ValueError(
                f"[model] mel_bands is {needs.mel_bands}; it must be data.mel.bands, {mel.bands}, or 0"
            )
        if needs.hop != mel.hop:
            raise ValueError(f"[model] hop is {needs.hop}; it must be data.mel.hop, {mel.hop}")

    def to_json(self) -> dict[str, Any]:
        """Every key with its value, such that `wavesynth.training.run.parse_run` gives this configuration again."""
        return asdict(self)

    def fixed(self) -> dict[str, Any]:
        """What a run cannot change when it is resumed: the network and what its inputs mean."""
        fixed = {
            "kind": self.kind,
            **{f"[model] {name}": value for name, value in asdict(self.model).items()},
            **{f"[data.mel] {name}": value for name, value in asdict(self.data.mel).items()},
            "[data] preemphasis": self.data.preemphasis,
        }
        kind: Any = kind_of(self.kind)
        if kind.needs(self.model).speakers:
            fixed["[data] speakers"] = list(self.data.speakers)  # each embedding is that of a place
        return fixed


@dataclass(frozen=True)
class WaveNetConfiguration(VoiceConfiguration):
    """A whole run of a WaveNet."""

    voice: WaveNetVoiceConfig
    model: WaveNetConfig = field(default_factory=WaveNetConfig)
    start_from: str | None = None
    teacher: str | None = None
    teacher_share: float = 0.5
    quantised: bool = False
    converter: str | None = None
    reader: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "teacher_share", 0 < self.teacher_share <= 1, "above 0 and at most 1")
        model, perturb = self.model, self.data.perturb
        if (self.converter is None) != (not perturb) or (self.converter and not model.mel_bands):
            raise ValueError(
                f"converter is {self.converter!r}, [data] perturb {perturb} and [model] mel_bands "
                f"{model.mel_bands}; a voice that hears through a converter needs all three, any other no converter "
                "and perturb 0"
            )
        if self.reader is not None and (perturb or self.data.augment or not model.mel_bands):
            raise ValueError(
                f"reader is {self.reader!r}, [data] perturb {perturb}, augment {self.data.augment:g} and [model] "
                f"mel_bands {model.mel_bands}; a voice that hears what a text network reads needs mel bands, and "
                "perturb and augment 0"
            )
        if self.quantised and self.voice.activation_bits == 16:
            raise ValueError(
                "quantised is true, which rounds layers' activations to 8 bits, and [voice] activation_bits is 16, "
                "which serves them in 16; one of them must be another"
            )

    def fixed(self) -> dict[str, Any]:
        """What a run cannot change when it is resumed: the network and what its inputs mean."""
        return super().fixed() | {"converter": self.converter, "reader": self.reader}
