"""Kernels are compiled for a user whose home cannot be written, too."""

import os
import subprocess
import sys


def test_without_a_home_what_is_compiled_is_kept_as_long_as_the_process(tmp_path):
    (tmp_path / "file").touch()  # below which nobody, not even root, can make a folder
    program = "import os, wavesynth.kernels.triton; c = os.environ['TRITON_CACHE_DIR']; print(c, os.access(c, os.W_OK))"
    environment = {k: v for k, v in os.environ.items() if k not in ("TRITON_CACHE_DIR", "TRITON_HOME")}
    run = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | {"HOME": str(tmp_path / "file"), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    folder, writable = run.stdout.split()
    assert writable == "True" and folder.startswith(str(tmp_path))
    assert not os.path.exists(folder)


def test_a_folder_that_was_named_stays(tmp_path):
    program = "import os, wavesynth.kernels.triton; print(os.environ['TRITON_CACHE_DIR'])"
    environment = os.environ | {"HOME": "/dev/null", "TRITON_CACHE_DIR": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert run.stdout.strip() == str(tmp_path)
