"""What the page about operating a server says to type finds the server."""

import re
import subprocess
import sys
import time
from pathlib import Path

from tests.docs.pages import ROOT


def test_the_signal_goes_to_a_process_of_the_commands_name():
    page = (ROOT / "docs" / "guide" / "operate.md").read_text("utf-8")
    (name,) = re.findall(r"^pkill -HUP -o -x (\S+)$", page, re.MULTILINE)
    command = [str(Path(sys.executable).with_name("wavesynth")), "--help"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        # pkill compares with this; it is there until the process has been waited for, and a moment after it has begun.
        own, comm = (Path(f"/proc/{who}/comm") for who in ("self", process.pid))
        while (found := comm.read_text("ascii").strip()) == own.read_text("ascii").strip() != name:
            time.sleep(0.001)
    assert found == name
