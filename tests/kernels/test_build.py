"""What is compiled: everything, but for `make demo`, which needs this processor's instruction set and plain C++."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nanobind
import pytest

from wavesynth.kernels.cpu import instruction_sets

ROOT = Path(__file__).parents[2]
CPU = ROOT / "kernels" / "cpu"
ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
FROM_PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["scikit-build"]["cmake"][
    "define"
]


def compiled(folder, **definitions):
    """The names of the sources of kernels/cpu/ that a build in `folder` compiles."""
    defined = definitions | {"nanobind_DIR": nanobind.cmake_dir(), "Python_EXECUTABLE": sys.executable}
    options = [f"-D{name}={value}" for name, value in defined.items()]
    command = ["cmake", "-S", ROOT, "-B", folder, "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *options]
    subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True)
    sources = [Path(entry["file"]) for entry in json.loads((folder / "compile_commands.json").read_text())]
    return {path.stem for path in sources if path.parent == CPU}


def test_the_demo_compiles_this_processors_instructions_and_the_next_build_in_that_folder_all(tmp_path):
    fast = instruction_sets()[0]
    here = compiled(tmp_path, WAVESYNTH_SERVE_HERE="ON")
    assert here & {"avx512", "avx2", "portable", "training"} == {fast, "portable"}
    everything = compiled(tmp_path, **FROM_PYPROJECT)
    assert everything > here
    assert {*instruction_sets()} <= everything
    assert (
        "training" in everything or fast != "avx512"
    )  # what has no compiler for it has not these instructions either


@pytest.fixture(scope="module")
def without_avx2(tmp_path_factory):
    """A program that chooses an instruction set, on a processor with AVX2, for which only plain C++ is compiled."""
    folder = tmp_path_factory.mktemp("sets")
    shutil.copy(CPU / "instruction_sets.cpp", folder)
    (folder / "processor.hpp").write_text(
        "namespace wavesynth { inline bool has_avx512() { return false; } inline bool has_avx2() { return true; } }"
    )
    (folder / "main.cpp").write_text(
        """
        #include <cstdio>
        #include <stdexcept>
        #include "instruction_sets.hpp"
        int main(int, char** names) {
          for (const auto& name : wavesynth::instruction_sets()) std::puts(name.c_str());
          try {
            std::puts(wavesynth::choose(names[1]).name);
          } catch (const std::invalid_argument& error) {
            std::puts(error.what());
          }
        }
        """
    )
    sources = [folder / "main.cpp", folder / "instruction_sets.cpp", CPU / "portable.cpp"]
    compiler = shlex.split(os.environ.get("CXX", "c++"))
    subprocess.run(
        [*compiler, "-std=c++17", "-pthread", f"-I{CPU}", *sources, "-o", folder / "choose"], check=True
    )
    return lambda name: subprocess.check_output([folder / "choose", name], text=True).splitlines()


def test_a_set_that_was_not_compiled_is_not_listed_and_never_chosen(without_avx2):
    assert without_avx2("") == ["portable", "portable"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("avx2", "was not compiled (`pip install .` compiles all)"),
        ("avx512", "this processor does not have"),
        ("sse9", "this processor does not have"),
    ],
)
def test_a_set_that_cannot_be_had_is_refused_in_one_sentence_that_says_why(without_avx2, name, why):
    sentence = f"instruction set is '{name}', which {why}; it must be one of portable"
    assert without_avx2(name) == ["portable", sentence]


def made(checkout, target):
    """What `make` would do for `target`."""
    return subprocess.check_output(["make", "--dry-run", target], cwd=checkout, text=True)


def test_only_the_demo_leaves_out_what_it_does_not_need_and_nothing_where_all_is_installed(tmp_path):
    for name in ("Makefile", "pyproject.toml", "CMakeLists.txt"):
        shutil.copy(ROOT / name, tmp_path)
    here = "WAVESYNTH_SERVE_HERE=ON"
    assert here in made(tmp_path, "demo")
    assert "pip install" in made(tmp_path, "test") and here not in made(tmp_path, "test")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "ready").touch()
    os.utime(tmp_path / "CMakeLists.txt", (2**31, 2**31))  # changed since
    assert "pip install" in made(tmp_path, "demo") and here not in made(tmp_path, "demo")
