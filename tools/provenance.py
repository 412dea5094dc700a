#!/usr/bin/env python3
"""Writes down what a voice has heard, for voices that were made before `wavesynth export` did.

    tools/provenance.py VOICE FOLDER... [--incomplete]     for example:
    tools/provenance.py wavesynth/voices/shipped/allison-small datasets/allison datasets/allison-es

FOLDER is a folder that wavesynth prepare made (tools/debian_voices.sh); --incomplete says that the voice has heard more
than what is in them. `wavesynth evaluate` refuses to judge the voice by any of it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from wavesynth.data.dataset import Recordings
from wavesynth.data.provenance import PROVENANCE, Provenance


def main() -> None:
    """Parses the arguments and writes the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("voice", type=Path, help="a voice's folder")
    parser.add_argument("folders", type=Path, nargs="+", help="prepared folders that it was trained on")
    parser.add_argument("--incomplete", action="store_true", help="the voice has heard more than these")
    arguments = parser.parse_args()
    if not (arguments.voice / "voice.json").exists():
        parser.error(f"VOICE is {arguments.voice}, which has no voice.json; it must be a voice's folder")
    found = Provenance.of_folders([Recordings(folder) for folder in arguments.folders])
    if arguments.incomplete:
        found += Provenance.unknown()
    found.save(arguments.voice)
    size = (arguments.voice / PROVENANCE).stat().st_size
    print(f"{arguments.voice / PROVENANCE}: {len(found.frames)} pieces, {size} bytes")


if __name__ == "__main__":
    main()
