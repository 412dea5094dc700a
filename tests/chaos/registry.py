"""Attacks by name, and what each of them knows of the server."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from tests.server.frames import HandMade

__all__ = ["ATTACKS", "Target", "attack", "hold"]


@dataclass(frozen=True)
class Target:
    """A server that is attacked."""

    port: int
    page: int
    token: str
    server: int = 0
    """The number of its process, and where its voices are: for what an operator does."""
    voices: str = ""

    def caller(self, **options) -> HandMade:
        """A connection to its gRPC port, from another address of this machine than others have."""
        return HandMade(self.port, source="127.0.0.2", **options)

    @property
    def metadata(self):
        """What a call with the token has."""
        return (("authorization", f"Bearer {self.token}"),)


ATTACKS: dict[str, Callable[[Target], None]] = {}


def attack(function):
    """Registers what is done again and again, on a new connection where the server closes one."""

    def forever(target):
        print(flush=True)
        while True:
            with suppress(OSError):
                function(target)
            time.sleep(0.01)

    ATTACKS[function.__name__] = forever
    return function


def hold():
    """Does nothing for a while."""
    time.sleep(60)
