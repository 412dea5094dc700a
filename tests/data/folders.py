"""Folders of recordings for tests of wavesynth.data.prepare, and what it has made of them."""

from pathlib import Path

import soundfile
import torch

NAMES = ("hello", "goodbye", "digits/1", "digits/2", "digits/3")


def record(path: Path, seconds: float = 0.5, seed: int = 0, rate: int = 16000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = 0.1 * torch.randn(round(seconds * rate), generator=torch.Generator().manual_seed(seed))
    soundfile.write(path, noise.numpy(), rate)


def snapshot(out: Path) -> dict[str, tuple[int, bytes]]:
    files = (path for path in out.rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def contents(out: Path) -> dict[str, bytes]:
    return {name: content for name, (_, content) in snapshot(out).items() if name != "prepare.jsonl"}
