"""What both clients need for a channel: the way to the service, whom they trust, who they are, how it is kept alive."""

from __future__ import annotations

import ipaddress
import logging
import os
import re
from dataclasses import dataclass
from typing import Any

import grpc

from wavesynth.v1 import MAX_MESSAGE

from .errors import ServiceError, UnavailableError, service_error

__all__ = ["Connection"]

_log = logging.getLogger(__name__)

#: Milliseconds without a byte from the service after which a ping is sent; the service must permit as many.
PING_AFTER = 5_000
#: Milliseconds until a ping must be answered, and until TCP must have what was sent acknowledged. Long enough for a
#: network that stalls and for a ping behind a megabyte on a slow line; short enough for a caller who waits.
PING_TIMEOUT = 20_000

#: How the address of a socket of this machine begins; a path follows.
_SOCKETS = ("unix:", "unix-abstract:")
#: Why gRPC has failed to connect where no process listens.
_NOBODY_THERE = ("Connection refused", "No such file or directory")


@dataclass(frozen=True)
class Connection:
    """How to reach a service.

    TLS is used with `certificates`, the root certificates (PEM) to know the server by, or with `credentials`,
    gRPC's own, which may be composed of channel and call credentials. A token that goes to another machine without TLS
    is warned of, in the log.
    """

    address: str
    token: str | None = None
    """What the service wants as `authorization: Bearer TOKEN`."""
    certificates: bytes | None = None
    credentials: grpc.ChannelCredentials | None = None

    def __post_init__(self) -> None:
        _check_address(self.address)
        if self.certificates is not None and self.credentials is not None:
            raise ValueError("certificates and credentials are both given; at most one of them may be")
        if self.token is not None and self.secure is None and not self.local:
            _log.warning(
                "the token goes to %s without TLS, where everybody on the way can read it; "
                "give certificates if the service speaks TLS",
                self.address,
            )

    @property
    def secure(self) -> grpc.ChannelCredentials | None:
        """The channel's credentials; None for a connection without TLS."""
        if self.certificates is not None:
            return grpc.ssl_channel_credentials(self.certificates)
        return self.credentials

    def channel(self, module: Any) -> Any:
        """A channel of `module`, which is grpc or grpc.aio."""
        if (credentials := self.secure) is None:
            return module.insecure_channel(self.address, self.options)
        return module.secure_channel(self.address, credentials, self.options)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with every call."""
        return () if self.token is None else (("authorization", f"Bearer {self.token}"),)

    @property
    def options(self) -> list[tuple[str, int]]:
        """The channel's options. It looks for a lost server at least twice a second; calls decide when to give up.

        How long one attempt to connect may take is left to gRPC (20 s): `grpc.min_reconnect_backoff_ms` would bound it,
        and a server on the other side of the world needs more than one round trip for TCP, TLS and HTTP/2.
        """
        return [
            ("grpc.max_receive_message_length", MAX_MESSAGE),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 500),
            # A path that was lost without a word, or a frozen server: pings go unanswered. So they are while nobody
            # calls, and the next call finds a connection that works.
            ("grpc.keepalive_time_ms", PING_AFTER),
            ("grpc.keepalive_timeout_ms", PING_TIMEOUT),  # is TCP's; gRPC has another for the ping (of 60 s)
            ("grpc.http2.ping_timeout_ms", PING_TIMEOUT),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),  # a microphone may be silent for hours
            ("grpc.enable_http_proxy", int(self.proxy is not None)),
        ]

    @property
    def local(self) -> bool:
        """Whether the service is on this machine, where no proxy leads to."""
        if self.address.startswith(_SOCKETS):
            return True
        host = self._host
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return address.is_loopback or address.is_unspecified

    @property
    def proxy(self) -> tuple[str, str] | None:
        """The variable that names a proxy for the service, as gRPC looks for it, and the proxy without its password."""
        if self.local:
            return None
        without = os.environ.get("no_grpc_proxy") or os.environ.get("no_proxy") or ""  # noqa: SIM112 (as gRPC spells it)
        for name in filter(None, (entry.strip().lower() for entry in without.split(","))):
            if name == "*" or f".{self._host}".endswith("." + name.lstrip("*.")):
                return None
        for variable in ("grpc_proxy", "https_proxy", "http_proxy"):
            if value := os.environ.get(variable):
                return variable, value.rpartition("@")[2].rpartition("://")[2].rstrip("/")
        return None

    def error(self, error: grpc.RpcError) -> ServiceError:
        """gRPC's `error` as the exception for its status; it says what may keep a service from being reached."""
        problem = service_error(error)
        if not isinstance(problem, UnavailableError):
            return problem
        if proxy := self.proxy:
            variable, where = proxy
            return UnavailableError(
                f"{problem} (by way of the proxy {where}, which {variable} names; "
                f"no_proxy={self._host} would go without)",
                problem.code,
                request_id=problem.request_id,
            )
        said = str(problem)
        if not said.startswith("failed to connect"):
            return problem
        if any(reason in said for reason in _NOBODY_THERE):
            said = f"nothing answers at {self.address}; is `wavesynth serve` running there?"
        elif said.endswith("Socket closed") and self.secure is None:
            said = f"{self.address} closes the connection; if the service speaks TLS, give its certificate"
        return UnavailableError(said, problem.code)

    @property
    def _host(self) -> str:
        """The host of `address`, which may have a scheme before it and a port behind it."""
        text = re.sub(r"^(dns|ipv4|ipv6|passthrough):(//[^/]*/)?/?", "", self.address.lower())
        if text.startswith("["):
            return text[1:].partition("]")[0]
        return text if text.count(":") > 1 else text.partition(":")[0]


def _check_address(address: str) -> None:
    """ValueError for an address that gRPC would take for another one than it is meant to be."""
    if address.startswith(_SOCKETS):
        return  # a path, in which a colon is a letter like others
    if address.lower().startswith(("http://", "https://")):
        raise ValueError(f"address is {address!r}; it must be host:port, without http://")
    host, _, port = address.rpartition(":")
    if _is_ipv6(host):  # gRPC would take the port for the end of the host
        raise ValueError(f"address is {address!r}; of IPv6 it must be [host]:port")
    if port.isdecimal() and not 1 <= int(port) <= 65535:  # gRPC would take what is left of it by 65536
        raise ValueError(f"address is {address!r}; its port must be from 1 to 65535")


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True
