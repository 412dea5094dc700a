"""What the examples of docstrings print is what they say."""

import pytest

from tests.docstrings import modules_with_examples, run_examples

#: Their examples need a server: tests/clients/test_docstrings.py, tests/engine/test_docstrings.py;
#: or a notebook: tests/clients/test_notebook.py.
ELSEWHERE = {
    "wavesynth.clients.client",
    "wavesynth.clients.aio",
    "wavesynth.clients.notebook",
    "wavesynth.engine.engine",
}


@pytest.mark.parametrize("module", [name for name in modules_with_examples() if name not in ELSEWHERE])
def test_the_examples_of_a_module_print_what_they_say(module: str) -> None:
    failed, ran = run_examples(module)
    assert ran and not failed
