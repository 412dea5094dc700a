"""What a reversible network keeps, costs, and loses: against the same network with its activations stored.

    python -m experiments.reversible memory|time|losses|clip|drift [--seconds 1] [--residual 64] [--layers 40]

Found, at 40 layers: what is kept for the backward pass is a fifteenth (WaveNet) and a twenty-sixth (RevNet) and does
not grow with depth, and a step takes 1.1 to 1.2 times the processor time (docs/lab/2026-11-30-reversible.md).

Kept is what the allocator has given out between the forward and the backward pass, whoever holds it; the peak is that
of the process's resident memory in a step. Times are the process's processor time, the networks taking turns.
"""

from __future__ import annotations

import argparse
import copy
import ctypes
import gc
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from wavesynth.models import wavenet
from wavesynth.models.reversible import Step, couple, uncouple
from wavesynth.models.revnet import RevNet, RevNetConfig
from wavesynth.models.wavenet import WaveNet, WaveNetConfig

__all__ = ["main"]

HOP, RATE = 160, 16000
#: Bytes of the memory that the last table is about.
MEMORY = 24 * 2**30
Loss = Callable[[], Tensor]


def wavenet_of(layers: int, residual: int, **options: Any) -> WaveNet:
    """A WaveNet of so many layers, in stacks of five or ten; the other channels in proportion, as in the default."""
    torch.manual_seed(0)
    depth = 10 if layers % 10 == 0 else 5 if layers % 5 == 0 else 1
    shape = dict(residual=residual, skip=4 * residual, classes=4 * residual, mel_bands=0, hop=HOP)
    config = WaveNetConfig(layers // depth, depth, **shape, reversible=options.pop("reversible", True))
    return WaveNet(config, **options)


def revnet_of(layers: int, residual: int, **options: Any) -> RevNet:
    """A RevNet for audio of so many layers, of which a block has two."""
    torch.manual_seed(0)
    config = RevNetConfig(dimensions=1, inputs=1, channels=residual, blocks=(layers // 2,), classes=10)
    return RevNet(config, **options)


def tone(samples: int, classes: int) -> Tensor:
    """Classes [1, T + 1] of two noisy tones that come and go."""
    t, generator = torch.arange(samples + 1) / RATE, torch.Generator().manual_seed(1)
    wave = (
        torch.sin(1380 * t) * torch.sin(9 * t)
        + 0.5 * torch.sin(2760 * t)
        + 0.05 * torch.randn(samples + 1, generator=generator)
    )
    return ((wave / 3.5 + 0.5) * classes).long().clamp(0, classes - 1)[None]


def loss_of(model: WaveNet | RevNet, seconds: float, forward: Callable[..., Tensor] | None = None) -> Loss:
    """The loss of one crop."""
    samples = round(seconds * RATE / HOP) * HOP
    if isinstance(model, RevNet):
        wave = torch.randn(1, 1, samples, generator=torch.Generator().manual_seed(1))
        return lambda: F.cross_entropy(model(wave), torch.tensor([3]))
    tokens = tone(samples, model.config.classes)
    forward = forward or model

    def loss() -> Tensor:
        conditioning = model.conditioning(frames=samples // HOP)
        return F.cross_entropy(forward(tokens[:, :-1], conditioning).flatten(0, 1), tokens[0, 1:])

    return loss


def checkpointed(model: WaveNet, segment: int) -> Callable[..., Tensor]:
    """The forward pass of a WaveNet of which each `segment` layers are a checkpoint (Chen et al., 2016)."""
    c = model.config

    def part(first: int, end: int, x: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        total = torch.zeros(())
        for i in range(first, end):
            weights = model.dilated[i], model.residual[i], model.residual_bias[i]
            added, z = wavenet.layer(wavenet.ago(x, c.dilations[i]), x, frames[:, :, i, None], *weights)
            x = x + added
            total = total + F.linear(z, model.skip.weight[:, i * c.residual : (i + 1) * c.residual])
        return x, total

    def forward(tokens: Tensor, frames: Tensor) -> Tensor:
        x = model.embedding(tokens)
        total: Tensor = model.skip.bias
        for first, end in pairwise([*range(0, c.layers, segment), c.layers]):
            x, share = checkpoint(partial(part, first, end), x, frames, use_reentrant=False)
            total = total + share  # outside, or each checkpoint would keep the sum
        return model.output(F.relu(model.hidden(F.relu(total))))

    return forward


class _MallInfo(ctypes.Structure):
    _fields_ = [
        (f"field{i}", ctypes.c_size_t) for i in range(10)
    ]  # of malloc.h: hblkhd is field4, uordblks field7


def allocated() -> int:
    """Bytes that the allocator has given out."""
    gc.collect()
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = _MallInfo
    info = mallinfo()
    return int(info.field7 + info.field4)


def resident(line: str) -> int:
    """VmHWM, the peak of resident memory since it was reset, or VmRSS, in bytes."""
    status = Path("/proc/self/status").read_text("utf-8")
    return 1024 * int(status.split(f"{line}:")[1].split()[0])


def measured(loss: Loss) -> tuple[int, int, float]:
    """Bytes kept between the passes, bytes by which the process grows at most in a step, its processor seconds."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    before, start = allocated(), resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    began = time.process_time()
    made = loss()
    kept = allocated() - before
    made.backward()
    return kept, resident("VmHWM") - start, time.process_time() - began


KINDS: dict[str, Callable[..., WaveNet | RevNet]] = {"WaveNet": wavenet_of, "RevNet": revnet_of}


def memory(seconds: float, residual: int, layers: int) -> None:
    """What is kept at four depths up to `layers`."""
    print("| network | layers | kept, stored, MB | kept, reversible, MB | ratio |")
    for name, make in KINDS.items():
        for depth in (layers // 8, layers // 4, layers // 2, layers):
            depth = depth if name == "WaveNet" else depth // 2 * 2
            kept = []
            for stored in (True, False):
                model = make(depth, residual, stored=stored)
                for parameter in model.parameters():  # gradients are there before, and what is made once
                    parameter.grad = torch.zeros_like(parameter)
                loss_of(model, 0.01)().backward()
                kept.append(measured(loss_of(model, seconds))[0])
            row = f"{kept[0] / 1e6:.1f} | {kept[1] / 1e6:.2f} | {kept[0] / kept[1]:.1f}"
            print(f"| {name} | {depth} | {row} |", flush=True)


def measure_time(seconds: float, residual: int, layers: int) -> None:
    """Processor time and memory of a step."""
    print("| network | activations | kept, MB | peak, MB | processor, s | ratio, turn by turn |")
    for name, make in KINDS.items():
        models = [make(layers, residual, stored=stored) for stored in (True, False)]
        for model in models:
            loss_of(model, 0.01)().backward()  # what is made once
        losses = [loss_of(model, seconds) for model in models]
        turns = [[measured(loss) for loss in losses] for _ in range(3)]
        ratios = ", ".join(f"{reversible[2] / stored[2]:.2f}" for stored, reversible in turns)
        for number, way in enumerate(("stored", "computed again")):
            kept, peak, took = (statistics.median(turn[number][i] for turn in turns) for i in range(3))
            row = f"{kept / 1e6:.1f} | {peak / 1e6:.0f} | {took:.2f} | {ratios if number else ''}"
            print(f"| {name} | {way} | {row} |", flush=True)


def losses(seconds: float, residual: int, layers: int, steps: int = 100) -> None:
    """The largest difference between the losses of as many steps, with stored activations and without."""
    print("| network | first loss | last loss | largest difference, absolute | relative |")
    for name, make in KINDS.items():
        found: list[list[float]] = []
        for stored in (True, False):
            model = make(layers, residual, stored=stored)
            loss, optimizer = loss_of(model, seconds), torch.optim.AdamW(model.parameters(), lr=1e-3)
            found.append([])
            for _ in range(steps):
                optimizer.zero_grad()
                now = loss()
                now.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                found[-1].append(now.item())
        differences = [abs(a - b) for a, b in zip(*found, strict=True)]
        relative = max(d / a for d, a in zip(differences, found[0], strict=True))
        first, last = found[0][0], found[0][-1]
        print(f"| {name} | {first:.4f} | {last:.4f} | {max(differences):.1e} | {relative:.1e} |", flush=True)


def clip(seconds: float, residual: int, layers: int) -> None:
    """The longest clip whose step grows the process by no more than 24 GiB: from the growth at two lengths."""
    print("| training | kept, bytes a sample | peak, bytes a sample | longest clip in 24 GiB, s |")
    ways = {
        "plain": (False, 0),
        "checkpoints of one layer": (False, 1),
        "checkpoints of √layers": (False, round(layers**0.5)),
        "reversible": (True, 0),
    }
    for name, (reversible, segment) in ways.items():
        model = wavenet_of(layers, residual, reversible=reversible)
        forward = checkpointed(model, segment) if segment else None
        loss_of(model, 0.01, forward)().backward()  # what is made once
        short, long = (measured(loss_of(model, length, forward)) for length in (seconds / 2, seconds))
        kept, peak, _ = ((b - a) / (seconds / 2 * RATE) for a, b in zip(short, long, strict=True))
        print(f"| {name} | {kept:.0f} | {peak:.0f} | {MEMORY / peak / RATE:.1f} |", flush=True)


def steps_of(model: WaveNet, frames: Tensor) -> list[Step]:
    """The layers' steps, without their skip connections."""
    c = model.config

    def step(i: int, x: Tensor) -> Tensor:
        weights = model.dilated[i], model.residual[i], model.residual_bias[i]
        return wavenet.layer(wavenet.ago(x, c.dilations[i]), x, frames[:, :, i, None], *weights)[0]

    return [Step(partial(step, i)) for i in range(c.layers)]


def drift(seconds: float, residual: int, layers: int) -> None:
    """How far the streams are from what they were, once they have gone through all layers and back."""
    samples = round(seconds * RATE / HOP) * HOP
    print("| layers | type | root mean square of the error / of the streams | largest | gradients' error |")
    for depth in (layers // 8, layers // 4, layers // 2, layers, 2 * layers):
        model = wavenet_of(depth, residual)
        tokens = tone(samples, model.config.classes)[:, :-1]
        for name, dtype, mixed in (
            ("float64", torch.float64, False),
            ("float32", torch.float32, False),
            ("float32, f in bfloat16", torch.float32, True),
            ("bfloat16", torch.bfloat16, False),
        ):
            net = copy.deepcopy(model).to(dtype)
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=mixed):
                steps, x = steps_of(net, net.conditioning(frames=samples // HOP)), net.embedding(tokens)
                back = uncouple(steps, *couple(steps, x, x)[:2])
            error = torch.stack([one.double() - x.double() for one in back])
            scale = x.double().square().mean().sqrt()
            mean, largest = error.square().mean().sqrt() / scale, error.abs().max() / scale
            gradients = []
            for stored in (True, False):
                net.stored = stored
                net.zero_grad()
                with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
                    loss = loss_of(net, seconds)()
                loss.backward()
                gradients.append(
                    torch.cat([p.grad.double().flatten() for p in net.parameters() if p.grad is not None])
                )
            of = float((gradients[1] - gradients[0]).norm() / gradients[0].norm())
            print(f"| {depth} | {name} | {mean:.1e} | {largest:.1e} | {of:.1e} |", flush=True)


def main() -> None:
    """Measures one thing, and prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    tables = {"memory": memory, "time": measure_time, "losses": losses, "clip": clip, "drift": drift}
    parser.add_argument("what", choices=tables)
    parser.add_argument("--seconds", type=float, default=1.0, help="of audio in a crop")
    parser.add_argument(
        "--residual",
        type=int,
        default=64,
        help="channels of a stream; skip and classes have four times as many",
    )
    parser.add_argument("--layers", type=int, default=40)
    arguments = parser.parse_args()
    tables[arguments.what](arguments.seconds, arguments.residual, arguments.layers)


if __name__ == "__main__":
    main()
