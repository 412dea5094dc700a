"""What speaks gRPC: the services behind one port, from their start to their drain.

The engine may be in this process or in another.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Self

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection

from wavesynth.extras import extra
from wavesynth.server.admin import AdminService
from wavesynth.server.admission import Admission
from wavesynth.server.async_engine import AsyncEngine
from wavesynth.server.call_metrics import Metrics
from wavesynth.server.certificates import grpc_credentials, page_context
from wavesynth.server.config import ServerConfig
from wavesynth.server.followed import Followed
from wavesynth.server.health import Health
from wavesynth.server.image_worker import image_worker
from wavesynth.server.images import ImageService, ServedImages
from wavesynth.server.intake import Intake
from wavesynth.server.limits import Limits
from wavesynth.server.loading import tokens_of
from wavesynth.server.malformed import RefuseMalformed
from wavesynth.server.messages import Aside
from wavesynth.server.reloading import Files, Reloaded
from wavesynth.server.score_worker import score_worker
from wavesynth.server.scoring import Scoring
from wavesynth.server.served_voice import ServedVoice
from wavesynth.server.service import SynthesisService
from wavesynth.server.sockets import check_port, host_and_port
from wavesynth.server.texts import Texts
from wavesynth.server.tracing import tracing_from_environment
from wavesynth.server.validation import Requests
from wavesynth.v1 import MAX_MESSAGE, admin_pb2, images_pb2
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.admin_pb2_grpc import add_AdminServiceServicer_to_server
from wavesynth.v1.images_pb2_grpc import add_ImageServiceServicer_to_server
from wavesynth.v1.synthesis_pb2_grpc import add_SynthesisServiceServicer_to_server

__all__ = ["Services"]

_SERVICES = (
    pb.DESCRIPTOR.services_by_name["SynthesisService"].full_name,
    images_pb2.DESCRIPTOR.services_by_name["ImageService"].full_name,
    admin_pb2.DESCRIPTOR.services_by_name["AdminService"].full_name,
)
_HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

#: Milliseconds between a client's pings, at least; gRPC's own limit of five minutes would end calls that are silent.
PING_INTERVAL_MS = 1_000


#: Seconds in which callers whose call was just ended, and who call again at once, are told that the service ends; gRPC
#: would cancel such calls.
_LAST_MOMENT = 0.25
#: Calls for images that may be under way or wait; front ends share them out equally.
_IMAGE_CALLS = 4
#: The same of calls for scores.
_SCORE_CALLS = 4


class Services:
    """The services of an engine on a port, as an asynchronous context manager.

    With `shared`, other processes listen on the port too. `page`, a socket that listens, is where the web page is
    served. Entering raises OSError, in a sentence, for a port that cannot be had.
    """

    def __init__(
        self,
        config: ServerConfig,
        engine: AsyncEngine,
        requests: Requests,
        images: Mapping[str, ServedImages],
        metrics: Metrics,
        reload: Callable[[], Awaitable[Reloaded]],
        page: socket.socket | None = None,
        shared: bool = False,
    ) -> None:
        self.port = config.port
        self._config, self._page_socket = config, page
        self._followed: list[Followed[Any]] = []
        self._tracing = tracing_from_environment()
        self._admission = Admission(metrics, tokens_of(config, self._followed), config.limits, self._tracing)
        self._requests = requests
        self._score_worker = score_worker(max(1, _SCORE_CALLS // max(1, config.workers)))
        aside = Aside()
        scoring = Scoring(requests, self._score_worker, config.limits, aside)
        self._texts = Texts(config.limits.text_characters)
        self._service = SynthesisService(engine, requests, self._admission, scoring, self._texts, aside)
        self._image_worker = image_worker(max(1, _IMAGE_CALLS // max(1, config.workers)))
        self._images = ImageService(images, self._image_worker, self._admission)
        self._health = Health(_named(requests.voices))
        interceptors = [RefuseMalformed(self._admission, aside), Intake(self._admission, _SERVICES)]
        self._grpc = grpc.aio.server(
            interceptors=interceptors,
            options=_grpc_options(shared, config.limits),
            maximum_concurrent_rpcs=config.limits.calls,
        )
        add_SynthesisServiceServicer_to_server(self._service, self._grpc)
        add_ImageServiceServicer_to_server(self._images, self._grpc)
        add_AdminServiceServicer_to_server(AdminService(reload, self._admission), self._grpc)
        add_HealthServicer_to_server(self._health, self._grpc)
        reflection.enable_server_reflection((*_SERVICES, _HEALTH, reflection.SERVICE_NAME), self._grpc)

    async def __aenter__(self) -> Self:
        self.port = self._bind()
        async with AsyncExitStack() as stack:
            if self._tracing is not None:
                stack.push_async_callback(asyncio.to_thread, self._tracing.close)
            stack.callback(self._image_worker.close)
            stack.callback(self._score_worker.close)
            stack.callback(self._texts.close)
            self._warm_texts()
            if self._config.warm:
                await self._images.warm()
                await self._warming
            stack.push_async_callback(self._grpc.stop, 0)
            await self._grpc.start()
            if self._page_socket is not None:
                await stack.enter_async_context(self._page(self._page_socket))
            self._health.set(health_pb2.HealthCheckResponse.SERVING)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stops at once; `drain` before it is kinder."""
        await self._stack.aclose()

    def offer(self, voices: Iterable[ServedVoice], images: Mapping[str, ServedImages]) -> None:
        """From now on these are served; calls that have begun are not touched."""
        self._requests.serve(voices)
        self._images.serve(images)
        self._warm_texts()
        self._health.name(_named(self._requests.voices))

    def _warm_texts(self) -> None:
        """Has the voices loaded that read text, beside whatever goes on."""
        self._warming = asyncio.create_task(self._texts.warm(list(self._requests.voices.values())))

    def read_files(self) -> Files:
        """Reads the files of tokens and certificates again; on any thread."""
        files, problems = list[str](), list[str]()
        for followed in self._followed:
            if problem := followed.again():
                problems.append(f"{problem}; what was there before stays")
            else:
                files += followed.files
        return Files(list(dict.fromkeys(files)), list(dict.fromkeys(problems)))

    async def drain(self, grace: float) -> None:
        """Says NOT_SERVING, refuses new calls with UNAVAILABLE, and waits for those under way, at most `grace` s."""
        self.say_not_serving()
        await self._admission.drain(grace)
        await asyncio.sleep(min(_LAST_MOMENT, grace))

    def say_not_serving(self) -> None:
        """Health says that there is nothing to be had here, for whoever starts servers to start another."""
        self._health.set(health_pb2.HealthCheckResponse.NOT_SERVING)

    def _bind(self) -> int:
        config = self._config
        address = host_and_port(config.host, config.port)
        try:
            if config.tls is None:
                return self._grpc.add_insecure_port(address)
            return self._grpc.add_secure_port(
                address, grpc_credentials(config.tls, config.tls_clients, self._followed)
            )
        except RuntimeError as error:
            check_port(config.host, config.port)  # says why, if somebody was faster
            raise OSError(f"cannot listen on {address}: gRPC refuses it") from error

    def _page(self, listener: socket.socket) -> AbstractAsyncContextManager[None]:
        """Serves the page beside gRPC; what it needs is loaded here, for those who want it."""
        with extra("web", "the page"):
            from wavesynth.server.web.page import Page
            from wavesynth.server.web.serving import serve_page
            from wavesynth.server.web.visitors import Visitors
        config, web = self._config, self._config.web
        assert web is not None
        visitors = Visitors((*web.hosts, config.host), web.origins, secure=config.tls is not None)
        page = Page(self._service, self._requests, self._images, self._admission, web, visitors)
        context = config.tls and page_context(config.tls, config.tls_clients, self._followed)
        return serve_page(page, listener, context)


def _named(voices: Iterable[str]) -> tuple[str, ...]:
    """What health is asked for: the server, each service, and each voice as SERVICE/VOICE."""
    return ("", *_SERVICES, *(f"{_SERVICES[0]}/{voice}" for voice in voices))


#: Seconds that a connection may be used for new calls, at least; those that have begun may go on for as long again.
_LEAST_AGE = 600.0


def _grpc_options(shared: bool, limits: Limits) -> list[tuple[str, int]]:
    longest = round(1000 * max(limits.call, _LEAST_AGE))
    ping_after = round(1000 * limits.vanished / 3)
    ping_timeout = round(1000 * limits.vanished) - ping_after
    return [
        ("grpc.max_receive_message_length", MAX_MESSAGE),
        ("grpc.max_send_message_length", MAX_MESSAGE),
        # Sound does not shrink, and 16 kB could make the server unpack 16 MiB: a compressed message is UNIMPLEMENTED.
        ("grpc.compression_enabled_algorithms_bitset", 1),
        ("grpc.max_concurrent_streams", limits.calls),  # of a connection
        # A caller who never reads keeps what is left of an ended call until its connection ends.
        ("grpc.max_connection_age_ms", longest),
        ("grpc.max_connection_age_grace_ms", longest),
        ("grpc.so_reuseport", int(shared)),  # 0: a port in use is an error, not a second server on it
        ("grpc.keepalive_time_ms", ping_after),  # a caller that vanished gives its place back
        ("grpc.keepalive_timeout_ms", ping_timeout),  # is TCP's; gRPC has another for the ping (of 60 s)
        ("grpc.http2.ping_timeout_ms", ping_timeout),
        ("grpc.http2.max_pings_without_data", 0),
        # Input is read no further ahead than it is needed. With windows that grow by themselves, a fast sender
        # fills a slow line with megabytes, and its pings wait behind them.
        ("grpc.http2.bdp_probe", 0),
        # Clients ask whether the server is there, over a silent call and between calls; more often is abuse.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", PING_INTERVAL_MS),
    ]
