"""Files of TLS that no server can use are said to be what they are; those that clients refuse are warned of."""

import logging
from pathlib import Path

import pytest

from wavesynth.server.tls import read_roots, read_tls

TLS = Path(__file__).parent / "tls"


def test_a_certificate_and_its_key_are_read_without_a_word(caplog):
    assert read_tls(TLS / "cert.pem", TLS / "key.pem") == (
        (TLS / "cert.pem").read_bytes(), (TLS / "key.pem").read_bytes()
    )  # fmt: skip
    assert not caplog.records


def test_both_may_stand_in_one_file(tmp_path):
    path = tmp_path / "both.pem"
    path.write_bytes((TLS / "key.pem").read_bytes() + (TLS / "cert.pem").read_bytes())
    assert read_tls(path, path) == (path.read_bytes(), path.read_bytes())


def test_a_certificate_that_has_expired_is_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        read_tls(TLS / "expired.pem", TLS / "key.pem")
    expected = f"clients will refuse the certificate in {TLS / 'expired.pem'}: certificate has expired"
    assert caplog.messages == [expected]


@pytest.mark.parametrize(
    ("certificate", "key", "sentence"),
    [
        ("key.pem", "cert.pem", "--tls-cert is {certificate}, which holds no certificate in PEM; --tls-cert and "
         "--tls-key may be swapped"),
        ("garbage", "key.pem", "--tls-cert is {certificate}, which holds no certificate in PEM"),
        ("cert.pem", "garbage", "--tls-key is {key}, which holds no private key in PEM"),
        ("damaged", "key.pem", "--tls-cert is {certificate}, whose certificate is damaged"),
        ("cert.pem", "damaged", "--tls-key is {key}, whose private key is damaged"),
        ("cert.pem", "encrypted-key.pem", "--tls-key is {key}, which is encrypted; the key must be in the "
         "clear"),
        ("cert.pem", "other-key.pem", "--tls-key is {key}, which is not the key of the first certificate in "
         "{certificate}"),
        ("none", "key.pem", "--tls-cert is {certificate}, which cannot be read: No such file or directory"),
        ("cert.pem", "none", "--tls-key is {key}, which cannot be read: No such file or directory"),
    ],
)  # fmt: skip
def test_what_no_server_can_use_is_a_sentence_that_names_the_file(certificate, key, sentence, tmp_path):
    (tmp_path / "garbage").write_bytes(b"\x00\xff")
    blocks = [
        f"-----BEGIN {what}-----\nAAAA\n-----END {what}-----\n" for what in ("CERTIFICATE", "PRIVATE KEY")
    ]
    (tmp_path / "damaged").write_text("".join(blocks))
    paths = [
        next((f for f in (TLS / name, tmp_path / name) if f.exists()), tmp_path / name)
        for name in (certificate, key)
    ]
    with pytest.raises(ValueError) as refused:
        read_tls(*paths)
    assert str(refused.value) == sentence.format(certificate=paths[0], key=paths[1])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("key.pem", "holds no certificate in PEM"),
        ("none.pem", "cannot be read: No such file or directory"),
    ],
)
def test_roots_that_are_none_are_refused(name, reason):
    with pytest.raises(ValueError, match=rf"--tls-clients is .*{name}, which {reason}"):
        read_roots(TLS / name)


@pytest.mark.parametrize("what", ["a key on a curve that gRPC lacks", "bytes before the certificate"])
def test_what_only_grpc_cannot_use_is_said_to_be_in_the_files(what, tmp_path):
    path = tmp_path / "both.pem"
    if "curve" in what:
        path.write_bytes((TLS / "weak-curve.pem").read_bytes())
    else:
        both = (TLS / "cert.pem").read_bytes() + (TLS / "key.pem").read_bytes()
        path.write_bytes(b"\xef\xbb\xbf" + both)  # as some editors begin a file
    with pytest.raises(
        ValueError, match=f"^--tls-cert is {path} and --tls-key is {path}, which gRPC cannot use: "
    ):
        read_tls(path, path)
