"""The HTTP server of the metrics and of the probes: a few connections at a time, none of them for long."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from wavesynth.server.sockets import listening

__all__ = ["serve_metrics"]

#: Connections at once, each with a thread. Prometheus has one; what comes beyond is closed.
_MAX_CONNECTIONS = 8
#: Seconds from a connection's first moment to its end, however slowly its request comes and its page is read.
_LONGEST = 10.0


@contextmanager
def serve_metrics(
    host: str,
    port: int,
    registry: CollectorRegistry,
    ready: Callable[[], bool],
    voices: Callable[[], Collection[str]] = lambda: (),
    longest: float = _LONGEST,
) -> Iterator[None]:
    """Serves the metrics of `registry`; /live answers 200, and /ready 200 or 503 as it is `ready` for calls, and
    /ready?voice=NAME 404 for a name that is none of the `voices`. No connection lasts longer than `longest` seconds.

    Raises OSError, in a sentence, for a port that cannot be had.
    """
    with listening(host, port, "serve metrics") as listener:
        server = _Server(listener, _application(registry, ready, voices), longest)
        thread = threading.Thread(target=server.serve_forever, name="wavesynth-metrics", daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def _application(
    registry: CollectorRegistry, ready: Callable[[], bool], voices: Callable[[], Collection[str]]
) -> Any:
    metrics = make_wsgi_app(registry)

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        path = environ.get("PATH_INFO", "")
        if path not in ("/live", "/ready"):
            return metrics(environ, start)
        asked = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True).get("voice", [])
        well = path == "/live" or ready()
        status, said = ("200 OK", path[1:]) if well else ("503 Service Unavailable", f"not {path[1:]}")
        if path == "/ready" and not set(asked) <= set(voices()):
            status, said = "404 Not Found", "there is no such voice"
        start(status, [("Content-Type", "text/plain")])
        return [f"{said}\n".encode()]

    return application


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Writes no line for a request: the log is for calls."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket, application: Any, longest: float) -> None:
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_name, self.server_port = listener.getsockname()[:2]
        self.setup_environ()
        self.set_app(application)
        self._longest = longest
        self._places = threading.Semaphore(_MAX_CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Gives a connection its thread, while there are not too many."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection, on its thread."""
        end = threading.Timer(self._longest, _cut, [request])
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._places.release()

    def handle_error(self, *_: object) -> None:
        """A connection that broke, or was cut, is no news."""


def _cut(request: socket.socket) -> None:
    with suppress(OSError):  # it may have ended by itself
        request.shutdown(socket.SHUT_RDWR)
