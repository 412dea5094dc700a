"""The pages use the field's words, and guides have figures with a command only."""

import re

import pytest

from tests.docs.pages import PAGES, ROOT

#: Words that stood for something that the field has a word for.
OURS = {
    r"settl\w+": "frames are corrected jointly",
    r"belts?": "the warp-specialised kernel",
    r"likeness": "speaker similarity",
    r"foretold|foretells?": "predicted",
    r"mouths?": "speakers",
    r"ticks?": "a step of the engine",
    r"what (?:it|they) gave back": "what they returned",
    r"other people's voices": "perturbed copies",
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_uses_the_words_of_the_field(page):
    text = page.read_text(encoding="utf-8")
    found = {
        match[0]: better
        for word, better in OURS.items()
        for match in re.finditer(rf"\b(?:{word})\b", text, re.I)
    }
    assert not found


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.parent.name == "guide"], ids=lambda page: page.name
)
def test_a_guide_has_no_figure_whose_script_is_not_kept(page):
    assert not re.search(r"(?:is|are) not kept|script not kept", page.read_text(encoding="utf-8"), re.I)
