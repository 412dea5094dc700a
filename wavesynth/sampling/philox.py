"""Counter-based random numbers: Philox4x32-10.

Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011. A stream's random number for sample
`index` is a function of its seed and that index alone, so it does not matter how the stream was cut into
chunks, who else is served, or which backend computes it.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

__all__ = ["philox", "uniforms"]


_MASK = 0xFFFFFFFF


@overload
def philox(seed: int, index: int) -> int: ...
@overload
def philox(seed: NDArray[np.uint64], index: NDArray[np.uint64]) -> NDArray[np.uint64]: ...
def philox(seed: Any, index: Any) -> Any:
    """The first 32-bit word of Philox4x32-10 with key `seed` (64 bits) and counter (`index`, 0) (128 bits).

    Of arrays of uint64, elementwise.
    """
    key0, key1 = seed & _MASK, seed >> 32 & _MASK
    c0, c1, c2, c3 = index & _MASK, index >> 32 & _MASK, 0, 0
    for _ in range(10):
        product0, product1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (
            product1 >> 32 ^ c1 ^ key0,
            product1 & _MASK,
            product0 >> 32 ^ c3 ^ key1,
            product0 & _MASK,
        )
        key0, key1 = key0 + 0x9E3779B9 & _MASK, key1 + 0xBB67AE85 & _MASK
    return c0


def uniforms(seed: int, index: int, n: int) -> NDArray[np.float32]:
    """Numbers between 0 and 1, neither of them included, of the samples `index` to `index` + n - 1 of a stream: [n]."""
    words = philox(np.full(n, seed, np.uint64), np.arange(index, index + n, dtype=np.uint64))
    return ((words >> np.uint64(9)).astype(np.float32) + np.float32(0.5)) / np.float32(2**23)
