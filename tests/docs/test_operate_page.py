"""What the page about operating a server says to type finds the server."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT


def test_the_signal_goes_to_a_process_of_the_commands_name():
    page = (ROOT / "docs" / "guide" / "operate.md").read_text("utf-8")
    (name,) = re.findall(r"^pkill -HUP -o -x (\S+)$", page, re.MULTILINE)
    command = [sys.executable, "-m", "wavesynth", "--help"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # until it is waited for, it has its name
        listed = Path(f"/proc/{process.pid}/comm").read_text("ascii").strip()
    assert listed == name  # with which pkill compares
