"""What is learned from of prepared recordings, classes and log-mel frames: computed on all cores, and kept.

DATASET/features/v1-<split>-<content>-<settings>.safetensors holds what one split gave. `content` is a hash of its
recordings, `settings` one of all that decides the numbers: a file of another name is not looked at, so nothing stale is
ever read. The folder may be deleted at any time; it comes back.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from wavesynth.audio.companding import encode
from wavesynth.audio.mel import MelConfig, log_mel
from wavesynth.data.split import Split
from wavesynth.files import atomic_path
from wavesynth.workers import cores, threads

if TYPE_CHECKING:
    from wavesynth.data.dataset import Recordings

__all__ = ["FeatureSettings", "Features", "Track", "each", "features", "untracked"]

A = TypeVar("A")
#: `track(items, description, total)` gives the items, and shows how many of them are done.
Track = Callable[[Iterable[Any], str, int], Iterable[Any]]
_VERSION = "v1"


def untracked(items: Iterable[Any], description: str, total: int) -> Iterable[Any]:
    """Shows nothing."""
    return items


@dataclass(frozen=True)
class FeatureSettings:
    """What decides the numbers. `own` and `copies`: whether the recording itself is analysed, and how many of its
    copies in other people's voices. With `classes` 0 there are no tokens; `waveform`: whether samples are kept.
    """

    mel: MelConfig = field(default_factory=MelConfig)
    own: bool = True
    copies: int = 0
    classes: int = 0
    coefficient: float = 0.0
    waveform: bool = False


@dataclass(frozen=True)
class Features:
    """Of a split's recordings, each padded with zeros to whole frames, end to end: F frames, T = F · hop samples."""

    lengths: Tensor
    """Frames of each recording, int64 [recordings]."""
    mel: Tensor
    """float32 [voices, F, bands]: the recording itself, if it is analysed, then its copies."""
    tokens: Tensor | None
    """uint8, or int16 if there are more than 256 classes, [T]."""
    waveform: Tensor | None
    """int16 [T]."""
    content: str = ""
    """A hash of the recordings."""


def features(
    recordings: Recordings, split: Split, settings: FeatureSettings, track: Track = untracked
) -> Features:
    """The features of a split, read from where they are kept, or computed and kept.

    Raises ValueError, naming the file, when a recording is missing or another than `dataset.json` says. Where they
    cannot be kept there is a warning.
    """
    files = recordings.files(split)
    content = _content(recordings, split, track)
    if (kept := _load(_path(recordings, split, content, settings), settings)) is not None:
        return replace(kept, content=content)
    computed = _compute(recordings, split, files, settings, track)
    if _content(recordings, split, track) == content:  # nobody changed them while they were read
        path = _path(recordings, split, content, settings)
        try:
            _save(path, computed)
            for other in path.parent.glob(f"{_VERSION}-{split}-*.safetensors"):
                if not other.name.startswith(f"{_VERSION}-{split}-{content}-"):
                    other.unlink(missing_ok=True)  # of recordings as they were before
        except OSError as error:
            warnings.warn(
                f"features cannot be kept in {path.parent} ({error.strerror}); each run computes them anew",
                stacklevel=2,
            )
    return replace(computed, content=content)


def each(function: Callable[[A], None], items: Sequence[A], description: str, track: Track) -> None:
    """Calls `function` with each item, on all cores, each with one thread; the first error ends it."""
    with threads():  # on recordings of seconds more of them wait for one another
        pool = ThreadPoolExecutor(cores())
        try:
            for _ in track(pool.map(function, items), description, len(items)):
                pass
        finally:
            pool.shutdown(cancel_futures=True)


def _compute(
    recordings: Recordings,
    split: Split,
    files: list[tuple[str, int]],
    settings: FeatureSettings,
    track: Track,
) -> Features:
    s, hop = settings, settings.mel.hop
    lengths = torch.tensor([s.mel.frames(samples) for _, samples in files], dtype=torch.int64)
    begins, total = (lengths.cumsum(0) - lengths).tolist(), int(lengths.sum())
    kind = torch.uint8 if s.classes <= 256 else torch.int16
    with torch.inference_mode(False):  # they are written by other threads, whatever mode this one is in
        mel = torch.empty(s.own + s.copies, total, s.mel.bands)
        tokens = torch.empty(total * hop, dtype=kind) if s.classes else None
        kept = torch.empty(total * hop, dtype=torch.int16) if s.waveform else None

    def compute(number: int) -> None:
        (stem, samples), begin, frames = files[number], begins[number], int(lengths[number])
        waveform = recordings.waveform(split, stem, samples)
        versions = [waveform] if s.own else []
        versions += recordings.copies(split, stem, waveform, s.copies)
        for voice, one in enumerate(versions):
            mel[voice, begin : begin + frames] = log_mel(one, s.mel)
        padded = torch.zeros(frames * hop)
        padded[: len(waveform)] = waveform
        place = slice(begin * hop, (begin + frames) * hop)
        if tokens is not None:
            tokens[place] = encode(padded, s.classes, s.coefficient).to(kind)
        if kept is not None:
            kept[place] = (padded * 32767).round().to(torch.int16)

    each(compute, range(len(files)), f"Reading {recordings.path}, {split}", track)
    return Features(lengths, mel, tokens, kept)


def _content(recordings: Recordings, split: Split, track: Track) -> str:
    """A hash of a split's recordings: their names, lengths and bytes."""
    files = recordings.files(split)

    def digest(file: tuple[str, int]) -> bytes:
        try:
            return hashlib.blake2b(recordings.audio(split, file[0]).read_bytes(), digest_size=16).digest()
        except OSError:
            return b""  # whoever reads it says what is wrong

    with ThreadPoolExecutor() as pool:
        results = pool.map(digest, files)
        digests = list(track(results, f"Checking {recordings.path}, {split}", len(files)))
    whole = hashlib.blake2b(repr((recordings.sample_rate, files, digests)).encode(), digest_size=12)
    return whole.hexdigest()


def _path(recordings: Recordings, split: Split, content: str, settings: FeatureSettings) -> Path:
    parts: dict[str, object] = asdict(settings)
    if settings.copies:  # they can be made anew, and then are others
        parts["files"] = [
            stat.st_mtime_ns
            for stem, _ in recordings.files(split)
            for path in recordings.copy_paths(split, stem, settings.copies)
            if (stat := path.stat() if path.exists() else None)
        ]
    digest = hashlib.blake2b(repr(sorted(parts.items())).encode(), digest_size=8).hexdigest()
    return recordings.path / "features" / f"{_VERSION}-{split}-{content}-{digest}.safetensors"


def _save(path: Path, computed: Features) -> None:
    tensors = {name: tensor for name, tensor in vars(computed).items() if isinstance(tensor, Tensor)}
    with atomic_path(path) as temporary:
        try:
            save_file(tensors, temporary)
        except SafetensorError as error:
            raise OSError(0, str(error)) from error


def _load(path: Path, settings: FeatureSettings) -> Features | None:
    """What is kept; None if there is nothing, or nothing whole."""
    try:
        tensors = load_file(path)
        found = Features(tensors["lengths"], tensors["mel"], tensors.get("tokens"), tensors.get("waveform"))
    except (OSError, SafetensorError, KeyError):
        return None
    frames = int(found.lengths.sum())
    whole = found.mel.shape == (settings.own + settings.copies, frames, settings.mel.bands)
    return found if whole and (found.tokens is not None) == bool(settings.classes) else None
