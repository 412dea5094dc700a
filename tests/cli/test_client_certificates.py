"""Commands that call a service show it a certificate, and say in one sentence what is wrong with theirs."""

from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner

from wavesynth.cli import app

TLS = Path(__file__).parents[1] / "server" / "tls"
PAIR = ["--client-cert", str(TLS / "client.pem"), "--client-key", str(TLS / "client-key.pem")]


@pytest.fixture(scope="module")
def service(serve):
    """How to reach a server that asks its callers for certificates."""
    with serve(tls=(TLS / "cert.pem", TLS / "key.pem"), tls_clients=TLS / "client.pem") as server:
        yield ["--address", f"localhost:{server.port}", "--certificates", str(TLS / "cert.pem")]


def run(*arguments, **options):
    return CliRunner().invoke(app, list(map(str, arguments)), **options)


def test_each_command_that_calls_a_service_shows_its_certificate(service, tmp_path):
    out = tmp_path / "out.wav"
    streamed = run("stream", "free", "--seconds", 0.1, "--out", out, *service, *PAIR)
    assert streamed.exit_code == 0, streamed.output
    assert soundfile.info(out).frames == 1600
    listed = run("voices", *service, *PAIR)
    assert listed.exit_code == 0 and "free" in listed.stdout
    spoken = run(
        "live", "nobody", *service, *PAIR
    )  # which asks for the voices before it looks for a microphone
    assert spoken.stderr == "wavesynth: voice is 'nobody'; the voices are free, tiny\n"


def test_it_may_be_named_in_the_environment(service):
    names = {"WAVESYNTH_VOICES_CLIENT_CERT": PAIR[1], "WAVESYNTH_VOICES_CLIENT_KEY": PAIR[3]}
    assert run("voices", *service, env=names).exit_code == 0
    refused = run("voices", *service)
    assert refused.exit_code == 1 and refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (PAIR[:2], "--client-key is missing; --client-cert and --client-key belong together"),
        (PAIR[2:], "--client-cert is missing; --client-cert and --client-key belong together"),
        ([*PAIR[:3], TLS / "key.pem"], "which is not the key of the first certificate in"),
        ([*PAIR[:3], TLS / "encrypted-key.pem"], "which is encrypted; the key must be in the clear"),
        (
            ["--client-cert", PAIR[3], "--client-key", PAIR[1]],
            "--client-cert and --client-key may be swapped",
        ),
        (["--client-cert", "none.pem", *PAIR[2:]], "--client-cert is none.pem, which cannot be read"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_one_sentence(options, sentence):
    result = run("voices", "--address", "localhost:1", *options)
    assert result.exit_code == 1 and result.stderr.count("\n") == 1
    assert result.stderr.startswith("wavesynth: ") and sentence in result.stderr
