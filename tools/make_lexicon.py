"""Makes wavesynth/text/lexicon_en_us.tsv of the American lexicon of misaki 0.9.4 (Apache-2.0).

    pip install --no-deps misaki==0.9.4 && python tools/make_lexicon.py

A line is a word, its phonemes and, where they depend on the part of speech, `TAG=phonemes`, apart by tabs. Lines are
sorted by the bytes of the word, so that a reader can search without loading. misaki's checked ("gold") entries go
before its generated ("silver") ones. ʔ is written t, as misaki does for its newer models. Where the phonemes are empty,
the word is spelled.
"""

from __future__ import annotations

import json
from importlib.metadata import distribution
from pathlib import Path

OUT = Path(__file__).parents[1] / "wavesynth" / "text" / "lexicon_en_us.tsv"


def lexicon_text() -> bytes:
    """The file. Raises SystemExit for another version of misaki."""
    package = distribution("misaki")
    if package.version != "0.9.4":
        raise SystemExit(f"misaki is {package.version}; it must be 0.9.4, or what voices say changes")
    entries: dict[str, str | dict[str, str | None]] = {}
    for name in ("us_silver", "us_gold"):
        path = Path(str(package.locate_file(f"misaki/data/{name}.json")))
        entries |= json.loads(path.read_text(encoding="utf-8"))
    lines: list[bytes] = []
    for word, said in entries.items():
        readings = said if isinstance(said, dict) else {"DEFAULT": said}
        fields = [word, readings["DEFAULT"] or ""]
        fields += [
            f"{tag}={phonemes or ''}" for tag, phonemes in sorted(readings.items()) if tag != "DEFAULT"
        ]
        lines.append("\t".join(fields).replace("ʔ", "t").encode() + b"\n")
    lines.sort(key=lambda line: line.partition(b"\t")[0])
    return b"".join(lines)


if __name__ == "__main__":
    OUT.write_bytes(lexicon_text())
