"""Scores in the public domain, rendered as piano.

The scores are of composers who died more than 70 years ago, in files of the corpus of music21 that state no rights of
whoever encoded them. The soundfont is under the MIT licence.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wavesynth.data.recipes.recipe import DatasetRecipe, Need
from wavesynth.files import atomic_path

if TYPE_CHECKING:
    from wavesynth.data.features import Track

__all__ = ["RECIPES", "chosen_scores", "states_rights"]

_SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
_INSTALL = "apt-get install fluidsynth fluid-soundfont-gm"
_COMPOSERS = ("bach", "joplin", "schumann_clara", "schumann_robert", "mozart", "haydn")
#: Scores in all: about an hour.
_SCORES = 120
#: Scores of each composer but Bach, at most.
_OF_EACH = 6
#: Seconds of a score that are played: chorales are shorter, movements of quartets much longer.
_LONGEST = 60.0
#: Measures of a score that are read, at most: about as long.
_MEASURES = 40


def chosen_scores(root: Path, count: int) -> list[Path]:
    """At most `count` scores below `root` that state no rights: six of each composer, the rest Bach's chorales."""
    bach, *others = (
        [path for path in sorted((root / composer).rglob("*.mxl")) if not states_rights(path)]
        for composer in _COMPOSERS
    )
    chosen = [path for found in others for path in _spread(found, _OF_EACH)][:count]
    return _spread(bach, count - len(chosen)) + chosen


def _spread(paths: list[Path], count: int) -> list[Path]:
    """At most `count` of the paths, evenly over them."""
    count = min(count, len(paths))
    return [paths[i * len(paths) // count] for i in range(count)]


def states_rights(path: Path) -> bool:
    """Whether a compressed MusicXML file names somebody's rights."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if "META" not in name and not name.endswith("/")]
        text = archive.read(names[0]).decode("utf-8", "replace")
    return "<rights" in text and bool(text.split("<rights", 1)[1].split(">", 1)[1].split("<", 1)[0].strip())


def _gather(work: Path, track: Track, note: Callable[[str], None]) -> Path:
    from music21 import corpus

    root, folder = Path(corpus.__file__).parent, work / "recordings"
    scores = chosen_scores(root, _SCORES)
    for score in track(scores, "Rendering", len(scores)):
        name = "_".join(score.relative_to(root).with_suffix("").parts)
        if not (folder / f"{name}.wav").exists():
            try:
                _play(score, folder / f"{name}.wav")
            except Exception as error:  # of hundreds of files some have what the parser does not know
                note(f"{name} is left out: {error}")
    return folder


def _play(score: Path, out: Path) -> None:
    """Writes all parts of a score on one piano, some louder than others, as the score's name decides."""
    import soundfile
    from music21 import converter, instrument, tempo

    chance = random.Random(score.name)
    music: Any = converter.parse(score).measures(0, _MEASURES)
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
            ["fluidsynth", "-niq", "-r", "16000", "-g", "1.6", "-F", str(whole), str(_SOUNDFONT), str(midi)],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        samples, rate = soundfile.read(whole)
        with atomic_path(out) as temporary:
            soundfile.write(temporary, samples[: round(_LONGEST * rate)].mean(axis=1), rate)


RECIPES = (
    DatasetRecipe(
        "piano",
        "Bach, Joplin, Mozart, Haydn, Clara and Robert Schumann, rendered as piano",
        "public domain; soundfont MIT",
        _gather,
        (
            Need.program("fluidsynth", _INSTALL),
            Need.file(_SOUNDFONT, _INSTALL),
            Need.module("music21", "pip install music21"),
        ),
        minutes=81.0,
        takes="15 min",
    ),
)
