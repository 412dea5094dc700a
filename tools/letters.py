#!/usr/bin/env python3
"""Makes test recordings of speakers that no shipped voice has heard: letters and syllables, from KLettres.

    tools/letters.py OUT [--languages de,hu,nl]        for example: tools/letters.py datasets/unheard

Fetches the Debian package klettres-data with apt-get download (no root; the index must be fresh: apt-get update),
joins each language's letters, spoken by one speaker, to recordings of some 5 s, and prepares them, all as test split.
The recordings are under the GNU GPL; whom to credit is in the package's usr/share/doc/klettres-data/copyright.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

SECONDS = 5.0
PAUSE = 0.15


def main() -> None:
    """Parses the arguments and does it all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="folder of the test set")
    parser.add_argument(
        "--languages", default="de,hu,nl", help="of KLettres, separated by commas (default de,hu,nl)"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        package, joined, names = Path(scratch) / "package", Path(scratch) / "joined", Path(scratch) / "names"
        joined.mkdir()
        subprocess.run(["apt-get", "download", "klettres-data"], cwd=scratch, check=True)
        [archive] = Path(scratch).glob("klettres-data_*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, package], check=True)
        for language in arguments.languages.split(","):
            folder = package / "usr/share/klettres" / language / "alpha"
            if not folder.is_dir():
                parser.error(f"--languages has {language!r}; there is no such language in klettres-data")
            for number, (samples, rate) in enumerate(join(sorted(folder.glob("*.ogg")))):
                soundfile.write(joined / f"{language}-{number:02}.flac", samples, rate)
        names.write_text("\n".join(path.stem for path in sorted(joined.iterdir())) + "\n")
        subprocess.run(["wavesynth", "prepare", joined, arguments.out, "--test-list", names], check=True)


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
