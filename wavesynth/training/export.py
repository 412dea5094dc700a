"""From a run to a voice: the averaged weights, and 8-bit scales from what they do on the training set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch

from wavesynth.data.features import Track, each, untracked
from wavesynth.evaluation.likelihood import likelihood
from wavesynth.files import atomic_path
from wavesynth.training.checkpoint import Checkpoint, best, newest
from wavesynth.training.converter import is_converter
from wavesynth.training.provenance import provenance
from wavesynth.training.quantisation import best_scales
from wavesynth.training.start import averaged_model
from wavesynth.training.wavenet import WaveNetTask
from wavesynth.voices.voice import save_voice
from wavesynth.voices.wavenet import WaveNetVoice, load_wavenet

__all__ = ["Exported", "export"]


@dataclass(frozen=True)
class Exported:
    """A voice that was written, and bits/sample of it on `seconds` of its run's validation set."""

    name: str
    step: int
    float32: float
    int8: float
    seconds: float


@torch.inference_mode()
def export(
    run: Path, out: Path, *, lowest: bool = False, seconds: float = 8.0, track: Track = untracked
) -> Exported:
    """Writes the newest checkpoint in `run`, or the one with the lowest validation loss, as a voice to `out`.

    Then reads it again and measures it, in full precision and in 8 bits, on about `seconds` of validation
    audio; `track` wraps whatever takes long, to show progress. Raises ValueError if there is no such checkpoint or the
    data are not where the configuration says, OSError if `out` cannot be written.
    """
    checkpoint = Checkpoint.load(best(run) if lowest else newest(run))
    if is_converter(checkpoint.configuration):
        raise ValueError(f"{run} is a converter's run; name it as the converter of a voice's configuration")
    model, configuration = averaged_model(checkpoint)
    task = WaveNetTask(model, configuration, track=track)
    data, texts = configuration.data, configuration.voice
    generator = torch.Generator().manual_seed(configuration.training.seed)
    voice = WaveNetVoice(
        name=texts.name,
        description=texts.description,
        language=texts.language,
        licence=texts.licence,
        model=model,
        scales=best_scales(model, task, generator, 16 if texts.fine else 8, track),
        mel=data.mel,
        preemphasis=data.preemphasis,
        speakers=tuple(data.speakers) if model.config.speakers else (),
        temperature=texts.temperature,
        correction=texts.correction,
        activation_bits=16 if texts.fine else 8,
        converter=task.converter,
    )
    save_voice(out, voice)
    provenance(configuration, track).save(out)
    figures = _measure(load_wavenet(out), task, seconds, track)
    exported = Exported(texts.name, checkpoint.step, *figures)
    with atomic_path(out / "CARD.md") as path:
        path.write_text(_card(voice, exported, [folder for _, folder in data.folders]), encoding="utf-8")
    return exported


def _measure(
    voice: WaveNetVoice, task: WaveNetTask, seconds: float, track: Track
) -> tuple[float, float, float]:
    """Bits/sample in full precision and in 8 bits, and the seconds they are the mean of."""
    scored = task.frames * voice.mel.hop - task.unscored
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
            nats[number, i] = likelihood(weights, tokens[0], targets[0], conditioning)[task.unscored :].sum()

    each(measure, range(len(crops)), "Measuring", track)
    samples = scored * len(crops)
    float32, int8 = (nats.sum(0) / samples / math.log(2)).tolist()
    return float32, int8, samples / voice.sample_rate


def _card(voice: WaveNetVoice, exported: Exported, folders: list[str]) -> str:
    c = voice.model.config
    return f"""# {voice.name}

{voice.description}

| | |
|---|---|
| language | {voice.language} |
| licence | {voice.licence} |
| speakers | {", ".join(voice.speakers) or "one"} |
| network | {c.stacks} stacks of {c.layers_per_stack} layers, R={c.residual}, S={c.skip}, A={c.classes} |
| context | {c.receptive_field} samples, {1000 * c.receptive_field / voice.sample_rate:.0f} ms |
| trained on | {", ".join(Path(folder).name for folder in folders)}; {exported.step:,} steps |
| validation, float32 | {exported.float32:.4f} bits/sample ({exported.seconds:.1f} s of audio) |
| validation, int8 | {exported.int8:.4f} bits/sample |
"""
