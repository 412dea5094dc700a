"""Telephone prompts of the Asterisk project, one speaker a language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from wavesynth.data.recipes.debian import fetch
from wavesynth.data.recipes.recipe import DEBIAN, DatasetRecipe

if TYPE_CHECKING:
    from wavesynth.data.features import Track

__all__ = ["NOT_SPEECH", "RECIPES"]

#: Monkeys, a buzzer and chimes. Silence and beeps are found by their sound.
NOT_SPEECH = ("tt-monkeys", "beeperr", "confbridge-join", "confbridge-leave")
#: Recordings that the shipped English voices have never heard.
_TEST_LIST = Path(__file__).parents[1] / "allison_test.txt"
#: What the English ones say.
_TRANSCRIPTS = Path(__file__).parents[1] / "allison_transcripts.tsv"


_MENARDI = "asterisk-prompt-it-menardi-wav"


def _gather_menardi(work: Path, track: Track, note: Callable[[str], None]) -> Path:
    return fetch(_MENARDI, work, track) / "usr/share/asterisk/sounds/it_IT_f_Menardi"


def _gather(language: str) -> Callable[[Path, Track, Callable[[str], None]], Path]:
    def gather(work: Path, track: Track, note: Callable[[str], None]) -> Path:
        package = fetch(f"asterisk-core-sounds-{language}-g722", work, track)
        [folder] = (package / "usr/share/asterisk/sounds").glob("*_*")
        return folder

    return gather


def _transcribed(work: Path, out: Path) -> None:
    """Keeps what Allison's recordings say beside them."""
    from wavesynth.data.transcripts import keep_table

    keep_table(out, _TRANSCRIPTS)


def _recipe(
    name: str,
    language: str,
    description: str,
    licence: str,
    minutes: float,
    megabytes: int,
    test_list: Path | None,
) -> DatasetRecipe:
    return DatasetRecipe(
        name,
        description,
        licence,
        _gather(language),
        DEBIAN,
        minutes,
        megabytes,
        exclude=NOT_SPEECH,
        test_list=test_list,
        finish=None if test_list is None else _transcribed,
    )


RECIPES = (
    _recipe(
        "allison", "en", "Allison Smith, English, telephone prompts", "CC-BY-SA-3.0", 23.7, 11, _TEST_LIST
    ),
    _recipe("allison-es", "es", "Allison Smith, Spanish, telephone prompts", "CC-BY-SA-3.0", 29.4, 13, None),
    _recipe("june", "fr", "June Wallack, French (Canada), telephone prompts", "CC-BY-SA-3.0", 24.7, 11, None),
    _recipe("carlo", "it", "Carlo Flora, Italian, telephone prompts", "CC-BY-3.0", 22.6, 10, None),
    _recipe("ru", "ru", "Ivrvoice.ru, Russian, telephone prompts", "CC-BY-3.0", 23.5, 11, None),
    DatasetRecipe(
        "menardi",
        "Paola Dal Zot, Italian, telephone prompts recorded at 8 kHz",
        "CC-BY-SA-3.0",
        _gather_menardi,
        DEBIAN,
        minutes=23.4,
        download_mb=19,
        exclude=NOT_SPEECH,
    ),
)
