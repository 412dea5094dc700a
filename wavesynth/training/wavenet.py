"""Training a WaveNet: crops of μ-law classes and their conditioning, and what each sample costs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from wavesynth.checks import build
from wavesynth.data.dataset import Crops
from wavesynth.data.features import Track, untracked
from wavesynth.models.wavenet import WaveNet
from wavesynth.sampling.calibration import calibrate
from wavesynth.training.checkpoint import Checkpoint
from wavesynth.training.configuration import WaveNetConfiguration
from wavesynth.training.converter import trained_converter
from wavesynth.training.crops import CropTask
from wavesynth.training.fused import fused_nats, fused_probabilities, is_supported
from wavesynth.training.processes import Processes
from wavesynth.training.reader import Reading, align_folders, trained_reader
from wavesynth.training.recipe import Exported, ExportOptions
from wavesynth.training.start import starting_model, teaching_model
from wavesynth.training.task import Task, Tensors
from wavesynth.training.trainer import Trainer
from wavesynth.training.voices import VoiceRecipe, crops

__all__ = ["WaveNetRecipe", "WaveNetTask"]

_CALIBRATION_CROPS = 8


class WaveNetRecipe(VoiceRecipe[WaveNetConfiguration]):
    """By the negative log-likelihood; exported with the scales for 8-bit sampling."""

    def parse(self, values: dict[str, Any]) -> WaveNetConfiguration:
        """A WaveNetConfiguration."""
        return build("", WaveNetConfiguration, values)

    def prepare(self, configuration: WaveNetConfiguration, processes: Processes, track: Track) -> None:
        """Makes the copies that the features come from, and aligns the recordings that are to be read."""
        super().prepare(configuration, processes, track)
        if configuration.reader is not None:
            align_folders(configuration.data, processes, track)

    def task(self, configuration: WaveNetConfiguration, *, resume: bool, track: Track) -> Task:
        """Crops, and eq. 1 of van den Oord et al., 2016."""
        model = WaveNet(configuration.model) if resume else starting_model(configuration)
        made = WaveNetTask(model, configuration, teaching_model(configuration), track)
        if configuration.quantised:
            made.calibrate(starting_model(configuration) if resume else model)
        return made

    def example(self, training: Trainer, configuration: WaveNetConfiguration) -> Callable[[], Any]:
        """A copy of a clip."""
        from wavesynth.training.examples import copy_of_a_clip

        return partial(copy_of_a_clip, training.task, training.average, configuration)  # type: ignore[arg-type]

    def export(self, checkpoint: Checkpoint, out: Path, options: ExportOptions) -> Exported:
        """A voice, its card and its provenance, with bits/sample in float32 and in int8."""
        from wavesynth.training.export import export_wavenet

        return export_wavenet(self, checkpoint, out, options)


class WaveNetTask(CropTask[Crops]):
    """The negative log-likelihood of eq. 1 of van den Oord et al., 2016, on random crops.

    The first samples of a crop do not count: what they depend on lies before it (DataConfig.burn_in). Once it is
    calibrated, activations are rounded as they will be when they are served in 8 bits.
    """

    def __init__(
        self,
        model: WaveNet,
        configuration: WaveNetConfiguration,
        teacher: WaveNet | None = None,
        track: Track = untracked,
    ) -> None:
        self.model, self.teacher, self.share = model, teacher, configuration.teacher_share
        self.seed = configuration.training.seed
        self.frames = configuration.data.crop_frames
        self.burn_in = configuration.data.burn_in(model.config.receptive_field)
        source = configuration.converter
        self.converter = None if source is None else trained_converter(source, configuration.data)
        reader, reading = configuration.reader, None
        if reader is not None:
            mel = configuration.data.mel
            reading = Reading(trained_reader("reader", reader, mel), mel, track)
        c = model.config
        whole: dict[str, Any] = {
            "context": c.mel_context,
            "classes": c.classes,
            "converter": self.converter,
            "reading": reading,
            "track": track,
        }
        self.training = crops(configuration.data, "train", **whole)
        self.validating = crops(configuration.data, "validation", **whole)
        self.speakers = torch.tensor([speaker for speaker, _ in configuration.data.folders])
        self.fused = is_supported(model.config)
        self.scales: Tensor | None = None

    def loss(self, model: WaveNet, tokens: Tensor, targets: Tensor, mel: Tensor, speaker: Tensor) -> Tensor:
        """Nats [B · (T - burn_in)]; while it trains, a share of the targets is the teacher's distributions."""
        conditioning = self.conditioning(model, mel, speaker)
        on_cpu_in_bf16 = tokens.device.type == "cpu" and torch.is_autocast_enabled("cpu")
        fused = self.fused and on_cpu_in_bf16 and not torch.compiler.is_compiling()
        taught = self._taught(fused, tokens, mel, speaker) if torch.is_grad_enabled() else None
        if fused:
            first, share = self.burn_in, self.share
            nats = fused_nats(
                model,
                tokens,
                targets,
                conditioning,
                first,
                teacher=taught,
                share=share,
                inverse_scales=self.scales,
            )
            return nats.flatten()
        scales = None if self.scales is None else self.scales.to(tokens.device)
        logits = model(tokens, conditioning, scales)[:, self.burn_in :].flatten(0, 1).float()
        scored = targets[:, self.burn_in :].flatten()
        if taught is None:
            return F.cross_entropy(logits, scored, reduction="none")
        of_teacher = taught[:, self.burn_in :].flatten(0, 1).float()
        known = F.one_hot(scored, logits.shape[-1])
        return F.cross_entropy(logits, torch.lerp(known.float(), of_teacher, self.share), reduction="none")

    @torch.no_grad()
    def calibrate(self, start: WaveNet) -> None:
        """Rounds from now on, with the scales [L, 2, R] of each layer's input and gated activations in `start`, the
        network that the run began with, on crops of the training set.
        """
        tokens, _, *features = self.batch(torch.Generator().manual_seed(self.seed), _CALIBRATION_CROPS)
        scales = calibrate(start, tokens, self.conditioning(start, *features))
        self.scales = torch.from_numpy(np.stack([scales.input, scales.gate], 1))

    @torch.no_grad()
    def _taught(self, fused: bool, tokens: Tensor, mel: Tensor, speaker: Tensor) -> Tensor | None:
        """What the teacher, if there is one, expects of each sample, [B, T, A]."""
        if self.teacher is None:
            return None
        teacher = self.teacher.to(tokens.device)
        conditioning = self.conditioning(teacher, mel, speaker)
        if fused and is_supported(teacher.config):
            return fused_probabilities(teacher, tokens, conditioning, self.burn_in)
        return F.softmax(teacher(tokens, conditioning).float(), -1).bfloat16()

    def conditioning(self, model: WaveNet, mel: Tensor, speaker: Tensor) -> Tensor:
        """[B, F, L, 2R], of whatever the network is conditioned on."""
        c = model.config
        return model.conditioning(mel if c.mel_bands else None, speaker if c.speakers else None, self.frames)

    def given(self, batch: Tensors) -> Tensors:
        """Tokens [B, T], targets [B, T], mel [B, F + 2 · context, bands], speaker [B]."""
        tokens, targets, mel, folder = batch
        return tokens, targets, mel, self.speakers[folder]
