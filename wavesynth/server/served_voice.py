"""What calls need to know of a voice, as plain data: for processes that have no engine and load no voices."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wavesynth.audio.analysis import MelConfig
from wavesynth.checks import build
from wavesynth.voices.description import speaker_number

if TYPE_CHECKING:
    from wavesynth.voices.voice import Voice

__all__ = ["ServedVoice"]


@dataclass(frozen=True)
class ServedVoice:
    """The properties of a `Voice` that requests are checked against, and that are listed."""

    name: str
    description: str
    language: str
    licence: str
    mel: MelConfig
    sample_rate: int
    hop: int
    mel_bands: int
    takes_mel: bool
    takes_text: bool
    receptive_field: int
    layers: int
    speakers: tuple[str, ...]
    temperature: float
    correction: int
    cost: tuple[bool, bool, int]
    kind: str = ""
    likelihoods: tuple[str, ...] = ()
    folder: Path = Path()
    """Where it is, for a process that is to load it."""
    edition: int = 0
    """Another one each time that it is loaded; 0 for whichever the engine has."""
    sign: str = ""
    """Of the folder, when it was read."""

    @classmethod
    def of(cls, voice: Voice, edition: int = 0, folder: Path = Path(), sign: str = "") -> ServedVoice:
        """Those of `voice`."""
        names = [name for name in cls.__dataclass_fields__ if name not in ("edition", "folder", "sign")]
        read = {name: getattr(voice, name) for name in names}
        return cls(**read, edition=edition, folder=folder, sign=sign)

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {"folder": str(self.folder.absolute())}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> ServedVoice:
        """The one that `plain` was of."""
        others: dict[str, Any] = {
            "mel": build("mel", MelConfig, plain["mel"]),
            "folder": Path(plain["folder"]),
        }
        others |= {name: tuple(plain[name]) for name in ("cost", "speakers", "likelihoods")}
        return cls(**plain | others)

    def speaker_number(self, name: str) -> int | None:
        """As `Voice.speaker_number`."""
        return speaker_number(name, self.speakers, self.name)
