"""Whether a sharper distribution in voiced frames pays: one temperature there, another elsewhere.

    python -m experiments.sharpening [VOICE] [DATA]        by default allison-small and datasets/allison

Found: no. No pair of temperatures does better than one temperature for all frames (docs/lab/2026-11-25-sharpening.md).

Speaks sixteen validation clips with the sampler that is served, corrected as the voice has it, and prints what the
copies are worth (needs the extra `evaluate`). Voiced is what Harvest finds voiced in the original, so this is an upper
limit of what a rule that sees only the log-mel could do.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from wavesynth.audio.companding import Deemphasis, decode
from wavesynth.audio.correction import SpectralCorrection
from wavesynth.audio.mel import log_mel
from wavesynth.audio.world import FRAME, f0
from wavesynth.data.dataset import Recordings
from wavesynth.engine.conditioning import StreamingConditioner
from wavesynth.evaluation.clips import choose_clips
from wavesynth.evaluation.metrics import dnsmos, pesq_wb, stoi
from wavesynth.sampling.backends.cpu import CpuSampler
from wavesynth.sampling.params import SamplingParams
from wavesynth.voices.voice import Voice
from wavesynth.voices.wavenet import WaveNetVoice, load_wavenet

#: Temperatures of voiced frames and of the others.
PAIRS = (
    (0.5, 0.5),
    (0.6, 0.6),
    (0.7, 0.7),
    (0.8, 0.8),
    (1.0, 1.0),
    (0.3, 0.7),
    (0.5, 0.7),
    (0.5, 0.9),
    (0.7, 0.9),
    (0.9, 0.7),
)


def draw(
    voice: WaveNetVoice,
    sampler: CpuSampler,
    samples: np.ndarray,
    keys: Sequence[SamplingParams],
) -> tuple[np.ndarray, np.ndarray]:
    """The voice's copy of `samples` [N] before its correction, each frame drawn by a key of its own; and the log-mel
    that it is to have [frames, bands]."""
    mel = log_mel(torch.from_numpy(samples), voice.mel)
    conditioner = StreamingConditioner(voice)
    frames = torch.cat([conditioner.push(mel), conditioner.finish()])
    state = sampler.start()
    drawn = [
        sampler.advance([state], [frame[None]], [key], voice.mel.hop)[0]
        for frame, key in zip(frames, keys, strict=True)
    ]
    classes = torch.from_numpy(np.concatenate(drawn)[: len(samples)])
    waveform = decode(classes, voice.config.classes, voice.mid_tread)
    made = Deemphasis(voice.preemphasis).push(waveform.numpy())
    return made, mel.numpy()


def corrected(voice: Voice, made: np.ndarray, mel: np.ndarray, frames: int) -> np.ndarray:
    """What was drawn, corrected by so many frames."""
    correction = SpectralCorrection(voice.mel, frames)
    return np.concatenate([correction.push(made, mel), correction.finish()])


def main() -> None:
    """Parses the arguments and prints a line for each pair of temperatures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("voice", nargs="?", type=Path, default=Path("wavesynth/voices/shipped/allison-small"))
    parser.add_argument("data", nargs="?", type=Path, default=Path("datasets/allison"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    voice = load_wavenet(arguments.voice)
    sampler = CpuSampler(voice.int8())
    clips = choose_clips(list(Recordings(arguments.data).split("validation")), voice.sample_rate, 16)
    voicing = []
    for clip in clips:
        centres = np.arange(voice.mel.frames(len(clip.samples))) * voice.mel.hop / voice.sample_rate
        pitch = f0(clip.samples)
        voicing.append(pitch[np.minimum(np.round(centres / FRAME).astype(int), len(pitch) - 1)] > 0)
    print("| voiced | unvoiced | PESQ-wb | STOI | DNSMOS |\n|---|---|---|---|---|")
    for pair in PAIRS:
        copies = []
        for seed, (clip, voiced) in enumerate(zip(clips, voicing, strict=True)):
            keys = [SamplingParams(seed, pair[0] if is_voiced else pair[1]) for is_voiced in voiced]
            copies.append(corrected(voice, *draw(voice, sampler, clip.samples, keys), voice.correction))
        both = list(zip((clip.samples for clip in clips), copies, strict=True))
        pesq = np.mean([pesq_wb(*each) for each in both])
        intelligible = np.mean([stoi(*each) for each in both])
        opinion = np.mean([dnsmos(each) for each in copies])
        print(f"| {pair[0]} | {pair[1]} | {pesq:.3f} | {intelligible:.4f} | {opinion:.3f} |", flush=True)


if __name__ == "__main__":
    main()
