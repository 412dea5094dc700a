"""A text network that has learned, and recordings as it would have them: log-mel of their phonemes, in their own time
and pitch.

A voice that reads aloud makes its samples from such log-mel. A network that has only heard recorded log-mel believes
what it is told, and sounds as dull. One that has learned the recordings' samples from predicted log-mel knows what that
means (Shen et al., "Natural TTS synthesis by conditioning WaveNet on mel spectrogram predictions", 2018, section 2.3).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wavesynth.audio.analysis import MelConfig
from wavesynth.checks import build
from wavesynth.data.dataset import Recordings
from wavesynth.data.features import Features, Track
from wavesynth.data.split import Split
from wavesynth.models.text_to_mel import TextConfig, TextToMel
from wavesynth.training.checkpoint import checkpoint_of
from wavesynth.training.mel_critic import without_critic
from wavesynth.training.spoken import Recording, aligned
from wavesynth.training.start import located
from wavesynth.training.text_configuration import TextConfiguration
from wavesynth.training.text_examples import Scaling, Utterances
from wavesynth.voices.voice import load_voice

__all__ = ["Reading", "trained_reader"]


class Reading:
    """What `network` makes of recordings; of those without a transcript, what was recorded."""

    def __init__(self, network: TextToMel, mel: MelConfig, track: Track) -> None:
        self._network, self._mel, self._track = network, mel, track
        values = (np.asarray(getattr(network, name)) for name in ("mean", "scale", "silence", "pitch_range"))
        self._scaling = Scaling(*values)

    def __call__(self, recordings: Recordings, split: Split, found: Features) -> Tensor:
        """Log-mel [F, bands] of a split, in the order of its features."""
        made = found.mel[0].clone()
        stems = [stem for stem, _ in recordings.files(split)]
        begins = dict(zip(stems, (found.lengths.cumsum(0) - found.lengths).tolist(), strict=True))
        spoken = [
            one for one in aligned(recordings.path, split, self._mel, self._track) if one.stem in begins
        ]
        for one in self._track(spoken, f"Reading {recordings.path}, {split}", len(spoken)):
            begin = begins[one.stem] + one.begin
            made[begin : begin + len(one.mel)] = torch.from_numpy(self._read(one))
        return made

    @torch.inference_mode()
    def _read(self, one: Recording) -> NDArray[np.float32]:
        network = self._network
        longest = len(one.mel) + TextConfig.FRAMES
        [batch] = Utterances([one], network.config, self._scaling, longest).sequential(1)
        symbols, stress, clause, _, prosody, _, tokens, index, features, *_ = batch
        encoded = network.encode(symbols, stress, clause, tokens[..., None])
        frames = network.decode(network.frames(encoded, prosody, index, features))[0]
        scaled = frames.numpy() * self._scaling.scale + self._scaling.mean
        return scaled[: len(one.mel)]


def trained_reader(key: str, source: str | Path) -> TextToMel:
    """The text network of a voice, or the averaged weights of a run's newest checkpoint or of one checkpoint, which
    `key` names. Raises ValueError if it has none."""
    path = located(key, source)
    if (path / "voice.json").exists():
        network = load_voice(path).text_network
        if network is None:
            raise ValueError(f"{key} is {path}, a voice that takes no text; it must be one that does")
        config, weights = network.config, {name: torch.from_numpy(w) for name, w in network.weights.items()}
    else:
        checkpoint = checkpoint_of(path)
        if checkpoint.kind != "text":
            raise ValueError(f"{key} is {path}, a run of kind {checkpoint.kind}; it must be of kind text")
        config = build("", TextConfiguration, checkpoint.configuration).text
        weights = without_critic(checkpoint.average)
    model = TextToMel(config)
    model.load_state_dict(weights)
    return model.requires_grad_(False).eval()
