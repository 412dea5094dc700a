"""The public code that is best here at what NICE and RealNVP do, trained for as much processor time as ours.

    pip install zuko
    python -m experiments.public_flows zuko-nice --data datasets/mnist --seconds 900 --out zuko.jsonl
    git clone https://github.com/chrischute/real-nvp
    sed -i 's/[.]view(/.reshape(/' real-nvp/models/real_nvp/*.py        # what it takes with today's PyTorch
    python -m experiments.public_flows real-nvp --checkout real-nvp --features 16 --data datasets/mnist --out rn.jsonl

The networks are built by the public code as it is and their likelihood is what it says. This file has the loop: Adam,
with the learning rate that the code's own example has and our fall along half a cosine, on the split of
wavesynth.data.images. One thread; the time is the processor's. Each line of OUT is a moment of the run: seconds, steps,
and nats and bits/dim of 1,000 validation images. The last line has those of the whole test set.

Found: docs/lab/2026-11-30-flows.md.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wavesynth.data.images import read_images

__all__ = ["train_public"]

#: Nats of each of a batch of intensities, uint8 [B, H, W, C]: [B].
Nats = Callable[[Tensor], Tensor]
#: Seconds of processor time between two looks at the validation set.
_EVERY = 60.0


def zuko_nice(options: argparse.Namespace, shape: tuple[int, int, int]) -> tuple[nn.Module, Nats]:
    """zuko's NICE in the paper's size: four couplings of five hidden layers of `--features`. As it comes its couplings
    are affine, as RealNVP's, and its prior is normal. With `--additive` they are NICE's, and a scaling follows them."""
    dimensions = math.prod(shape)
    zuko: Any = importlib.import_module("zuko")
    size = {"transforms": 4, "hidden_features": (options.features,) * 5}
    if options.additive:
        additive = {"univariate": zuko.transforms.AdditiveTransform, "shapes": [()]}
        couplings = zuko.flows.NICE(dimensions, **size, **additive)
        scaling = zuko.flows.ElementWiseTransform(dimensions)
        flow = zuko.flows.Flow([*couplings.transform.transforms, scaling], couplings.base)
    else:
        flow = zuko.flows.NICE(dimensions, **size)

    def nats(images: Tensor) -> Tensor:
        x = (images.flatten(1) + torch.rand(len(images), dimensions)) / 256
        log_density: Tensor = flow().log_prob(x)
        return dimensions * math.log(256) - log_density

    return flow, nats


def real_nvp(options: argparse.Namespace, shape: tuple[int, int, int]) -> tuple[nn.Module, Nats]:
    """The RealNVP of chrischute/real-nvp, of `--features` and `--blocks`."""
    sys.path.insert(0, str(options.checkout))
    models: Any = importlib.import_module("models")
    flow = models.RealNVP(
        num_scales=2, in_channels=shape[2], mid_channels=options.features, num_blocks=options.blocks
    )
    loss = models.RealNVPLoss()

    def nats(images: Tensor) -> Tensor:
        z, log_det = flow(images.permute(0, 3, 1, 2).contiguous() / 255)
        return torch.stack([loss(z[i : i + 1], log_det[i : i + 1]) for i in range(len(z))])

    return flow, nats


FLOWS: dict[str, tuple[Callable[[argparse.Namespace, tuple[int, int, int]], tuple[nn.Module, Nats]], int]] = {
    "zuko-nice": (zuko_nice, 200),
    "real-nvp": (real_nvp, 64),
}


def train_public(options: argparse.Namespace) -> None:
    """Trains one for `options.seconds` of processor time and writes what it came to."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    training, validation, test = (read_images(options.data, name) for name in ("train", "validation", "test"))
    height, width, channels = training.images.shape[1:]
    make, batch = FLOWS[options.flow]
    batch = options.batch or batch
    flow, nats = make(options, (height, width, channels))
    dimensions = height * width * channels
    optimizer = torch.optim.Adam(flow.parameters(), lr=options.learning_rate)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", encoding="utf-8") as out:

        def say(name: str, images: Tensor, spent: float, steps: int) -> None:
            flow.eval()
            with torch.no_grad():
                each = torch.cat([nats(some) for some in images.split(100)])
            flow.train()
            mean = float(each.double().mean())
            line = {"seconds": round(spent), "steps": steps, "set": name, "nats": mean}
            line |= {"bits_per_dim": mean / dimensions / math.log(2), "images": len(images)}
            line |= {"parameters": sum(parameter.numel() for parameter in flow.parameters())}
            print(json.dumps(line), file=out, flush=True)

        spent = shown = 0.0
        steps = 0
        while spent < options.seconds:
            start = time.process_time()
            for group in optimizer.param_groups:
                group["lr"] = options.learning_rate * (1 + math.cos(math.pi * spent / options.seconds)) / 2
            images = training.images[torch.randint(len(training), (batch,))]
            loss = nats(images).mean() / dimensions
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(flow.parameters(), options.clip)
            optimizer.step()
            steps += 1
            spent += time.process_time() - start
            if spent - shown > _EVERY:
                shown = spent
                say("validation", validation.images[:1000], spent, steps)
        say("test", test.images, spent, steps)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("flow", choices=FLOWS)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--features", type=int, default=1000)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--blocks", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--clip", type=float, default=100.0)
    parser.add_argument("--additive", action="store_true")
    parser.add_argument("--checkout", type=Path)
    train_public(parser.parse_args())
