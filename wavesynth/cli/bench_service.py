"""wavesynth bench service: how a service on this machine feels to its listeners."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wavesynth.cli.common import one_sentence_errors
from wavesynth.cli.terminal import say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wavesynth.clients.client import Client
    from wavesynth.clients.timing import Timing

__all__ = ["service"]

#: Seconds of audio that a paced listener keeps in hand, as a player's buffer does.
_IN_HAND = 0.25
#: Seconds of audio of a short call, whose first chunk is what is timed.
_SHORT = 1.0
#: Seconds of audio of an offline call.
_OFFLINE = 4.0


def service(
    streams: Annotated[int, typer.Option(help="Live streams at once.", min=1, max=1000)] = 4,
    seconds: Annotated[float, typer.Option(help="How long they are.", min=1, max=240)] = 10.0,
    calls: Annotated[
        int, typer.Option(help="Short calls for the time to first audio.", min=1, max=10_000)
    ] = 100,
    voice: Annotated[str, typer.Option(help="Name of the voice; the default if not given.")] = "",
    voices: Annotated[Path | None, typer.Option(help="Folder of voices, instead of those that ship.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Starts a server, loads it over gRPC, and measures it from the other end.

    Three parts, one after the other: short calls to an idle service, for the time to first audio; live streams
    that are heard in real time, where playback starts with 20 ms in hand and an underrun is when the next sample is
    not there; one offline call against the bare sampler. `real_time_factor` is that call's.

    Example: wavesynth bench service --streams 4 --seconds 120 --json
    """
    with one_sentence_errors():
        from wavesynth.cli.local_server import local_server
        from wavesynth.clients.client import Client, ServiceError
        from wavesynth.voices.folders import SHIPPED

        folder = voices or SHIPPED
        with local_server("--voices", folder) as address, Client(address) as client:
            try:
                result = _measure(
                    client, folder, voice or client.voices().default_voice, streams, seconds, calls
                )
            except ServiceError as error:
                raise ValueError(str(error)) from error
    if as_json:
        import json

        say(json.dumps(result))
        return
    for name, value in result.items():
        say(f"{name:36} {_text(value)}")


def _measure(
    client: Client, folder: Path, voice: str, streams: int, seconds: float, calls: int
) -> dict[str, Any]:
    from wavesynth.clients.timing import BUFFER, percentiles

    client.synthesize(voice, audio=_noise(_SHORT))  # warms up
    first = [_first_audio(client, voice) for _ in range(calls)]
    heard, refused = _listen(client, voice, streams, seconds)
    service_rate, engine_rate = _offline(client, folder, voice)
    return {
        "voice": voice,
        "streams": streams,
        "seconds": seconds,
        "time_to_first_audio_ms": percentiles(first),
        "chunk_gap_ms": percentiles([gap for timing in heard for gap in timing.gaps()]),
        "underruns": sum(timing.underruns for timing in heard),
        "player_buffer_ms": 1000 * BUFFER,
        "refused": refused,
        "real_time_factor": service_rate / 16000,
        "service_samples_per_second": service_rate,
        "engine_samples_per_second": engine_rate,
        "service_over_engine": service_rate / engine_rate,
    }


def _first_audio(client: Client, voice: str) -> float:
    """Seconds to the first chunk of a call, which is then cancelled."""
    audio = _noise(_SHORT)
    started = time.monotonic()
    with client.stream(voice, audio=audio) as call:
        next(call.chunks())
        return time.monotonic() - started


def _listen(client: Client, voice: str, streams: int, seconds: float) -> tuple[list[Timing], int]:
    """The timings of paced streams that begin together, and how many were refused."""
    audio = _noise(seconds)
    with ThreadPoolExecutor(streams) as pool:
        heard = list(pool.map(lambda seed: _hear(client, voice, audio, seed), range(streams)))
    timings = [timing for timing in heard if timing is not None]
    if not timings:
        raise ValueError(
            f"the service refused all of {streams} streams; this machine is too slow for {voice}"
        )
    return timings, streams - len(timings)


def _hear(client: Client, voice: str, audio: NDArray[np.int16], seed: int) -> Timing | None:
    """Listens in real time with little in hand; None if the service was full."""
    from wavesynth.clients.client import ServiceError
    from wavesynth.clients.timing import Timing

    timing = Timing(time.monotonic())
    try:
        for chunk in client.stream(voice, audio=audio, seed=seed).chunks():
            timing.arrived(time.monotonic(), len(chunk.samples), chunk.sample_rate)
            time.sleep(max(0.0, timing.ahead - _IN_HAND))
    except ServiceError as error:
        if error.code != "RESOURCE_EXHAUSTED":
            raise
        return None
    return timing


def _offline(client: Client, folder: Path, voice: str) -> tuple[float, float]:
    """Samples a second of an offline call and of the sampler alone: medians of three turns each."""
    import torch

    from wavesynth.audio.mel import log_mel
    from wavesynth.sampling.reference import SamplingParams
    from wavesynth.voices.loaded import load_voices

    loaded = load_voices(folder, "cpu")[voice]
    audio = _noise(_OFFLINE)
    n, context = len(audio), loaded.voice.mel_context
    mel = torch.nn.functional.pad(
        log_mel(torch.from_numpy(audio / 32768), loaded.voice.mel), (0, 0, context, context)
    )
    with torch.inference_mode():
        windows = mel.unfold(0, 1 + 2 * context, 1).transpose(1, 2)
        conditioning = torch.stack([loaded.voice.condition(window, None) for window in windows]).clone()
    through, alone = [], []
    for _ in range(3):
        started = time.perf_counter()
        client.synthesize(voice, audio=audio)
        through.append(n / (time.perf_counter() - started))
        state = loaded.sampler.start()
        started = time.perf_counter()
        loaded.sampler.advance([state], [conditioning], [SamplingParams()], n)
        alone.append(n / (time.perf_counter() - started))
    return sorted(through)[1], sorted(alone)[1]


def _noise(seconds: float) -> NDArray[np.int16]:
    """What the voice is to say: it takes the same time whatever it is."""
    import numpy as np

    return np.random.default_rng(0).integers(-3000, 3000, int(16000 * seconds), np.int16)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name} {_text(number)}" for name, number in value.items())
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
