"""Training a converter: whoever speaks to one speaker's log-mel, by the loop that all models share.

    kind = "converter"

    [converter]                                       # ConverterConfig
    channels = 256

    [data]                                            # DataConfig: the speaker to become, and copies in other voices
    speakers.alice = ["datasets/alice"]               # the first: whom everybody becomes
    speakers.bob = ["datasets/bob"]                   # others, if any: more speakers to learn words from
    perturb = 8

    [training]                                        # TrainingConfig

A voice that names the run as its `converter` is then trained on what it says (docs/guide/train.md).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavesynth.checks import build
from wavesynth.data.features import Track, untracked
from wavesynth.data.pairs import Pairs
from wavesynth.data.split import Split
from wavesynth.models.converter import Converter, ConverterConfig
from wavesynth.training.checkpoint import Checkpoint, checkpoint_of
from wavesynth.training.configuration import DataConfig, TrainingConfig
from wavesynth.training.crops import CropTask
from wavesynth.training.names import names_of_now
from wavesynth.training.processes import Processes
from wavesynth.training.recipe import Exported, ExportOptions, Recipe
from wavesynth.training.start import located
from wavesynth.training.task import Task
from wavesynth.training.voices import make_copies
from wavesynth.voices.voice import load_voice

__all__ = ["ConverterConfiguration", "ConverterRecipe", "ConverterTask", "trained_converter"]


@dataclass(frozen=True)
class ConverterConfiguration:
    """A whole training run."""

    data: DataConfig
    converter: ConverterConfig = field(default_factory=ConverterConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    kind: str = "converter"

    def __post_init__(self) -> None:
        if not self.data.perturb:
            raise ValueError(f"[data] perturb is {self.data.perturb}; for a converter it must be at least 1")
        if self.converter.bands != self.data.mel.bands:
            raise ValueError(
                f"[converter] bands is {self.converter.bands}; it must be data.mel.bands, {self.data.mel.bands}"
            )

    def to_json(self) -> dict[str, Any]:
        """Every key with its value, such that `wavesynth.training.run.parse_run` gives this configuration again."""
        return asdict(self)

    def fixed(self) -> dict[str, Any]:
        """What a run cannot change when it is resumed: the network and what its inputs mean."""
        return {
            "kind": self.kind,
            **{f"[converter] {name}": value for name, value in asdict(self.converter).items()},
            **{f"[data.mel] {name}": value for name, value in asdict(self.data.mel).items()},
            "[data] speakers": list(self.data.speakers),  # the first is whom everybody becomes
        }


class ConverterRecipe(Recipe[ConverterConfiguration]):
    """On pairs of recordings and their copies; a voice's configuration names the run, and nothing is exported."""

    unit = "value"

    def parse(self, values: dict[str, Any]) -> ConverterConfiguration:
        """A ConverterConfiguration."""
        return build("", ConverterConfiguration, values)

    def task(self, configuration: ConverterConfiguration, *, resume: bool, track: Track) -> Task:
        """Pairs, and what a recording's log-mel costs."""
        return ConverterTask(configuration, track)

    def prepare(self, configuration: ConverterConfiguration, processes: Processes, track: Track) -> None:
        """Makes the copies; of speakers but the first, only the training split is heard."""
        make_copies(configuration.data, processes, ("train",), track)

    def export(self, checkpoint: Checkpoint, out: Path, options: ExportOptions) -> Exported:
        """Raises ValueError: there is no voice to export."""
        raise ValueError(
            "a converter's run makes no voice; name it as the `converter` of a voice's configuration"
        )

    def next_steps(self, folder: Path, configuration: ConverterConfiguration) -> list[str]:
        """How a voice takes it."""
        return [
            f'Next: converter = "{folder}", above all sections of a voice\'s configuration, and train that'
        ]


class _Taught(Converter):
    """A converter in training: what others than the first speaker differ by, [speakers - 1, channels + bands], is
    learned beside it and not kept."""

    def __init__(self, configuration: ConverterConfiguration) -> None:
        c = configuration.converter
        super().__init__(c)
        self.others = nn.Parameter(torch.zeros(len(configuration.data.speakers) - 1, c.channels + c.bands))

    def becoming(self, source: Tensor, speaker: Tensor) -> Tensor:
        """The source as speakers [B] would say it, [B, F, bands]."""
        differ = F.pad(self.others, (0, 0, 1, 0))[speaker, None]  # the first from itself by nothing
        hidden_bias, output_bias = differ.split([self.config.channels, self.config.bands], -1)
        return self(source, hidden_bias=hidden_bias, output_bias=output_bias)[0]


class ConverterTask(CropTask[Pairs]):
    """The negative log-likelihood of a recording's log-mel, a Laplace distribution, given that of a copy.

    A batch has sources [B, past + F + look_ahead, bands], targets [B, F, bands] and speakers [B]. The validation split
    is that of the first speaker.
    """

    fused = False

    def __init__(self, configuration: ConverterConfiguration, track: Track = untracked) -> None:
        self.model, self.frames = _Taught(configuration), configuration.data.crop_frames
        self.training = _pairs(configuration, "train", track)
        self.validating = _pairs(configuration, "validation", track)

    def loss(self, model: _Taught, source: Tensor, target: Tensor, speaker: Tensor) -> Tensor:
        """Nats [B, F, bands]."""
        return model.nll(model.becoming(source, speaker).float(), target)


def trained_converter(source: str | Path, data: DataConfig) -> Converter:
    """The converter of a voice, or the averaged weights of a run's newest checkpoint or of one checkpoint.

    Raises ValueError when there is none, or when it hears other features than `data` has.
    """
    path = located("converter", source)
    if (path / "voice.json").exists():
        voice = load_voice(path)
        if voice.converter is None:
            raise ValueError(
                f"converter is {path}, a voice that has none; it must be one that has, or a converter's run"
            )
        converter, mel = voice.converter, voice.mel
    else:
        checkpoint = checkpoint_of(path)
        if checkpoint.kind != "converter":
            raise ValueError(
                f"converter is {path}, a run of kind {checkpoint.kind}; it must be of kind converter"
            )
        configuration = build("", ConverterConfiguration, names_of_now(checkpoint.configuration))
        converter, mel = Converter(configuration.converter), configuration.data.mel
        converter.load_state_dict({k: v for k, v in checkpoint.average.items() if k != "others"})
    if mel != data.mel:
        raise ValueError(f"converter is {path}, whose [data] mel is not the configured one; it must be {mel}")
    return converter.requires_grad_(False).eval()


def _pairs(configuration: ConverterConfiguration, split: Split, track: Track) -> Pairs:
    c = configuration
    return Pairs(
        [(number, folder) for number, folder in c.data.folders if number == 0 or split == "train"],
        split,
        c.data.mel,
        copies=c.data.perturb,
        past=c.converter.past,
        look_ahead=c.converter.look_ahead,
        track=track,
    )
