"""What the correction is worth, by how many frames are corrected jointly.

    python -m experiments.correcting [VOICE] [DATA] [--speaker NAME] [--split SPLIT] [--frames 0,4,8] [--draws N]

Found, with allison-small and datasets/allison, which are the defaults, and three draws of 19 validation clips: eight
frames raise PESQ-wb from 2.41 to 3.79 and DNSMOS from 2.85 to 2.98, and audio comes 106 ms later. Sixteen raise
PESQ-wb by 0.09 more, and audio comes 186 ms later (docs/lab/2026-11-27-correction.md).

Speaks the clips once for each draw with the sampler that is served, corrects the same draws in each of the ways, and
prints what the copies are worth, the means over clips and draws (needs the extra `evaluate`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from experiments.sharpening import corrected
from wavesynth import Synthesizer
from wavesynth.audio.mel import log_mel
from wavesynth.data.dataset import Recordings
from wavesynth.evaluation import references
from wavesynth.evaluation.clips import choose_clips
from wavesynth.evaluation.metrics import dnsmos, log_mel_distance, pesq_wb, stoi
from wavesynth.voices.wavenet import load_wavenet


def row(name: str, later: str, originals: Sequence[np.ndarray], copies: Sequence[np.ndarray]) -> str:
    """A line of the table."""
    pairs = [(a, b[: len(a)].astype(np.float32)) for a, b in zip(originals, copies, strict=True)]
    pesq = np.mean([heard for a, b in pairs if (heard := pesq_wb(a, b)) is not None])
    distance, intelligible = (np.mean([f(a, b) for a, b in pairs]) for f in (log_mel_distance, stoi))
    opinion = np.mean([dnsmos(b) for _, b in pairs])
    return f"| {name} | {later} | {pesq:.2f} | {intelligible:.3f} | {distance:.2f} | {opinion:.3f} |"


def main() -> None:
    """Parses the arguments and prints a line for each number of frames."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("voice", nargs="?", type=Path, default=Path("wavesynth/voices/shipped/allison-small"))
    parser.add_argument("data", nargs="?", type=Path, default=Path("datasets/allison"))
    parser.add_argument("--speaker", default="")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--frames", default="0,1,2,4,8,12,16")
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--clips", type=int, default=1000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    voice = load_wavenet(arguments.voice)
    synthesizer = Synthesizer(voice, threads=1)
    clips = choose_clips(
        list(Recordings(arguments.data).split(arguments.split)), voice.sample_rate, arguments.clips
    )
    originals = [clip.samples for clip in clips]
    drawn = []
    for first in range(arguments.draws):
        for seed, samples in enumerate(originals, first):
            made = synthesizer.synthesize(samples, seed=seed, speaker=arguments.speaker, correction=False)
            drawn.append((made, log_mel(torch.from_numpy(samples), voice.mel).numpy()))
    print("| frames | later, ms | PESQ-wb | STOI | log-mel dB | DNSMOS |\n|---|---|---|---|---|---|")
    for frames in map(int, arguments.frames.split(",")):
        copies = [corrected(voice, made, mel, frames) for made, mel in drawn]
        later = str(26 + 10 * frames if frames else 0)
        print(row(str(frames), later, originals * arguments.draws, copies), flush=True)
    others: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "Griffin-Lim": lambda samples: references.griffin_lim(samples, 0, voice.mel),
        "WORLD": references.world,
        "original": lambda samples: samples,
    }
    for name, made_by in others.items():
        print(row(name, "", originals, [made_by(samples) for samples in originals]), flush=True)


if __name__ == "__main__":
    main()
