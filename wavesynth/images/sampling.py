"""Making images, value by value in raster order: the two-dimensional twin of `reference.py`.

    for row in rows(model, params, labels, known): ...        [B, W, C], each as soon as it is made

What a value's distribution needs of the values before it is remembered, not computed again, as in
`reference.sample`: each layer keeps the inputs that its kernel will reach back to. In a Gated PixelCNN these are
rows for the vertical stack, which is computed a whole row at a time, and pixels for the horizontal one, computed
pixel by pixel (Ramachandran et al., "Fast Generation for Convolutional Autoregressive Models", 2017). A network
without such a cache is computed anew for each value, for the rows so far.

The random number of a value is Philox of the image's seed and the value's place, and it chooses as a stream's
does (`draw.choose`): an image does not depend on the others in its batch, but for the last bits of float32.

One thread (`wavesynth.workers.threads`) is right for it: a pixel is some tens of small products, after each of which
all threads wait for the slowest. Two gain little on quiet cores, and lose a time slice at every product where one of
the cores is busy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from wavesynth.models.pixelcnn import GatedLayer, GatedPixelCNN
from wavesynth.models.pixels import PixelModel
from wavesynth.models.wavenet import gate
from wavesynth.sampling.draw import choose, inverse_temperature
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.philox import philox

__all__ = [
    "Cached",
    "Memory",
    "Recomputed",
    "check_labels",
    "check_pixels",
    "known_prefix",
    "params_from",
    "remember",
    "rows",
    "sample",
]


class Memory(Protocol):
    """What is remembered of a batch of images while they are made. `x` [B, H, W, C] are its scaled values."""

    x: Tensor

    def begin(self, row: int) -> None:
        """The rows above `row` are there."""

    def params(self, row: int, column: int) -> Tensor:
        """The parameters of the distributions of a pixel's values, [B, C, P], all pixels before it being there."""


class Recomputed:
    """Remembers the values only. `whole` recomputes the whole image, as most public programs do."""

    def __init__(self, model: PixelModel, x: Tensor, labels: Tensor | None, whole: bool = False) -> None:
        self.model, self.x, self.labels, self.whole = model, x, labels, whole

    def begin(self, row: int) -> None:
        """Nothing to do."""

    def params(self, row: int, column: int) -> Tensor:
        """[B, C, P]."""
        x = self.x if self.whole else self.x[:, : row + 1]
        return self.model.params(x, self.labels)[:, row, column]


class Cached:
    """Rows for the vertical stack and pixels for the horizontal one, of a Gated PixelCNN."""

    def __init__(self, model: GatedPixelCNN, x: Tensor, labels: Tensor | None) -> None:
        self.model, self.x = model.baked(), x
        self.layers = [_Layer(layer, x, labels) for layer in self.model.layers]

    def begin(self, row: int) -> None:
        """Computes the row of the vertical stack of every layer."""
        first = self.layers[0]
        # Rows of the image from `reach` above this one; beyond its upper edge zeros.
        above = self.x[:, max(0, row - first.layer.reach) : row]
        v = first.begin(F.pad(above, (0, 0, 0, 0, first.layer.reach - above.shape[1], 0)))
        for layer in self.layers[1:]:
            v = layer.begin(layer.above(v))

    def params(self, row: int, column: int) -> Tensor:
        """[B, C, P]."""
        x = self.x[:, row, column]
        if column:  # its last channel was drawn since
            self.layers[0].slots[column - 1].copy_(self.x[:, row, column - 1])
        activations = []
        for layer in self.layers:
            z = layer.step(x, column)
            activations.append(z)
            if layer is not self.layers[-1]:
                x = layer.layer.out(x, z)
        return self.model.output(torch.cat(activations, -1))


class _Layer:
    """What one layer remembers: rows of its vertical input, and its horizontal inputs in this row."""

    def __init__(self, layer: GatedLayer, x: Tensor, labels: Tensor | None) -> None:
        self.layer, (batch, _, width, _) = layer, x.shape
        inputs = layer.along.shape[1]
        by_row, by_pixel = layer.conditioned(labels)
        self.by_row = by_row if isinstance(by_row, float) else by_row[:, 0]
        self.by_pixel = by_pixel if isinstance(by_pixel, float) else by_pixel[:, 0]
        self.rows = x.new_zeros(batch, layer.reach, width, inputs)
        entries = x.new_zeros(batch, layer.reach + width, inputs)  # those left of the image stay zero
        # Views, made once: finding a pixel's window would cost more than using it.
        self.slots = entries.unbind(1)[layer.reach :]
        self.windows = [entries[:, column : column + layer.reach + 1].flatten(1) for column in range(width)]
        # The kernels as one product over a window, position by position: a convolution of one row would spend most of
        # its time on rearranging its weights.
        self.along = layer.along.permute(2, 3, 1, 0).flatten(0, 2)  # [window · I, 2F]
        self.across = layer.across.permute(2, 3, 1, 0).flatten(0, 2)
        self.linked: tuple[Tensor, ...] = ()  # what the rows above give to each pixel of this row, [B, 2F]

    def above(self, v: Tensor) -> Tensor:
        """This row of the vertical input [B, 1, W, F] below those before it, which move up by one."""
        rows = torch.cat([self.rows, v], 1)
        self.rows = rows[:, 1:]
        return rows

    def begin(self, v: Tensor) -> Tensor:
        """The next layer's row of the vertical input, and what this row gives to the horizontal stack."""
        columns = 2 * self.layer.reach + 1
        windows = F.pad(v, (0, 0, self.layer.reach, self.layer.reach)).unfold(
            2, columns, 1
        )  # [B, rows, W, I, columns]
        row = torch.matmul(windows.permute(0, 2, 1, 4, 3).flatten(2), self.across) + self.layer.across_bias
        self.linked = (self.layer.link(row) + self.by_pixel + self.layer.along_bias).unbind(1)
        return gate(row + self.by_row)[:, None]

    def step(self, x: Tensor, column: int) -> Tensor:
        """z at one pixel, [B, F], from its horizontal input [B, I]."""
        self.slots[column].copy_(x)
        return gate(torch.addmm(self.linked[column], self.windows[column], self.along))


def remember(model: PixelModel, x: Tensor, labels: Tensor | None) -> Memory:
    """The fastest memory there is for a network."""
    return (Cached if isinstance(model, GatedPixelCNN) else Recomputed)(model, x, labels)  # type: ignore[arg-type]


def rows(
    model: PixelModel,
    params: Sequence[SamplingParams],
    labels: Tensor | None = None,
    known: Tensor | None = None,
    pixels: int = 0,
    memory: Callable[[PixelModel, Tensor, Tensor | None], Memory] = remember,
) -> Iterator[Tensor]:
    """The rows of one image for each of `params` as they are made, int64 [B, W, C], from the top to the bottom.

    `labels` [B] are classes if the network has any. The first `pixels` pixels in raster order are those of
    `known` [B, H, W, C] and are not made. Raises ValueError, before the first row, if something does not fit.
    """
    c = model.config
    device = next(model.parameters()).device
    canvas = torch.zeros(len(params), *c.shape, dtype=torch.long, device=device)
    if not params:
        raise ValueError("there are 0 images to make; there must be at least one")
    if known is not None:
        canvas[:] = check_pixels(model, known)
    if not 0 <= pixels <= c.height * c.width:
        raise ValueError(f"pixels is {pixels}; it must be from 0 to {c.height * c.width}")
    check_labels(model, labels, len(params))
    return _rows(model, params, None if labels is None else labels.to(device), canvas, pixels, memory)


def _rows(
    model: PixelModel,
    params: Sequence[SamplingParams],
    labels: Tensor | None,
    canvas: Tensor,
    pixels: int,
    memory: Callable[[PixelModel, Tensor, Tensor | None], Memory],
) -> Iterator[Tensor]:
    c = model.config
    # A value's random number is its own, known values before it or not.
    seeds = np.array([p.seed for p in params], np.uint64)[:, None]
    words = torch.from_numpy(philox(seeds, np.arange(c.dimensions, dtype=np.uint64)).astype(np.int64))
    words = words.view(canvas.shape).to(canvas.device)
    inverse = torch.tensor([[inverse_temperature(p.temperature)] for p in params], device=canvas.device)
    with torch.inference_mode():
        x = model.scaled(canvas)
        remembered = memory(model, x, labels)
    for row in range(c.height):
        with torch.inference_mode():  # not held over a yield
            remembered.begin(row)
            # Views of the row's values, [B] each, in order; found one by one they would cost more than a layer.
            values, scaled, drawn = (part[:, row].flatten(1).unbind(1) for part in (canvas, x, words))
            first = max(0, pixels - row * c.width)
            for column in range(first if first < c.width else 0):
                remembered.params(
                    row, column
                )  # known, in a row that is not wholly so; of those the rows are enough
            for place in range(first * c.channels, c.width * c.channels):
                column, channel = divmod(place, c.channels)
                logits = model.head.logits(remembered.params(row, column)[:, channel])
                value = choose(logits, drawn[place], inverse)
                values[place].copy_(value)
                scaled[place].copy_(model.scaled(value))
            made = canvas[:, row].clone()
        yield made


def sample(
    model: PixelModel,
    params: Sequence[SamplingParams],
    labels: Tensor | None = None,
    known: Tensor | None = None,
    pixels: int = 0,
    memory: Callable[[PixelModel, Tensor, Tensor | None], Memory] = remember,
) -> Tensor:
    """All rows of `rows` at once: int64 [B, H, W, C]."""
    return torch.stack(list(rows(model, params, labels, known, pixels, memory)), 1)


def params_from(seed: int, count: int, temperature: float = 1.0) -> list[SamplingParams]:
    """Those of a batch: image i is the one that seed + i alone would give."""
    return [SamplingParams((seed + i) % 2**64, temperature) for i in range(count)]


def check_pixels(model: Any, pixels: Tensor) -> Tensor:
    """`pixels`, if they are images of the model; otherwise ValueError."""
    c = model.config
    if tuple(pixels.shape[1:]) != c.shape:
        raise ValueError(
            f"image has height, width and channels {list(pixels.shape[1:])}; they must be {list(c.shape)}"
        )
    if pixels.numel() and not 0 <= int(pixels.min()) <= int(pixels.max()) < c.levels:
        raise ValueError(
            f"image has values from {int(pixels.min())} to {int(pixels.max())}; they must be from 0 to {c.levels - 1}"
        )
    return pixels


def check_labels(model: Any, labels: Tensor | None, count: int) -> None:
    """ValueError unless `labels` are one class for each of `count` images, or None for a network without classes."""
    known = model.config.labels
    if not known:
        if labels is not None:
            raise ValueError("label is given, but this model knows none")
        return
    if labels is None:
        raise ValueError(f"label is missing; it must be from 0 to {known - 1}")
    if len(labels) != count:
        raise ValueError(f"there are {len(labels)} labels for {count} images; there must be one for each")
    for label in labels.tolist():
        if not 0 <= label < known:
            raise ValueError(f"label is {label}; it must be from 0 to {known - 1}")


def known_prefix(mask: Tensor) -> int:
    """How many pixels the mask [H, W] says are known, if they are the first ones in raster order.

    Raises ValueError if a known pixel comes after an unknown one: what fills the hole could not take it into
    account, since a pixel's distribution is given only the pixels before it.
    """
    flat = mask.flatten().bool()
    count = int(flat.sum())
    if not flat[:count].all():
        width, hole = mask.shape[1], int((~flat).nonzero()[0])
        after = hole + int(flat[hole:].nonzero()[0])
        raise ValueError(
            f"mask has a hole at row {hole // width}, column {hole % width}, before the known pixel at row "
            f"{after // width}, column {after % width}; the known pixels must be the first ones, row by row, "
            "because each new pixel is drawn given those before it and cannot see those after it"
        )
    return count
