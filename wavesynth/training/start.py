"""The weights that a run begins with: new ones, or those of a voice or of another run; and those of its teacher."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch

from wavesynth.checks import build
from wavesynth.models.wavenet import WaveNet
from wavesynth.training.checkpoint import Checkpoint, checkpoint_of
from wavesynth.training.configuration import WaveNetConfiguration
from wavesynth.training.names import names_of_now
from wavesynth.voices.folders import find_voices, shipped_voice
from wavesynth.voices.wavenet import load_wavenet

__all__ = ["averaged_model", "grow", "located", "starting_model", "teaching_model"]


def starting_model(configuration: WaveNetConfiguration) -> WaveNet:
    """A network of the configured size with the weights that `start_from` names, or random ones by the seed.

    `start_from` is the name of a voice that ships, a voice's folder, a run's folder (its newest checkpoint) or a
    checkpoint; its network may have fewer stacks, other speakers, and mel conditioning where the run has none. Raises
    ValueError when it cannot be read or its network or features are others.
    """
    torch.manual_seed(configuration.training.seed)
    model = WaveNet(configuration.model)
    if configuration.start_from is None:
        return model
    grow(_read("start_from", configuration.start_from, configuration), model)
    return model


def teaching_model(configuration: WaveNetConfiguration) -> WaveNet | None:
    """The network that `teacher` names, whose distributions are learned from (Hinton et al., 2015), or None.

    It may have any layers and channels. Raises ValueError when it cannot be read, or when it is told or says
    something else than the configured network: other features, speakers or classes.
    """
    if configuration.teacher is None:
        return None
    teacher = _read("teacher", configuration.teacher, configuration)
    ours, its = configuration.model, teacher.config
    for name in ("classes", "hop", "mel_bands", "speakers"):
        if getattr(ours, name) != getattr(its, name):
            raise ValueError(
                f"[model] {name} is {getattr(ours, name)}; to learn from the teacher {configuration.teacher} it must "
                f"be {getattr(its, name)}"
            )
    return teacher.requires_grad_(False).eval()


@torch.no_grad()
def grow(source: WaveNet, model: WaveNet) -> None:
    """Gives `model` the weights of `source`, and what it has beyond `source` changes nothing yet.

    New layers' residual and skip products are zero and new speakers' embeddings are, so the logits stay what they
    were; the skip weights and the embeddings have gradients from the first step on. A `model` that is not told who
    speaks has the mean of the embeddings of a `source` that is. A `model` without mel
    conditioning leaves the mel network of `source` behind. Raises ValueError where the networks differ otherwise.
    """
    old, new = asdict(source.config), asdict(model.config)
    free = {"speakers"} | ({"mel_bands", "mel_channels"} if not model.config.mel_bands else set())
    for name in new:
        if name not in free and (old[name] > new[name] if name == "stacks" else old[name] != new[name]):
            allowed = f"at least {old[name]}" if name == "stacks" else str(old[name])
            raise ValueError(
                f"[model] {name} is {new[name]}; to begin with start_from's weights it must be {allowed}"
            )
    new_parts = [model.residual, model.residual_bias, model.skip.weight]
    same_speakers = old["speakers"] == new["speakers"]
    if new["speakers"] and not same_speakers:
        new_parts.append(model.speaker.weight)
    for part in new_parts:
        part.zero_()
    weights = source.state_dict()
    for name, tensor in model.state_dict().items():
        if name in weights and (same_speakers or name != "speaker.weight"):
            # Where a tensor is longer it is for the new layers, and these come last.
            tensor[tuple(slice(length) for length in weights[name].shape)] = weights[name]
    if old["speakers"] and not new["speakers"]:
        model.bias[: len(source.bias)] += source.speaker.weight.mean(0)


def averaged_model(checkpoint: Checkpoint) -> tuple[WaveNet, WaveNetConfiguration]:
    """The moving average of a WaveNet's run, and the run's configuration. Raises ValueError for another kind of run."""
    if checkpoint.kind != "wavenet":
        raise ValueError(f"the run is of kind {checkpoint.kind}; it must be of kind wavenet")
    configuration = build("", WaveNetConfiguration, names_of_now(checkpoint.configuration))
    model = WaveNet(configuration.model)
    model.load_state_dict(checkpoint.average)
    return model.requires_grad_(False).eval(), configuration


def located(name: str, source: str | Path) -> Path:
    """Where the voice, run or checkpoint is that the key `name` names: the name of a voice that ships
    (`shipped_voice`), or else a path.

    Older configurations name a shipped voice by its path in a checkout, wavesynth/voices/NAME. Raises ValueError if
    there is neither.
    """
    if (folder := shipped_voice(source, holds="")) is not None:
        return folder
    path, shipped = Path(source), find_voices()
    if path.exists():
        return path
    if path.parent in (Path("wavesynth/voices"), Path("wavesynth/voices/shipped")) and path.name in shipped:
        return shipped[path.name]
    raise ValueError(
        f"{name} is {path}, which does not exist; it must be a voice, a run or a checkpoint, or a voice that ships: "
        + ", ".join(shipped)
    )


def _read(name: str, source: str, configuration: WaveNetConfiguration) -> WaveNet:
    """The network of a voice, run or checkpoint that has the configured features; `name` is what names it."""
    path = located(name, source)
    if (path / "voice.json").exists():
        voice = load_wavenet(path)
        model, mel, preemphasis = voice.model, voice.mel, voice.preemphasis
    else:
        model, its = averaged_model(checkpoint_of(path))
        mel, preemphasis = its.data.mel, its.data.preemphasis
    if (mel, preemphasis) != (configuration.data.mel, configuration.data.preemphasis):
        raise ValueError(
            f"{name} is {path}, whose [data] mel or preemphasis is not the configured one; it must be {mel} and "
            f"{preemphasis}"
        )
    return model
