"""What `make train-gpu` trains: the configuration that ships, with the sets that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.train_gpu import configuration
from wavesynth.training.run import read_run

SHIPPED = Path(__file__).parents[2] / "wavesynth/configurations/anyone-wavenet.toml"


@pytest.mark.parametrize("gpu", [False, True])
def test_the_configuration_that_ships_learns_from_the_sets_that_are_there(gpu, tmp_path):
    path = tmp_path / "anyone-wavenet.toml"
    path.write_text(configuration(SHIPPED, [Path("a/b"), Path("c d")], gpu), "utf-8")
    written, shipped = read_run(path), read_run(SHIPPED)
    assert written.data.speakers == {"everyone": ("a/b", "c d")}
    assert (written.model, written.voice, written.start_from) == (
        shipped.model,
        shipped.voice,
        shipped.start_from,
    )
    assert (written.training.batch_size, written.data.augment) == ((16, 0.1) if gpu else (4, 0.5))
