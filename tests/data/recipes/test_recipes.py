"""Recipes make, of a package that apt-get fetches, what `wavesynth prepare` makes of its recordings."""

from __future__ import annotations

import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from wavesynth.data.features import untracked
from wavesynth.data.prepare import Options, prepare
from wavesynth.data.recipes import letters, piano
from wavesynth.data.recipes.recipe import make
from wavesynth.data.recipes.registry import RECIPES, find_recipe

CONFIGURATIONS = Path(__file__).parents[3] / "wavesynth" / "configurations"
RATE = 16000


def speech(path: Path, seconds: float, seed: int) -> None:
    """Writes noise whose loudness moves as speech's does."""
    random = np.random.default_rng(seed)
    samples = random.normal(size=round(seconds * RATE))
    samples *= 0.2 * np.repeat(random.random(-(-len(samples) // 1600)), 1600)[: len(samples)]
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples.clip(-1, 1), RATE)


def fail(sentence: str) -> Any:
    """A `note` or a program that is not to be called."""
    raise AssertionError(sentence)


def content(folder: Path) -> dict[str, bytes]:
    """The files of a prepared folder, but for the journal, which has the times of its sources."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "prepare.jsonl"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Folder of apt-get and dpkg-deb, which fetch and unpack the folder `package`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    scripts = {
        "apt-get": 'test "$1" = download && echo > "$2_1%3a2_all.deb"',
        "dpkg-deb": f'test "$1" = -x && test -f "$2" && cp -rp "{tmp_path}/package" "$3"',
    }
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


@pytest.fixture
def prompts(tmp_path):
    """The recordings of a package of telephone prompts."""
    folder = tmp_path / "package/usr/share/asterisk/sounds/fr_CA_f_June"
    for number in range(6):
        speech(folder / f"prompt-{number}.wav", 1.5, number)
    speech(folder / "beeperr.wav", 1.0, 9)
    return folder


def test_a_recipe_makes_what_prepare_makes_of_the_packages_recordings(programs, prompts, tmp_path):
    made = make(find_recipe("june"), tmp_path / "made", untracked, fail)
    exclude = ("tt-monkeys", "beeperr", "confbridge-join", "confbridge-leave")
    prepared = prepare(prompts, tmp_path / "prepared", Options(exclude=exclude))
    assert made == prepared
    assert content(tmp_path / "made") == content(tmp_path / "prepared")
    assert [entry["source"] for entry in prepared["skipped"]] == ["beeperr.wav"]


@pytest.mark.parametrize("at", ["Fetching asterisk-core-sounds-fr-g722", "Preparing", "Comparing"])
def test_an_interrupted_recipe_goes_on_to_the_same_end(at, programs, prompts, tmp_path):
    def interrupt(items: Iterable[Any], description: str, total: int) -> Iterable[Any]:
        for number, item in enumerate(items):
            if description == at and (number or description != "Preparing"):
                raise KeyboardInterrupt
            yield item
        if description == at:
            raise KeyboardInterrupt

    out = tmp_path / "made"
    with pytest.raises(KeyboardInterrupt):
        make(find_recipe("june"), out, interrupt, fail)
    assert not (out / "dataset.json").exists()
    if not at.startswith("Fetching"):
        (programs / "apt-get").write_text("#!/bin/sh\nexit 1\n")  # it has been fetched
    make(find_recipe("june"), out, untracked, fail)
    assert sorted(path.name for path in out.iterdir()) == ["audio", "dataset.json", "prepare.jsonl"]
    exclude = ("tt-monkeys", "beeperr", "confbridge-join", "confbridge-leave")
    prepare(prompts, tmp_path / "prepared", Options(exclude=exclude))
    assert content(out) == content(tmp_path / "prepared")


def test_a_set_that_is_whole_is_not_made_again(programs, prompts, tmp_path):
    make(find_recipe("june"), tmp_path / "made", untracked, fail)
    before = content(tmp_path / "made")
    with pytest.raises(ValueError, match="made is a data set already; delete it to make it anew"):
        make(find_recipe("ru"), tmp_path / "made", untracked, fail)
    assert content(tmp_path / "made") == before


def test_what_the_machine_lacks_is_said_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        OSError, match=r"^june needs apt-get and dpkg-deb, which are missing: run this on Debian"
    ):
        make(find_recipe("june"), tmp_path / "made", untracked, fail)
    assert not (tmp_path / "made").exists()


def test_what_apt_get_says_is_said(programs, tmp_path):
    (programs / "apt-get").write_text("#!/bin/sh\necho 'E: Unable to locate package' >&2\nexit 100\n")
    with pytest.raises(
        OSError, match=r"-fr-g722 cannot be fetched: E: Unable .*package; apt-get update renews"
    ):
        make(find_recipe("june"), tmp_path / "made", untracked, fail)


def test_read_sentences_are_all_test_and_have_their_texts(programs, tmp_path):
    data = tmp_path / "package/usr/share/pocketsphinx/test/data"
    for number, (folder, texts) in enumerate({"librivox": "", "cards": "cards."}.items()):
        speech(data / folder / f"a_reading-{number:04}.wav", 2.0, number)
        (data / folder / f"{texts}transcription").write_text(
            f"<s> he said {number} </s> (a_reading-{number:04})\n"
        )
    dataset = make(find_recipe("read"), tmp_path / "made", untracked, fail)
    assert dataset is not None
    assert [(file["stem"], file["split"]) for file in dataset["files"]] == [
        ("cards-0001", "test"),
        ("librivox-0000", "test"),
    ]
    lines = (tmp_path / "made/transcripts.tsv").read_text("utf-8").splitlines()
    assert lines == ["file\ttext", "librivox-0000\the said 0", "cards-0001\the said 1"]


def test_images_are_ready_as_they_are_fetched(programs, tmp_path):
    files = tmp_path / "package/usr/share/datasets/fashion-mnist"
    files.mkdir(parents=True)
    (files / "train-labels-idx1-ubyte.gz").write_bytes(b"labels")
    assert make(find_recipe("fashion-mnist"), tmp_path / "made", untracked, fail) is None
    assert content(tmp_path / "made") == {"train-labels-idx1-ubyte.gz": b"labels"}


def test_letters_are_joined_with_pauses_to_recordings_of_five_seconds(tmp_path):
    for number in range(9):
        soundfile.write(tmp_path / f"{number}.wav", np.full((RATE, 2), number / 16), RATE)
    pieces = list(letters.joined(sorted(tmp_path.iterdir())))
    assert [(len(samples), rate) for samples, rate in pieces] == [(round(5.75 * RATE), RATE)]
    samples = pieces[0][0]
    assert not samples[RATE : round(1.15 * RATE)].any()
    assert samples[round(1.15 * RATE) + 5] == pytest.approx(1 / 16)


def test_scores_are_taken_that_state_no_rights(tmp_path):
    def score(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("META-INF/container.xml", "<rights>of the container</rights>")
            archive.writestr("score.xml", text)
        return path

    free = [score(f"bach/{n}.mxl", "<score><rights> </rights></score>") for n in range(20)]
    free += [score(f"haydn/{n}.mxl", "<score/>") for n in range(9)]
    owned = score("mozart/1.mxl", "<rights type='copyright'>© Somebody</rights>")
    assert piano.states_rights(owned) and not any(map(piano.states_rights, free))
    chosen = piano.chosen_scores(tmp_path, 10)
    assert [path.parent.name for path in chosen] == ["bach"] * 4 + ["haydn"] * 6
    assert len(set(chosen)) == 10


def test_every_folder_that_a_configuration_trains_on_has_a_recipe_or_is_the_readers():
    for path in CONFIGURATIONS.rglob("*.toml"):
        data = tomllib.loads(path.read_text("utf-8"))["data"]
        folders = (
            [data["folder"]] if "folder" in data else [f for some in data["speakers"].values() for f in some]
        )
        names = {folder.removeprefix("datasets/") for folder in folders}
        assert names <= {*RECIPES, "alice", "mnist"}, path.name
