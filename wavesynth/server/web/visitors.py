"""Which browsers' requests are for this server, and which pages may use it."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from websockets.datastructures import Headers

from wavesynth.server.sockets import plain

__all__ = ["Visitors"]


class Visitors:
    """Tells by a request's headers Host and Origin.

    A page of another site can have its own name lead to this server (DNS rebinding), and is then of the same origin as
    far as its browser knows. The header Host still has that name. Nobody can do so with a numeric address. With TLS
    (`secure`) no browser gets so far: the certificate is for another name.
    """

    def __init__(self, hosts: Iterable[str], origins: Iterable[str], secure: bool) -> None:
        names = {*hosts, socket.gethostname()}
        self._names = {plain(name).lower() for name in names if name}
        self._origins, self._secure = frozenset(origins), secure

    def refusal(self, headers: Headers) -> str | None:
        """Why a request is not answered, in a sentence; None if it is."""
        host, origin = _only(headers, "Host"), _only(headers, "Origin")
        if not (self._secure or self._is_ours(host)):
            known = ", ".join(["localhost", *sorted(self._names)])
            return f"Host is {host[:100]!r}; it must be {known} or a numeric address (--web-host adds names)"
        # What is no browser sends no origin.
        if origin and origin not in self._origins and _part(origin, "netloc") != host:
            return f"Origin is {origin[:100]!r}, another site than {host[:100]} (--web-origin adds sites)"
        return None

    def _is_ours(self, host: str) -> bool:
        name = _part(f"//{host}", "hostname").rstrip(".")
        if name in self._names or name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _only(headers: Headers, name: str) -> str:
    """A header's value; all of them, where a browser would send one."""
    return ", ".join(headers.get_all(name))


def _part(address: str, name: str) -> str:
    """A part of an address, "" if it has none or is none, such as "http://["."""
    try:
        return str(getattr(urlsplit(address), name) or "")
    except ValueError:
        return ""
