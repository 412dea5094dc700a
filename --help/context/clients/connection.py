"""What both clients need for a channel: whom they trust, who they are, how fast they try again."""

from __future__ import annotations

from dataclasses import dataclass

import grpc

__all__ = ["Connection"]

_MAX_MESSAGE = 16 << 20


@dataclass(frozen=True)
class Connection:
    """How to reach a service.

    TLS is used with `certificates`, the root certificates (PEM) to know the server by, or with `credentials`,
    gRPC's own, which may be composed of channel and call credentials.
    """

    address: str
    token: str | None = None
    """What the service wants as `authorization: Bearer TOKEN`."""
    certificates: bytes | None = None
    credentials: grpc.ChannelCredentials | None = None

    def __post_init__(self) -> None:
        if self.certificates is not None and self.credentials is not None:
            raise ValueError("certificates and credentials are both given; at most one of them may be")

    @property
    def secure(self) -> grpc.ChannelCredentials | None:
        """The channel's credentials; None for a connection without TLS."""
        if self.certificates is not None:
            return grpc.ssl_channel_credentials(self.certificates)
        return self.credentials

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with every call."""
        return () if self.token is None else (("authorization", f"Bearer {self.token}"),)

    @property
    def options(self) -> list[tuple[str, int]]:
        """The channel's options. It looks for a lost server at least twice a second; calls decide when to give up."""
        return [
            ("grpc.max_receive_message_length", _MAX_MESSAGE),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 500),
        ]
