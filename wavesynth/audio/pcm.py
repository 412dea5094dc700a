"""Samples of any type: as floating point within ±1, and as 16-bit PCM."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:  # the clients do without PyTorch
    from torch import Tensor

__all__ = ["as_array", "as_float", "as_samples", "check_scale", "pcm16"]

#: Beyond this peak, and with a root mean square above 1, floating-point samples are in another scale than ±1: nothing
#: within ±1 is as loud, and what resampling and mixing add to a peak stays below it.
_PEAK = 4.0


def pcm16(waveform: Tensor | ArrayLike) -> NDArray[np.int16]:
    """Samples within [-1, 1] as 16-bit PCM, [N] → int16 [N]; what exceeds the range is clipped.

    The scale is 32768, so 16-bit samples that were read come back as they were.
    """
    return np.clip(np.rint(np.asarray(waveform, np.float64) * 32768), -32768, 32767).astype(np.int16)


def as_array(samples: ArrayLike, name: str = "audio") -> NDArray[Any]:
    """Samples as they are, in an array. Raises ValueError, beginning with `name`, if NumPy cannot read them."""
    try:
        return np.asarray(samples)
    except (TypeError, RuntimeError, ValueError) as error:  # PyTorch's, of a tensor that NumPy cannot hold
        raise ValueError(
            f"{name} is not an array of numbers that NumPy can read: {error} "
            "(of a tensor, give tensor.detach().cpu().float())"
            if hasattr(samples, "detach")
            else f"{name} is not an array of numbers: {error}"
        ) from error


def as_float(samples: ArrayLike, name: str = "audio") -> NDArray[np.floating]:
    """Samples of any type and byte order in the scale of ±1, of the same shape: float32, or float64 as it was given.

    Integers are scaled by their type: int8, int16 and int32 by their most negative value, uint8 as in a WAV file,
    where 128 is silence. All other integers, Python's and int64 among them, have no scale of their own: they are taken
    for 16-bit samples, and must be within those. Floating-point samples stay as they are, see `check_scale`.

    Raises ValueError, beginning with `name`, for what cannot be samples.
    """
    array = as_array(samples, name)
    match array.dtype.kind, array.dtype.itemsize:
        case "i", 1 | 2 | 4 as size:
            if size == 4:
                _check_int32(array, name)
            return (array / 2.0 ** (8 * size - 1)).astype(np.float32)
        case "u", 1:
            return ((array - np.float32(128)) / np.float32(128)).astype(np.float32)
        case "i" | "u", _:
            low, high = (array.min(), array.max()) if array.size else (0, 0)
            if low < -32768 or high > 32767:
                raise ValueError(
                    f"{name} has {array.dtype.name} samples from {low} to {high}; "
                    "integers of that type are taken for 16-bit samples, from -32768 to 32767"
                )
            return (array / 32768).astype(np.float32)
        case "f", size:
            check_scale(array, name)
            return array.astype(np.float64 if size == 8 else np.float32, copy=False)
    raise ValueError(
        f"{name} has samples of type {array.dtype.name}; they must be integers or floating point"
    )


def as_samples(audio: ArrayLike) -> NDArray[Any]:
    """Samples [n] as int16, if they are that, or else floating point. Raises ValueError for another shape or scale."""
    if getattr(audio, "dtype", None) is None:
        audio = as_float(audio)
    array = as_array(audio)
    if array.dtype.kind != "i" or array.dtype.itemsize != 2:
        array = as_float(array)
    if array.ndim != 1:
        raise ValueError(f"audio has shape {list(array.shape)}; it must be one channel, [n]")
    return array


def _check_int32(array: NDArray[np.signedinteger], name: str) -> None:
    """ValueError, beginning with `name`, for 16-bit samples in an int32 array, which its scale would make silence; and
    a warning for what may be 24-bit samples, which it would make nearly silent.

    What a 24-bit converter hears of a silent room is as quiet, but its samples are multiples of 256.
    """
    peak = max(int(array.max()), -int(array.min())) if array.size else 0
    if not np.any(array % 256):
        return
    if 32768 < peak <= 1 << 23:
        warnings.warn(
            f"{name} has int32 samples of up to {peak}, 48 dB or more below the scale of 2^31; if they are 24-bit "
            "samples, multiply them by 256",
            stacklevel=3,
        )
    if 0 < peak <= 32768:
        raise ValueError(
            f"{name} has int32 samples of up to {peak}, which is silence in the scale of 2^31; "
            "give 16-bit samples as int16"
        )


def check_scale(array: NDArray[np.floating], name: str = "audio") -> float:
    """The largest absolute value of floating-point samples. Raises ValueError, beginning with `name`, if one is NaN or
    infinite, or if they are beyond ±1 throughout: in the scale of 16-bit integers, say. Overshoot is let pass.
    """
    if not array.size:
        return 0.0
    largest = max(float(array.max()), -float(array.min()))  # NaN if one is
    if not np.isfinite(largest):
        raise ValueError(f"{name} has NaN or infinite samples; they must be finite")
    if largest > _PEAK and np.sqrt(np.mean(np.square(array / largest))) * largest > 1:
        raise ValueError(
            f"{name} has floating-point samples of up to {largest:g}; they must be within ±1 "
            "(samples on the scale of 16-bit integers: divide by 32768)"
        )
    return largest
