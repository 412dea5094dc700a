"""Bytes that were right once: cut, repeated, overwritten and mixed with others."""

import json

__all__ = ["mutated", "mutated_json"]

#: Values that are often not thought of: numbers as protobuf writes them, tags, and texts that are none.
_UNUSUAL = [
    b"",
    b"\x00",
    b"\xff",
    b"\x80" * 10,
    b"\xff" * 9 + b"\x01",
    b"\x0a\xff\xff\xff\xff\x0f",
    b"\x0b\x0c",
    b"\x7a\x00",
    b"\xed\xa0\x80",
    b"\x00\x00\x80\x7f",
    b"\x00\x00\xc0\x7f",
    b"../../etc/passwd",
    b"\x1b[2J",
]
_VALUES = [None, True, -1, 0, 1e308, 2**63, "", "x" * 300, [], {}, [[[]]], {"seed": {}}, float("nan")]


def mutated(data, chance, others=(b"",)):
    """The bytes with up to four changes."""
    made = bytearray(data)
    for _ in range(chance.randint(0, 4)):
        at, end = sorted(chance.randint(0, len(made)) for _ in range(2))
        match chance.randint(0, 5):
            case 0:
                del made[at : min(end, at + 20)]
            case 1:
                made[at:at] = made[at : min(end, at + 100)]
            case 2:
                made[at:at] = chance.choice(_UNUSUAL)
            case 3:
                made[at : at + 1] = chance.randbytes(1)
            case 4:
                made[at:] = chance.choice(others)[chance.randint(0, 20) :]
            case 5:
                made[at:at] = chance.randbytes(chance.randint(0, 8))
    return bytes(made)


def mutated_json(value, chance):
    """JSON of the value, with another value somewhere or with bytes changed."""
    value = json.loads(json.dumps(value))
    if isinstance(value, dict) and value and chance.random() < 0.7:
        key = chance.choice(list(value))
        inner = value[key]
        if isinstance(inner, dict) and inner and chance.random() < 0.7:
            inner[chance.choice(list(inner))] = chance.choice(_VALUES)
        else:
            value[chance.choice([key, "token", "synthesis", "other"])] = chance.choice(_VALUES)
    text = json.dumps(value).encode()
    return text if chance.random() < 0.6 else mutated(text, chance)
