"""Voices: what one is, on disk and in memory; those that ship are in shipped/.

The package can be called: `wavesynth.voices()` lists the voices that ship, whether this package is loaded or not.
"""

from __future__ import annotations

import sys
from types import ModuleType


class _Voices(ModuleType):
    def __call__(self) -> list[str]:
        """The names of the voices that ship, in order."""
        from wavesynth.voices.folders import find_voices

        return list(find_voices())


sys.modules[__name__].__class__ = _Voices
