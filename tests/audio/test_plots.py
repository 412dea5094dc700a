import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from matplotlib.image import imread

from wavesynth.audio.plots import save_spectrograms


def test_each_waveform_gets_a_panel_and_a_tone_stands_at_its_frequency(tmp_path: Path) -> None:
    tone = 0.5 * torch.sin(torch.arange(16000) * (2 * torch.pi * 2000 / 16000))
    save_spectrograms(tmp_path / "one.png", {"tone": tone})
    save_spectrograms(tmp_path / "two.png", {"tone": tone, "silence": torch.zeros(8000).numpy()})
    one, two = imread(tmp_path / "one.png"), imread(tmp_path / "two.png")
    assert one.shape[1] == two.shape[1] and two.shape[0] > 1.5 * one.shape[0]

    column = one[:, one.shape[1] // 2, :3].sum(1)
    inside = (column < 0.1).nonzero()[0]  # the panel is black but for the tone
    top, bottom = inside.min(), inside.max()
    bright = top + column[top:bottom].argmax()
    assert 8 * (bottom - bright) / (bottom - top) == pytest.approx(2, abs=0.15)  # kHz
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["one.png", "two.png"]


def test_nothing_to_draw_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one"):
        save_spectrograms(tmp_path / "a.png", {})
    with pytest.raises(ValueError, match=r"\[0\]"):
        save_spectrograms(tmp_path / "a.png", {"empty": torch.zeros(0)})
    assert not list(tmp_path.iterdir())


def test_a_home_that_cannot_be_written_is_no_news(tmp_path: Path) -> None:
    (tmp_path / "file").touch()  # below which nobody, not even root, can make a folder
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "MPL"))}
    run = subprocess.run(
        [sys.executable, "-c", "import wavesynth.audio.plots"],
        env=environment | {"HOME": str(tmp_path / "file")},
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (0, "")
