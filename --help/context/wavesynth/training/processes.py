"""The processes that train one model together: one alone, or several started by torchrun."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

__all__ = ["Processes"]


@dataclass(frozen=True)
class Processes:
    """This process among its `world`, and its device."""

    rank: int
    world: int
    device: torch.device

    @classmethod
    @contextmanager
    def joined(cls) -> Iterator[Processes]:
        """Joins the other processes if torchrun started this one, and leaves them at the end of the block."""
        cuda = torch.cuda.is_available()
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if cuda else torch.device("cpu")
        if cuda:
            torch.cuda.set_device(device)
        if "RANK" not in os.environ:
            yield cls(0, 1, device)
            return
        dist.init_process_group("nccl" if cuda else "gloo")
        try:
            yield cls(dist.get_rank(), dist.get_world_size(), device)
        finally:
            dist.destroy_process_group()

    @property
    def first(self) -> bool:
        """Whether this process speaks for all: prints, and writes files."""
        return self.rank == 0

    def share(self, rows: Tensor) -> Tensor:
        """This process's part [B / world, ...] of a joint batch [B, ...], on its device."""
        return rows.chunk(self.world)[self.rank].to(self.device, non_blocking=True)

    def sum(self, *values: Tensor | float) -> list[float]:
        """The sums of scalars over all processes."""
        total = torch.stack([torch.as_tensor(value, device=self.device).double() for value in values])
        if self.world > 1:
            dist.all_reduce(total)
        return total.tolist()

    def wait(self) -> None:
        """Returns when all processes have come here."""
        if self.world > 1:
            dist.barrier()

    def parallel(self, module: nn.Module) -> nn.Module:
        """`module` with its gradients averaged over all processes."""
        return DistributedDataParallel(module, broadcast_buffers=False) if self.world > 1 else module
