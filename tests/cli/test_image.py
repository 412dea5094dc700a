"""`wavesynth image` from a folder of images to pictures."""

import json
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from tests.data.images import digits
from tests.training.runs import image_values as values
from tests.training.runs import toml
from wavesynth.cli import terminal
from wavesynth.cli.bench import bench
from wavesynth.cli.image import image
from wavesynth.data.split import split_of
from wavesynth.evaluation.pictures import grid, progress
from wavesynth.images import sampling
from wavesynth.images.sampling import rows
from wavesynth.workers import threads


def run(*arguments, app=image):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with digits, a run and an exported model that knows three classes."""
    folder = tmp_path_factory.mktemp("image")
    digits(folder / "digits", count=60)
    configuration = toml(folder / "small.toml", values(folder / "digits", {"labels": 3}))
    result = run("train", configuration, "--out", folder / "run")
    assert result.exit_code == 0, result.output
    assert "step 6: validation" in result.output and "bits/dim" in result.output
    result = run("export", folder / "run", folder / "model", "--data", folder / "digits")
    assert result.exit_code == 0, result.output
    return folder


def cells(path, columns, lines, size=4, scale=1):
    """The images of a grid, [lines, columns, size, size]."""
    picture = np.asarray(Image.open(path))
    step = size * scale + 2
    assert picture.shape == (lines * step + 2, columns * step + 2)
    cut = picture[2:, 2:].reshape(lines, step, columns, step).transpose(0, 2, 1, 3)
    return cut[:, :, : size * scale : scale, : size * scale : scale]


def test_the_cards_picture_is_what_the_exported_model_makes(trained):
    out = trained / "made.png"
    assert run("sample", trained / "model", "--count", 3, "--out", out, "--scale", 3).exit_code == 0
    made = cells(out, 2, 2, scale=3).reshape(4, 4, 4)[:3]
    shown = cells(trained / "model" / "samples.png", 10, 4, scale=3)[0, :3]
    assert (made == shown).all() and "](samples.png)" in (trained / "model" / "CARD.md").read_text()


def test_long_work_says_how_far_it_is_where_there_is_no_terminal(trained, monkeypatch):
    monkeypatch.setattr(terminal, "SECONDS_BEFORE_A_LINE", 0)  # as of work that takes long
    made = run("sample", trained / "model", "--out", trained / "long.png", "--json")
    measured = run("evaluate", trained / "model", "--data", trained / "digits", "--json")
    assert "rows: 1/4\n" in made.stderr and "Measuring: 1/1\n" in measured.stderr
    assert json.loads(made.stdout) and json.loads(measured.stdout)


def test_images_are_made_with_one_thread(trained, monkeypatch):
    used = []

    def noting(*of):
        for row in rows(*of):
            used.append(torch.get_num_threads())
            yield row

    monkeypatch.setattr(sampling, "rows", noting)
    with threads(2):
        assert run("sample", trained / "model", "--out", trained / "one.png").exit_code == 0
    assert set(used) == {1}


def test_the_card_states_what_evaluate_measures(trained):
    result = run("evaluate", trained / "model", "--data", trained / "digits", "--json")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["images"] == 3 and figures["steps"] == 6
    assert figures["bits_per_dim"] == pytest.approx(figures["nats"] / 16 / np.log(2))
    assert figures["values"] == "2 levels, drawn once by intensity, trained with dynamic binarisation"
    text = (trained / "model" / "CARD.md").read_text()
    assert f"{figures['nats']:.3f} ±" in text and "trained with dynamic binarisation" in text
    result = run("evaluate", trained / "run", "--data", trained / "digits", "--images", 2)
    assert result.exit_code == 0 and "on 2 images of the test set" in result.output


def test_what_is_ignored_among_images_is_listed(trained, tmp_path):
    held_out = next(name for name in map(str, range(99)) if split_of(f"a_{name}") == "test")
    (tmp_path / "a").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "a" / f"{held_out}.png")
    (tmp_path / "a" / "notes.txt").touch()
    result = run("evaluate", trained / "model", "--data", tmp_path, "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)["images"] == 1
    assert "a/notes.txt is ignored: not named as an image\n" in result.stderr


def test_the_same_seed_makes_the_same_grid_and_each_class_has_a_line(trained, tmp_path):
    for name in ("a", "b"):
        result = run(
            "sample",
            trained / "model",
            "--per-class",
            "--count",
            5,
            "--out",
            tmp_path / f"{name}.png",
            "--scale",
            1,
        )
        assert result.exit_code == 0, result.output
    made = cells(tmp_path / "a.png", 5, 3)
    assert (made == cells(tmp_path / "b.png", 5, 3)).all()
    assert set(np.unique(made)) <= {0, 255}
    run(
        "sample",
        trained / "model",
        "--per-class",
        "--count",
        5,
        "--out",
        tmp_path / "c.png",
        "--scale",
        1,
        "--seed",
        9,
    )
    assert (made != cells(tmp_path / "c.png", 5, 3)).any()


def test_completions_keep_what_is_known_and_show_the_way(trained, tmp_path):
    original = np.random.default_rng(1).integers(0, 2, (4, 4)).astype(np.uint8) * 255
    Image.fromarray(original).save(tmp_path / "original.png")
    mask = np.zeros((4, 4), np.uint8)
    mask.reshape(-1)[:6] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    result = run(
        "complete", trained / "model", tmp_path / "original.png", "--mask", tmp_path / "mask.png", "--answers", 6,
        "--label", 1, "--out", tmp_path / "out.png", "--scale", 1, "--progress", tmp_path / "progress.png", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["known_pixels"] == 6
    shown = cells(tmp_path / "out.png", 8, 1)[0].reshape(8, 16)
    assert (shown[:, :6] == original.reshape(-1)[:6]).all()
    assert (shown[-1] == original.reshape(-1)).all() and (shown[0, 6:] == 96).all()
    assert len({answer.tobytes() for answer in shown[1:7]}) > 1
    way = cells(tmp_path / "progress.png", 9, 6)[0].reshape(9, 16)
    assert (way[0] == shown[0]).all() and (way[-1] == shown[1]).all()


def test_progress_shows_each_image_from_nothing_to_the_whole():
    images = torch.arange(32, dtype=torch.uint8).view(2, 4, 4, 1) + 100
    way = progress(images, 5).view(2, 5, 16)
    assert [(moment != 96).sum().item() for moment in way[0]] == [0, 4, 8, 12, 16]
    assert torch.equal(way[:, -1], images.view(2, 16))


def test_a_grid_places_images_in_lines_from_the_left():
    picture = grid(torch.arange(1, 4, dtype=torch.uint8).view(3, 1, 1, 1).expand(3, 2, 2, 1), 2, scale=2)[
        ..., 0
    ]
    assert picture.shape == (14, 14)
    assert (
        (picture[2:6, 2:6] == 1).all() and (picture[2:6, 8:12] == 2).all() and (picture[8:12, 2:6] == 3).all()
    )


REST = ("--label", "1", "--out", "x.png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sample", "MODEL", "--label", "3", "--out", "x.png"), "label is 3; it must be from 0 to 2"),
        (("sample", "MODEL", "--out", "x.jpg"), "it must end in .png"),
        (("sample", "MODEL", "--out", "x.png", "--temperature", "3"), "temperature is 3.0; it must be from 0.1 to 2.0"),
        (("sample", "nowhere", "--out", "x.png"), "model is nowhere, which does not exist"),
        (("complete", "MODEL", "WIDE", "--rows", "2", *REST), "[4, 5, 1]; they must be [4, 4, 1]"),
        (("complete", "MODEL", "RGB", "--rows", "2", *REST), "has mode RGB; it must be L or 1"),
        (("complete", "MODEL", "GREY", "--rows", "5", *REST), "rows is 5; it must be from 0 to 4"),
        (("complete", "MODEL", "GREY", "--rows", "2", "--out", "x.png"), "label is missing; it must be from 0 to 2"),
        (("complete", "MODEL", "GREY", "--mask", "HOLE", *REST), "mask has a hole at row 0, column 1"),
        (("complete", "MODEL", "GREY", *REST), "exactly one of --rows and --mask"),
        (("evaluate", "MODEL", "--data", "empty"), "holds no images; it must hold train-images-idx3-ubyte"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence_and_exit_code_1(trained, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    Image.new("L", (5, 4)).save("wide.png")
    Image.new("RGB", (4, 4)).save("rgb.png")
    Image.new("L", (4, 4)).save("grey.png")
    hole = np.zeros((4, 4), np.uint8)
    hole[0, 0] = hole[0, 2] = 255
    Image.fromarray(hole).save("hole.png")
    paths = {
        "MODEL": trained / "model",
        "WIDE": "wide.png",
        "RGB": "rgb.png",
        "GREY": "grey.png",
        "HOLE": "hole.png",
    }
    result = run(*(paths.get(argument, argument) for argument in arguments))
    assert result.exit_code == 1, result.output
    assert (
        message in result.stderr
        and result.stderr.count("\n") == 1
        and result.stderr.startswith("wavesynth: ")
    )


def test_bench_image_scales_the_naive_way_to_the_whole_image(monkeypatch):
    clock, processor = (
        count(),
        count(step=2),
    )  # all that is timed takes 1 s by the clock and 2 s of the processor
    fake = SimpleNamespace(perf_counter=lambda: next(clock), process_time=lambda: next(processor))
    monkeypatch.setattr("wavesynth.images.benchmark.time", fake)
    sizes = ("--features", 4, "--layers", 1, "--batch", 2, "--naive-pixels", 4, "--repeats", 2)
    result = run("image", *sizes, "--json", app=bench)
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["naive_pixels_measured"] == 4 and figures["batch"] == 2
    assert figures["seconds_per_image"] == figures["seconds_per_batch"] == 1
    assert figures["naive_seconds_per_image"] == 784 / 2  # two of the 784 pixels a turn
    assert figures["naive_processor_seconds_per_image"] == 2 * 784 / 2
    assert figures["times_naive"] == figures["times_naive_by_processor"] == 784 / 2


def test_export_looks_at_all_its_files_before_it_writes(trained, tmp_path):
    (tmp_path / "model/CARD.md").mkdir(parents=True)
    result = run("export", trained / "run", tmp_path / "model", "--data", trained / "digits")
    assert result.exit_code == 1 and "CARD.md is a folder; it must be a file" in result.stderr
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["CARD.md"]
