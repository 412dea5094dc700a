"""What pip is told to install is this package and what it has, wherever a page, a message or a test says it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from wavesynth.extras import DISTRIBUTION, extra, install_command

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
FOLDERS = ("wavesynth", "clients", "kernels", "docs", "tests", "tools", ".ci")
SUFFIXES = {".py", ".md", ".toml", ".sh", ".mjs", ".js", ".html", ".ipynb", ""}
NAME = re.compile(r"""(?<![\w./-])(wavesynth[\w-]*|\.)\\?\[([a-z,]+)\]""")  # wavesynth[live], .[train,web]


def texts():
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES]
    files += [path for path in ROOT.iterdir() if path.suffix in SUFFIXES]
    for path in files:
        if path.is_file() and "node_modules" not in path.parts and path != Path(__file__):
            yield path.relative_to(ROOT), path.read_text("utf-8")


def test_the_distribution_has_one_name():
    assert PROJECT["name"] == DISTRIBUTION


def test_nobody_is_told_to_install_a_strangers_package():
    wrong = [
        f"{path}: {name}"
        for path, text in texts()
        for name in re.findall(r"pip install '?\"?(wavesynth)\b(?!-)", text)
    ]
    assert not wrong


def test_every_extra_that_is_named_is_there():
    named = [(path, match) for path, text in texts() for match in NAME.finditer(text)]
    assert named
    wrong = [
        f"{path}: {match[0]}"
        for path, match in named
        if match[1] not in (DISTRIBUTION, ".")
        or set(match[2].split(",")) - {*PROJECT["optional-dependencies"]}
    ]
    assert not wrong


def test_a_missing_extra_says_how_to_install_it():
    sentence = f"a trial needs no_such_module, which is missing: {install_command('live')}"
    with pytest.raises(OSError, match=re.escape(sentence)), extra("live", "a trial"):
        import no_such_module  # noqa: F401


@pytest.mark.parametrize(
    ("noted", "command"),
    [
        (None, "pip install 'wavesynth-neural[live]'"),  # from an index
        ({"url": "HERE", "dir_info": {}}, "pip install '.[live]'"),
        ({"url": "HERE", "dir_info": {"editable": True}}, "pip install --editable '.[live]'"),
        ({"url": "HERE/source", "dir_info": {}}, "pip install './source[live]'"),
        ({"url": "HERE/it's%20elsewhere", "dir_info": {}}, "pip install './it'\"'\"'s elsewhere[live]'"),
        ({"url": "HERE/gone", "dir_info": {}}, "pip install '.[live]' in a checkout of wavesynth"),
        ({"url": "HERE/gone.whl", "archive_info": {}}, "pip install '.[live]' in a checkout of wavesynth"),
        ({"url": "HERE/it.whl", "archive_info": {}}, "pip install 'wavesynth-neural[live] @ HERE/it.whl'"),
        (
            {"url": "https://host/it.git", "vcs_info": {"vcs": "git", "commit_id": "1234"}},
            "pip install 'wavesynth-neural[live] @ git+https://host/it.git@1234'",
        ),
    ],
)
def test_an_extra_is_installed_from_where_the_package_came_from(noted, command, tmp_path, monkeypatch):
    for name in ("source", "it's elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "it.whl").touch()
    text = None if noted is None else json.dumps(noted).replace("HERE", tmp_path.as_uri())
    monkeypatch.setattr(metadata.Distribution, "read_text", lambda self, name: text)
    monkeypatch.setattr(metadata.PathDistribution, "read_text", lambda self, name: text)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    monkeypatch.chdir(tmp_path)
    assert install_command("live") == command.replace("HERE", tmp_path.as_uri())


def test_an_extra_is_installed_by_the_pip_of_this_python(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(Path(sys.executable).parents[1])
    assert shlex.split(install_command("live"))[:2] == [str(Path("bin", "pip")), "install"]
    monkeypatch.chdir(tmp_path)
    assert shlex.split(install_command("live"))[:2] == [str(Path(sys.executable).with_name("pip")), "install"]


def test_neither_serving_nor_training_nor_evaluating_needs_torchaudio():
    extras = PROJECT["optional-dependencies"].values()
    for dependencies in (PROJECT["dependencies"], *extras):
        assert not [name for name in dependencies if name.startswith("torchaudio")]
    imported = [
        path for path, text in texts() if re.search(r"^\s*(import|from) torchaudio\b", text, re.MULTILINE)
    ]
    assert not imported


def test_the_readme_says_what_each_extra_for_users_weighs():
    rows = re.findall(r"^\| `(\w+)` \|.*MB", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    for_those_who_work_on_it = {"deploy", "dev", "docs"}
    assert {*rows} == {*PROJECT["optional-dependencies"]} - for_those_who_work_on_it


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The names of the files of a wheel that is built here, without its compiled parts."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys; from scikit_build_core.build import build_wheel as b; b(sys.argv[1], {'wheel.cmake': 'false'})"
    subprocess.run([sys.executable, "-c", build, folder], cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("wavesynth_neural-*.whl")
    with zipfile.ZipFile(path) as archive:
        return {*archive.namelist()}


def test_a_wheel_has_what_an_installation_reads(wheel):
    read = {".json", ".safetensors", ".toml", ".html", ".js", ".css", ".flac", ".txt", ".typed"}
    shipped = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "wavesynth").rglob("*") if path.suffix in read
    }
    assert "wavesynth/py.typed" in shipped  # PEP 561: type checkers read the annotations of what is installed
    assert shipped <= wheel


def test_a_wheel_has_the_licence_and_no_sources_of_what_is_compiled(wheel):
    assert {Path(name).name for name in wheel} >= {"LICENSE", "NOTICE"}
    assert not [name for name in wheel if name.endswith((".cpp", ".hpp", "CMakeLists.txt"))]
    assert not [name for name in wheel if name.split("/")[0] in ("tests", "tools", "experiments", "docs")]


def test_the_changelog_begins_with_what_is_not_released_and_then_has_this_version():
    versions = re.findall(r"^## \[([^]]+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert versions[:2] == ["Unreleased", PROJECT["version"]]


def test_the_version_stands_in_one_place():
    again = [
        str(path)
        for path, text in texts()
        if path.suffix == ".py" and re.search(rf"""["']{re.escape(PROJECT["version"])}["']""", text)
    ]
    assert not again
