"""Files are written to what is there, whole or not at all, and what cannot be is said before."""

import errno
import os
import socket
import subprocess
import sys
import threading

import pytest

from wavesynth.files import atomic_path, check_output, sentence, shown


def write(path, content=b"whole"):
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/old.wav").write_text("old")
    (tmp_path / "link.wav").symlink_to("real/old.wav")
    (tmp_path / "new.wav").symlink_to("real/new.wav")
    for name in ("link.wav", "new.wav"):
        check_output(tmp_path / name, ".wav")
        write(tmp_path / name)
        assert (tmp_path / name).is_symlink() and (tmp_path / name).read_bytes() == b"whole"
    assert sorted(os.listdir(tmp_path / "real")) == ["new.wav", "old.wav"]


def test_a_file_has_the_permissions_of_any_new_one_and_the_umask_is_left_alone(tmp_path, monkeypatch):
    was = os.umask(0o027)
    try:
        with monkeypatch.context() as patched:
            patched.delattr(os, "umask")  # it is the process's: every other thread would have it too
            write(tmp_path / "a.wav")
    finally:
        os.umask(was)
    assert (tmp_path / "a.wav").stat().st_mode & 0o777 == 0o640


def test_a_file_is_on_the_disk_before_it_has_its_name_and_then_its_name_is(tmp_path, monkeypatch):
    done = []

    def sync(descriptor):
        done.append(("sync", os.fstat(descriptor).st_ino, (tmp_path / "a.wav").exists()))

    monkeypatch.setattr(os, "fsync", sync)
    write(tmp_path / "a.wav")
    file, folder = (tmp_path / "a.wav").stat().st_ino, tmp_path.stat().st_ino
    assert done == [("sync", file, False), ("sync", folder, True)]


def test_a_pipes_reader_gets_what_is_written(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()), daemon=True)
    reader.start()
    check_output(tmp_path / "pipe", ".wav")
    write(tmp_path / "pipe", bytes(100_000))
    reader.join(60)
    assert got == [bytes(100_000)] and (tmp_path / "pipe").is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_is_written_into_wherever_it_goes(tmp_path, name):
    program = (
        f"print('before', flush=True)\nfrom wavesynth.files import atomic_path, check_output\n"
        f"check_output({name!r}, '.wav')\nwith atomic_path({name!r}) as path: path.write_text('whole')\nprint('after')"
    )
    whole = "before\nwholeafter\n"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == whole
    with (tmp_path / "out").open("w") as file:
        subprocess.run([sys.executable, "-c", program], stdout=file, check=True)
    assert (tmp_path / "out").read_text() == whole


def test_a_device_is_not_replaced(tmp_path):
    (tmp_path / "null.wav").symlink_to("/dev/null")
    write(tmp_path / "null.wav")
    assert os.path.samefile(tmp_path / "null.wav", "/dev/null") and not os.path.isfile("/dev/null")
    (tmp_path / "full.wav").symlink_to("/dev/full")
    with pytest.raises(OSError) as caught:
        write(tmp_path / "full.wav")
    assert sentence(caught.value) == f"{tmp_path}/full.wav cannot be written: the disk is full"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.wav"))
        for use in (check_output, write):
            with pytest.raises(OSError, match=r"socket\.wav is a disk or a socket"):
                use(tmp_path / "socket.wav")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("folder", "{tmp}/folder is a folder; it must be a file"),
        ("file/a.wav", "{tmp}/file/a.wav is below a file; it must be below a folder"),
        ("file/b/a.wav", "{tmp}/file/b/a.wav is below a file; it must be below a folder"),
        ("new/" + "x" * 300 + ".wav", "is too long a name"),
        ("loop.wav", "{tmp}/loop.wav is a link that leads to itself"),
        ("/proc/nothing/a.wav", "/proc/nothing/a.wav"),
        ("a.txt", "out is {tmp}/a.txt; it must end in .wav or .flac"),
        ("noname", "out is {tmp}/noname; it must end in .wav or .flac"),
        ("source.wav", "out is {tmp}/source.wav, which is the input itself; it must be another file"),
        ("alias.wav", "out is {tmp}/alias.wav, which is the input itself; it must be another file"),
    ],
)
def test_what_cannot_be_written_is_said_before_and_nothing_is_made(tmp_path, name, said):
    (tmp_path / "folder").mkdir()
    for file in ("file", "source.wav"):
        (tmp_path / file).touch()
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "alias.wav").symlink_to("source.wav")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises((OSError, ValueError)) as caught:
        check_output(tmp_path / name, ".wav", ".flac", sources=[None, tmp_path / "source.wav"])
    assert said.format(tmp=tmp_path) in sentence(caught.value)
    assert sorted(os.listdir(tmp_path)) == before


def test_what_can_be_written_is_no_error_and_leaves_no_trace(tmp_path):
    for name in ("a.wav", "new/deep/b.WAV", "x" * 250 + ".wav"):
        check_output(tmp_path / name, ".wav", sources=[tmp_path / "nothing"])
        assert os.listdir(tmp_path) == []
    write(tmp_path / ("x" * 250 + ".wav"))
    assert len(os.listdir(tmp_path)) == 1


def test_a_name_that_is_too_long_is_said_where_the_system_gives_no_limit(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "pathconf")  # as on Windows
    check_output(tmp_path / "a.wav")
    with pytest.raises(OSError) as raised:
        check_output(tmp_path / ("x" * 300 + ".wav"))
    assert "is too long a name" in sentence(raised.value)


def test_a_file_that_may_not_be_written_or_a_file_system_that_may_not_is_said(tmp_path, monkeypatch):
    (tmp_path / "a.wav").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError) as caught:
        check_output(tmp_path / "a.wav")
    assert sentence(caught.value) == f"{tmp_path}/a.wav cannot be used: permission denied"

    def read_only(**_):
        raise OSError(errno.EROFS, "Read-only file system", "/somewhere/tmp123")

    monkeypatch.setattr("tempfile.TemporaryFile", read_only)
    with pytest.raises(OSError) as read_only_error:
        check_output(tmp_path / "b.wav")
    assert sentence(read_only_error.value).endswith("b.wav cannot be written: the file system is read-only")


def test_errors_are_sentences_that_name_the_file():
    assert (
        sentence(FileNotFoundError(errno.ENOENT, "No such file", b"\xff.wav")) == "\\xff.wav does not exist"
    )
    assert sentence(OSError(errno.EIO, "Input/output error", "a")) == "a cannot be used: Input/output error"
    assert sentence(OSError(errno.ENOSPC, "No space left on device")) == "No space left on device"
    assert sentence(OSError("no Ray")) == "no Ray" and sentence(ValueError("x is 1")) == "x is 1"
    assert shown(os.fsdecode(b"\xff")) == "\\xff"


def test_two_pictures_are_two_files_and_none_of_what_is_read(tmp_path):
    from wavesynth.evaluation.pictures import check_png

    (tmp_path / "mask.png").touch()
    mask, out = tmp_path / "mask.png", tmp_path / "out.png"
    with pytest.raises(ValueError, match=r"progress is .*mask\.png, which is the input itself"):
        check_png((None, mask), out=out, progress=mask)
    with pytest.raises(ValueError, match=r"progress is .*out\.png, which out is already"):
        check_png(out=out, progress=tmp_path / "." / "out.png")
    check_png((None, mask), out=out, progress=None)
