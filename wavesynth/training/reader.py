"""A text network that has learned, and recordings as it would have them: log-mel of their phonemes, in their own time
and pitch.

A voice that reads aloud makes its samples from such log-mel. A network that has only heard recorded log-mel believes
what it is told, and sounds as dull. One that has learned the recordings' samples from predicted log-mel knows what that
means (Shen et al., "Natural TTS synthesis by conditioning WaveNet on mel spectrogram predictions", 2018, section 2.3).
"""

from __future__ import annotations

from collections import Counter
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
from wavesynth.data.transcripts import kept_transcripts, source_of
from wavesynth.models.text_to_mel import TextConfig, TextToMel
from wavesynth.training.checkpoint import checkpoint_of
from wavesynth.training.configuration import DataConfig
from wavesynth.training.mel_critic import without_critic
from wavesynth.training.processes import Processes
from wavesynth.training.spoken import Recording, align_folder, aligned
from wavesynth.training.start import located
from wavesynth.training.text_configuration import TextConfiguration
from wavesynth.training.text_examples import Scaling, Utterances
from wavesynth.voices.voice import load_voice

__all__ = ["Reading", "align_folders", "trained_reader"]


def align_folders(data: DataConfig, processes: Processes, track: Track) -> None:
    """Aligns the recordings, where that was not done yet; all processes wait for it."""
    if processes.first:
        for _, folder in data.folders:
            align_folder(folder, data.mel, track)
    processes.wait()


class Reading:
    """What `network` makes of recordings; of those without a transcript, what was recorded."""

    def __init__(self, network: TextToMel, mel: MelConfig, track: Track) -> None:
        self._network, self._mel, self._track = network, mel, track
        self._scaling = Scaling.of_network(network)

    def __call__(self, recordings: Recordings, split: Split, found: Features) -> Tensor:
        """Log-mel [F, bands] of a split, in the order of its features."""
        made, hop = found.mel[0].clone(), self._mel.hop
        transcripts = kept_transcripts(recordings.path)
        #: Of each recording, where each of its pieces begins, in its own frames and in those of the split.
        pieces: dict[str, list[tuple[int, int, int]]] = {}
        samples: Counter[str] = Counter()
        begins = (found.lengths.cumsum(0) - found.lengths).tolist()
        for (stem, n), begin, frames in zip(
            recordings.files(split), begins, found.lengths.tolist(), strict=True
        ):
            source = source_of(stem, transcripts)
            pieces.setdefault(source, []).append((round(samples[source] / hop), begin, frames))
            samples[source] += n
        spoken = aligned(recordings.path, split, self._mel, self._track)
        for one in self._track(spoken, f"Reading {recordings.path}, {split}", len(spoken)):
            read = torch.from_numpy(self._read(one))
            for at, begin, frames in pieces[one.stem]:
                first, end = max(one.begin, at), min(one.begin + len(read), at + frames)
                if first < end:
                    made[begin + first - at : begin + end - at] = read[first - one.begin : end - one.begin]
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


def trained_reader(key: str, source: str | Path, mel: MelConfig) -> TextToMel:
    """The text network of a voice, or the averaged weights of a run's newest checkpoint or of one checkpoint, which
    `key` names. Raises ValueError if it has none, or one that makes other features than `mel`."""
    path = located(key, source)
    if (path / "voice.json").exists():
        voice = load_voice(path)
        network, its = voice.text_network, voice.mel
        if network is None:
            raise ValueError(f"{key} is {path}, a voice that takes no text; it must be one that does")
        config, weights = network.config, {name: torch.from_numpy(w) for name, w in network.weights.items()}
    else:
        checkpoint = checkpoint_of(path)
        if checkpoint.kind != "text":
            raise ValueError(f"{key} is {path}, a run of kind {checkpoint.kind}; it must be of kind text")
        configuration = build("", TextConfiguration, checkpoint.configuration)
        config, its = configuration.text, configuration.data.mel
        weights = without_critic(checkpoint.average)
    if its != mel:
        raise ValueError(f"{key} is {path}, whose [data] mel is not the configured one; it must be {mel}")
    model = TextToMel(config)
    model.load_state_dict(weights)
    return model.requires_grad_(False).eval()
