"""Tokens: whose they are, what they allow, and when they do no more."""

import itertools
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from typer.testing import CliRunner

from wavesynth.cli import app
from wavesynth.server.errors import RefusedError
from wavesynth.server.tokens import Allowance, Bearer, Token, Tokens, hash_of, new_token

HASH = hash_of("secret")


def refusal(call, *arguments):
    with pytest.raises(RefusedError) as refused:
        call(*arguments)
    return refused.value.code.name, str(refused.value)


def test_a_token_is_known_by_its_hash_and_says_whose_it_is():
    tokens = Tokens([Token(hash_of("other"), "other"), Token(HASH, "radio")])
    assert tokens.bearer("Bearer secret", "list").token.name == "radio"


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer Secret", "bearer secret", "secret", f"Bearer {HASH}", "Bearer \ud800"],
)
def test_anything_else_is_no_token(authorization):
    code, message = refusal(Tokens.of("secret").bearer, authorization, "list")
    assert code == "UNAUTHENTICATED"
    assert message == "metadata authorization is missing or wrong; it must be Bearer TOKEN"


def test_a_token_allows_what_its_scopes_say():
    tokens = Tokens([Token(HASH, "radio", scopes=("list", "images"))])
    assert tokens.bearer("Bearer secret", "images")
    code, message = refusal(tokens.bearer, "Bearer secret", "synthesise")
    assert code == "PERMISSION_DENIED"
    assert message == "the token of radio allows list, images; this call needs synthesise"


def test_a_token_expires():
    now = datetime.now(UTC)
    assert Tokens([Token(HASH, "a", expires=now + timedelta(days=1))]).bearer("Bearer secret", "list")
    past = Tokens([Token(HASH, "a", expires=datetime(2026, 1, 2, 3, 4, tzinfo=UTC))])
    code, message = refusal(past.bearer, "Bearer secret", "list")
    assert (code, message) == ("UNAUTHENTICATED", "the token of a has expired, on 2026-01-02 at 03:04 UTC")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_what_is_spent_in_a_minute_comes_back_in_a_minute():
    clock = Clock()
    allowance = Allowance(60, clock)
    assert [allowance.wait(30), allowance.wait(40)] == [0, pytest.approx(10, abs=0.01)]
    clock.now += 11
    assert allowance.wait(40) == 0
    allowance.spend(11)
    assert allowance.wait() == pytest.approx(10, abs=0.01)
    clock.now += 1000
    assert [allowance.wait(60), allowance.wait()] == [
        0,
        pytest.approx(0, abs=0.01),
    ]  # no more than a minute's is kept


def test_requests_beyond_those_of_a_minute_are_told_when_to_come_back():
    bearer = Bearer.of(Token(HASH, "radio", requests_a_minute=2))
    bearer.begins()
    bearer.begins()
    with pytest.raises(RefusedError) as refused:
        bearer.begins()
    assert refused.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(refused.value) == "radio may have 2 requests a minute, and has had them"
    assert dict(refused.value.metadata).keys() == {"retry-after-ms"}


def test_a_call_is_not_cut_when_the_audio_of_a_minute_is_spent_but_the_next_is_refused():
    bearer = Bearer.of(Token(HASH, "radio", seconds_a_minute=10))
    bearer.begins()
    bearer.heard(25)
    code, message = refusal(bearer.begins)
    assert code == "RESOURCE_EXHAUSTED" and "10 seconds of audio a minute" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "tokens.toml has no token; it must have a table for each"),
        ("a = 1", "tokens.toml: a is 1; it must be a section"),
        ("[a]\n", "tokens.toml: [a] sha256 is missing"),
        ('[a]\nsha256 = "abc"', "[a] sha256 is 'abc'; it must be the SHA-256 of a token, 64 hexadecimal digits"),
        (f'[a]\nsha256 = "{HASH}"\nscope = "list"', "[a] scope is not a key; it must be one of sha256, "),
        (f'[a]\nsha256 = "{HASH}"\nname = "b"', "[a] name is not a key; the name is the table's"),
        (f'[""]\nsha256 = "{HASH}"', "a table has no name; it must say whose token it is, such as [radio]"),
        (f'["a b"]\nsha256 = "{HASH}"', "name is 'a b'; it must be 1 to 64 letters, digits, dots and hyphens"),
        (f'[a]\nsha256 = "{HASH}"\nscopes = ["sing"]', "scopes is ('sing',); it must be some of synthesise, "),
        (f'[a]\nsha256 = "{HASH}"\nexpires = 2027-01-01T00:00:00', "it must be a time with its zone"),
        (f'[a]\nsha256 = "{HASH}"\nexpires = "soon"', "[a] expires is 'soon'; it must be a date and time"),
        (f'[a]\nsha256 = "{HASH}"\nstreams = 0', "streams is 0; it must be a whole number from 1 to"),
        (f'[a]\nsha256 = "{HASH}"\nseconds_a_minute = nan', "seconds_a_minute is nan; it must be above 0"),
        ("[a", "tokens.toml is not TOML"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused(text, message, tmp_path):
    path = tmp_path / "tokens.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError) as error:
        Tokens.read(path)
    assert message in str(error.value)


def test_the_command_makes_a_token_that_its_table_knows(tmp_path):
    path = tmp_path / "tokens.toml"
    options = ["--scope", "list", "--days", "2", "--streams", "3"]
    made = [CliRunner().invoke(app, ["token", name, *options]) for name in ("radio", "tv.2")]
    path.write_text("".join(result.stdout for result in made), "utf-8")
    secrets = [result.stderr.split()[-1] for result in made]
    tokens = [Tokens.read(path).bearer(f"Bearer {secret}", "list").token for secret in secrets]
    assert [(token.name, token.scopes, token.streams) for token in tokens] == [
        ("radio", ("list",), 3), ("tv.2", ("list",), 3)
    ]  # fmt: skip
    assert not any(secret in path.read_text("utf-8") for secret in secrets)
    days = (tokens[0].expires - datetime.now(UTC)).total_seconds() / 86400
    assert days == pytest.approx(2, abs=0.01)


def test_no_two_tokens_are_alike():
    assert not any(a == b for a, b in itertools.combinations([new_token() for _ in range(20)], 2))
