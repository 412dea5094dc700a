"""Checkpoints: everything a run needs to go on as if it had never stopped, in one file that is whole or absent.

RUN/step-00001500.safetensors holds the tensors (the model's, their moving average, the optimiser's) and, as
JSON in its header, the rest. Nothing random is kept: the batch of a step is a function of the seed and the
step (see trainer.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from wavesynth.files import atomic_path
from wavesynth.formats import check_format, version
from wavesynth.training.names import kind_in

__all__ = ["Checkpoint", "best", "checkpoint_of", "checkpoints", "fits", "newest", "prune", "resumable"]

#: From 2 on `kind` is in the header, and the configuration has the names of then (wavesynth.training.names).
_FORMAT = 2
_GROUPS = ("model", "average", "optimizer")


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after `step` steps. Tensors go by the name of the parameter they belong to.

    `optimizer` has "NAME/KEY" for each KEY that the optimiser remembers about the parameter NAME. `validation`
    is what `average` reached in bits/sample, if it was measured at this very step; `content` is a hash of the data that
    the run had, unless the checkpoint is older than these hashes.
    """

    step: int
    model: dict[str, Tensor]
    average: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    configuration: dict[str, Any]
    validation: float | None = None
    content: str = ""

    @property
    def kind(self) -> str:
        """The name of what was trained."""
        return kind_in(self.configuration)

    def save(self, folder: Path) -> Path:
        """Writes the checkpoint to `folder`; OSError when that fails, and then nothing is left of it."""
        path = folder / f"step-{self.step:08}.safetensors"
        tensors = {
            f"{group}.{name}": tensor.detach().cpu().contiguous()
            for group in _GROUPS
            for name, tensor in getattr(self, group).items()
        }
        rest = {
            "format": _FORMAT,
            "kind": self.kind,
            "wavesynth": version(),
            "step": self.step,
            "validation": self.validation,
            "configuration": self.configuration,
            "content": self.content,
        }
        try:
            with atomic_path(path) as temporary:
                temporary.write_bytes(save(tensors, {"wavesynth": json.dumps(rest)}))
        except OSError as error:
            raise OSError(f"checkpoint {path} cannot be written: {error.strerror}") from error
        return path

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """The checkpoint in a file. Raises ValueError if it cannot be read or is none."""
        tensors: dict[str, dict[str, Tensor]] = {group: {} for group in _GROUPS}
        try:
            rest = _header(path)
            with safe_open(path, "pt") as file:
                for key in file.keys():  # noqa: SIM118
                    group, name = key.split(".", 1)
                    tensors[group][name] = file.get_tensor(key)
            return cls(
                rest["step"],
                **tensors,
                configuration=rest["configuration"],
                validation=rest["validation"],
                content=rest.get("content", ""),
            )
        except (OSError, SafetensorError, KeyError) as error:
            raise ValueError(f"checkpoint {path} cannot be read: {error}") from error


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a run's folder, oldest first."""
    return sorted(folder.glob("step-*.safetensors"))


def newest(folder: Path) -> Path:
    """The last checkpoint of a run; ValueError if there is none."""
    found = checkpoints(folder)
    if not found:
        raise ValueError(f"{folder} holds no checkpoint; it must be the folder of a training run")
    return found[-1]


def best(folder: Path) -> Path:
    """The checkpoint with the lowest validation loss; ValueError if none was validated."""
    validated = [(bits, path) for path in checkpoints(folder) if (bits := _validation(path)) is not None]
    if not validated:
        raise ValueError(f"{folder} holds no validated checkpoint; leave --best out to take the newest")
    return min(validated)[1]


def checkpoint_of(path: Path, *, lowest: bool = False) -> Checkpoint:
    """The checkpoint in a file, or the newest of a run's folder, with `lowest` that with the lowest validation loss.

    Raises ValueError if there is none.
    """
    if path.is_file():
        return Checkpoint.load(path)
    return Checkpoint.load(best(path) if lowest else newest(path))


def resumable(folder: Path, resume: bool) -> Checkpoint | None:
    """The newest checkpoint of the run in `folder` if it is to be resumed, None if it is to begin.

    Raises ValueError when there is something to resume but it was not asked for, or when there is nothing.
    """
    if resume:
        return Checkpoint.load(newest(folder))
    if checkpoints(folder):
        raise ValueError(
            f"{folder} already holds a run; go on with --resume, or name another folder with --out"
        )
    return None


def fits(last: Checkpoint, folder: Path, steps: int, now: dict[str, Any], before: dict[str, Any]) -> None:
    """ValueError unless a run of `steps` can go on from `last`, what cannot change being `now` as it was `before`."""
    for name, value in now.items():
        if value != before[name]:
            raise ValueError(f"{name} is {value}; to resume {folder} it must be {before[name]}")
    if last.step > steps or (last.step == steps and last.validation is not None):
        raise ValueError(
            f"[training] steps is {steps}; to resume {folder} it must be above {last.step}, the steps already taken"
        )


def prune(folder: Path, keep: int) -> None:
    """Deletes all but the newest `keep` checkpoints and the best, and what a killed process left half-written."""
    for leftover in folder.glob(".step-*.safetensors"):
        leftover.unlink(missing_ok=True)
    found = checkpoints(folder)
    old = set(found[:-keep])
    if old and any(_validation(path) is not None for path in found):
        old.discard(best(folder))
    for path in old:
        path.unlink(missing_ok=True)


def _validation(path: Path) -> float | None:
    return _header(path)["validation"]


def _header(path: Path) -> dict[str, Any]:
    """The JSON in a checkpoint's header; ValueError if there is none that this version reads."""
    try:
        with safe_open(path, "pt") as file:
            rest = json.loads((file.metadata() or {})["wavesynth"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"checkpoint {path} cannot be read: {error}") from error
    try:
        check_format("its header", rest, _FORMAT)
    except ValueError as error:
        raise ValueError(f"checkpoint {path} cannot be read: {error}") from error
    return rest
