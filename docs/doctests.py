"""Lets the reference show the examples of a docstring as code: what begins with `>>>` becomes a fenced block."""

import re
from typing import Any

from griffe import Extension, Object

_EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\n).*)*", re.MULTILINE)


class Doctests(Extension):
    """Griffe calls this for each object that it reads for the reference."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Fences the examples in the object's docstring."""
        if obj.docstring is not None:
            fenced = _EXAMPLE.sub(lambda found: f"```python\n{found[0]}\n```", obj.docstring.value)
            obj.docstring.value = fenced
