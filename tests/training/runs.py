"""A small training set and small runs on it, for the tests of training."""

import json
from pathlib import Path

import numpy as np
import soundfile
import torch

from wavesynth.data.prepare import FORMAT
from wavesynth.training.processes import Processes
from wavesynth.training.run import parse_run, trainer
from wavesynth.training.task import Report, Validation

ALONE = Processes(0, 1, torch.device("cpu"))


def prepared(folder, seed=0, samples=8000):
    """A folder as `wavesynth prepare` makes it: half a second, or so many samples, of a noisy tone, four times."""
    generator = torch.Generator().manual_seed(seed)
    files = []
    for number, split in enumerate(("train", "train", "train", "validation")):
        waveform = 0.005 * torch.randn(samples, generator=generator)
        waveform += 0.4 * torch.sin(0.05 * (1 + seed) * torch.arange(samples) + number)
        path = Path(folder) / "audio" / split / f"{number}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, waveform.numpy(), 16000)
        files.append({"stem": str(number), "split": split, "samples": samples})
    (Path(folder) / "dataset.json").write_text(
        json.dumps({"format": FORMAT, "sample_rate": 16000, "files": files})
    )
    return str(folder)


def values(folder, model=None, data=None, **training):
    """A configuration as a TOML file would give it: 3 layers, crops of 640 samples."""
    return {
        "model": {
            "stacks": 1, "layers_per_stack": 3, "residual": 16, "skip": 16, "mel_channels": 8, **(model or {})
        },
        "data": {"speakers": {"a": [folder]}, "crop_frames": 4, **(data or {})},
        "training": {
            "batch_size": 4, "steps": 6, "learning_rate": 3e-3, "warmup_steps": 2, "validate_every": 100,
            "checkpoint_every": 100, "precision": "float32", "compile": False, **training,
        },
        "voice": {"name": "test"},
    }  # fmt: skip


def image_values(folder, model=None, data=None, **training):
    """The same for a model of images: 4 x 4 pixels of two levels."""
    return {
        "model": {
            "height": 4, "width": 4, "levels": 2, "features": 8, "hidden": 8, "layers": 2, "first_kernel": 3,
            **(model or {}),
        },
        "data": {"folder": str(folder), "binarisation": "dynamic", **(data or {})},
        "training": {
            "batch_size": 8, "steps": 6, "learning_rate": 1e-2, "warmup_steps": 2, "validate_every": 100,
            "checkpoint_every": 3, "precision": "float32", "compile": False, **training,
        },
        "card": {"name": "test"},
    }  # fmt: skip


def toml(path, configuration):
    """A configuration as a TOML file; JSON's values are TOML's, but for objects."""
    lines = []
    for section, keys in configuration.items():
        lines.append(f"[{section}]")
        for name, value in keys.items():
            if isinstance(value, dict):
                lines += [f"{name}.{key} = {json.dumps(item)}" for key, item in value.items()]
            else:
                lines.append(f"{name} = {json.dumps(value)}")
    path.write_text("\n".join(lines))
    return str(path)


def train(configuration, run, resume=False, log=lambda report: None, processes=ALONE):
    """Trains, and returns the trainer, the losses of its steps and its validations, by their steps."""
    losses, validations = {}, {}

    def collect(report):
        kept = losses if isinstance(report, Report) else validations
        assert isinstance(report, Report | Validation)
        kept[report.step] = report.bits
        log(report)

    t = trainer(parse_run(configuration), Path(run), processes, resume=resume, log=collect)
    t.run()
    return t, losses, validations


#: Letters that are tones: what is said in a recording is heard in its spectrum.
TONES = {"s": 3000.0, "A": 500.0, "n": 1000.0, "i": 2000.0}
WORDS = {"say": "sˈA", "knee": "nˈi", "see": "sˈi", "nay": "nˈA"}


def spoken(folder, count=24, validation=4):
    """A prepared folder with transcripts: a buzz of 150 Hz through a resonance for each letter."""
    random, files, lines = np.random.default_rng(3), [], ["file\ttext\tphonemes"]
    for number in range(count):
        words = random.choice(list(WORDS), 3).tolist()
        pieces = [np.zeros(1200)]
        for letter in "".join(WORDS[word].replace("ˈ", "") for word in words):
            time = np.arange(int(random.integers(1600, 2600))) / 16000
            pieces.append(
                np.sin(2 * np.pi * TONES[letter] * time)
                * (0.3 + 0.2 * np.sign(np.sin(2 * np.pi * 150 * time)))
            )
        samples = np.concatenate([*pieces, np.zeros(1200)]) + 0.001 * random.normal(size=1)
        split = "train" if number >= validation else "validation"
        path = Path(folder) / "audio" / split / f"{number}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, 16000)
        files.append({"stem": str(number), "split": split, "samples": len(samples)})
        lines.append(f"{number}\t{' '.join(words)}.\t{' '.join(WORDS[word] for word in words)}.")
    (Path(folder) / "dataset.json").write_text(
        json.dumps({"format": FORMAT, "sample_rate": 16000, "files": files})
    )
    (Path(folder) / "transcripts.tsv").write_text("\n".join(lines) + "\n")
    return str(folder)
