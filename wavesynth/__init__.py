"""Neural audio that is generated one sample at a time, fast enough to be live.

>>> import wavesynth
>>> wavesynth.voices()[:5]
['allison', 'allison-anyone', 'allison-flow', 'allison-reads', 'allison-small']
>>> wavesynth.load_voice("five").speakers
('allison', 'june', 'carlo', 'ivr', 'nsh')
>>> with wavesynth.Synthesizer("babble") as synthesizer:
...     synthesizer.synthesize(seconds=0.1).shape
(1600,)

- `voices()`: the names of the voices that ship
- `load_voice(name_or_folder)`: what a voice is
- `Synthesizer(voice)`: samples of it, in one piece or while they are made
- `__version__`
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wavesynth.synthesizer import Synthesizer
    from wavesynth.voices.voice import load_voice

    __version__: str

    def voices() -> list[str]:
        """The names of the voices that ship, in order."""


__all__ = ["Synthesizer", "__version__", "load_voice", "voices"]

#: Where each name is found, once it is asked for: PyTorch takes a second, and not every program needs it.
_MODULES = {"Synthesizer": "wavesynth.synthesizer", "load_voice": "wavesynth.voices.voice"}


if not TYPE_CHECKING:  # or a wrong name would be taken for one of these

    def __getattr__(name: str) -> Any:
        if name == "voices":  # the package, which can be called: the function and the folder have one name
            return import_module("wavesynth.voices")
        if name == "__version__":
            from wavesynth.formats import version

            return version()
        if name in _MODULES:
            return getattr(import_module(_MODULES[name]), name)
        raise AttributeError(f"module 'wavesynth' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
