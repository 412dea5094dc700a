"""The scripts behind the laboratory notes still run, and say what they found and where the figure stands."""

import importlib
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import image_comparison

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(
    path.stem for path in (ROOT / "experiments").glob("*.py") if "__main__" in path.read_text("utf-8")
)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_explains_itself(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        # As `python -m` does, but for an interpreter that would first take a second to import PyTorch.
        runpy.run_module(f"experiments.{name}", run_name="__main__")
    assert not ended.value.code
    assert f"python -m experiments.{name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_says_what_it_found_and_where_that_stands(name):
    head = importlib.import_module(f"experiments.{name}").__doc__ or ""
    assert "Found" in head
    assert re.search(r"docs/lab/[\w-]+\.md", head)


@pytest.fixture
def configuration(tmp_path):
    """A configuration of tiny networks, and images to train them on."""
    random = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for number in range(150):
        image = Image.fromarray(random.integers(0, 256, (4, 4), np.uint8))
        image.save(tmp_path / "images" / f"{number}.png")
    path = tmp_path / "tiny.toml"
    path.write_text(
        "[model]\nheight = 4\nwidth = 4\nlevels = 2\nfeatures = 8\nhidden = 8\nlayers = 2\nfirst_kernel = 3\n"
        f'[data]\nfolder = "{tmp_path}/images"\nbinarisation = "dynamic"\n'
        '[training]\nbatch_size = 8\nprecision = "float32"\n'
        '[card]\nname = "tiny"\n'
    )
    return path


def test_image_networks_are_compared_in_a_table_and_a_picture(configuration, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    arguments = ["image_comparison", configuration, "--minutes", 0, "--images", 3, "--out", out]
    monkeypatch.setattr(sys, "argv", list(map(str, arguments)))
    compared = ("gated", "diagonal-bilstm")  # each kind takes a process, which takes seconds to start
    monkeypatch.setattr(image_comparison, "NETWORKS", compared)
    image_comparison.main()
    table = (out / "image-comparison.md").read_text("utf-8")
    assert capsys.readouterr().out.strip() == table.strip()
    for kind in compared:
        [line] = [line for line in table.splitlines() if line.startswith(f"| {kind} |")]
        assert line.split("|")[3].strip() == "1"  # step
    assert (out / "image-comparison.png").read_bytes().startswith(b"\x89PNG")


def test_image_networks_are_not_trained_where_their_files_cannot_be_written(
    configuration, tmp_path, monkeypatch
):
    (tmp_path / "out/image-comparison.png").mkdir(parents=True)
    arguments = ["image_comparison", configuration, "--minutes", 0, "--out", tmp_path / "out"]
    monkeypatch.setattr(sys, "argv", list(map(str, arguments)))
    with pytest.raises(OSError, match=r"image-comparison\.png"):
        image_comparison.main()
