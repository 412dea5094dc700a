"""What a process has loaded is what the service has read, or nothing."""

import pytest

from wavesynth.server.editions import ChangedError, Editions
from wavesynth.server.followed import sign_of_folder


def write(folder, text):
    (folder / "voice.json").write_text(text, "utf-8")


def read(folder):
    return (folder / "voice.json").read_text("utf-8")


def test_what_was_loaded_stays_until_another_edition_is_asked_for(tmp_path):
    write(tmp_path, "first")
    sign, editions = sign_of_folder(tmp_path), Editions(read)
    assert editions.get(tmp_path, 1, sign) == "first"
    write(tmp_path, "another")
    assert editions.get(tmp_path, 1, sign) == "first"
    assert editions.get(tmp_path, 2, sign_of_folder(tmp_path)) == "another"


def test_files_that_the_service_has_not_read_are_not_loaded(tmp_path):
    write(tmp_path, "first")
    sign, editions = sign_of_folder(tmp_path), Editions(read)
    write(tmp_path, "another")
    with pytest.raises(ChangedError, match=f"the files of {tmp_path.name} have changed"):
        editions.get(tmp_path, 1, sign)
    (tmp_path / "voice.json").unlink()
    with pytest.raises(ChangedError):
        editions.get(tmp_path, 1, sign)


def test_files_that_change_while_they_are_loaded_are_not_kept(tmp_path):
    def slow(folder):
        text = read(folder)
        write(folder, "another")
        return text

    write(tmp_path, "first")
    with pytest.raises(ChangedError):
        Editions(slow).get(tmp_path, 1, sign_of_folder(tmp_path))
