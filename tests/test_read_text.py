import pytest

from wavesynth.files import read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_text_is_read_with_a_byte_order_mark_or_without(tmp_path, encoding):
    (tmp_path / "a").write_text('name = "Алиса"\n', encoding)
    assert read_text(tmp_path / "a") == 'name = "Алиса"\n'


@pytest.mark.parametrize(
    ("encoding", "message"),
    [("utf-16", "a is UTF-16; it must be UTF-8"), ("latin-1", "a is not UTF-8 in line 2; save it")],
)
def test_another_encoding_is_named(tmp_path, encoding, message):
    (tmp_path / "a").write_text('a = 1\nname = "Zoë"\n', encoding)
    with pytest.raises(ValueError, match=message):
        read_text(tmp_path / "a")
