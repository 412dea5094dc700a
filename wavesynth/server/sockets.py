"""Where the server listens: addresses as people write them, and why one cannot be had."""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import Any

__all__ = ["check_port", "host_and_port", "is_loopback", "listening", "plain", "sharing"]

_REASONS = {
    errno.EADDRINUSE: "the port is in use",
    errno.EACCES: "this user may not have that port",
    errno.EPERM: "this user may not have that port",
    errno.EADDRNOTAVAIL: "the address is none of this machine's",
    errno.EAFNOSUPPORT: "this machine has no such addresses",
}


def plain(host: str) -> str:
    """A host without the brackets that an IPv6 address has in a URL."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def host_and_port(host: str, port: int) -> str:
    """host:port, with an IPv6 address in brackets."""
    host = plain(host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server there; a name counts by the addresses that it has now."""
    try:
        found = socket.getaddrinfo(plain(host), None)
    except (OSError, UnicodeError):
        return False
    return all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


def listening(host: str, port: int, purpose: str = "listen") -> socket.socket:
    """A socket that takes connections, each of which sends a short message at once; port 0 is a free one.

    Raises OSError, saying that one cannot `purpose` there and why.
    """
    listener, address = _socket(host, port, purpose)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise _refused(host, port, purpose, error) from error
    # Connections have it from here. asyncio leaves it to sockets that name their protocol, which this one may not;
    # without it the second of two short messages waits for the first one's acknowledgement, 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def sharing(host: str, port: int) -> socket.socket:
    """A socket that takes no connections, and keeps the port for other processes of this user to listen on
    (SO_REUSEPORT); port 0 is a free one. Raises OSError, saying why the port cannot be had."""
    if port:
        check_port(host, port)  # which one that others share looks free to who would share it
    held, address = _socket(host, port, "listen")
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server before may have had connections
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(address)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # others may not have the port beside it
    except OSError as error:
        held.close()
        raise _refused(host, port, "listen", error) from error
    return held


def check_port(host: str, port: int, purpose: str = "listen") -> None:
    """Raises what `listening` would, for what opens its own sockets and does not say why it cannot."""
    listening(host, port, purpose).close()


def _socket(host: str, port: int, purpose: str) -> tuple[socket.socket, Any]:
    """A socket for a host, and the address to bind it to."""
    try:
        found = socket.getaddrinfo(plain(host), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise OSError(
            f"cannot {purpose} on {host_and_port(host, port)}: "
            f"{host!r} is neither an address nor a name that is known here"
        ) from error
    # Of a name's addresses that of IPv4, which every client has.
    family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    try:
        made = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _refused(host, port, purpose, error) from error
    if family == socket.AF_INET6 and plain(host) == "::":
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # all addresses, as gRPC takes it
    return made, address


def _refused(host: str, port: int, purpose: str, error: OSError) -> OSError:
    reason = _REASONS.get(error.errno or 0, error.strerror)
    return OSError(f"cannot {purpose} on {host_and_port(host, port)}: {reason}")
