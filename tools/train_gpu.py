"""The most useful quarter of an hour on one GPU: the voice `anyone-wavenet` goes on learning from recordings.

python tools/train_gpu.py --data datasets --minutes 12 --run runs/anyone-wavenet

`--data` is a folder whose subfolders are training sets of `wavesynth prepare`, or folders of recordings, which are
prepared first. The run leaves checkpoints in --run; another call goes on from the newest. At the end stands the voice
in RUN/voice, with weights of at most 16 MiB. Without a GPU all of it runs too, on a processor, only slower.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import torch

from wavesynth.data.dataset import Recordings

#: Bytes of weights, at most: what comes back from a machine that is lent.
MOST_BYTES = 16 << 20
#: What differs on a GPU. It takes 16 crops in the time in which a processor prepares few that are augmented.
GPU = {"batch_size": 16, "learning_rate": 6e-4, "warmup_steps": 200, "ema_decay": 0.999}
GPU_AUGMENT = 0.1


def wavesynth(*arguments: str | Path) -> None:
    """Runs a command of wavesynth, and ends with its exit code if it fails."""
    result = subprocess.run([sys.executable, "-m", "wavesynth", *map(str, arguments)], check=False)
    if result.returncode:
        sys.exit(result.returncode)


def prepared(data: Path, into: Path) -> list[Path]:
    """The training sets below `data`: those that are there, and those made in `into` of folders of recordings."""
    sets = []
    for folder in sorted(path for path in data.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if not (folder / "dataset.json").exists():
            wavesynth("prepare", folder, into / folder.name)
            folder = into / folder.name
        if Recordings(folder).files("train"):
            sets.append(folder)
    if not sets:
        sys.exit(f"{data} has no folder of recordings to train on; `wavesynth datasets` makes some")
    return sets


def configuration(base: Path, sets: list[Path], gpu: bool) -> str:
    """The configuration that ships, with these training sets, and on a GPU with what suits one."""
    values = tomllib.loads(base.read_text("utf-8"))
    values["data"]["speakers"] = {"everyone": [str(path) for path in sets]}
    if gpu:
        values["data"]["augment"] = GPU_AUGMENT
        values["training"] |= GPU
    values["training"] |= {"validate_every": 10**6, "checkpoint_every": 500 if gpu else 20}
    lines = [f"{name} = {_toml(value)}" for name, value in values.items() if not isinstance(value, dict)]
    for name, section in values.items():
        if isinstance(section, dict):
            lines += ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in section.items())]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def main() -> None:
    """Prepares, trains, exports, and says how large the weights are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=Path("wavesynth/configurations/anyone-wavenet.toml"))
    arguments = parser.parse_args()
    run: Path = arguments.run
    run.mkdir(parents=True, exist_ok=True)
    sets = prepared(arguments.data, run / "data")
    config = run / "anyone-wavenet.toml"
    config.write_text(configuration(arguments.config, sets, torch.cuda.is_available()), "utf-8")
    resume = ["--resume"] if list(run.glob("step-*.safetensors")) else []
    wavesynth("train", config, "--out", run, "--minutes", str(arguments.minutes), *resume)
    wavesynth("export", run, run / "voice")
    size = (run / "voice/weights.safetensors").stat().st_size
    print(f"{run / 'voice'}: weights of {size / 2**20:.1f} MiB")
    if size > MOST_BYTES:
        sys.exit(f"the weights have {size} bytes; they must have at most {MOST_BYTES}")


if __name__ == "__main__":
    main()
