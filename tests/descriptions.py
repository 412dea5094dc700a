"""What may stand in voice.json or model.json, if anybody may write it: for tests that load all of it."""

import copy
import json
import math
import os

from hypothesis import settings
from hypothesis import strategies as st

from wavesynth.checks import UNPRINTABLE

__all__ = ["contents", "fuzzing", "is_one_sentence"]

#: Numbers at which checks of types, limits and floating point go wrong.
_NUMBERS = st.sampled_from(
    [0, -1, 2, 255, 2**31, 2**63, 10**30, 10**400, 0.5, -0.0, 800.0, 5e-324, 1e308, math.nan, math.inf]
)
_TEXTS = st.one_of(
    st.text(st.characters(codec=None), max_size=8),
    st.sampled_from(["", " ", ".", "../../x", "\x1b[31mred", "\ud800", "a\nb", "\u202e", "x" * 5000]),
)
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    _NUMBERS,
    _TEXTS,
    st.integers(-2, 3000),
    st.floats(0, 2),
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=8,
)


def fuzzing(cases=300):
    """Settings of hypothesis for a test of so many cases, always the same; FUZZ_CASES=20000 tries so many others."""
    more = os.environ.get("FUZZ_CASES")
    options = {"max_examples": int(more)} if more else {"max_examples": cases, "derandomize": True}
    return settings(deadline=None, database=None, **options)


def is_one_sentence(text):
    """Whether a message can stand in one line of a terminal and of a log."""
    return len(text) < 3000 and "\n" not in text and not UNPRINTABLE.search(text)


def _like(value):
    """Values of the type of one, which may be allowed."""
    if type(value) is int:
        return st.integers(0, 2 * abs(value) + 2)
    if type(value) is float:
        return st.floats(0, 2 * abs(value) + 1 if abs(value) < 1e9 else None)
    return st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=8)


@st.composite
def contents(draw, good):
    """The bytes of a file that should hold the description `good`: that with other values, or without some, or with
    more; or no JSON at all."""
    kind = draw(st.integers(0, 19))
    if kind == 0:
        return draw(st.binary(max_size=64))
    if kind == 1:
        return json.dumps(draw(_VALUES)).encode()
    changed = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        holder = draw(st.sampled_from([changed, *(v for v in changed.values() if isinstance(v, dict) and v)]))
        if not holder:
            break
        name = draw(st.sampled_from(sorted(holder)))
        match draw(st.integers(0, 11)):
            case 0:
                del holder[name]
            case 1:
                holder[draw(_TEXTS)] = draw(_VALUES)
            case 2 | 3 | 4:
                holder[name] = draw(_VALUES)
            case _:
                holder[name] = draw(_like(holder[name]))
    data = json.dumps(changed, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    if kind == 2:
        at = draw(st.integers(0, len(data)))
        return data[:at] + draw(st.binary(max_size=4)) + data[at + draw(st.integers(0, 4)) :]
    if kind == 3:
        depth = draw(st.integers(1, 3000))
        return data.replace(b'"name": ', b'"name": ' + b"[" * depth, 1)
    if kind == 4:
        depth = draw(st.integers(1, 1200))
        return (
            json.dumps(changed | {"temperature": "DEEP"})
            .replace('"DEEP"', "[" * depth + "]" * depth)
            .encode()
        )
    return data
