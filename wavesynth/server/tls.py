"""The files of TLS, looked at before anybody relies on them."""

from __future__ import annotations

import logging
import re
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import grpc

__all__ = ["read_pair", "read_roots", "read_tls"]

_log = logging.getLogger(__name__)

_CERTIFICATE = re.compile(rb"-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----")
_KEY = re.compile(rb"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----")


def read_tls(certificate: Path, key: Path) -> tuple[bytes, bytes]:
    """The server's `read_pair`, of --tls-cert and --tls-key.

    Warns of a certificate that clients will refuse, such as one that has expired.
    """
    chain, private = read_pair("tls", certificate, key)
    client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client.load_verify_locations(certificate)
    server.load_cert_chain(certificate, key)
    if refusal := _refusal(client, server):
        _log.warning("clients will refuse the certificate in %s: %s", certificate, refusal)
    return chain, private


def read_pair(whose: str, certificate: Path, key: Path) -> tuple[bytes, bytes]:
    """A certificate chain and its private key, PEM, from the files of the options --WHOSE-cert and --WHOSE-key.

    Raises ValueError, in a sentence that names the file, for what cannot be used: what is unreadable, encrypted,
    something else, or no pair.
    """
    chain, private = _content(f"{whose}-cert", certificate), _content(f"{whose}-key", key)
    swapped = bool(_KEY.search(chain) and _CERTIFICATE.search(private))
    for option, path, content, wanted, what in (
        ("cert", certificate, chain, _CERTIFICATE, "certificate"),
        ("key", key, private, _KEY, "private key"),
    ):
        if not wanted.search(content):
            hint = f"; --{whose}-cert and --{whose}-key may be swapped" if swapped else ""
            raise ValueError(f"--{whose}-{option} is {path}, which holds no {what} in PEM{hint}")

    def encrypted() -> NoReturn:
        raise ValueError(f"--{whose}-key is {key}, which is encrypted; the key must be in the clear")

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(certificate)
    except ssl.SSLError as error:
        raise ValueError(f"--{whose}-cert is {certificate}, whose certificate is damaged") from error
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, encrypted)
    except ssl.SSLError as error:
        if error.reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"):
            raise ValueError(
                f"--{whose}-key is {key}, which is not the key of the first certificate in {certificate}"
            ) from error
        if error.reason is None or not error.reason.startswith("EE_"):
            raise ValueError(f"--{whose}-key is {key}, whose private key is damaged") from error
        raise ValueError(
            f"--{whose}-cert is {certificate}, which cannot be used: {_words(error.reason)}"
        ) from error
    if not _grpc_takes(chain, private):
        raise ValueError(
            f"--{whose}-cert is {certificate} and --{whose}-key is {key}, which gRPC cannot use: the key must be of "
            "RSA, on the curve P-256, P-384 or P-521, or Ed25519, and nothing but text may stand before key and "
            "certificate"
        )
    return chain, private


def read_roots(path: Path) -> bytes:
    """The root certificates of callers, PEM. Raises ValueError, in a sentence that names the file, unless they are."""
    roots = _content("tls-clients", path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=roots.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise ValueError(f"--tls-clients is {path}, which holds no certificate in PEM") from error
    return roots


def _content(option: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"--{option} is {path}, which cannot be read: {error.strerror}") from error


def _words(reason: str) -> str:
    """OpenSSL's name of a reason, such as NO_SHARED_CIPHER, as it is said in a sentence."""
    return reason.lower().replace("_", " ")


def _grpc_takes(chain: bytes, private: bytes) -> bool:
    """Whether gRPC can serve with them. It has a TLS library of its own, which knows less than Python's, and says no
    more than that there is no port."""
    server = grpc.server(ThreadPoolExecutor(1))
    try:
        server.add_secure_port("localhost:0", grpc.ssl_server_credentials([(private, chain)]))
    except RuntimeError:
        return False
    finally:
        server.start()  # one that was never started keeps its sockets for ever
        server.stop(None).wait()
    return True


def _refusal(client: ssl.SSLContext, server: ssl.SSLContext) -> str | None:
    """Why a client that trusts the server's certificate itself refuses it all the same, if it does."""
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True))
    for _ in range(3):  # each end's messages, at most
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                # Without a verify_message no certificate was looked at: the curve of its key is not offered, say.
                return getattr(error, "verify_message", None) or _words(error.reason or "the handshake fails")
    return None
