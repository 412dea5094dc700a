"""Who calls, as far as one client may have only a part of the places."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import unquote

from wavesynth.server.limits import Limits

__all__ = ["address_of", "client_of"]

#: Bits of an IPv6 address that are the network's: a household, or one machine, has all addresses of its network.
_NETWORK_BITS = 64


def address_of(context: Any) -> str:
    """The address of a call's caller, without the port, and of IPv6 the network; empty for a socket of this machine.

    `context.peer()` is as gRPC writes it: ipv4:192.0.2.7:4711, ipv6:[2001:db8::7]:4711 with escapes, unix:/a/path.
    """
    kind, _, rest = unquote(context.peer()).partition(":")
    if kind not in ("ipv4", "ipv6"):
        return ""
    address = ipaddress.ip_address(rest.rpartition(":")[0].strip("[]").partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    if address.version == 6 and not address.is_loopback:
        return str(ipaddress.ip_network((address, _NETWORK_BITS), strict=False))
    return str(address)


def client_of(address: str, limits: Limits) -> str:
    """The name of who may have only a share of the places, by `address_of`; empty for one who may have all."""
    here = not address or address == "::1" or address.startswith("127.")
    return "" if here and limits.client_share is None else address
