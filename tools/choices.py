#!/usr/bin/env python3
"""What pays in training: short runs that differ in one choice, and a picture of how they learn.

    tools/choices.py --out runs/choices --picture docs/choices.png        the table and picture of docs/training.md

Each run goes on from the shipped voice allison-small with recordings of a speaker that it has never heard (June,
French): `tools/debian_voices.sh fr datasets/june`, and it, ru and ru-nsh for the choice of data. A run that is
there already, whole, is not made again.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from wavesynth.files import atomic_path
from wavesynth.training.configuration import parse
from wavesynth.training.processes import Processes
from wavesynth.training.trainer import Report, Validation
from wavesynth.training.wavenet import trainer

JUNE = ["datasets/june"]
OTHERS = ["datasets/carlo", "datasets/ru", "datasets/nsh"]

#: What a run differs in from the first, by its name: sections and keys as in a configuration.
CHOICES: dict[str, dict[str, dict[str, Any]]] = {
    "learning rate 6e-4": {},
    "learning rate 2e-4": {"training": {"learning_rate": 2e-4}},
    "learning rate 2e-3": {"training": {"learning_rate": 2e-3}},
    "no averaging": {"training": {"ema_decay": 0.0}},
    "crops of 0.5 s": {"data": {"crop_frames": 50}, "training": {"batch_size": 8}},
    "crops of 2 s": {"data": {"crop_frames": 200}, "training": {"batch_size": 2}},
    "1600 samples unscored": {"data": {"unscored_samples": 1600}},
    "weight decay 0.1": {"training": {"weight_decay": 0.1}},
    "random weights": {"start_from": None, "training": {"learning_rate": 2e-3}},
    "other speakers too": {"data": {"speakers": {"all": [*JUNE, *OTHERS]}}},
}


def values(choice: dict[str, Any], steps: int) -> dict[str, Any]:
    """The configuration of a choice."""
    configuration: dict[str, Any] = {
        "start_from": "wavesynth/voices/allison-small",
        "model": {"stacks": 3},
        "data": {"speakers": {"june": JUNE}},
        "training": {
            "batch_size": 4, "steps": steps, "learning_rate": 6e-4, "warmup_steps": 20, "final_fraction": 0.02,
            "ema_decay": 0.98, "validate_every": max(1, steps // 4), "checkpoint_every": steps, "keep": 1,
        },
        "voice": {"name": "choice"},
    }  # fmt: skip
    for section, changes in choice.items():
        if isinstance(changes, dict):
            configuration[section] |= changes
        elif changes is None:
            configuration.pop(section)
    return configuration


def run(name: str, folder: Path, steps: int) -> list[tuple[int, float]]:
    """Samples learned from and bits/sample on June's validation split, as the run went; kept in `folder`."""
    result = folder / "curve.json"
    if result.exists():
        return [tuple(point) for point in json.loads(result.read_text())]
    shutil.rmtree(folder, ignore_errors=True)  # what was interrupted is made again
    given = values(CHOICES[name], steps)
    curve: list[tuple[int, float]] = []
    seen = 0

    def collect(report: Report | Validation) -> None:
        nonlocal seen
        if isinstance(report, Report):
            seen += report.samples
        else:
            curve.append((seen, report.bits))
            print(f"{name}: {seen:,} samples, {report.bits:.4f} bits/sample", flush=True)

    training = trainer(parse(given), folder, Processes(0, 1, torch.device("cpu")), log=collect)
    # All are judged by June alone, in crops of one length, whatever they learn from.
    alone = parse(values({}, steps))
    judge = trainer(alone, folder, Processes(0, 1, torch.device("cpu")))
    training.task.validation = judge.task.validation  # type: ignore[method-assign]
    training.run()
    with atomic_path(result) as path:
        path.write_text(json.dumps(curve))
    return curve


def draw(curves: dict[str, list[tuple[int, float]]], path: Path) -> None:
    """Bits/sample against samples learned from, a line for each run."""
    figure = Figure(figsize=(9, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    for number, (name, curve) in enumerate(curves.items()):
        if name != "random weights":  # far above the others
            axis.plot([seen / 1e6 for seen, _ in curve], [bits for _, bits in curve], label=name,
                      marker="os^vD<>*h"[number % 9], markersize=4, linewidth=1.2)  # fmt: skip
    axis.set_xlabel("samples learned from (millions)")
    axis.set_ylabel("validation (bits/sample)")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def main() -> None:
    """Parses the arguments and makes what is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/choices"), help="folder of the runs")
    parser.add_argument("--picture", type=Path, default=Path("docs/choices.png"), help="PNG file to write")
    parser.add_argument("--steps", type=int, default=160, help="steps of a run (default 160)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    curves = {}
    for name in CHOICES:
        curves[name] = run(name, arguments.out / name.replace(" ", "-"), arguments.steps)
        draw(curves, arguments.picture)
    for name, curve in curves.items():
        print(f"| {name} | " + " | ".join(f"{bits:.3f}" for _, bits in curve) + " |")


if __name__ == "__main__":
    main()
