"""What a voice is, whatever its kind: a trained network and what is needed to use it; loading and saving."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from wavesynth.audio.analysis import MelConfig
from wavesynth.checks import require_value
from wavesynth.formats import (
    FormatError,
    check_fields,
    in_file,
    read_config,
    read_description,
    read_weights,
    version,
    write_config,
    write_folder,
)
from wavesynth.kinds import kind_of
from wavesynth.networks import Network
from wavesynth.voices.description import (
    FIELDS,
    FORMAT,
    OF_KINDS,
    OF_TEXT,
    TEXTS,
    Needs,
    as_newest,
    checked,
    converter_config,
    speaker_number,
    text_config,
)
from wavesynth.voices.folders import find_voices, shipped_voice

if TYPE_CHECKING:
    from torch import Tensor

    from wavesynth.models.converter import Converter
    from wavesynth.voices.kinds import VoiceKind

__all__ = [
    "FormatError",
    "Needs",
    "Voice",
    "load_voice",
    "save_voice",
    "voice_folder",
]


@dataclass(frozen=True, kw_only=True)
class Voice:
    """A trained network and what is needed to use it."""

    kind: str
    name: str
    description: str = ""
    language: str = ""
    licence: str = ""
    network: Network
    """The network, whose `config` is its kind's."""
    mel: MelConfig = field(default_factory=MelConfig)
    preemphasis: float = 0.85
    speakers: tuple[str, ...] = ()
    temperature: float = 1.0
    """Of streams that name none."""
    correction: int = 0
    """Frames corrected jointly in streams that do not say (wavesynth.audio.correction), 0 to 16; 0: not corrected."""
    converter_network: Network | None = None
    """What the log-mel of whoever speaks goes through, for a voice that says it as its own speaker would."""
    text_network: Network | None = None
    """What makes log-mel of phonemes, for a voice that takes text (wavesynth.text)."""

    @property
    def of_kind(self) -> VoiceKind:
        """What conditions and samples it."""
        return _voice_kind(self.kind)

    @property
    def config(self) -> Any:
        """Its network's configuration."""
        return self.network.config

    @property
    def model(self) -> Any:
        """Its network in PyTorch, an `nn.Module`, made when it is first asked for."""
        return self.network.module

    @property
    def converter(self) -> Converter | None:
        """Its converter in PyTorch, if it has one, made when it is first asked for."""
        return None if self.converter_network is None else self.converter_network.module

    @cached_property
    def _needs(self) -> Needs:
        return self.of_kind.needs(self.config)

    @property
    def sample_rate(self) -> int:
        """Hertz."""
        return self.mel.sample_rate

    @property
    def hop(self) -> int:
        """Samples that one frame of conditioning lasts."""
        return self._needs.hop

    @property
    def mel_bands(self) -> int:
        """Bands of the log-mel that it takes; 0 for a voice that takes none, only how long it is to speak."""
        return self._needs.mel_bands

    @property
    def takes_mel(self) -> bool:
        """Whether it says what a log-mel, or a recording, says; if not, it takes only a duration."""
        return self.mel_bands > 0

    @property
    def takes_text(self) -> bool:
        """Whether it reads text aloud."""
        return self.text_network is not None

    @property
    def mel_context(self) -> int:
        """Mel frames on each side of a frame that its network sees."""
        return self._needs.mel_context

    @property
    def receptive_field(self) -> int:
        """Samples before a sample that its network sees."""
        return self._needs.receptive_field

    @property
    def layers(self) -> int:
        """Layers of its network, as voices are listed."""
        return self._needs.layers

    @property
    def companding(self) -> tuple[int, bool]:
        """The μ-law classes that stand for samples, how many, and whether the two next to zero both stand for zero
        (wavesynth.audio.companding): those of its network or, of one without, those of telephony."""
        return 256, True

    @property
    def likelihoods(self) -> tuple[str, ...]:
        """The arithmetics in which its likelihood is computed, the one that is served first; none if it has none."""
        return self.of_kind.likelihoods

    @property
    def cost(self) -> tuple[bool, bool, int, bool]:
        """What orders voices: the lower, the less a second of audio takes to make. Layers of two kinds do not
        compare: WaveNets come first."""
        return self.kind != "wavenet", self.converter_network is not None, self.layers, self.takes_text

    @property
    def workload(self) -> Hashable:
        """Equal for voices of which a second of audio takes equally long to make."""
        converter = None if self.converter_network is None else self.converter_network.config
        shape = self.kind, self.config, self.sample_rate, self.correction, converter
        return shape if self.text_network is None else (*shape, self.text_network.config)

    def speaker_number(self, name: str) -> int | None:
        """The number of the speaker of that name, of the first if it is empty; None for a voice that is not told who
        speaks. Raises ValueError for a name that it does not have."""
        return speaker_number(name, self.speakers, self.name)

    def condition(self, window: Tensor | None, speaker: int | None) -> Tensor:
        """What the sampler is given for a frame, of the log-mel around it [1 + 2 * mel_context, bands]; of None for a
        voice that takes none."""
        return self.of_kind.condition(self, window, speaker)


def save_voice(folder: str | Path, voice: Voice) -> None:
    """Writes `voice` to `folder`: the weights as float16, what its kind has beside them as the kind says."""
    kind = voice.of_kind
    tensors: dict[str, NDArray[Any]] = {**voice.network.tensors("model."), **kind.tensors(voice)}
    description = {name: getattr(voice, name) for name in TEXTS}
    model, number = write_config(voice.config, OF_TEXT if voice.text_network is not None else 0)
    description |= {
        "format": max(OF_KINDS, number),
        "wavesynth": version(),
        "kind": voice.kind,
        "model": model,
        "mel": asdict(voice.mel),
        "preemphasis": voice.preemphasis,
        "speakers": list(voice.speakers),
        "temperature": voice.temperature,
        "correction": voice.correction,
        "converter": None,
        **{name: getattr(voice, name) for name in kind.own_fields},
    }
    if voice.converter_network is not None:
        tensors |= voice.converter_network.tensors("converter.")
        description["converter"] = asdict(voice.converter_network.config)
    if voice.text_network is not None:
        tensors |= voice.text_network.tensors("text.")
        description["text"] = asdict(voice.text_network.config)
    write_folder(Path(folder), "voice.json", description, tensors)


def load_voice(voice: str | Path) -> Voice:
    """A voice that ships, by its name, or the voice in a folder; its weights in float32.

    Raises FormatError if a file is missing, truncated or too large, or if a field or a tensor is missing, left
    over, of the wrong type or shape, or not finite.
    """
    folder = voice_folder(voice)
    path = folder / "voice.json"
    number, values = read_description(path, FORMAT)
    with in_file(path):
        values = as_newest(number, values)
        kind = _voice_kind(values["kind"])
        check_fields("voice.json", values, {*FIELDS, "text", *kind.own_fields})
        config = read_config("model", values["model"], kind.config, number)
        needs = kind.needs(config)
        common, converting = checked(values, needs), converter_config(values["converter"], needs.mel_bands)
        speaking = text_config(values["text"], needs.mel_bands)
        own = kind.read({name: values[name] for name in kind.own_fields})
    shapes = _named("model.", kind.weight_shapes(config)) | kind.shapes(config)
    shapes |= {} if converting is None else _named("converter.", converting.weight_shapes())
    shapes |= {} if speaking is None else _named("text.", speaking.weight_shapes())
    # The name that each tensor has in a file of this format.
    names = {name: kind.old_tensors.get(name, name) if number < OF_KINDS else name for name in shapes}
    found = read_weights(folder, {names[name]: shape for name, shape in shapes.items()})
    tensors = {name: found[names[name]] for name in shapes}
    common["network"] = Network(kind.network, config, _weights("model.", tensors))
    if converting is not None:
        make = kind_of("converter").network
        common["converter_network"] = Network(make, converting, _weights("converter.", tensors))
    if speaking is not None:
        make = kind_of("text").network
        common["text_network"] = Network(make, speaking, _weights("text.", tensors))
    with in_file(folder / "weights.safetensors"):
        return kind.voice(common, own, tensors)


def _named(prefix: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {f"{prefix}{name}": shape for name, shape in shapes.items()}


def _weights(prefix: str, tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}


def voice_folder(voice: str | Path) -> Path:
    """The folder of a voice: of a text that names a voice that ships, that voice's (`shipped_voice`); else the path
    itself.

    Raises FormatError when there is no such folder.
    """
    folder = shipped_voice(voice) or Path(voice)
    try:
        found = folder.is_dir()
    except OSError:  # a name that is too long, or below a folder that may not be read
        found = False
    if not found:
        known = f"one of {', '.join(find_voices())}, or a voice's folder"
        raise FormatError(f"voice is {str(voice)[:100]!r}; it must be {known}")
    return folder


def _voice_kind(name: Any) -> VoiceKind:
    kind: Any = kind_of(name)
    require_value("kind", name, kind.makes == "voices", "a kind of voices")
    return kind
