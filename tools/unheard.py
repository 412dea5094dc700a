#!/usr/bin/env python3
"""Makes test recordings of speakers that no shipped voice has heard: read sentences, or letters and syllables.

    tools/unheard.py read datasets/read            two English speakers, with what they say
    tools/unheard.py letters datasets/unheard      [--languages de,hu,nl]

read: from the Debian package pocketsphinx-testdata (BSD-2), five sentences of a novel, read by a volunteer of LibriVox
(public domain), and five hands of cards; writes OUT/transcripts.tsv for `wavesynth evaluate --transcripts`.
letters: from klettres-data, each language's letters, spoken by one speaker, joined to recordings of some 5 s (GNU GPL;
whom to credit is in the package's usr/share/doc/klettres-data/copyright). The packages are fetched with apt-get
download (no root; the index must be fresh: apt-get update), and all of it is test split.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from wavesynth.files import atomic_path

SECONDS = 5.0
PAUSE = 0.15


def main() -> None:
    """Parses the arguments and does it all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=("read", "letters"), help="which recordings")
    parser.add_argument("out", type=Path, help="folder of the test set")
    parser.add_argument(
        "--languages", default="de,hu,nl", help="of KLettres, separated by commas (default de,hu,nl)"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        joined, names = Path(scratch) / "joined", Path(scratch) / "names"
        joined.mkdir()
        texts = {}
        if arguments.kind == "read":
            texts = read(fetch("pocketsphinx-testdata", Path(scratch)), joined)
        else:
            package = fetch("klettres-data", Path(scratch))
            for language in arguments.languages.split(","):
                folder = package / "usr/share/klettres" / language / "alpha"
                if not folder.is_dir():
                    parser.error(f"--languages has {language!r}; there is no such language in klettres-data")
                for number, (samples, rate) in enumerate(join(sorted(folder.glob("*.ogg")))):
                    soundfile.write(joined / f"{language}-{number:02}.flac", samples, rate)
        names.write_text("\n".join(path.stem for path in sorted(joined.iterdir())) + "\n")
        subprocess.run(["wavesynth", "prepare", joined, arguments.out, "--test-list", names], check=True)
    if texts:
        with atomic_path(arguments.out / "transcripts.tsv") as path:
            path.write_text("".join(f"{a}\t{b}\n" for a, b in {"file": "text", **texts}.items()))


def fetch(name: str, scratch: Path) -> Path:
    """The unpacked Debian package."""
    subprocess.run(["apt-get", "download", name], cwd=scratch, check=True)
    [archive] = scratch.glob(f"{name}_*.deb")
    subprocess.run(["dpkg-deb", "-x", archive, scratch / "package"], check=True)
    return scratch / "package"


def read(package: Path, out: Path) -> dict[str, str]:
    """Copies the sentences to `out`; their texts, by name."""
    texts = {}
    for name, file in (("librivox", "transcription"), ("cards", "cards.transcription")):
        folder = package / "usr/share/pocketsphinx/test/data" / name
        for text, stem in re.findall(r"<s>(.*)</s> \((.*)\)", (folder / file).read_text("utf-8")):
            shutil.copy(folder / f"{stem}.wav", out / f"{name}-{stem[-4:]}.wav")
            texts[f"{name}-{stem[-4:]}"] = text.strip()
    return texts


def join(paths: list[Path]) -> list[tuple[np.ndarray, int]]:
    """One recording after the other, with pauses, to pieces of about SECONDS; each as samples [N] and hertz."""
    pieces, gathered, rate = [], [], 0
    for path in paths:
        samples, rate = soundfile.read(path, always_2d=True)
        gathered += [samples.mean(axis=1), np.zeros(round(PAUSE * rate))]
        if sum(map(len, gathered)) >= SECONDS * rate:
            pieces.append((np.concatenate(gathered), rate))
            gathered = []
    return pieces


if __name__ == "__main__":
    main()
