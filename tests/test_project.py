"""What the source must be as a whole: one direction of imports, files for one sitting, a licence on each voice."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = [ROOT / name for name in ("wavesynth", "kernels", "clients")]
MAX_LINES = 300

#: What each part may import of the others. The command line may import them all, and none imports it.
MAY_IMPORT: dict[str, set[str]] = {
    "files": set(),
    "extras": set(),
    "checks": set(),
    "kinds": {"checks", "extras"},
    "networks": {"extras", "kinds"},
    "formats": {"checks", "extras", "files"},
    "__main__": {"cli", "files"},
    "workers": set(),
    "v1": set(),
    "kernels": set(),
    "audio": {"checks", "kernels", "files", "extras"},
    "models": {"checks"},
    "data": {"checks", "text", "audio", "models", "files", "workers"},
    "sampling": {"kernels", "models", "audio", "networks"},
    "voices": {"extras", "sampling", "models", "audio", "kinds", "networks", "formats", "checks"},
    "images": {"sampling", "models", "kinds", "networks", "formats", "checks", "workers"},
    "engine": {"extras", "kernels", "checks", "voices", "sampling", "models", "text", "audio", "networks"},
    "text": {"checks", "extras", "kernels", "models", "audio", "networks", "voices"},
    "synthesizer": {"engine", "text", "voices", "audio", "checks", "workers"},
    "evaluation": {
        "engine",
        "images",
        "voices",
        "sampling",
        "models",
        "data",
        "text",
        "audio",
        "checks",
        "kinds",
        "files",
        "workers",
        "extras",
    },
    "training": {
        "checks",
        "formats",
        "kinds",
        "networks",
        "kernels",
        "evaluation",
        "images",
        "voices",
        "sampling",
        "models",
        "data",
        "text",
        "audio",
        "files",
        "extras",
        "workers",
    },
    "server": {
        "checks",
        "formats",
        "engine",
        "images",
        "voices",
        "sampling",
        "models",
        "text",
        "audio",
        "files",
        "workers",
        "extras",
        "v1",
    },
    "benchmarks": {
        "kernels",
        "server",
        "engine",
        "training",
        "voices",
        "sampling",
        "models",
        "text",
        "audio",
        "workers",
        "clients",
        "v1",
    },
    "clients": {"audio", "files", "extras", "v1"},
    "batch": {"synthesizer", "engine", "text", "voices", "audio", "files", "workers"},
}
MAY_IMPORT["cli"] = set(MAY_IMPORT)


def modules() -> Iterator[tuple[Path, list[str]]]:
    """Every Python file that ships and its installed name, in parts: wavesynth, part, ..."""
    for folder in FOLDERS:
        for path in sorted(folder.rglob("*.py")):
            name = path.relative_to(ROOT).with_suffix("")
            yield path, ["wavesynth", *name.parts] if folder.name != "wavesynth" else list(name.parts)


def imports(path: Path, name: list[str]) -> set[str]:
    """The full names of all that a file imports, wherever in the file it does."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = [*(name[: -node.level] if node.level else []), *([node.module] if node.module else [])]
            found |= {".".join([*package, alias.name]) for alias in node.names}
    return found


def part(name: str) -> str:
    """The part of the package that a full name belongs to; "" if to none."""
    top, _, rest = name.partition(".")
    return rest.split(".")[0] if top == "wavesynth" else ""


@pytest.mark.parametrize("importer", MAY_IMPORT)
def test_imports_point_one_way(importer: str) -> None:
    allowed = MAY_IMPORT[importer] | {importer, ""}
    wrong = [
        f"{path.relative_to(ROOT)} imports {imported}"
        for path, name in modules()
        if name[1] == importer
        for imported in imports(path, name)
        if part(imported) not in allowed
    ]
    assert not wrong


def test_every_part_has_its_place_in_the_direction_of_imports() -> None:
    assert {name[1] for _, name in modules()} <= {*MAY_IMPORT, "__init__"}


def test_the_table_of_contributing_is_the_one_above() -> None:
    everybodys = {"checks", "files", "extras", "workers"}
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(?:wavesynth/)?(\w+)(?:/|\.py)` \| .* \| ([^|]*) \|$", page, re.MULTILINE)
    table = {name: set(allowed.split(", ")) - {""} for name, allowed in rows}
    assert table == {
        name: allowed - everybodys
        for name, allowed in MAY_IMPORT.items()
        if name not in everybodys | {"cli", "__main__"}
    }


def test_kernels_know_nothing_of_pytorch_modules() -> None:
    for path, name in modules():
        if name[1] == "kernels":
            assert not [i for i in imports(path, name) if i.startswith("torch.nn")], path


def test_the_cpu_kernel_does_without_pytorch() -> None:
    for path, name in modules():
        if name[1:3] == ["kernels", "cpu"]:
            assert not [i for i in imports(path, name) if i.split(".")[0] == "torch"], path


def test_a_file_can_be_read_in_one_sitting() -> None:
    suffixes = {".py", ".cpp", ".hpp", ".js", ".css", ".html", ".sh"}
    folders = [*FOLDERS, *(ROOT / name for name in ("tests", "tools", "experiments"))]
    sources = [path for folder in folders for path in folder.rglob("*") if path.suffix in suffixes]
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for path in sources
        if "_pb2" not in path.name
    }
    assert lengths
    assert not {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > MAX_LINES}


@pytest.mark.parametrize(
    "folder",
    [path.parent for path in ROOT.glob("wavesynth/voices/shipped/*/voice.json")],
    ids=lambda p: p.name,
)
def test_a_shipped_voice_names_its_licence_on_its_card(folder: Path) -> None:
    licence = json.loads((folder / "voice.json").read_text(encoding="utf-8"))["licence"]
    assert licence in (folder / "CARD.md").read_text(encoding="utf-8")


#: Sentences that stood in shipped texts: a reader had to know this project's history, or to read them twice.
RIDDLES = (
    "the mission's",
    "our mission",
    "the lecture's question",
    "nobody asked",
    "nobody gave",
    "speech that says nothing",
    "a new frame lets all take",
    "do not arrive at all",
    "of speakers of other languages more is left",
    "slower by what they gave back late",
    "in its form of before",
    "its keys and its place go there",
    "was given its end at",
    "are whatever was there",
    "a step arrives at less than",
    "a way to wherever it is made and back",
    "whoever is new is looked after",
    "are by what the biases of",
)


def test_shipped_texts_speak_of_the_thing_and_not_of_how_it_was_asked_for() -> None:
    suffixes = {".py", ".json", ".md", ".toml", ".js", ".html", ".ipynb", ".proto"}
    folders = [*FOLDERS, ROOT / "docs", ROOT / "experiments", ROOT / "proto"]
    texts = [path for folder in folders for path in folder.rglob("*") if path.suffix in suffixes]
    texts += [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    assert any(path.suffix == ".toml" for path in texts)  # the configurations are among them
    riddles = re.compile("|".join(riddle.replace(" ", r"\s+") for riddle in RIDDLES), re.IGNORECASE)
    assert all(riddles.search(f"Some text, in which\n{riddle} stands.") for riddle in RIDDLES)
    found = {str(path): riddles.findall(path.read_text(encoding="utf-8")) for path in texts}
    assert not {path: words for path, words in found.items() if words}


def test_commands_write_through_one_file_that_takes_nothing_for_markup() -> None:
    other_ways = re.compile(
        r"typer\.echo\(|(?<!class )\bConsole\(|\brich\.progress import .*\btrack\b|(?<![\w.])print\("
        r"|TextColumn\((?!.*markup=False)"
    )
    for path, name in modules():
        if name[1] in ("cli", "training", "evaluation") and name[2:] != ["terminal"]:
            assert not other_ways.findall(path.read_text(encoding="utf-8")), path


TESTS = {str(path.relative_to(ROOT)): path for path in sorted((ROOT / "tests").rglob("*.py"))}
#: Private names that a test touches because nothing public shows what it is about.
REACHES = {
    "tests/cli/test_evaluate.py": {"_speak"},
    "tests/engine/test_source.py": {"_samples"},
    "tests/sampling/backends/test_triton.py": {"_capability", "_processors"},
}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def reaches(tree: ast.AST) -> set[str]:
    """The private names of others that a file uses: of anything but `self` and `super()`, imported, or set by name."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls", "super()"):
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("setattr", "getattr", "patch")):
            texts = [argument.value for argument in node.args[:2] if isinstance(argument, ast.Constant)]
            found |= {text.rpartition(".")[2] for text in texts if isinstance(text, str)}
    return {name for name in found if is_private(name)}


def test_no_test_reaches_into_what_is_private() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path, _ in modules())
    ours = set(re.findall(r"\b_[A-Za-z]\w*", sources))
    found = {
        name: reaches(ast.parse(path.read_text(encoding="utf-8"))) & ours for name, path in TESTS.items()
    }
    assert not {name: private for name, private in found.items() if private - REACHES.get(name, set())}


def test_no_test_imports_another() -> None:
    for file, path in TESTS.items():
        name = file.removesuffix(".py").split("/")
        tests = [
            imported
            for imported in imports(path, name)
            if imported.startswith("tests.") and any(part.startswith("test_") for part in imported.split("."))
        ]
        assert not tests, file
