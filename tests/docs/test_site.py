"""The documentation builds without a warning, and a built page loads nothing from another site."""

import re

import pytest

from tests.docs.pages import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("material", reason="needs MkDocs: pip install '.[docs]'")
    pytest.importorskip("mkdocstrings", reason="needs MkDocs: pip install '.[docs]'")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    folder = tmp_path_factory.mktemp("site")
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder)))
    return folder


def test_no_page_loads_fonts_scripts_or_styles_from_elsewhere(site):
    loads = re.compile(r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=\"?(?:https?:)?//[^>]*>")
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        found = [tag for tag in loads.findall(page.read_text("utf-8")) if 'rel="canonical"' not in tag]
        assert not found, page.relative_to(site)


def test_the_command_line_and_the_keys_come_from_the_code(site):
    commands = (site / "reference" / "cli.html").read_text("utf-8")
    assert "wavesynth serve" in commands and "--metrics-port" in commands
    keys = (site / "reference" / "configuration.html").read_text("utf-8")
    assert "<code>learning_rate</code></td>\n<td>number</td>\n<td><code>0.001</code>" in keys
