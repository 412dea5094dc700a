"""Training and exporting a voice of any kind that says its loss (wavesynth.voices.kinds)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from wavesynth.audio.companding import decode
from wavesynth.checks import build
from wavesynth.data.dataset import CropBatch, Crops, Recordings
from wavesynth.data.features import Track
from wavesynth.data.split import Split
from wavesynth.files import atomic_path
from wavesynth.models.converter import Converter
from wavesynth.networks import Network
from wavesynth.training.checkpoint import Checkpoint
from wavesynth.training.configuration import DataConfig, VoiceConfiguration
from wavesynth.training.crops import CropTask
from wavesynth.training.processes import Processes
from wavesynth.training.provenance import provenance
from wavesynth.training.reader import Reading
from wavesynth.training.recipe import Exported, ExportOptions, Recipe
from wavesynth.training.task import Task, Tensors
from wavesynth.voices.voice import Voice, save_voice

__all__ = ["AnyVoiceRecipe", "VoiceRecipe", "VoiceTask", "crops", "make_copies", "trained_on", "voice_card"]

Run = TypeVar("Run", bound=VoiceConfiguration)
#: μ-law classes that samples are kept in for kinds that take samples: 15 bits.
_CLASSES = 32768


def crops(
    data: DataConfig,
    split: Split,
    *,
    context: int,
    classes: int,
    converter: Converter | None = None,
    reading: Reading | None = None,
    track: Track,
) -> Crops:
    """A split of the configured folders, heard through `converter` if the voice has one, and as `reading` reads it."""
    return Crops(
        [folder for _, folder in data.folders],
        split,
        data.mel,
        context=context,
        classes=classes,
        coefficient=data.preemphasis,
        augmented=data.augment if split == "train" else 0.0,
        perturbed=data.perturb,
        converter=converter,
        reading=reading,
        track=track,
    )


def make_copies(data: DataConfig, processes: Processes, others: tuple[Split, ...], track: Track) -> None:
    """Makes the copies in other people's voices that the features come from, where they are not there yet: minutes, the
    first time. `others` are the splits that are read of speakers but the first. All processes wait for them."""
    if not data.perturb:
        return
    if processes.first:
        for number, folder in data.folders:
            recordings = Recordings(folder)
            every: tuple[Split, ...] = ("train", "validation")
            for split in others if number else every:
                name, total = f"Making copies of {folder}, {split}", len(recordings.files(split))
                for stem, waveform in track(recordings.split(split), name, total):
                    recordings.copies(split, stem, waveform, data.perturb)
    processes.wait()


class VoiceTask(CropTask[Crops]):
    """What the kind's `loss` says of random crops; the first samples of a crop do not count (DataConfig.burn_in)."""

    fused = False

    def __init__(self, kind: Any, configuration: VoiceConfiguration, track: Track) -> None:
        needs, data = kind.needs(configuration.model), configuration.data
        self.model: nn.Module = kind.make_network(configuration.model)
        self._kind, self.frames = kind, data.crop_frames
        self.burn_in = data.burn_in(needs.receptive_field)
        whole = {"context": needs.mel_context, "classes": _CLASSES, "track": track}
        self.training = crops(data, "train", **whole)
        self.validating = crops(data, "validation", **whole)
        self.speakers = torch.tensor([speaker for speaker, _ in data.folders])

    def loss(self, model: nn.Module, samples: Tensor, mel: Tensor, speaker: Tensor) -> Tensor:
        """Nats of the samples that count."""
        nats: Tensor = self._kind.loss(model, samples, mel, speaker)
        return nats[:, self.burn_in :] if nats.shape == samples.shape else nats

    def given(self, batch: CropBatch) -> Tensors:
        """Samples [B, T], pre-emphasised, mel [B, F + 2 · context, bands], speaker [B]."""
        return decode(batch.targets, _CLASSES, mid_tread=True), batch.mel, self.speakers[batch.speaker]


def voice_card(voice: Voice, facts: Mapping[str, str]) -> str:
    """The text of CARD.md: what every voice says of itself, then the `facts` in a table."""
    table = {
        "language": voice.language,
        "licence": voice.licence,
        "speakers": ", ".join(voice.speakers) or "one",
        **facts,
    }
    rows = "".join(f"| {name} | {value} |\n" for name, value in table.items())
    return f"# {voice.name}\n\n{voice.description}\n\n| | |\n|---|---|\n{rows}"


def trained_on(data: DataConfig, steps: int) -> str:
    """The folders that a voice learned from, and in how many steps."""
    return f"{', '.join(Path(folder).name for _, folder in data.folders)}; {steps:,} steps"


class VoiceRecipe(Recipe[Run]):
    """What recipes of voices share."""

    def prepare(self, configuration: Run, processes: Processes, track: Track) -> None:
        """Makes the copies that the features come from."""
        make_copies(configuration.data, processes, ("train", "validation"), track)

    def common(self, configuration: Run, model: nn.Module) -> dict[str, Any]:
        """What a voice of any kind has, for its class."""
        data, texts = configuration.data, configuration.voice
        return {
            "kind": configuration.kind,
            "name": texts.name,
            "description": texts.description,
            "language": texts.language,
            "licence": texts.licence,
            "network": Network.of(model),
            "mel": data.mel,
            "preemphasis": data.preemphasis,
            "speakers": tuple(data.speakers) if self.kind.needs(configuration.model).speakers else (),
            "temperature": texts.temperature,
            "correction": texts.correction,
        }

    def next_steps(self, folder: Path, configuration: Run) -> list[str]:
        """How to export, serve and hear it."""
        voice, name = Path("voices") / folder.name, configuration.voice.name
        return [
            "Next:",
            f"  {shlex.join(['wavesynth', 'export', str(folder), str(voice), '--best'])}",
            "  wavesynth serve --voices voices",
            f"  {shlex.join(['wavesynth', 'stream', name, '--audio'])} speech.wav --out spoken-again.wav",
        ]


class AnyVoiceRecipe(VoiceRecipe[VoiceConfiguration]):
    """By the kind's own `loss`; the voice is its network and what all voices have."""

    def parse(self, values: dict[str, Any]) -> VoiceConfiguration:
        """A VoiceConfiguration, whose `model` is the kind's."""
        return build("", VoiceConfiguration, {"model": {}} | values, {"model": self.kind.config})

    def task(self, configuration: VoiceConfiguration, *, resume: bool, track: Track) -> Task:
        """Crops, and the loss of the kind."""
        return VoiceTask(self.kind, configuration, track)

    def export(self, checkpoint: Checkpoint, out: Path, options: ExportOptions) -> Exported:
        """A voice with its card; nothing is measured."""
        configuration = self.parse(checkpoint.configuration)
        model = self.kind.make_network(configuration.model)
        model.load_state_dict(checkpoint.average)
        voice = Voice(**self.common(configuration, model.requires_grad_(False).eval()))
        save_voice(out, voice)
        provenance(configuration, options.track).save(out)
        bits = checkpoint.validation
        facts = {
            "kind": voice.kind,
            "trained on": trained_on(configuration.data, checkpoint.step),
            "validation": "not measured" if bits is None else f"{bits:.4f} bits/{self.unit}",
        }
        with atomic_path(out / "CARD.md") as path:
            path.write_text(voice_card(voice, facts), encoding="utf-8")
        return Exported(voice.name, checkpoint.step)
