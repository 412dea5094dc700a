from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data.folders import NAMES, record
from wavesynth.audio import files
from wavesynth.data import sources
from wavesynth.workers import threads


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Pieces of work that are short are slower with several."""
    with threads():
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, name in enumerate(NAMES):
        record(tmp_path / "voice" / f"{name}.wav", seed=seed)
    return tmp_path / "voice"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the recordings that are read, as they are."""
    names: list[str] = []

    def load(path: Path, sample_rate: int) -> files.Recording:
        names.append(path.name)
        return original(path, sample_rate)

    original = sources.load
    monkeypatch.setattr(sources, "load", load)
    return names
