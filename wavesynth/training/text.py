"""Training a text network: recordings with transcripts to a voice that reads aloud, by the loop that all models share.

The first run finds the pitch of the recordings and aligns them with their phonemes (wavesynth.training.spoken).
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from wavesynth.checks import build
from wavesynth.data.features import Track
from wavesynth.data.provenance import Provenance
from wavesynth.data.split import Split
from wavesynth.files import atomic_path
from wavesynth.models.text_to_mel import TextConfig, TextToMel
from wavesynth.networks import Network
from wavesynth.training.checkpoint import Checkpoint
from wavesynth.training.mel_critic import CriticisedTextToMel, adversarial_losses, without_critic
from wavesynth.training.pitch_spread import restore_pitch_spread
from wavesynth.training.processes import Processes
from wavesynth.training.provenance import provenance
from wavesynth.training.reader import align_folders, trained_reader
from wavesynth.training.recipe import Exported, ExportOptions, Recipe
from wavesynth.training.spoken import SPLITS, Recording, align_folder, aligned
from wavesynth.training.start import located
from wavesynth.training.task import SplitTask, Task
from wavesynth.training.text_configuration import TextConfiguration
from wavesynth.training.text_examples import Scaling, Utterances
from wavesynth.training.voices import trained_on, voice_card
from wavesynth.voices.voice import Voice, load_voice, save_voice

__all__ = ["TextRecipe", "TextTask"]

#: Of the loss, beside an L1 distance of the log-mel of 1.
_WEIGHTS = {"duration": 0.3, "pitch": 0.15, "energy": 0.15}
#: How much the pitch of a phoneme without voice counts: it is interpolated.
_UNVOICED = 0.1
#: Where an error of a logarithm of durations begins to count as its size, and not as its square.
_SMOOTH = 0.3


class TextTask(SplitTask[Utterances]):
    """An L1 distance of the log-mel, and of durations, pitch and energy, of whole utterances (`Utterances` has the
    shapes of a batch). The decoder is told the recordings' own."""

    fused = False

    def __init__(self, configuration: TextConfiguration, track: Track, resume: bool = False) -> None:
        c = configuration
        splits = [_recordings(c, split, track) for split in SPLITS]
        scaling = Scaling.of(splits[0])
        self.adversarial = c.adversarial
        self.model = CriticisedTextToMel(c.text) if c.adversarial else TextToMel(c.text)
        if c.start_from is not None and not resume:
            self.model.load_state_dict(self.model.state_dict() | _started(c.start_from, c))
        for name, value in vars(scaling).items():
            getattr(self.model, name).copy_(torch.from_numpy(np.asarray(value)))
        self.training, self.validating = (Utterances(s, c.text, scaling, c.data.crop_frames) for s in splits)

    def loss(
        self,
        model: TextToMel,
        symbols: Tensor,
        stress: Tensor,
        clause: Tensor,
        durations: Tensor,
        prosody: Tensor,
        voiced: Tensor,
        tokens: Tensor,
        index: Tensor,
        features: Tensor,
        target: Tensor,
        steps: Tensor,
        counted: Tensor,
        seeds: Tensor,
    ) -> Tensor:
        """The weighted distances [B], whose mean over the batch is one over all of its frames and phonemes."""
        model.train(torch.is_grad_enabled())  # without gradients it is measured: nothing is left out
        if model.training:
            torch.manual_seed(int(seeds[0]))  # a step that is made again leaves out the same values
        mask = tokens[..., None]
        encoded = model.encode(symbols, stress, clause, mask)
        lasting, how = model.duration(encoded, mask)[..., 0].float(), model.prosody(encoded, mask).float()
        wanted = torch.log1p(durations.float())
        pitch = (how[..., :3] - prosody[..., :3]).abs().mean(-1) * (_UNVOICED + (1 - _UNVOICED) * voiced)
        each = {
            "duration": F.smooth_l1_loss(lasting, wanted, reduction="none", beta=_SMOOTH),
            "pitch": pitch,
            "energy": (how[..., 3] - prosody[..., 3]).abs(),
        }
        made = model.decode(model.frames(encoded, prosody, index, features), steps).float()
        far = (made - target).abs().mean(-1).unflatten(1, (-1, TextConfig.FRAMES)).mean(-1)  # [B, S]
        loss = _mean_by_row(far, counted)
        for name, weight in _WEIGHTS.items():
            loss = loss + weight * _mean_by_row(each[name], tokens)
        if isinstance(model, CriticisedTextToMel) and model.training:
            spoken = steps.repeat_interleave(TextConfig.FRAMES, 1)
            errors, found_out = adversarial_losses(model.critic, made * spoken, target * spoken)
            loss = loss + errors + self.adversarial * found_out
        return loss


def _recordings(configuration: TextConfiguration, split: Split, track: Track) -> list[Recording]:
    """The utterances of a split. Raises ValueError if there are none."""
    data = configuration.data
    found = [one for _, folder in data.folders for one in aligned(folder, split, data.mel, track)]
    if not found:
        raise ValueError(f"no recording of the {split} split has a transcript; some must have one")
    return found


def _mean_by_row(values: Tensor, counted: Tensor) -> Tensor:
    """[B, N] → [B], whose mean is that of the values that are counted."""
    return (values * counted).sum(1) * (len(values) / counted.sum().clamp(min=1))


class TextRecipe(Recipe[TextConfiguration]):
    """On aligned recordings; exported with the vocoder's weights, as one voice."""

    unit, likelihood = "utterance", False

    def parse(self, values: dict[str, Any]) -> TextConfiguration:
        """A TextConfiguration."""
        return build("", TextConfiguration, values)

    def task(self, configuration: TextConfiguration, *, resume: bool, track: Track) -> Task:
        """The utterances, and what they cost. Raises ValueError for a vocoder that does not fit."""
        _vocoder(configuration)
        return TextTask(configuration, track, resume)

    def prepare(self, configuration: TextConfiguration, processes: Processes, track: Track) -> None:
        """Aligns the recordings, where that was not done yet."""
        align_folders(configuration.data, processes, track)

    def notes(self, configuration: TextConfiguration) -> list[str]:
        """What was left out in aligning, and where the picture is."""
        found = []
        for _, folder in configuration.data.folders:
            kept = align_folder(folder, configuration.data.mel)
            left_out = kept.with_suffix(".left-out.txt").read_text(encoding="utf-8").splitlines()
            if left_out:
                found.append(f"{folder}: {len(left_out)} recordings are left out, such as {left_out[0]}")
            if (picture := kept.with_suffix(".png")).exists():
                found.append(f"{folder}: {picture} shows alignments")
        return found

    @torch.inference_mode()
    def export(self, checkpoint: Checkpoint, out: Path, options: ExportOptions) -> Exported:
        """The vocoder's voice under another name, with the text network."""
        configuration = self.parse(checkpoint.configuration)
        vocoder, texts = _vocoder(configuration), configuration.voice
        model = TextToMel(configuration.text)
        model.load_state_dict(without_critic(checkpoint.average))
        if configuration.start_from is not None and configuration.keep:
            _keep(model, _started(configuration.start_from, configuration), configuration.keep)
        spread = restore_pitch_spread(model.eval(), _recordings(configuration, "validation", options.track))
        if texts.spectrum_of is not None:
            _take_spectrum(
                model, trained_reader("[voice] spectrum_of", texts.spectrum_of, configuration.data.mel)
            )
        own = {name: getattr(texts, name) for name in ("name", "description", "language", "licence")}
        voice = replace(
            vocoder,
            **own,
            temperature=texts.temperature,
            correction=texts.correction,
            text_network=Network.of(model.requires_grad_(False).eval()),
        )
        save_voice(out, voice)
        heard = provenance(configuration, options.track)
        heard += Provenance.load(_vocoder_path(configuration)) or Provenance.unknown()
        heard.save(out)
        bits, parameters = checkpoint.validation, sum(w.size for w in Network.of(model).weights.values())
        facts = {
            "takes": "text, log-mel and recordings",
            "text network": f"{parameters / 1e6:.2f} M parameters",
            "vocoder": vocoder.name,
            "pitch spread by": f"{spread:.2f}",
            **({} if not configuration.keep else {"kept of its start": f"{configuration.keep:.0%}"}),
            **({} if texts.spectrum_of is None else {"spectrum of": Path(texts.spectrum_of).name}),
            "text network trained on": trained_on(configuration.data, checkpoint.step),
            "validation": "not measured" if bits is None else f"loss {bits * math.log(2):.4f}",
        }
        with atomic_path(out / "CARD.md") as path:
            path.write_text(voice_card(voice, facts), encoding="utf-8")
        return Exported(voice.name, checkpoint.step)

    def next_steps(self, folder: Path, configuration: TextConfiguration) -> list[str]:
        """How to export and hear it."""
        voice = Path("voices") / folder.name
        return [
            "Next:",
            f"  wavesynth export {folder} {voice} --best",
            f'  wavesynth say "Hello." --voice {voice} --out hello.wav',
        ]


def _started(source: str, configuration: TextConfiguration) -> dict[str, Tensor]:
    """The weights of the text network that `start_from` names. Raises ValueError if it has none of that shape."""
    network = trained_reader("start_from", source, configuration.data.mel)
    if network.config != configuration.text:
        raise ValueError(
            f"start_from is {source}, whose network is another; [text] must be as there: {network.config}"
        )
    return network.state_dict()


@torch.no_grad()
def _keep(model: TextToMel, start: dict[str, Tensor], part: float) -> None:
    """Gives `model` this part of the weights that it started from: what it knew and few recordings do not teach is not
    forgotten (Wortsman et al., "Robust fine-tuning of zero-shot models", 2021, equation 1). What describes the speaker
    stays."""
    for name, weight in model.named_parameters():
        weight.lerp_(start[name], part)


@torch.no_grad()
def _take_spectrum(model: TextToMel, other: TextToMel) -> None:
    """Gives each mel band the mean and the spread that it has of another network's speaker, and pauses theirs: the
    equaliser that a vocoder needs which has never heard this speaker."""
    for name in ("mean", "scale", "silence"):
        getattr(model, name).copy_(getattr(other, name))


def _vocoder_path(configuration: TextConfiguration) -> Path:
    return located("[voice] vocoder", configuration.voice.vocoder)


def _vocoder(configuration: TextConfiguration) -> Voice:
    """The voice that says what the network makes. Raises ValueError for one that cannot."""
    voice = load_voice(_vocoder_path(configuration))
    if not voice.takes_mel or voice.mel != configuration.data.mel:
        raise ValueError(
            f"[voice] vocoder is {configuration.voice.vocoder}, which does not take the configured log-mel; "
            f"it must be a voice that takes {configuration.data.mel}"
        )
    return voice
