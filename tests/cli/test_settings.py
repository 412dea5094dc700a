"""A server's options from the command line, the environment and a file: which goes first, and what is refused."""

import tomllib

import pytest
from typer.testing import CliRunner

from wavesynth.cli import app


@pytest.fixture
def printed(tmp_path):
    """The options in effect, as a table and as they are printed."""

    def run(file, *options, **environment):
        path = tmp_path / "serve.toml"
        path.write_text(file, "utf-8")
        words = ["serve", "--config", str(path), "--print-config", *options]
        result = CliRunner().invoke(app, words, env=environment)
        assert result.exit_code == 0, result.output
        return tomllib.loads(result.output), result.output

    return run


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(printed):
    file = 'port = 1\nhost = "::1"\nlive-streams = 3\n'
    settings, _ = printed(file, "--port", "3", WAVESYNTH_SERVE_PORT="2", WAVESYNTH_SERVE_HOST="127.0.0.2")
    assert (settings["port"], settings["host"], settings["live_streams"]) == (3, "127.0.0.2", 3)
    assert settings["grace"] == 30  # which nobody has said


def test_it_is_said_where_each_option_is_from(printed):
    _, text = printed("port = 1\n", "--grace", "3", WAVESYNTH_SERVE_HOST="::1")
    lines = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
    assert lines["port"].startswith("1  # ") and lines["port"].endswith("serve.toml")
    assert lines["grace"] == "3.0  # --grace"
    assert lines["host"] == '"::1"  # WAVESYNTH_SERVE_HOST'
    assert lines["workers"] == "0"


def test_what_is_printed_is_a_file_that_gives_the_same(printed):
    settings, text = printed('web = true\nweb_origin = ["https://a.org", "https://b.org"]\nchunk_ms = 20\n')
    assert settings["web"] is True and settings["web_origin"] == ["https://a.org", "https://b.org"]
    assert printed(text)[0] == settings


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("prt = 1\n", "serve.toml has prt; the settings are backend, "),
        ("port = [1]\n", "serve.toml has a list for port; it must be one value"),
        ("[port]\na = 1\n", "serve.toml has a table for port; it must be one value"),
        ("port = \n", "serve.toml is not TOML: Invalid value (at line 1"),
        ('port = "x"\n', "Invalid value for '--port'"),
        ("port = 70000\n", "Invalid value for '--port'"),
        ('config = "other.toml"\n', "serve.toml has config; the settings are"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(file, message, tmp_path):
    path = tmp_path / "serve.toml"
    path.write_text(file, "utf-8")
    result = CliRunner().invoke(app, ["serve", "--config", str(path), "--print-config"])
    assert result.exit_code in (1, 2) and message in result.output


def test_a_configuration_that_no_server_could_have_is_not_printed(tmp_path):
    path = tmp_path / "serve.toml"
    path.write_text('tls_cert = "chain.pem"\n', "utf-8")
    result = CliRunner().invoke(app, ["serve", "--config", str(path), "--print-config"])
    assert result.exit_code == 1 and "--tls-key is missing" in result.output
