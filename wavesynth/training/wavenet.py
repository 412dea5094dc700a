"""Training a WaveNet: crops of μ-law classes and their conditioning, and what each sample costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from wavesynth.data.dataset import Crops
from wavesynth.data.features import Track, untracked
from wavesynth.data.split import Split
from wavesynth.models.converter import Converter
from wavesynth.models.wavenet import WaveNet
from wavesynth.sampling.calibration import calibrate
from wavesynth.training.configuration import Configuration, parse
from wavesynth.training.converter import trained_converter
from wavesynth.training.fused import fused_nats, fused_probabilities, is_supported
from wavesynth.training.processes import Processes
from wavesynth.training.start import starting_model, teaching_model
from wavesynth.training.trainer import Batch, Report, Trainer, Validation, begin

__all__ = ["WaveNetTask", "crops", "trainer"]

_CALIBRATION_CROPS = 8


def trainer(
    configuration: Configuration,
    folder: Path,
    processes: Processes,
    *,
    resume: bool = False,
    log: Callable[[Report | Validation], None] = lambda report: None,
    track: Track = untracked,
) -> Trainer:
    """The configured run in `folder`; errors as `begin` has them."""

    def task() -> WaveNetTask:
        model = WaveNet(configuration.model) if resume else starting_model(configuration)
        made = WaveNetTask(model, configuration, teaching_model(configuration), track)
        if configuration.quantised:
            made.calibrate(starting_model(configuration) if resume else model)
        return made

    return begin(configuration, parse, task, folder, processes, resume=resume, log=log)


def crops(
    configuration: Configuration, split: Split, converter: Converter | None = None, track: Track = untracked
) -> Crops:
    """A split of the configured folders, heard through `converter` if the voice has one."""
    data, model = configuration.data, configuration.model
    return Crops(
        [folder for _, folder in data.folders],
        split,
        data.mel,
        context=model.mel_context,
        classes=model.classes,
        coefficient=data.preemphasis,
        augmented=data.altered if split == "train" else 0.0,
        perturbed=data.disturb,
        converter=converter,
        track=track,
    )


class WaveNetTask:
    """The negative log-likelihood of eq. 1 of van den Oord et al., 2016, on random crops.

    The first samples of a crop do not count: what they depend on lies before it (DataConfig.unscored). Once it is
    calibrated, activations are rounded as they will be when they are served in 8 bits.
    """

    def __init__(
        self,
        model: WaveNet,
        configuration: Configuration,
        teacher: WaveNet | None = None,
        track: Track = untracked,
    ) -> None:
        self.model, self.teacher, self.share = model, teacher, configuration.teacher_share
        self.seed = configuration.training.seed
        self.frames = configuration.data.crop_frames
        self.unscored = configuration.data.unscored(model.config.receptive_field)
        source = configuration.converter
        self.converter = None if source is None else trained_converter(source, configuration.data)
        self.training = crops(configuration, "train", self.converter, track)
        self.validating = crops(configuration, "validation", self.converter, track)
        self.speakers = torch.tensor([speaker for speaker, _ in configuration.data.folders])
        self.fused = is_supported(model.config)
        self.gains: Tensor | None = None

    def batch(self, generator: torch.Generator, size: int) -> Batch:
        """Crops: tokens [B, T], targets [B, T], mel [B, F + 2 · context, bands], speaker [B]."""
        return self._by_speaker(self.training.batch(generator, size, self.frames))

    def validation(self, size: int) -> Iterator[Batch]:
        """The validation split, in crops that do not overlap."""
        return map(self._by_speaker, self.validating.sequential(self.frames, size))

    @property
    def validated(self) -> int:
        """Crops of the validation split."""
        return self.validating.count(self.frames)

    @property
    def content(self) -> str:
        """A hash of all recordings."""
        return f"{self.training.content} {self.validating.content}"

    def loss(self, model: WaveNet, tokens: Tensor, targets: Tensor, mel: Tensor, speaker: Tensor) -> Tensor:
        """Nats [B · (T - unscored)]; while it trains, a share of the targets is the teacher's distributions."""
        conditioning = self.conditioning(model, mel, speaker)
        on_cpu_in_bf16 = tokens.device.type == "cpu" and torch.is_autocast_enabled("cpu")
        fused = self.fused and on_cpu_in_bf16 and not torch.compiler.is_compiling()
        taught = self._taught(fused, tokens, mel, speaker) if torch.is_grad_enabled() else None
        if fused:
            first, share = self.unscored, self.share
            nats = fused_nats(
                model, tokens, targets, conditioning, first, teacher=taught, share=share, gains=self.gains
            )
            return nats.flatten()
        gains = None if self.gains is None else self.gains.to(tokens.device)
        logits = model(tokens, conditioning, gains)[:, self.unscored :].flatten(0, 1).float()
        scored = targets[:, self.unscored :].flatten()
        if taught is None:
            return F.cross_entropy(logits, scored, reduction="none")
        of_teacher = taught[:, self.unscored :].flatten(0, 1).float()
        known = F.one_hot(scored, logits.shape[-1])
        return F.cross_entropy(logits, torch.lerp(known.float(), of_teacher, self.share), reduction="none")

    @torch.no_grad()
    def calibrate(self, start: WaveNet) -> None:
        """Rounds from now on, with the gains [L, 2, R] of each layer's input and gated activations in `start`, the
        network that the run began with, on crops of the training set.
        """
        tokens, _, *features = self.batch(torch.Generator().manual_seed(self.seed), _CALIBRATION_CROPS)
        gains = calibrate(start, tokens, self.conditioning(start, *features))
        self.gains = torch.stack([gains.input, gains.gate], 1).clone()  # calibrate's are of inference mode

    @torch.no_grad()
    def _taught(self, fused: bool, tokens: Tensor, mel: Tensor, speaker: Tensor) -> Tensor | None:
        """What the teacher, if there is one, expects of each sample, [B, T, A]."""
        if self.teacher is None:
            return None
        teacher = self.teacher.to(tokens.device)
        conditioning = self.conditioning(teacher, mel, speaker)
        if fused and is_supported(teacher.config):
            return fused_probabilities(teacher, tokens, conditioning, self.unscored)
        return F.softmax(teacher(tokens, conditioning).float(), -1).bfloat16()

    def conditioning(self, model: WaveNet, mel: Tensor, speaker: Tensor) -> Tensor:
        """[B, F, L, 2R], of whatever the network is conditioned on."""
        c = model.config
        return model.conditioning(mel if c.mel_bands else None, speaker if c.speakers else None, self.frames)

    def _by_speaker(self, batch: Batch) -> Batch:
        tokens, targets, mel, folder = batch
        return tokens, targets, mel, self.speakers[folder]
