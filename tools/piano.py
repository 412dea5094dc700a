#!/usr/bin/env python3
"""Renders public-domain scores as piano and prepares them as a training set.

    tools/piano.py OUT [--scores N]        for example: tools/piano.py datasets/piano

Needs the Debian packages fluidsynth and fluid-soundfont-gm (a soundfont under the MIT licence), and music21
(pip install music21), whose corpus holds the scores. Taken are works of composers who died more than 70 years
ago, from files that state no rights of their encoder. Licences and what the set is: docs/data.md.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
COMPOSERS = ("bach", "joplin", "schumann_clara", "schumann_robert", "mozart", "haydn")
#: Seconds of a score that are played: chorales are shorter, movements of quartets much longer.
LONGEST = 60.0
#: Of a score are read at most so many measures, which is about that long.
MEASURES = 40


def main() -> None:
    """Parses the arguments and does it all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="folder of the training set")
    parser.add_argument(
        "--scores", type=int, default=120, help="how many scores (default 120, about an hour)"
    )
    arguments = parser.parse_args()
    if arguments.scores < 1:
        parser.error(f"--scores is {arguments.scores}; it must be at least 1")
    if shutil.which("fluidsynth") is None or not SOUNDFONT.exists():
        sys.exit(
            "piano: fluidsynth and its soundfont are missing: apt-get install fluidsynth fluid-soundfont-gm"
        )
    try:
        from music21 import corpus
    except ImportError:
        sys.exit("piano: music21 is missing: pip install music21")
    root = Path(corpus.__file__).parent
    with tempfile.TemporaryDirectory() as scratch:
        chosen = scores(root, arguments.scores)
        for number, score in enumerate(chosen, 1):
            name = "_".join(score.relative_to(root).with_suffix("").parts)
            print(f"{number}/{len(chosen)} {name}", flush=True)
            try:
                play(score, Path(scratch) / f"{name}.wav")
            except Exception as error:  # of hundreds of files some have what the parser does not know
                print(f"  left out: {error}")
        subprocess.run(["wavesynth", "prepare", scratch, str(arguments.out)], check=True)


def scores(root: Path, count: int) -> list[Path]:
    """Up to `count` scores without a statement of rights: up to 6 of each composer, the rest Bach's chorales."""
    bach, *others = (
        [path for path in sorted((root / composer).rglob("*.mxl")) if not states_rights(path)]
        for composer in COMPOSERS
    )
    chosen = [path for found in others for path in spread(found, 6)][:count]
    return spread(bach, count - len(chosen)) + chosen


def spread(paths: list[Path], count: int) -> list[Path]:
    """At most `count` of the paths, evenly over them."""
    count = min(count, len(paths))
    return [paths[i * len(paths) // count] for i in range(count)]


def states_rights(path: Path) -> bool:
    """Whether a compressed MusicXML file names somebody's rights."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if "META" not in name and not name.endswith("/")]
        text = archive.read(names[0]).decode("utf-8", "replace")
    return "<rights" in text and bool(text.split("<rights", 1)[1].split(">", 1)[1].split("<", 1)[0].strip())


def play(score: Path, out: Path) -> None:
    """All parts of a score on one piano, some louder than others, as each score's name decides."""
    from music21 import converter, instrument, tempo

    chance = random.Random(score.name)
    music: Any = converter.parse(score).measures(0, MEASURES)
    for old in list(music.recurse().getElementsByClass(instrument.Instrument)):
        old.activeSite.remove(old)
    for part in music.parts:
        part.insert(0, instrument.Piano())
    if not music.recurse().getElementsByClass(tempo.MetronomeMark):
        music.parts[0].insert(0, tempo.MetronomeMark(number=chance.randint(66, 108)))
    loudness = chance.randint(55, 85)
    for note in music.recurse().notes:
        note.volume.velocity = max(30, min(120, loudness + chance.randint(-12, 12)))
    with tempfile.TemporaryDirectory() as scratch:
        midi, whole = Path(scratch) / "score.mid", Path(scratch) / "score.wav"
        music.write("midi", midi)
        subprocess.run(
            ["fluidsynth", "-niq", "-r", "16000", "-g", "1.6", "-F", str(whole), str(SOUNDFONT), str(midi)],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        import soundfile

        samples, rate = soundfile.read(whole)
        soundfile.write(out, samples[: round(LONGEST * rate)].mean(axis=1), rate)


if __name__ == "__main__":
    main()
