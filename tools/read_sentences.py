#!/usr/bin/env python3
"""Makes a test set of two English speakers whom no shipped voice has heard, with what they say.

    tools/read_sentences.py OUT                        for example: tools/read_sentences.py datasets/read

Fetches the Debian package pocketsphinx-testdata with apt-get download (no root; the index must be fresh: apt-get
update) and prepares the sentences of its folders librivox (a novel, read by a volunteer; public domain) and cards
(playing cards), all as test split. OUT/transcripts.tsv says what they say, for wavesynth evaluate. The package's
licence is BSD-2.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from wavesynth.files import atomic_path

FOLDERS = {"librivox": "transcription", "cards": "cards.transcription"}


def main() -> None:
    """Parses the arguments and does it all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="folder of the test set")
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as scratch:
        gathered, names = Path(scratch) / "gathered", Path(scratch) / "names"
        gathered.mkdir()
        subprocess.run(["apt-get", "download", "pocketsphinx-testdata"], cwd=scratch, check=True)
        [archive] = Path(scratch).glob("pocketsphinx-testdata_*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, scratch], check=True)
        texts = {}
        for name, file in FOLDERS.items():
            folder = Path(scratch) / "usr/share/pocketsphinx/test/data" / name
            for text, stem in re.findall(r"<s>(.*)</s> \((.*)\)", (folder / file).read_text("utf-8")):
                shutil.copy(folder / f"{stem}.wav", gathered / f"{name}-{stem[-4:]}.wav")
                texts[f"{name}-{stem[-4:]}"] = text.strip()
        names.write_text("\n".join(texts) + "\n")
        subprocess.run(["wavesynth", "prepare", gathered, out, "--test-list", names], check=True)
    with atomic_path(out / "transcripts.tsv") as path:
        path.write_text("file\ttext\n" + "".join(f"{stem}\t{text}\n" for stem, text in texts.items()))


if __name__ == "__main__":
    main()
