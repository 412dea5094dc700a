"""`wavesynth image` with a flow: the same commands, and a strip between two images."""

import gzip
import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.data.images import digits, idx
from tests.training.runs import image_values, toml
from wavesynth.cli.image import image


def run(*arguments):
    return CliRunner().invoke(image, list(map(str, arguments)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with digits, a run of a NICE, its exported model, and two images."""
    folder = tmp_path_factory.mktemp("flow")
    digits(folder / "digits", count=60)
    values = image_values(folder / "digits")
    values["model"] = {"height": 4, "width": 4, "layers": 1, "features": 8}
    del values["data"]["binarisation"]
    configuration = toml(folder / "small.toml", values)
    (folder / "small.toml").write_text('kind = "nice"\n' + (folder / "small.toml").read_text())
    result = run("train", configuration, "--out", folder / "run")
    assert result.exit_code == 0, result.output
    result = run("export", folder / "run", folder / "model", "--data", folder / "digits")
    assert result.exit_code == 0, result.output
    for name, grey in (("dark", 10), ("light", 200)):
        Image.fromarray(np.full((4, 4), grey, np.uint8)).save(folder / f"{name}.png")
    return folder


def strip(path, images):
    """The images of a strip, [images, 4, 4]."""
    picture = np.asarray(Image.open(path))
    assert picture.shape == (8, 6 * images + 2)
    return picture[2:6, 2:].reshape(4, images, 6)[:, :, :4].swapaxes(0, 1)


def test_a_strip_goes_from_the_one_image_to_the_other(trained):
    out = trained / "strip.png"
    ends = trained / "dark.png", trained / "light.png"
    result = run("interpolate", trained / "model", *ends, "--out", out, "--steps", 5, "--scale", 1, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output) == {"images": 5, "out": str(out)}
    made = strip(out, 5)
    assert (made[0] == 10).all() and (made[-1] == 200).all()


def test_a_strip_goes_along_an_attribute(trained):
    out = trained / "more.png"
    data = "--attribute", 2, "--data", trained / "digits"
    result = run(
        "interpolate", trained / "run", trained / "dark.png", *data, "--out", out, "--steps", 3, "--scale", 1
    )
    assert result.exit_code == 0, result.output
    made = strip(out, 3)
    assert (made[0] == 10).all()


def test_an_attribute_is_found_in_images_of_the_whole_folder(trained, tmp_path, monkeypatch):
    """Images are sorted by class here, and those that are enough are fewer than those of the first two."""
    digits(tmp_path, count=60)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.arange(60) // 20)))
    monkeypatch.setattr("wavesynth.cli.image_interpolate.IMAGES", 30)
    ends = trained / "run", trained / "dark.png", "--attribute", 2, "--data", tmp_path
    result = run("interpolate", *ends, "--out", tmp_path / "more.png", "--steps", 3)
    assert result.exit_code == 0, result.output


def test_evaluate_and_sample_take_a_flow(trained):
    result = run("evaluate", trained / "model", "--data", trained / "digits", "--json")
    figures = json.loads(result.output)
    assert figures["images"] == 3 and "each with uniform noise" in figures["values"]
    out = trained / "made.png"
    assert run("sample", trained / "model", "--count", 4, "--out", out, "--temperature", 0.7).exit_code == 0
    assert Image.open(out).size == (2 * 14 + 2, 2 * 14 + 2)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("interpolate", "{model}", "{dark}", "--out", "{out}"),
            "exactly one of another image and --attribute",
        ),
        (
            ("interpolate", "mnist", "{dark}", "{light}", "--out", "{out}"),
            "model is mnist of kind pixelcnn, whose images have no latents",
        ),
        (
            ("interpolate", "{model}", "{dark}", "{light}", "--label", 1, "--out", "{out}"),
            "label is given, but this model knows none",
        ),
        (
            ("interpolate", "{model}", "{dark}", "--attribute", 9, "--data", "{digits}", "--out", "{out}"),
            "images of the class is 0; it must be more than 0",
        ),
        (
            ("complete", "{model}", "{dark}", "--rows", 2, "--out", "{out}"),
            "model is test, which makes an image as a whole",
        ),
        (
            ("sample", "{model}", "--out", "{out}", "--progress", "{out}p.png"),
            "progress is given, but test makes an image as a whole",
        ),
        (
            ("sample", "{model}", "--out", "{out}", "--temperature", 3),
            "temperature is 3.0; it must be from 0.1 to 2.0",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(trained, arguments, sentence):
    names = {
        name: trained / file for name, file in (("model", "model"), ("digits", "digits"), ("out", "no.png"))
    }
    names |= {name: trained / f"{name}.png" for name in ("dark", "light")}
    result = run(*(a.format(**names) if isinstance(a, str) else a for a in arguments))
    assert result.exit_code != 0 and sentence in result.output
    assert result.output.count("\n") == 1 and not (trained / "no.png").exists()
