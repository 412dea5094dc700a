"""What pays in training: short runs that differ in one choice, and a picture of how they learn and what they say.

    python -m experiments.choices                               docs/lab/2026-11-25-training-choices.md
    python -m experiments.choices --only "same speaker"         docs/lab/2026-11-25-teacher.md
    python -m experiments.choices --only "conditioning network" docs/lab/2026-11-26-conditioning.md

Found: a trained voice to start from is worth more than everything else, whoever it is of. Learning rates of 2e-4 and
6e-4 are alike, 2e-3 is too much. Averaged weights matter until the rate has fallen. Dropout and noise on the inputs
cost bits. A teacher is worth 0.04 to 0.09 PESQ-wb to the same speaker. A conditioning network of 256 channels learns
faster than one of 128.

Most runs go on from the shipped voice allison-small with recordings of a speaker that it has never heard: `wavesynth
datasets june datasets/june`; allison, carlo, ru and nsh for the rest. A run that is there already, whole, is not made
again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from experiments.choice_tasks import (
    BASE,
    Interpolated,
    Mixture,
    Noisy,
    Predicted,
    anew,
    dropout,
    one_frame,
    plain,
    ten_bits,
)
from wavesynth.checks import build
from wavesynth.files import atomic_path
from wavesynth.training.configuration import WaveNetConfiguration
from wavesynth.training.export import export
from wavesynth.training.processes import Processes
from wavesynth.training.task import Report, Validation
from wavesynth.training.trainer import Trainer
from wavesynth.training.wavenet import WaveNetTask

#: Samples learned from with bits/sample, as it went; what the copies are worth, by the flag of the correction.
Outcome = tuple[list[tuple[int, float]], dict[str, dict[str, float]]]

JUNE = ["datasets/june"]
OTHERS = ["datasets/carlo", "datasets/ru", "datasets/nsh"]

ALLISON = {"speakers": {"allison": ["datasets/allison"]}}
COARSE, FINE = {"hop": 320}, {"hop": 64}


@dataclass(frozen=True)
class Choice:
    """What a run differs in from the first."""

    changes: dict[str, Any] = field(default_factory=dict)
    """Sections and keys as in a configuration."""
    task: Callable[[WaveNetConfiguration], WaveNetTask] = plain
    judged_alike: bool = True
    """Whether it is judged on the crops of the first run; with other frames or classes it has its own."""
    served: bool = True
    """Whether the samplers can speak with it."""
    steps: float = 1.0
    """The part of all steps that it takes: what the fused kernel cannot do is slow."""


def anew_with(model: dict[str, Any], data: dict[str, Any], **others: Any) -> Choice:
    """A conditioning network of another kind; as all of its kind it begins with random weights."""
    return Choice({"start_from": None, "model": model, "data": data}, anew("mel_"), **others)


GROUPS: dict[str, dict[str, Choice]] = {
    "going on with the voice of another": {
        "learning rate 6e-4": Choice(),
        "learning rate 2e-4": Choice({"training": {"learning_rate": 2e-4}}),
        "learning rate 2e-3": Choice({"training": {"learning_rate": 2e-3}}),
        "no averaging": Choice({"training": {"ema_decay": 0.0}}),
        "crops of 0.5 s": Choice({"data": {"crop_frames": 50}, "training": {"batch_size": 8}}),
        "crops of 2 s": Choice({"data": {"crop_frames": 200}, "training": {"batch_size": 2}}),
        "1600 samples of burn-in": Choice({"data": {"burn_in_samples": 1600}}),
        "weight decay 0.1": Choice({"training": {"weight_decay": 0.1}}),
        "random weights": Choice({"start_from": None, "training": {"learning_rate": 2e-3}}),
        "other speakers too": Choice({"data": {"speakers": {"all": [*JUNE, *OTHERS]}}}),
        "dropout": Choice({}, dropout),
        "noise on the inputs": Choice({}, Noisy),
        "interpolated conditioning": Choice({}, Interpolated, served=False),
    },
    "the conditioning network anew": {
        "as it is": anew_with({}, {}),
        "256 channels": anew_with({"mel_channels": 256}, {}),
        "one frame alone": Choice({"start_from": None}, one_frame),
        "frames of 20 ms": anew_with(COARSE, {"mel": COARSE, "crop_frames": 50}, judged_alike=False),
        "frames of 4 ms": anew_with(FINE, {"mel": FINE, "crop_frames": 250}, judged_alike=False),
    },
    "another distribution, or a predictor": {
        "256 classes": Choice(steps=0.5),
        "1024 classes": Choice(
            {"start_from": None, "model": {"classes": 1024}}, ten_bits, judged_alike=False, served=False, steps=0.5
        ),
        "softmax anew": Choice({"start_from": None}, anew("output"), steps=0.5),
        "logistic mixture anew": Choice({"start_from": None}, Mixture, served=False, steps=0.5),
        "linear predictor": Choice({}, Predicted, served=False, steps=0.5),
    },
    "going on with the voice of the same speaker": {
        "alone": Choice({"data": ALLISON}),
        "taught, half": Choice({"data": ALLISON, "teacher": "allison", "teacher_share": 0.5}),
        "taught, all": Choice({"data": ALLISON, "teacher": "allison", "teacher_share": 1.0}),
        "noisy": Choice({"data": ALLISON}, Noisy),
    },
}  # fmt: skip


def values(choice: Choice, steps: int) -> dict[str, Any]:
    """The configuration of a choice."""
    steps = round(steps * choice.steps)
    configuration: dict[str, Any] = {
        "start_from": BASE,
        "model": {"stacks": 3},
        "data": {"speakers": {"june": JUNE}},
        "training": {
            "batch_size": 4, "steps": steps, "learning_rate": 6e-4, "warmup_steps": 20, "final_fraction": 0.02,
            "ema_decay": 0.98, "validate_every": max(1, steps // 4), "checkpoint_every": steps, "keep": 1,
        },
        "voice": {"name": "choice", "temperature": 0.7},
    }  # fmt: skip
    for section, changes in choice.changes.items():
        if isinstance(changes, dict):
            configuration[section] |= changes
        elif changes is None:
            configuration.pop(section)
        else:
            configuration[section] = changes
    return configuration


def learn(name: str, choice: Choice, folder: Path, steps: int) -> list[tuple[int, float]]:
    """Samples learned from and bits/sample on the validation split, as the run went; kept in `folder`."""
    result = folder / "curve.json"
    if result.exists():
        return [tuple(point) for point in json.loads(result.read_text())]
    shutil.rmtree(folder, ignore_errors=True)  # what was interrupted is made again
    configuration = build("", WaveNetConfiguration, values(choice, steps))
    curve: list[tuple[int, float]] = []
    seen = 0

    def collect(report: Report | Validation) -> None:
        nonlocal seen
        if isinstance(report, Report):
            seen += report.samples
        else:
            curve.append((seen, report.bits))
            print(f"{name}: {seen:,} samples, {report.bits:.4f} bits/sample", flush=True)

    task = choice.task(configuration)
    if choice.judged_alike and choice.changes.get("data") != ALLISON:
        # By June alone, in crops of one length, whatever it learns from.
        task.validation = plain(build("", WaveNetConfiguration, values(Choice(), steps))).validation  # type: ignore[method-assign]
    alone = Processes(0, 1, torch.device("cpu"))
    Trainer(task, configuration.training, folder, alone, configuration.to_json(), collect).run()
    with atomic_path(result) as path:
        path.write_text(json.dumps(curve))
    return curve


def listen(choice: Choice, folder: Path, bits_only: bool = False) -> dict[str, dict[str, float]]:
    """What the copies of eight validation clips are worth, at temperature 0.7, with correction and without."""
    result = folder / "quality.json"
    if not choice.served or (bits_only and not result.exists()):
        return {}
    if not result.exists():
        export(folder, folder / "voice")
        [(data, *_)] = values(choice, 4)["data"]["speakers"].values()
        program = [sys.executable, "-c", "from wavesynth.cli import main; main()"]
        clips = ["--split", "validation", "--clips", "8", "--json"]
        bare = ["--without", "bits,stoi,f0,wer,griffin-lim,world,mu-law"]
        rows = {}
        for flag in ("--correction", "--no-correction"):
            command = [*program, "evaluate", folder / "voice", data, *clips, flag, *bare]
            done = subprocess.run([*map(str, command)], check=True, capture_output=True, text=True)
            rows[flag] = json.loads(done.stdout)["rows"]["copy"]
        with atomic_path(result) as path:
            path.write_text(json.dumps(rows))
    return dict(json.loads(result.read_text()))


def draw(groups: dict[str, dict[str, Outcome]], path: Path) -> None:
    """Bits/sample against samples learned from, a group each; and PESQ against the bits/sample at the end."""
    heard = any(quality for outcomes in groups.values() for _, quality in outcomes.values())
    panels = len(groups) + heard
    rows = -(-panels // 2)
    figure = Figure(figsize=(13, 0.5 + 3.5 * rows), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(rows, 2, squeeze=False).flat)
    for axis in axes[panels:]:
        axis.remove()
    for colour, ((title, outcomes), axis) in enumerate(zip(groups.items(), axes, strict=False)):
        for number, (name, (curve, quality)) in enumerate(outcomes.items()):
            if name == "random weights":  # far above the others
                continue
            if curve[0][1] > curve[1][1] + 0.7:  # what begins anew is drawn when it has learned a little
                curve = curve[1:]
            less = 2 if name == "1024 classes" else 0
            axis.plot([seen / 1e6 for seen, _ in curve], [bits - less for _, bits in curve],
                      label=f"{name}, less 2 bits" if less else name,
                      marker="os^vD<>*hPX"[number % 11], markersize=4, linewidth=1.2)  # fmt: skip
            for flag, marker in (("--correction", "o"), ("--no-correction", "x")):
                if flag in quality:
                    axes[panels - 1].scatter(
                        curve[-1][1], quality[flag]["pesq_wb"], marker=marker, color=f"C{colour}"
                    )
        axis.set(title=title, xlabel="samples learned from (millions)", ylabel="validation (bits/sample)")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    if heard:
        axes[panels - 1].set(
            title="PESQ-wb of eight copies (circles: corrected)",
            xlabel="validation (bits/sample)",
            ylabel="PESQ-wb",
        )
        axes[panels - 1].grid(alpha=0.3)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def main() -> None:
    """Parses the arguments and makes what is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/choices"), help="folder of the runs")
    parser.add_argument(
        "--picture", type=Path, default=Path("docs/assets/choices.png"), help="PNG file to write"
    )
    parser.add_argument("--steps", type=int, default=80, help="steps of a run (default 80)")
    parser.add_argument(
        "--bits-only", action="store_true", help="judge no more copies than are judged already"
    )
    parser.add_argument("--only", default="", help="only the groups whose names contain this")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    groups: dict[str, dict[str, Outcome]] = {}
    for title, choices in GROUPS.items():
        if arguments.only not in title:
            continue
        outcomes = groups.setdefault(title, {})
        for name, choice in choices.items():
            folder = arguments.out / name.replace(" ", "-").replace(",", "")
            curve = learn(name, choice, folder, arguments.steps)
            outcomes[name] = curve, listen(choice, folder, arguments.bits_only)
            draw(groups, arguments.picture)
    for title, outcomes in groups.items():
        print(f"\n{title}")
        for name, (curve, quality) in outcomes.items():
            heard = [f"{row['pesq_wb']:.2f} / {row['dnsmos']:.2f}" for row in quality.values()]
            print(f"| {name} | " + " | ".join([f"{bits:.3f}" for _, bits in curve] + heard) + " |")


if __name__ == "__main__":
    main()
