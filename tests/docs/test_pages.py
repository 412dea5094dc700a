"""What the pages say to type can be typed: commands and options exist, and so do the files that they read."""

import re
from pathlib import Path

import pytest
import typer

from tests.docs.pages import PAGES, ROOT, UsageError, calls, examples, parsed, prose
from wavesynth.data.recipes.registry import RECIPES
from wavesynth.server.call_metrics import Metrics

LANGUAGES = {"python", "sh", "json", "toml", "text"}
#: Parameters that name a file to read, if their value has an extension; others are folders, or files to write.
READ = {"audio", "config", "data", "image", "manifest", "mask", "mel", "model", "recordings", "test_list"}
READ |= {"tls_cert", "tls_key", "token_file", "transcripts", "certificates"}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@every_page
def test_every_example_says_its_language_and_why_it_is_not_run(page):
    for example in examples(page):
        assert example.language in LANGUAGES, f"{example}: {example.language!r}"
        assert example.reason is None or example.reason, f"{example}: no reason"
    without_lists = re.sub(r"^ *(?:[-*]|\d+\.) .*(?:\n+ +.*)*", "", prose(page), flags=re.MULTILINE)
    indented = re.findall(r"(?:^|\n\n)(?: {4,}[^\s:].*\n)+", without_lists)
    assert not indented, f"{page.name}: an example is indented, and not fenced: {indented[0]}"


@every_page
def test_every_call_in_an_example_is_one(page):
    for example in examples(page):
        if example.language == "sh":
            for words in calls(example.code):
                try:
                    parsed(words)
                except UsageError as error:
                    pytest.fail(f"{example}: wavesynth {' '.join(words)}: {error.format_message()}")


@every_page
def test_every_call_in_a_sentence_is_one_but_for_what_it_leaves_to_the_reader(page):
    for code in re.findall(r"`([^`]+)`", prose(page)):
        for words in calls(code.replace("\n", " ")):
            try:
                parsed(words)
            except typer.Exit:  # --help
                pass
            except UsageError as error:
                if type(error).__name__ == "MissingParameter":
                    continue
                pytest.fail(f"{page.name}: wavesynth {' '.join(words)}: {error.format_message()}")


@every_page
def test_every_file_that_an_example_reads_ships_or_is_made_or_is_described_on_the_page(page):
    before = ""
    for example in examples(page):
        for words in calls(example.code) if example.language == "sh" else ():
            given = parsed(words).items()
            for name, value in ((n, v) for n, vs in given for v in (vs if isinstance(vs, list) else [vs])):
                if name in READ and value is not None and Path(str(value)).suffix:
                    made = before + example.code.split(str(value))[0]
                    there = (ROOT / str(value)).exists() or str(value) in made or f"`{value}`" in prose(page)
                    assert there, f"{example}: where does {value} come from?"
        before += example.code


@every_page
def test_every_path_of_the_source_that_a_page_names_exists(page):
    paths = r"`((?:wavesynth|kernels|clients|proto|tests|tools|experiments|docs)/[\w./-]+)`"
    for path in re.findall(paths, prose(page)):
        assert list(ROOT.glob(path.replace("NAME", "*"))), f"{page.name}: {path}"


def test_every_page_that_the_source_names_exists():
    suffixes = {".py", ".toml", ".sh", ".cpp", ".hpp", ".mjs", ".proto"}
    folders = ("wavesynth", "kernels", "clients", "experiments", "tools", "proto")
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    named = {
        (path.relative_to(ROOT), page)
        for path in sources
        for page in re.findall(r"\bdocs/[\w/.-]+\.(?:md|png|ipynb)\b", path.read_text(encoding="utf-8"))
    }
    assert named
    assert not {(path, page) for path, page in named if not (ROOT / page).exists()}


def test_every_data_set_that_can_be_made_by_its_name_is_on_the_page_about_data():
    page = (ROOT / "docs" / "guide" / "data.md").read_text(encoding="utf-8")
    assert [name for name in RECIPES if not re.search(rf"(?:`|datasets ){name}[` ]", page)] == []


def test_every_metric_of_the_server_is_on_the_page_about_metrics():
    source = (ROOT / "wavesynth" / "server" / "engine_metrics.py").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    names = {metric.name for metric in Metrics().registry.collect()}
    names |= set(re.findall(r'"(wavesynth_\w+)"', source))
    assert {name for name in names if not re.search(rf"`{name}(?:_total)?`", page)} == set()


@every_page
def test_every_module_that_a_page_runs_exists(page):
    for module in re.findall(
        r"python3? -m ((?:experiments|wavesynth)[\w.]*)", page.read_text(encoding="utf-8")
    ):
        name = module.replace("wavesynth.kernels", "kernels").replace("wavesynth.clients", "clients")
        path = ROOT / name.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), f"{page.name}: {module}"
