"""wavesynth reload: what has changed, or why not, as a person reads it."""

import pytest
from typer.testing import CliRunner

from tests.voices_for_tests import tiny_voice
from wavesynth.cli import app
from wavesynth.server.tokens import hash_of


@pytest.fixture
def reload(serve, tmp_path):
    """`reload(token)` of a server of the voices in `voices`, with a file of tokens."""
    (tmp_path / "tokens.toml").write_text(
        f'[operator]\nsha256 = "{hash_of("operator")}"\nscopes = ["admin"]\n[radio]\nsha256 = "{hash_of("radio")}"\n',
        "utf-8",
    )
    tiny_voice(tmp_path / "voices")
    with serve(voices=tmp_path / "voices", tokens=tmp_path / "tokens.toml") as server:

        def reload(token):
            (tmp_path / "token").write_text(token, "utf-8")
            address = f"localhost:{server.port}"
            options = ["--address", address, "--token-file", str(tmp_path / "token")]
            return CliRunner().invoke(app, ["reload", *options])

        yield reload


def test_what_has_changed_is_said_and_what_is_broken_is_an_error(reload, tmp_path):
    tiny_voice(tmp_path / "voices", "coming")
    tiny_voice(tmp_path / "voices", "tiny", layers=5)
    made = reload("operator")
    said = ["voice coming is new", "voice tiny is replaced", f"{tmp_path}/tokens.toml is in use as it is now"]
    assert (made.stdout.splitlines(), made.stderr, made.exit_code) == (said, "", 0)
    (tmp_path / "voices" / "coming" / "voice.json").write_text("{", "utf-8")
    broken = reload("operator")
    assert broken.exit_code == 1 and broken.stdout.splitlines() == said[2:]
    assert broken.stderr.startswith("wavesynth: ") and "coming/voice.json cannot be read" in broken.stderr


def test_who_may_not_is_told_so(reload):
    refused = reload("radio")
    assert refused.exit_code == 1
    assert "the token of radio allows " in refused.stderr and "; this call needs admin" in refused.stderr
