"""From a run to what is used: `export`, of any kind; and a WaveNet with its scales for 8 bits, measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from wavesynth.data.features import Track, each
from wavesynth.files import atomic_path
from wavesynth.networks import Network
from wavesynth.sampling.likelihood import likelihood
from wavesynth.training.checkpoint import Checkpoint, checkpoint_of
from wavesynth.training.provenance import provenance
from wavesynth.training.quantisation import best_scales
from wavesynth.training.recipe import Exported, ExportOptions
from wavesynth.training.run import recipe_of
from wavesynth.training.start import averaged_model
from wavesynth.training.voices import trained_on, voice_card
from wavesynth.training.wavenet import WaveNetTask
from wavesynth.voices.voice import save_voice
from wavesynth.voices.wavenet import WaveNetVoice, load_wavenet

if TYPE_CHECKING:
    from wavesynth.training.wavenet import WaveNetRecipe

__all__ = ["ExportOptions", "Exported", "ExportedWaveNet", "export", "export_wavenet"]


def export(run: Path, out: Path, *, lowest: bool = False, options: ExportOptions | None = None) -> Exported:
    """Writes the newest checkpoint in `run`, or the one with the lowest validation loss, to `out`, as its kind does.

    Raises ValueError if there is no such checkpoint, if the kind is not exported, or if the data are not where the
    configuration says, OSError if `out` cannot be written.
    """
    checkpoint = checkpoint_of(run, lowest=lowest)
    try:
        return recipe_of(checkpoint.kind).export(checkpoint, out, options or ExportOptions())
    except ValueError as error:
        raise ValueError(f"{run}: {error}") from error


@dataclass(frozen=True)
class ExportedWaveNet(Exported):
    """A voice that was written, and bits/sample of it on `seconds` of its run's validation set."""

    float32: float
    int8: float
    seconds: float

    @property
    def sentence(self) -> str:
        """Its bits/sample."""
        return (
            f"{self.float32:.4f} bits/sample in float32, {self.int8:.4f} in int8 "
            f"({self.int8 - self.float32:+.4f}), on {self.seconds:.1f} s of validation audio"
        )


@torch.inference_mode()
def export_wavenet(
    recipe: WaveNetRecipe, checkpoint: Checkpoint, out: Path, options: ExportOptions
) -> ExportedWaveNet:
    """Writes a checkpoint's averaged weights as a voice, reads it again and measures it, in full precision and in 8
    bits, on about `options.seconds` of validation audio."""
    track = options.track
    model, configuration = averaged_model(checkpoint)
    task = WaveNetTask(model, configuration, track=track)
    generator = torch.Generator().manual_seed(configuration.training.seed)
    bits = configuration.voice.activation_bits
    voice = WaveNetVoice(
        **recipe.common(configuration, model),
        scales=best_scales(model, task, generator, bits, track),
        activation_bits=bits,
        converter_network=None if task.converter is None else Network.of(task.converter),
    )
    save_voice(out, voice)
    provenance(configuration, track).save(out)
    figures = _measure(load_wavenet(out), task, options.seconds, track)
    exported = ExportedWaveNet(voice.name, checkpoint.step, *figures)
    c = model.config
    facts = {
        "network": f"{c.stacks} stacks of {c.layers_per_stack} layers, R={c.residual}, S={c.skip}, A={c.classes}",
        "context": f"{c.receptive_field} samples, {1000 * c.receptive_field / voice.sample_rate:.0f} ms",
        "trained on": trained_on(configuration.data, checkpoint.step),
        "validation, float32": f"{exported.float32:.4f} bits/sample ({exported.seconds:.1f} s of audio)",
        "validation, int8": f"{exported.int8:.4f} bits/sample",
    }
    with atomic_path(out / "CARD.md") as path:
        path.write_text(voice_card(voice, facts), encoding="utf-8")
    return exported


def _measure(
    voice: WaveNetVoice, task: WaveNetTask, seconds: float, track: Track
) -> tuple[float, float, float]:
    """Bits/sample in full precision and in 8 bits, and the seconds they are the mean of."""
    scored = task.frames * voice.mel.hop - task.burn_in
    wanted = max(1, round(seconds * voice.sample_rate / scored))
    every = max(1, len(task.validating) // task.frames // wanted)  # spread over the whole set
    crops = list(islice(task.validation(1), 0, every * wanted, every))
    arithmetics = voice.float32(), voice.int8()
    nats = torch.zeros(len(crops), len(arithmetics), dtype=torch.float64)

    @torch.inference_mode()
    def measure(number: int) -> None:
        tokens, targets, *features = crops[number]
        conditioning = task.conditioning(voice.model, *features)[0]
        for i, weights in enumerate(arithmetics):
            nats[number, i] = likelihood(weights, tokens[0], targets[0], conditioning)[task.burn_in :].sum()

    each(measure, range(len(crops)), "Measuring", track)
    samples = scored * len(crops)
    float32, int8 = (nats.sum(0) / samples / math.log(2)).tolist()
    return float32, int8, samples / voice.sample_rate
