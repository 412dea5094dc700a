"""python -m wavesynth.server.ask_health [PORT]: whether the server on this machine serves, with TLS or without.

The exit code is 0 if it does: for a container's health check, which knows no more than the port.
"""

from __future__ import annotations

import socket
import ssl
import sys

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

__all__ = ["serves"]

#: Seconds for each of the questions.
_TIMEOUT = 2.0


def serves(port: int) -> bool:
    """Whether the server on this port says that it serves."""
    options: list[tuple[str, int | str]] = [("grpc.enable_http_proxy", 0)]
    if (found := _certificate(port)) is None:
        channel = grpc.insecure_channel(f"localhost:{port}", options)
    else:
        certificate, name = found
        options.append(("grpc.ssl_target_name_override", name))
        credentials = grpc.ssl_channel_credentials(certificate.encode())
        channel = grpc.secure_channel(f"localhost:{port}", credentials, options)
    with channel:
        try:
            answer = HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _certificate(port: int) -> tuple[str, str] | None:
    """The server's certificate, PEM, and a name that it is for; None if the server speaks no TLS.

    Whoever asks is on the same machine and says nothing secret: the certificate need not be trusted, only used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        certificate = ssl.get_server_certificate(("localhost", port), timeout=_TIMEOUT)
        context.load_verify_locations(cadata=certificate)
        with (
            socket.create_connection(("localhost", port), _TIMEOUT) as connection,
            context.wrap_socket(connection) as secured,
        ):
            described = secured.getpeercert() or {}
    except OSError:  # ssl.SSLError is one
        return None
    names = [str(pair[1]) for pair in described.get("subjectAltName", ())]
    return certificate, names[0] if names else "localhost"


if __name__ == "__main__":
    sys.exit(not serves(int(sys.argv[1]) if len(sys.argv) > 1 else 50051))
