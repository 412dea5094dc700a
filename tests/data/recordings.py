"""Prepared recordings of noise, of chosen lengths."""

import json
from pathlib import Path

import torch
from torch import Generator, Tensor

from wavesynth.audio.files import write_flac

HOP, CONTEXT = 160, 3
LENGTHS = (4010, 24000, 700, 9600)  # samples
FRAMES = (26, 150, 5, 60)
BEGINS, ENDS = (0, 26, 176, 181), (26, 176, 181, 241)


def noise(samples: int, seed: int) -> Tensor:
    return 0.1 * torch.randn(samples, generator=Generator().manual_seed(seed))


def dataset(path: Path, lengths: tuple[int, ...] = LENGTHS, seed: int = 0) -> Path:
    """A prepared folder, written by hand, because `prepare` would refuse the shortest."""
    files = []
    for i, samples in enumerate(lengths):
        write_flac(path / f"audio/train/{i}.flac", noise(samples, seed + i))
        files.append({"stem": str(i), "split": "train", "source": f"{i}.wav", "samples": samples})
    (path / "dataset.json").write_text(json.dumps({"format": 1, "sample_rate": 16000, "files": files}))
    return path
