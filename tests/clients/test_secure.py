"""TLS and call credentials as gRPC has them, for both clients."""

from pathlib import Path

import grpc
import pytest

from wavesynth.clients import AsyncClient, AuthenticationError, Client, UnavailableError

TLS = Path(__file__).parents[1] / "server" / "tls"
ROOT = (TLS / "cert.pem").read_bytes()


@pytest.fixture(scope="module")
def address(serve):
    options = {"tls": (TLS / "cert.pem", TLS / "key.pem"), "token": "secret"}
    with serve(**options) as server:
        yield f"localhost:{server.port}"


def composed(token):
    return grpc.composite_channel_credentials(
        grpc.ssl_channel_credentials(ROOT), grpc.access_token_call_credentials(token)
    )


async def test_grpcs_own_credentials_are_taken(address):
    with Client(address, credentials=composed("secret")) as client:
        assert client.voices().default_voice == "tiny"
    async with AsyncClient(address, credentials=composed("secret")) as client:
        assert (await client.voices()).default_voice == "tiny"


async def test_so_are_a_token_and_root_certificates(address):
    with Client(address, "secret", ROOT) as client:
        assert sum(map(len, client.stream("free", seconds=0.1))) == 1600
    async with AsyncClient(address, "secret", ROOT) as client:
        assert (await client.voices()).default_voice == "tiny"


def test_a_wrong_token_is_refused_in_a_sentence(address):
    with (
        Client(address, credentials=composed("wrong")) as client,
        pytest.raises(AuthenticationError, match="authorization is missing or wrong"),
    ):
        client.voices()


def test_two_ways_to_say_whom_to_trust_are_one_too_many():
    with pytest.raises(ValueError, match="certificates and credentials are both given"):
        Client("localhost:1", certificates=ROOT, credentials=composed("secret"))


async def test_a_client_without_tls_is_told_that_the_service_may_speak_it(address):
    sentence = f"^{address} closes the connection; if the service speaks TLS, give its certificate$"
    with Client(address) as client:
        for call in (client.voices, lambda: list(client.stream("free", seconds=0.1))):
            with pytest.raises(UnavailableError, match=sentence):
                call()
    async with AsyncClient(address) as client:
        with pytest.raises(UnavailableError, match=sentence):
            await client.voices()


@pytest.mark.parametrize(
    ("address", "options", "warned"),
    [
        ("voices.example.org:50051", {"token": "secret"}, True),
        ("192.0.2.1:50051", {"token": "secret"}, True),
        ("voices.example.org:50051", {}, False),
        ("voices.example.org:50051", {"token": "secret", "certificates": ROOT}, False),
        ("voices.example.org:50051", {"credentials": composed("secret")}, False),
        ("localhost:50051", {"token": "secret"}, False),
        ("[::1]:50051", {"token": "secret"}, False),
        ("unix:/tmp/voices", {"token": "secret"}, False),
    ],
)
def test_a_token_that_everybody_on_the_way_can_read_is_warned_of(address, options, warned, caplog):
    with Client(address, **options):
        pass
    sentence = (
        f"the token goes to {address} without TLS, where everybody on the way can read it; "
        "give certificates if the service speaks TLS"
    )
    assert caplog.messages == [sentence] * warned
    assert "secret" not in caplog.text
