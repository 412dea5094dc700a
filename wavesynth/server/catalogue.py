"""The catalogue of a server: its voices, ready to be streamed, and its models of images.

It is read again when somebody asks for it; a folder that has not changed keeps what was made of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from wavesynth.engine.capacity import Load, warm_up
from wavesynth.engine.config import EngineConfig
from wavesynth.engine.engine import Engine
from wavesynth.engine.plane import DataPlane
from wavesynth.engine.planes import plane_of
from wavesynth.engine.scheduler import Capacity
from wavesynth.engine.stream import EngineStream
from wavesynth.extras import is_installed, missing
from wavesynth.files import sentence
from wavesynth.formats import FormatError
from wavesynth.server.config import ServerConfig
from wavesynth.server.followed import sign_of_folder
from wavesynth.server.images import ServedImages, served_images
from wavesynth.server.measuring import capacity_of_machine, message_of_machine
from wavesynth.server.served_voice import ServedVoice
from wavesynth.server.telemetry import log_left_out
from wavesynth.voices.loaded import LoadedVoice, read_voices
from wavesynth.voices.samplers import make_sampler
from wavesynth.voices.voice import load_voice
from wavesynth.workers import one_torch_thread

__all__ = ["Catalogue", "FolderCache", "Snapshot", "engine_of"]


#: Samples of all offline calls together, an hour at 16 kHz: with their input they take some 200 MB until they end.
_OFFLINE_SAMPLES = 3600 * 16000


class Named(Protocol):
    """What has a name."""

    @property
    def name(self) -> str:
        """By which calls ask for it."""


T = TypeVar("T", bound=Named)


class FolderCache(Generic[T]):
    """What `load` has made of folders, by their signs (`sign_of_folder`). `changed` is told why a folder that was good
    cannot be used any more: what was made of it stays."""

    def __init__(self, load: Callable[[Path, str], T], changed: Callable[[FormatError], object]) -> None:
        self._load, self._changed = load, changed
        self._known: dict[Path, tuple[str, T]] = {}

    def load(self, folder: Path) -> T:
        """What the folder holds. Raises FormatError for a new one that cannot be used."""
        sign = sign_of_folder(folder)  # before its files are read, which may change
        known = self._known.get(folder)
        if known is not None and known[0] == sign:
            return known[1]
        try:
            made = self._load(folder, sign)
        except FormatError as error:
            if known is None:
                raise
            self._changed(FormatError(f"{error}; what was there before stays"))
            return known[1]
        self._known[folder] = sign, made
        return made

    def keep(self, left: Mapping[str, T]) -> None:
        """Forgets what is not in `left`."""
        kept = {id(one) for one in left.values()}
        self._known = {folder: known for folder, known in self._known.items() if id(known[1]) in kept}


@dataclass(frozen=True)
class ReadyVoice:
    """A voice and what makes its streams; each time that one is loaded it is another `edition`."""

    loaded: LoadedVoice
    plane: DataPlane
    edition: int
    folder: Path
    sign: str
    """Of the folder, when it was read."""

    @property
    def name(self) -> str:
        """The voice's."""
        return self.loaded.voice.name


@dataclass(frozen=True)
class Snapshot:
    """What there is to serve at one time, by name."""

    ready: Mapping[str, ReadyVoice]
    images: Mapping[str, ServedImages]
    capacity: Capacity
    """How many live streams of the voices there is room for."""

    @property
    def voices(self) -> dict[str, LoadedVoice]:
        """The voices."""
        return {name: one.loaded for name, one in self.ready.items()}

    @property
    def planes(self) -> dict[str, DataPlane]:
        """What makes their streams."""
        return {name: one.plane for name, one in self.ready.items()}

    @property
    def editions(self) -> dict[str, int]:
        """Theirs."""
        return {name: one.edition for name, one in self.ready.items()}

    @property
    def served(self) -> list[ServedVoice]:
        """What calls need to know of them."""
        return [
            ServedVoice.of(one.loaded.voice, one.edition, one.folder, one.sign) for one in self.ready.values()
        ]


def engine_of(
    snapshot: Snapshot,
    config: EngineConfig,
    notify: Callable[[Sequence[EngineStream]], None],
    lost: Callable[[], None],
) -> Engine:
    """An engine that serves it."""
    s = snapshot
    return Engine(s.voices, s.capacity, config, notify, lost, s.planes, s.editions)


class Catalogue:
    """The folders of a configuration, read at the start and whenever somebody asks."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self.engine_config = EngineConfig(
            chunk=config.chunk,
            workers=config.threads,
            share=config.limits.share,
            offline_samples=_OFFLINE_SAMPLES,
        )
        """How the engine runs."""
        self._problems: list[str] | None = None
        self._editions = itertools.count(1)
        self._voices = FolderCache(self._ready, self._left_out)
        self._images = FolderCache(partial(ServedImages.read, self._editions), self._left_out)
        self._message = 0.0
        self._loads: dict[Hashable, Load] = {}  # measured before there were streams, if they can be

    async def first(self) -> Snapshot:
        """What there is at the start. A folder that is broken is logged and left out; raises ValueError if there is no
        other, and what the backend raises."""
        ready, images = self._read()
        if self._config.live_streams is None:
            self._message = await message_of_machine()
        return self._snapshot_of(ready, images)

    def again(self) -> tuple[Snapshot, list[str]]:
        """What there is now, and what is wrong, in sentences: such folders are left out, or what was there before
        stays. Raises ValueError or OSError if nothing can be served. It loads, and may measure: not for an event
        loop."""
        self._problems = problems = list[str]()
        ready, images = self._read()
        return self._snapshot_of(ready, images), problems

    def _read(self) -> tuple[dict[str, ReadyVoice], dict[str, ServedImages]]:
        ready = read_voices(self._config.voices, self._left_out, self._voices.load)
        self._voices.keep(ready)
        one_torch_thread()  # the engine brings its own
        images = served_images(self._config.images, self._left_out, self._images.load)
        self._images.keep(images)
        return ready, images

    def _snapshot_of(self, ready: dict[str, ReadyVoice], images: dict[str, ServedImages]) -> Snapshot:
        names = Snapshot(ready, images, Capacity({}))
        live = self._config.live_streams
        if live is not None:
            capacity = Capacity.of(live, ready)
        else:
            capacity = capacity_of_machine(
                names.voices, names.planes, self.engine_config, self._message, self._loads
            )
        return Snapshot(ready, images, capacity)

    def _ready(self, folder: Path, sign: str) -> ReadyVoice:
        voice, config = load_voice(folder), self._config
        if voice.of_kind.needs_torch and not is_installed("torch"):
            raise FormatError(missing("torch", f"voice {voice.name}, which is of kind {voice.kind},"))
        live = config.live_streams
        # Offline streams that wait take memory too, but no step has more streams than may be live.
        max_streams = None if live is None else live + self.engine_config.waiting
        try:
            loaded = LoadedVoice(
                voice, make_sampler(voice, config.backend, config.threads, max_streams, live)
            )
            plane = plane_of(loaded)
            if config.warm:
                warm_up(plane, voice.name, loaded, config.chunk)
            return ReadyVoice(loaded, plane, next(self._editions), folder, sign)
        except (ValueError, OSError, RuntimeError) as error:
            if self._problems is None:  # at the start, who asked for such a backend is told so
                raise
            raise FormatError(f"{folder}: {sentence(error)}") from error

    def _left_out(self, error: FormatError) -> None:
        log_left_out(error)
        if self._problems is not None:
            self._problems.append(str(error))
