"""`wavesynth image`: models of images, from a folder to a likelihood and to pictures."""

from __future__ import annotations

from wavesynth.cli.lazy import group

__all__ = ["image"]

image = group(
    "Images: PixelCNN and PixelRNN, NICE and RealNVP.",
    {
        "train": "image_train:train",
        "evaluate": "image_evaluate:evaluate",
        "export": "image_export:export",
        "sample": "image_make:sample",
        "complete": "image_make:complete",
        "interpolate": "image_interpolate:interpolate",
    },
)
