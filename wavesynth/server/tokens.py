"""Who may call: tokens with a name, rights and limits, of which the server knows nothing but hashes."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc

from wavesynth.checks import build, require, require_whole
from wavesynth.files import read_text
from wavesynth.server.errors import RefusedError

__all__ = ["ADMIN", "SCOPES", "Allowance", "Bearer", "Token", "Tokens", "hash_of", "new_token"]

#: What a token may allow: to make audio, to list voices and models, to make images, to score recordings.
SCOPES = ("synthesise", "list", "images", "score")

#: What no token allows unless its scopes say so: to have the server read its files again.
ADMIN = "admin"

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HASH = re.compile(r"[0-9a-f]{64}")
_MOST = 1_000_000


def new_token() -> str:
    """A token that nobody guesses: 256 random bits."""
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """What a server keeps of a token: SHA-256, hexadecimal. A slow hash would guard passwords that people think of; a
    token of 256 random bits needs none."""
    # A page can send half of a surrogate pair, which UTF-8 does not have.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class Allowance:
    """So much a minute: what is not used is kept for a minute. For several threads."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._left, self._at = per_minute, clock()
        self._lock = threading.Lock()

    def wait(self, amount: float = 0.0) -> float:
        """Takes `amount`, and returns 0; or seconds until there is as much, or anything if it is 0."""
        with self._lock:
            now = self._clock()
            self._left = min(self._per_minute, self._left + (now - self._at) / 60 * self._per_minute)
            self._at = now
            if self._left < amount or self._left <= 0:
                return (amount - self._left) * 60 / self._per_minute + 0.001
            self._left -= amount
            return 0.0

    def spend(self, amount: float) -> None:
        """Takes it, though nothing may be left."""
        with self._lock:
            self._left -= amount


@dataclass(frozen=True)
class Token:
    """What the server knows of a token. Raises ValueError, naming the field."""

    sha256: str
    """`hash_of` it."""
    name: str = ""
    """Whose it is; empty for one that all share."""
    scopes: tuple[str, ...] = SCOPES
    """What it allows."""
    expires: datetime | None = None
    streams: int | None = None
    """Live streams at once, and as many offline ones."""
    seconds_a_minute: float | None = None
    """Seconds of audio."""
    requests_a_minute: int | None = None

    def __post_init__(self) -> None:
        require(
            self,
            "sha256",
            bool(_HASH.fullmatch(self.sha256)),
            "the SHA-256 of a token, 64 hexadecimal digits",
        )
        named = not self.name or bool(_NAME.fullmatch(self.name))
        require(self, "name", named, "1 to 64 letters, digits, dots and hyphens")
        known = bool(self.scopes) and set(self.scopes) <= {*SCOPES, ADMIN}
        require(self, "scopes", known, f"some of {', '.join((*SCOPES, ADMIN))}")
        zoned = self.expires is None or self.expires.tzinfo is not None
        require(self, "expires", zoned, "a time with its zone, such as 2027-01-01T00:00:00Z")
        require_whole(
            self, {n: (1, _MOST) for n in ("streams", "requests_a_minute") if getattr(self, n) is not None}
        )
        seconds = self.seconds_a_minute
        require(
            self, "seconds_a_minute", seconds is None or 0 < seconds <= _MOST, f"above 0 and at most {_MOST}"
        )


@dataclass(frozen=True)
class Bearer:
    """Who calls, by a token; what is left to it in this minute. Raises RefusedError where nothing is."""

    token: Token
    audio: Allowance | None
    requests: Allowance | None

    @classmethod
    def of(cls, token: Token) -> Bearer:
        """One who has called nothing yet."""
        seconds, requests = token.seconds_a_minute, token.requests_a_minute
        return cls(token, Allowance(seconds) if seconds else None, Allowance(requests) if requests else None)

    def begins(self) -> None:
        """A call begins."""
        for allowance, amount, what in (
            (self.audio, 0.0, f"{self.token.seconds_a_minute} seconds of audio"),
            (self.requests, 1.0, f"{self.token.requests_a_minute} requests"),
        ):
            if allowance and (wait := allowance.wait(amount)):
                message = f"{self.token.name} may have {what} a minute, and has had them"
                raise RefusedError.full(message, wait, "limit")

    def heard(self, seconds: float) -> None:
        """So much audio was sent: a call that has begun is not cut."""
        if self.audio:
            self.audio.spend(seconds)


class Tokens:
    """Those that the server takes; all hashes are compared, each in constant time."""

    def __init__(self, tokens: Iterable[Token], before: Tokens | None = None) -> None:
        """Of a token that was there `before` too it is remembered what is left to it."""
        known = {bearer.token: bearer for bearer in before.bearers} if before else {}
        self.bearers: list[Bearer] = [known.get(token) or Bearer.of(token) for token in tokens]

    @classmethod
    def of(cls, token: str) -> Tokens:
        """One that allows everything."""
        return cls([Token(hash_of(token))])

    @classmethod
    def read(cls, path: Path, before: Tokens | None = None) -> Tokens:
        """Those of a TOML file: a table for each, by name. Raises ValueError, naming file, token and field, and
        OSError."""
        try:
            found = tomllib.loads(read_text(path))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ValueError(f"{path} is not TOML: {error}") from None
        if not found:
            raise ValueError(f"{path} has no token; it must have a table for each, such as [radio]")
        try:
            tokens = [build(name, Token, _named(name, values)) for name, values in found.items()]
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        return cls(tokens, before)

    def bearer(self, authorization: str, scope: str) -> Bearer:
        """Whose token a call has. Raises RefusedError if it has none, or one that does not allow `scope`."""
        kind, _, given = authorization.partition(" ")
        sent, found = hash_of(given), None
        for bearer in self.bearers:
            if hmac.compare_digest(bearer.token.sha256, sent) and kind == "Bearer":
                found = bearer
        if found is None:
            message = "metadata authorization is missing or wrong; it must be Bearer TOKEN"
            raise RefusedError(grpc.StatusCode.UNAUTHENTICATED, message)
        token = found.token
        if token.expires is not None and token.expires <= datetime.now(UTC):
            message = f"the token of {token.name} has expired, on {token.expires:%Y-%m-%d at %H:%M %Z}"
            raise RefusedError(grpc.StatusCode.UNAUTHENTICATED, message)
        if scope not in token.scopes:
            whose = f"the token of {token.name}" if token.name else "the token"
            message = f"{whose} allows {', '.join(token.scopes)}; this call needs {scope}"
            raise RefusedError(grpc.StatusCode.PERMISSION_DENIED, message)
        return found


def _named(name: str, values: object) -> object:
    if not name:
        raise ValueError("a table has no name; it must say whose token it is, such as [radio]")
    if isinstance(values, dict) and "name" in values:
        raise ValueError(f"[{name}] name is not a key; the name is the table's")
    return {**values, "name": name} if isinstance(values, dict) else values
