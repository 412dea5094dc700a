"""Sets of images are read as they are, or refused in one sentence."""

import gzip
import os

import numpy as np
import pytest
import torch
from PIL import Image

from tests.data.images import digits, idx
from wavesynth.data.images import ignored_images, quantise, read_idx, read_image, read_images
from wavesynth.data.split import split_of


@pytest.mark.parametrize("compressed", [True, False])
def test_idx_files_are_split_as_mnist_is(tmp_path, compressed):
    folder = digits(tmp_path, compressed=compressed)
    sets = {split: read_images(folder, split) for split in ("train", "validation", "test")}
    assert [len(images) for images in sets.values()] == [10, 2, 3]
    assert sets["train"].images.shape == (10, 4, 4, 1) and sets["train"].images.dtype == torch.uint8
    assert sets["validation"].images[:, 0, 0, 0].tolist() == [10, 11]
    assert sets["validation"].labels.tolist() == [1, 2] and sets["validation"].classes == ("0", "1", "2")


def test_a_folder_of_images_is_split_by_name_and_its_folders_are_classes(tmp_path):
    for kind in ("cat", "dog"):
        (tmp_path / kind).mkdir()
        for i in range(30):
            Image.new("RGB", (3, 2), (i, 0, 7)).save(tmp_path / kind / f"{i}.png")
    names = [f"{kind}_{i}" for kind in ("cat", "dog") for i in range(30)]
    for split in ("train", "validation", "test"):
        found = read_images(tmp_path, split)
        assert len(found) == sum(split_of(name) == split for name in names) > 0
        assert found.images.shape[1:] == (2, 3, 3) and found.classes == ("cat", "dog")
    assert read_images(tmp_path, "train").labels.unique().tolist() == [0, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not an idx file of unsigned bytes: it begins with nothing"),
        (b"\0\0\x0d\1\0\0\0\1\0\0\0\0", "it begins with 00000d01"),
        (b"\0\0\x08\3\0\0", "ends within its header"),
        (idx(np.zeros((2, 3, 3)))[:-1], "must hold 18 bytes, 2 x 3 x 3; it holds 17"),
        (idx(np.zeros((2, 3, 3))) + b"x", "it holds more"),
        (b"\0\0\x08\2\xff\xff\xff\xff\xff\xff\xff\xff", "at most 4294967296 are read"),
    ],
)
def test_a_wrong_idx_file_is_refused(tmp_path, content, message):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_idx(tmp_path / "train-images-idx3-ubyte")


def test_a_truncated_gzip_file_is_refused(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.random.default_rng(0).integers(0, 256, (5, 9, 9))))[:-30])
    with pytest.raises(ValueError, match="cannot be read"):
        read_idx(path)


def test_images_and_labels_must_be_as_many(tmp_path):
    digits(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx([1, 2])))
    with pytest.raises(ValueError, match=r"holds 2 labels; .* holds 3 images"):
        read_images(tmp_path, "test")


def test_a_folder_with_broken_files_says_how_many_and_which(tmp_path):
    for i in range(40):
        Image.new("L", (4, 4)).save(tmp_path / f"{i}.png")
    broken = [i for i in range(40) if split_of(str(i)) == "train"][3:5]
    (tmp_path / f"{broken[0]}.png").write_bytes(b"no image")
    whole = (tmp_path / f"{broken[1]}.png").read_bytes()
    (tmp_path / f"{broken[1]}.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"has 2 broken files; .* is not an image that can be read"):
        read_images(tmp_path, "train")


def test_images_of_another_size_or_mode_are_refused(tmp_path):
    for i in range(20):
        Image.new("L", (4, 4)).save(tmp_path / f"{i}.png")
    train = [i for i in range(20) if split_of(str(i)) == "train"]
    Image.new("L", (5, 4)).save(tmp_path / f"{train[-1]}.png")
    with pytest.raises(
        ValueError, match=r"height, width and channels \[4, 5, 1\]; they must be those of .*\[4, 4, 1\]"
    ):
        read_images(tmp_path, "train")
    Image.new("RGB", (4, 4)).save(tmp_path / f"{train[-1]}.png")
    with pytest.raises(ValueError, match="has mode RGB; it must be L or 1, 1 channel of 8 bits"):
        read_images(tmp_path, "train")
    with pytest.raises(ValueError, match="has mode L; it must be RGB, 3 channels of 8 bits"):
        read_image(tmp_path / f"{train[0]}.png", 3)


def test_loops_of_links_and_pipes_among_images_are_left_out_and_told(tmp_path):
    train = next(str(i) for i in range(99) if split_of(str(i)) == "train")
    Image.new("L", (4, 4)).save(tmp_path / f"{train}.png")
    (tmp_path / "loop").symlink_to(".")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "labels.txt").touch()
    assert len(read_images(tmp_path, "train")) == 1
    assert ignored_images(tmp_path) == [
        {"source": "labels.txt", "reason": "not named as an image"},
        {"source": "loop", "reason": "a link to ."},
        {"source": "pipe.png", "reason": "not a file but a pipe, a socket or a device"},
    ]


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match="holds no images; it must hold train-images-idx3-ubyte and t10k-images"
    ):
        read_images(tmp_path, "train")
    with pytest.raises(ValueError, match="nowhere is not a folder"):
        read_images(tmp_path / "nowhere", "train")


def test_two_levels_are_drawn_by_intensity_and_others_are_steps():
    grey = torch.tensor([0, 64, 255], dtype=torch.uint8).expand(20_000, 3)
    drawn = quantise(grey, 2, torch.Generator().manual_seed(0))
    assert drawn[:, 0].sum() == 0 and drawn[:, 2].sum() == 20_000
    assert float(drawn[:, 1].double().mean()) == pytest.approx(64 / 255, abs=0.01)
    steps = quantise(torch.tensor([0, 63, 64, 255], dtype=torch.uint8), 4, torch.Generator())
    assert steps.tolist() == [0, 0, 1, 3]
