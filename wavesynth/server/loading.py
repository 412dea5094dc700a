"""What a server needs before it serves: its files and ports, and its voices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial

from wavesynth.engine.config import EngineConfig
from wavesynth.engine.plane import DataPlane
from wavesynth.engine.planes import plane_of
from wavesynth.engine.scheduler import Capacity
from wavesynth.server.certificates import grpc_credentials
from wavesynth.server.config import ServerConfig
from wavesynth.server.followed import Followed
from wavesynth.server.measuring import capacity_of_machine
from wavesynth.server.sockets import listening
from wavesynth.server.telemetry import log_left_out
from wavesynth.server.tokens import Tokens
from wavesynth.voices.loaded import LoadedVoice, load_voices
from wavesynth.workers import one_torch_thread

__all__ = ["capacity_of", "check_files_and_ports", "loaded", "tokens_of"]


def tokens_of(config: ServerConfig) -> Callable[[], Tokens] | None:
    """The tokens that callers may send, as they are now, if callers must send one. Raises ValueError and OSError."""
    if config.tokens is not None:
        return Followed([config.tokens], partial(Tokens.read, config.tokens)).current
    if config.token is not None:
        one = Tokens.of(config.token)
        return lambda: one
    return None


def loaded(config: ServerConfig) -> tuple[dict[str, LoadedVoice], dict[str, DataPlane], EngineConfig]:
    """The voices, what makes their streams, and how the engine runs."""
    engine_config = EngineConfig(chunk=config.chunk, workers=config.threads, share=config.limits.share)
    live = config.live_streams
    # Offline streams that wait take memory too, but no step has more streams than may be live.
    max_streams = None if live is None else live + engine_config.waiting
    voices = load_voices(config.voices, config.backend, config.threads, max_streams, live, log_left_out)
    planes = {name: plane_of(loaded) for name, loaded in voices.items()}
    one_torch_thread()  # the engine brings its own
    return voices, planes, engine_config


async def capacity_of(
    config: ServerConfig,
    voices: Mapping[str, LoadedVoice],
    planes: Mapping[str, DataPlane],
    engine_config: EngineConfig,
) -> Capacity:
    """How many live streams there is room for: as many as the configuration says, or as this machine carries."""
    if config.live_streams is not None:
        return Capacity.of(config.live_streams, voices)
    return await capacity_of_machine(voices, planes, engine_config)


def check_files_and_ports(config: ServerConfig) -> None:
    """Raises ValueError or OSError, in a sentence, for files and ports that cannot be used: before voices are
    loaded."""
    wanted = [
        (config.host, config.port, "listen"),
        (config.metrics_host, config.metrics_port, "serve metrics"),
        (config.host, None if config.web is None else config.web.port, "serve the page"),
    ]
    with ExitStack() as tried:  # all at once, since no two of them may be one
        for host, port, purpose in wanted:
            if port is not None:
                tried.enter_context(listening(host, port, purpose))
    tokens_of(config)
    if config.tls is not None:
        grpc_credentials(config.tls, config.tls_clients)
