"""Certificates that are replaced while the server runs, and callers who must have one."""

import asyncio
import os
import shutil
import ssl
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from tests.server.calls import configuration
from wavesynth.server import followed
from wavesynth.server.server import Server
from wavesynth.server.web.config import WebConfig
from wavesynth.v1 import synthesis_pb2 as pb
from wavesynth.v1.synthesis_pb2_grpc import SynthesisServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="session")

FILES = Path(__file__).parent / "tls"


@pytest.fixture
def tls(tmp_path, monkeypatch):
    monkeypatch.setattr(followed, "EVERY", 0.0)
    shutil.copy(FILES / "cert.pem", tmp_path / "cert.pem")
    shutil.copy(FILES / "key.pem", tmp_path / "key.pem")
    return tmp_path / "cert.pem", tmp_path / "key.pem"


def renew(tls, certificate="renewed.pem", key="renewed-key.pem"):
    """As programs that renew certificates do: one file after the other."""
    for file, new in zip(tls, (certificate, key), strict=True):
        shutil.copy(FILES / new, file.with_suffix(".new"))
        os.replace(file.with_suffix(".new"), file)


@asynccontextmanager
async def trusting(server, root, *identity):
    """A channel of a caller who knows the server by `root`."""
    content = [(FILES / name).read_bytes() for name in (root, *identity)]
    options = [("grpc.use_local_subchannel_pool", 1)]
    credentials = grpc.ssl_channel_credentials(*content)
    async with grpc.aio.secure_channel(f"localhost:{server.port}", credentials, options) as channel:
        yield SynthesisServiceStub(channel)


async def answers(server, *files):
    async with trusting(server, *files) as stub:
        try:
            await stub.ListVoices(pb.ListVoicesRequest(), timeout=10)
        except grpc.aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.UNAVAILABLE
            return False
        return True


async def test_a_renewed_certificate_is_shown_to_new_callers_and_ends_no_call(config, tls):
    async with Server(replace(config, tls=tls)) as server, trusting(server, "cert.pem") as stub:
        call = stub.Resynthesize()
        await call.write(configuration())
        assert not await answers(server, "renewed.pem")
        renew(tls)
        assert await answers(server, "renewed.pem")
        assert not await answers(server, "cert.pem")
        assert not call.done()
        await stub.ListVoices(pb.ListVoicesRequest())  # on the connection that is open
        call.cancel()


@pytest.mark.parametrize("files", [("renewed.pem", "key.pem"), ("key.pem", "key.pem")])
async def test_files_that_are_no_pair_leave_the_certificate_as_it_is(config, tls, files):
    async with Server(replace(config, tls=tls)) as server:
        renew(tls, *files)
        assert await answers(server, "cert.pem")
        renew(tls)
        assert await answers(server, "renewed.pem")


async def test_only_callers_with_a_certificate_are_let_in(config, tls):
    async with Server(replace(config, tls=tls, tls_clients=FILES / "client.pem")) as server:
        assert await answers(server, "cert.pem", "client-key.pem", "client.pem")
        assert not await answers(server, "cert.pem")
        assert not await answers(server, "cert.pem", "renewed-key.pem", "renewed.pem")


async def test_the_page_has_the_same_certificates(config, tls):
    config = replace(config, tls=tls, tls_clients=FILES / "client.pem", web=WebConfig(0))
    async with Server(config) as server:
        assert await page(server, "cert.pem", "client") == b"HTTP/1.1 200 OK"
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await page(server, "cert.pem")
        renew(tls)
        with pytest.raises(ssl.SSLCertVerificationError):
            await page(server, "cert.pem", "client")
        assert await page(server, "renewed.pem", "client") == b"HTTP/1.1 200 OK"


async def page(server, root, identity=None):
    """The first line of the page's answer."""
    context = ssl.create_default_context(cafile=FILES / root)
    if identity:
        context.load_cert_chain(FILES / f"{identity}.pem", FILES / f"{identity}-key.pem")
    reader, writer = await asyncio.open_connection("localhost", server.web_port, ssl=context)
    try:
        writer.write(f"GET / HTTP/1.1\r\nHost: localhost:{server.web_port}\r\n\r\n".encode())
        line = await reader.readline()
        if not line:
            raise ConnectionError("the server closed the connection")
        return line.strip()
    finally:
        writer.close()
