"""Who notices a mode that was missed: a flow by its likelihood; an adversarial network has nothing to ask.

    python -m experiments.missed_modes --out out

Found: both learn eight clusters of which two are kept from them. A held-out point of the six costs the flow about one
nat, and one of the two missed ones hundreds. The generator's samples look as good, and nothing can be asked
of it (docs/lab/2026-11-30-four-families.md).

Trains a RealNVP and a GAN for the same processor time and writes OUT/missed-modes.md and missed-modes.png.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from experiments import results
from experiments.adversarial import Adversaries, of_points
from experiments.plane_density import plane_flow
from experiments.processor_time import repeat
from wavesynth.models.flows import STANDARD_NORMAL, Composed, log_likelihood

_MODES = 8
_MISSED = (2, 5)
_SPREAD = 0.15
_EXTENT = 3.0


_ANGLES = torch.arange(_MODES) * (2 * math.pi / _MODES)
#: The middles of the clusters, on a ring of radius 2, [modes, 2].
_CENTRES = 2 * torch.stack([_ANGLES.cos(), _ANGLES.sin()], 1)


def points(count: int, modes: list[int], random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Points of Gaussian clusters, [count, 2], and the cluster of each, [count]."""
    which = torch.tensor(modes)[torch.randint(len(modes), (count,), generator=random)]
    return _CENTRES[which] + _SPREAD * torch.randn(count, 2, generator=random), which


def train_flow(flow: Composed, modes: list[int], seconds: float, random: torch.Generator) -> int:
    """Maximum likelihood. Returns the number of steps."""
    optimizer = torch.optim.Adam(flow.parameters(), lr=1e-3)

    def step() -> None:
        nats = -log_likelihood(flow, STANDARD_NORMAL, points(256, modes, random)[0]).mean()
        optimizer.zero_grad()
        nats.backward()
        torch.nn.utils.clip_grad_norm_(flow.parameters(), 1.0)
        optimizer.step()

    return repeat(step, seconds)


def _share(made: Tensor) -> list[float]:
    """Of the samples, the share that lies within four standard deviations of each cluster."""
    nearest = torch.cdist(made, _CENTRES).min(1)
    inside = nearest.indices[nearest.values < 4 * _SPREAD]
    return (torch.bincount(inside, minlength=_MODES) / len(made)).tolist()


@torch.no_grad()
def _table(flow: Composed, rivals: Adversaries, random: torch.Generator) -> str:
    held_out, which = points(8000, list(range(_MODES)), random)
    nats = -log_likelihood(flow, STANDARD_NORMAL, held_out)
    taken = torch.sigmoid(rivals.discriminator(held_out))[:, 0]
    latents = torch.randn(8000, 2, generator=random)
    shares = _share(flow.inverse(latents)), _share(rivals.sample(8000, random))
    lines = [
        "| cluster | in training | flow, nats of held-out points | GAN: likelihood | GAN: D's probability of data "
        "| samples of the flow | samples of the GAN |",
        "|---|---|---:|---|---:|---:|---:|",
    ]
    for mode in range(_MODES):
        here = which == mode
        trained = "no" if mode in _MISSED else "yes"
        lines.append(
            f"| {mode} | {trained} | {float(nats[here].mean()):.2f} | none | {float(taken[here].mean()):.2f} "
            f"| {shares[0][mode]:.1%} | {shares[1][mode]:.1%} |"
        )
    return "\n".join(lines) + "\n"


@torch.no_grad()
def _plot(flow: Composed, rivals: Adversaries, modes: list[int], random: torch.Generator) -> Figure:
    """Data, the samples of both, and the flow's density, with the clusters that neither was shown in red."""
    figure = Figure(figsize=(13, 3.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 4, sharex=True, sharey=True)
    missed, _ = points(400, list(_MISSED), random)
    scattered = {
        "data (red: kept from training)": points(1600, modes, random)[0],
        "samples of the GAN": rivals.sample(2000, random),
        "samples of the flow": flow.inverse(torch.randn(2000, 2, generator=random)),
    }
    for axis, (title, values) in zip(axes, scattered.items(), strict=False):
        axis.plot(*values.T.numpy(), ".", markersize=1.5)
        axis.set_title(title, fontsize=10)
    axes[0].plot(*missed.T.numpy(), ".", markersize=1.5, color="tab:red")
    line = torch.linspace(-_EXTENT, _EXTENT, 240)
    grid = torch.cartesian_prod(line, line)
    nats = log_likelihood(flow, STANDARD_NORMAL, grid).view(240, 240).T
    extent = (-_EXTENT, _EXTENT, -_EXTENT, _EXTENT)
    shown = axes[3].imshow(nats, origin="lower", extent=extent, vmin=-20, vmax=2, cmap="viridis")
    axes[3].plot(*missed.T.numpy(), ".", markersize=1.5, color="tab:red")
    axes[3].set_title("ln p of the flow (nats)", fontsize=10)
    figure.colorbar(shown, ax=axes[3])
    for axis in axes:
        axis.set(aspect="equal", xlim=(-_EXTENT, _EXTENT), ylim=(-_EXTENT, _EXTENT))
    return figure


def main() -> None:
    """Parses the arguments, trains both, and writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=120.0, help="processor time of each (default 120)")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder to write to (default out)")
    arguments = parser.parse_args()
    results.check(arguments.out, "missed-modes")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random = torch.Generator().manual_seed(0)
    modes = [mode for mode in range(_MODES) if mode not in _MISSED]
    flow, rivals = plane_flow(12, 96), of_points()
    print(f"flow: {train_flow(flow, modes, arguments.seconds, random):,} steps")

    def step() -> None:
        rivals.step(points(256, modes, random)[0], random)

    print(f"GAN: {repeat(step, arguments.seconds):,} steps")
    table = _table(flow, rivals, random)
    results.save(arguments.out, "missed-modes", table, _plot(flow, rivals, modes, random))


if __name__ == "__main__":
    main()
