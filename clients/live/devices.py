"""Microphones and loudspeakers through PortAudio; what is wrong with them in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wavesynth.extras import extra

__all__ = ["Device", "choose", "devices", "library", "opened"]


@dataclass(frozen=True)
class Device:
    """A device for one direction."""

    index: int
    name: str
    kind: str
    """input or output."""
    rate: int
    """Hertz that it runs at, of those that it can do."""
    default: bool = False

    @property
    def called(self) -> str:
        """What it is to a person."""
        return f"the {'microphone' if self.kind == 'input' else 'loudspeaker'} {self.name!r}"


def library(what: str = "live audio") -> Any:
    """The sounddevice module; OSError with what to install for `what` if it or PortAudio is missing."""
    with extra("live", what):
        import samplerate  # noqa: F401

        try:
            import sounddevice
        except OSError as error:  # its wheel for Linux brings no PortAudio
            raise OSError(
                f"{what} needs PortAudio, which is missing: apt-get install libportaudio2"
            ) from error
    return sounddevice


def devices(kind: str) -> list[Device]:
    """The devices for input or output."""
    sounddevice = library()
    default = sounddevice.default.device[0 if kind == "input" else 1]
    return [
        Device(index, found["name"], kind, int(found["default_samplerate"]), index == default)
        for index, found in enumerate(sounddevice.query_devices())
        if found[f"max_{kind}_channels"] > 0
    ]


def choose(kind: str, wanted: str | None, rate: int | None, preferred: int) -> Device:
    """The device with a number or a part of a name, or the default; at `rate`, or as near `preferred` as it can.

    Raises OSError, in a sentence, if there is none or it cannot do that rate.
    """
    found = devices(kind)
    if not found:
        raise OSError(f"there is no {'microphone' if kind == 'input' else 'loudspeaker'} on this machine")
    if wanted is None:
        device = next((device for device in found if device.default), found[0])
    else:
        matching = [d for d in found if wanted == str(d.index) or wanted == d.name]
        matching = matching or [d for d in found if wanted.lower() in d.name.lower()]
        if not matching:
            names = ", ".join(f"{d.index} {d.name}" for d in found)
            raise OSError(f"{kind} is {wanted!r}; the devices for {kind} are {names}")
        device = matching[0]
    for candidate in [rate] if rate else dict.fromkeys((preferred, device.rate)):
        if _can(device, candidate):
            return Device(device.index, device.name, kind, candidate)
    raise OSError(f"{device.called} cannot do {rate or device.rate} hertz; its own rate is {device.rate}")


def opened(device: Device, block: int, callback: Callable[..., None], latency: float | None = None) -> Any:
    """A stream of the device, mono float32 in blocks of `block` samples; OSError if it cannot be opened.

    `latency` is how much its own buffer is to hold, in seconds; as little as the device thinks it can if None.
    """
    sounddevice = library()
    kind = sounddevice.InputStream if device.kind == "input" else sounddevice.OutputStream
    try:
        return kind(
            samplerate=device.rate,
            blocksize=block,
            device=device.index,
            channels=1,
            dtype="float32",
            latency="low" if latency is None else latency,
            callback=callback,
        )
    except sounddevice.PortAudioError as error:
        raise OSError(f"{device.called} cannot be opened: {error}") from error


def _can(device: Device, rate: int) -> bool:
    sounddevice = library()
    check = sounddevice.check_input_settings if device.kind == "input" else sounddevice.check_output_settings
    try:
        check(device=device.index, channels=1, dtype="float32", samplerate=rate)
    except sounddevice.PortAudioError:
        return False
    return 8000 <= rate <= 96_000
