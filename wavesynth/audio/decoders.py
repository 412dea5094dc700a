"""Files decoded by libsndfile and by FFmpeg, each where the other fails, and what is wrong with them."""

from __future__ import annotations

import io
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from numpy.typing import NDArray

from wavesynth.audio.wav import look
from wavesynth.extras import extra, is_installed
from wavesynth.files import shown

if TYPE_CHECKING:  # most recordings do without FFmpeg
    import av
    from av.container import InputContainer

__all__ = ["TOLERANCE", "Decoded", "decode"]

#: Seconds that a recording may be shorter than its header says: codecs pad, and headers round.
TOLERANCE = 0.25
#: FFmpeg's names of the formats that say how long they are, and the count of frames that says that a file does not.
_WITH_DURATION = frozenset({"aiff", "au", "wav", "mov", "matroska", "wv", "flac"})
_ENDLESS = 1 << 60
_TIME_BASE = 1_000_000  # in which FFmpeg counts a file's duration: av.time_base
_BLOCK = 1 << 20  # samples that are read at once
#: The share of bytes that are not G.722's up to which a file is: of 2,830 recordings in Debian's packages none has any.
_UNUSED = 0.001
_DAMAGED = "is damaged: some of it could not be decoded"
_STANDARD_ERROR = threading.Lock()
#: What libmpg123 writes, which libsndfile decodes MP3 with: its errors name its source files.
_MPG123 = re.compile(
    rb"\[[^\n]*libmpg123/[^\n]*|Note: [^\n]*|Warning: (Xing|Encountered|Big change|Real sample)[^\n]*|"
)


@dataclass(frozen=True)
class Decoded:
    """What a decoder made of a file."""

    samples: NDArray[np.float32]
    """[N, channels]."""
    rate: int
    """Hertz."""
    promised: float = 0.0
    """Seconds that the header says; 0 if it says nothing."""
    notes: tuple[str, ...] = ()
    """What is wrong with the file, though it could be decoded."""


def decode(path: Path) -> Decoded:
    """What libsndfile makes of a file or, where it does not know the file, FFmpeg.

    Raises OSError if it cannot be opened, or needs FFmpeg and that is not installed; ValueError, naming it, if it is no
    audio.
    """
    try:
        return _read_with_libsndfile(path)
    except (soundfile.LibsndfileError, TypeError):  # TypeError: a .raw name
        return _read_with_ffmpeg(path)


def _read_with_libsndfile(path: Path) -> Decoded:
    wav = look(path)
    source = os.fsencode(path) if wav is None or wav.mended is None else io.BytesIO(wav.mended)
    notes = list(wav.notes) if wav is not None else []
    with _decoder_words(path) as words, soundfile.SoundFile(source) as file:
        form, frames, rate = file.format, file.frames, file.samplerate
        # In blocks: a header may promise more than fits into the memory.
        blocks = [file.read(_BLOCK, "float32", always_2d=True)]
        while len(blocks[-1]):
            blocks.append(file.read(_BLOCK, "float32", always_2d=True))
    samples = np.concatenate(blocks)
    if any("error" in word for word in words):  # where libsndfile ends; FFmpeg goes on behind it
        if not is_installed("av"):
            return Decoded(samples, rate, notes=(_DAMAGED,))
        return replace(_read_with_ffmpeg(path), notes=(_DAMAGED,))
    if form in ("MP3", "MPEG") and is_installed("av") and not _says_its_length(path):
        # libsndfile ends where it guesses that the end is.
        other = _read_with_ffmpeg(path)
        if len(other.samples) / other.rate > len(samples) / rate + TOLERANCE:
            return other
    if form == "OGG" and not _has_last_page(path):
        notes.append("ends early: it has no last page")
    promised = wav.seconds if wav is not None else 0.0
    if form in ("FLAC", "MP3", "MPEG"):  # an MP3's guess has been read to its end
        promised = frames / rate if frames < _ENDLESS else 0.0
    elif form in ("AIFF", "AU", "RF64") and is_installed("av"):  # libsndfile counts what is there
        promised = _duration(path)
    return Decoded(samples, rate, promised, tuple(notes))


def _read_with_ffmpeg(path: Path) -> Decoded:
    with extra("ffmpeg", f"reading {shown(path)}"):
        import av

    frames: list[av.AudioFrame] = []
    failure: Exception | None = None
    rate, promised, form = 16000, 0.0, ""
    good = bad = 0  # packets
    try:
        with av.open(str(path.absolute())) as container:  # absolute: "a:b.wav" would name a protocol
            form = container.format.name
            if (stream := next(iter(container.streams.audio), None)) is not None:
                rate, promised = stream.rate, _seconds(container)
                planar = av.AudioResampler(format="fltp")
                for packet in container.demux(stream):
                    try:
                        frames += [part for frame in packet.decode() for part in planar.resample(frame)]
                        good += 1
                    except av.InvalidDataError as error:
                        failure = error
                        bad += 1
    except (av.FFmpegError, ValueError) as error:
        failure = error
    if failure is None and not frames and not rate:
        failure = ValueError("no sample rate was found in it")
    if failure is not None and (not frames or bad > good):
        reason = getattr(failure, "strerror", failure)
        raise ValueError(f"{shown(path)} cannot be read as audio: {reason}") from failure
    if form == "g722":
        _check_g722(path)
    chunks = [frame.to_ndarray().astype(np.float32) for frame in frames]  # [channels, N] each
    if len({len(chunk) for chunk in chunks}) > 1:  # of a damaged file
        chunks = [chunk.mean(0, keepdims=True) for chunk in chunks]
    samples = np.concatenate(chunks, 1).T if chunks else np.zeros((0, 1), np.float32)
    notes = () if failure is None else (_DAMAGED,)
    return Decoded(samples, rate, promised, notes)


def _says_its_length(path: Path) -> bool:
    """Whether the first frame of an MP3 file, behind its tags, is one that counts the others."""
    with path.open("rb") as file:
        head = file.read(10)
        tags = (
            10 + sum((byte & 0x7F) << 7 * (3 - i) for i, byte in enumerate(head[6:]))
            if head[:3] == b"ID3"
            else 0
        )
        file.seek(tags)
        first = file.read(2048)
    return any(name in first for name in (b"Xing", b"Info", b"VBRI"))


def _has_last_page(path: Path) -> bool:
    """Whether the last page of an Ogg file says that it is the last one (RFC 3533, 6: bit 2 of byte 5)."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (1 << 17)))  # a page has 65,307 bytes at most
        pages = file.read().rpartition(b"OggS")
    return len(pages[2]) > 1 and bool(pages[2][1] & 4)


def _check_g722(path: Path) -> None:
    """ValueError for what is no G.722. It has no header, so that FFmpeg makes noise of any file; but of the 64 codes
    of the lower band, a byte's lowest six bits, four are never sent (ITU-T G.722, 3.4: 0000xx)."""
    data = np.frombuffer(path.read_bytes(), np.uint8)
    unused = np.count_nonzero(data & 0x3F < 4) / max(1, len(data))
    if unused > _UNUSED:
        raise ValueError(
            f"{shown(path)} cannot be read as audio: {100 * unused:.1f} % of its bytes are none of G.722's"
        )


def _duration(path: Path) -> float:
    """Seconds of audio that a file's header says, as FFmpeg understands it; 0 if it says nothing."""
    import av

    try:
        with av.open(str(path.absolute())) as container:
            return _seconds(container)
    except (av.FFmpegError, ValueError):
        return 0.0


def _seconds(container: InputContainer) -> float:
    """What the header says; of the formats that have no such header, FFmpeg's is but an estimate, and left out."""
    if not set(container.format.name.split(",")) & _WITH_DURATION:
        return 0.0
    stream = container.streams.audio[0]
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    alone = len(container.streams) == 1 and container.duration is not None
    return container.duration / _TIME_BASE if alone and container.duration is not None else 0.0


@contextmanager
def _decoder_words(path: Path) -> Iterator[list[str]]:
    """Gathers what libsndfile's decoder for MP3 writes on standard error by itself, without a file's name.

    What others of this process write there meanwhile comes out behind it.
    """
    words: list[str] = []
    with path.open("rb") as file:
        head = file.read(3)
    if head != b"ID3" and head[:1] != b"\xff" and path.suffix.lower() not in (".mp3", ".mp2"):
        yield words
        return
    with _STANDARD_ERROR, tempfile.TemporaryFile() as said:
        try:
            before = os.dup(2)
        except OSError:  # closed: what is written there is lost
            yield words
            return
        os.dup2(said.fileno(), 2)
        try:
            yield words
        finally:
            os.dup2(before, 2)
            os.close(before)
            said.seek(0)
            for line in said.read().splitlines(keepends=True):
                if _MPG123.fullmatch(line.rstrip(b"\r\n")):
                    words.append(line.decode("utf-8", "replace"))
                else:
                    _say(line)


def _say(line: bytes) -> None:
    with suppress(OSError):  # nobody reads: no reason to refuse a recording
        while line:
            line = line[os.write(2, line) :]
