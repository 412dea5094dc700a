"""What a run's voice has heard: its own recordings, and those of what it began from, learned from or hears through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wavesynth.data.dataset import Recordings
from wavesynth.data.features import Track, untracked
from wavesynth.data.provenance import Provenance
from wavesynth.training.checkpoint import checkpoint_of
from wavesynth.training.run import parse_run
from wavesynth.training.start import located

__all__ = ["provenance"]


def provenance(configuration: Any, track: Track = untracked) -> Provenance:
    """Of a run of that configuration, of a voice of any kind or of a converter. It is not complete where a voice, a run
    or its data can no longer be read."""
    found = Provenance.of_folders([])
    for _, folder in configuration.data.folders:
        try:
            found += Provenance.of_folders([Recordings(folder)], track)
        except (OSError, ValueError):  # what the others say, and what it began from, is told all the same
            found += Provenance.unknown()
    for name in ("start_from", "teacher", "converter", "reader"):
        source = getattr(configuration, name, None)
        if isinstance(source, str):
            found += _of(name, source)
    return found


def _of(name: str, source: str) -> Provenance:
    """Of the voice, run or checkpoint that the key `name` names."""
    try:
        path: Path = located(name, source)
        if (path / "voice.json").exists():
            return Provenance.load(path) or Provenance.unknown()
        configuration: Any = parse_run(checkpoint_of(path).configuration)
    except (OSError, ValueError):
        return Provenance.unknown()
    return provenance(configuration)
