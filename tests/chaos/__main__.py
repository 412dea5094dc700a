"""A live stream beside each attack, against the stream alone: `make attacks`, or `python -m tests.chaos [NAME ...]`.

The server has the voices that ship, the page, and a token. For each attack the stream is heard alone, beside the
attack, and alone again. The attacker is a process of its own on the machine's last core, with the least priority: it is
there for what it makes the server do, not for the processor time that it burns itself. A stream that was late beside an
attack is heard a second time, since other work on the machine makes it late too; the better one counts. Writes
attacks.json to build/attacks. The exit code is 1 if a promise was broken.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.chaos.attacks import ATTACKS
from tests.chaos.victim import victim
from wavesynth.benchmarks.processor import usage
from wavesynth.cli.local_server import local_server
from wavesynth.clients.client import Client
from wavesynth.files import atomic_path
from wavesynth.server.sockets import listening
from wavesynth.voices.folders import SHIPPED

TOKEN = "only-for-attacks"
#: Of the server. What it carries is measured, since a reload measures it too.
OPTIONS = ("--client-share", "0.75")
#: Milliseconds that the latest chunk may be later than alone, and bytes that the server may take more than idle.
LATER_MS, MORE_BYTES = 50.0, 300_000_000
#: Milliseconds in which health must answer.
HEALTH_MS = 1000.0
#: Seconds in which the server must have forgotten an attacker who has gone.
PATIENCE = 60.0


def main():
    """Measures; 1 if a promise was broken."""
    options = argparse.ArgumentParser(description="A live stream beside each attack.")
    options.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(ATTACKS)}; all if none is given"
    )
    options.add_argument("--seconds", type=float, default=10.0, help="of each stream")
    options.add_argument("--out", type=Path, default=Path("build/attacks"))
    given = options.parse_args()
    if unknown := set(given.names) - set(ATTACKS):
        options.error(f"there is no attack {', '.join(unknown)}; there are {', '.join(ATTACKS)}")
    given.out.mkdir(parents=True, exist_ok=True)
    with listening("127.0.0.1", 0) as taken:
        page = taken.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        token, voices = Path(folder) / "token", Path(folder) / "voices"
        token.write_text(TOKEN)
        shutil.copytree(SHIPPED, voices)
        server_options = [
            *OPTIONS,
            "--token-file",
            token,
            "--voices",
            voices,
            "--web",
            "--web-port",
            str(page),
        ]
        with local_server(*server_options) as server:
            rows = measured(server, page, voices, given.names or list(ATTACKS), given.seconds)
    with atomic_path(given.out / "attacks.json") as path:
        path.write_text(json.dumps(rows, indent=1))
    return int(any(row["broken"] for row in rows))


def measured(server, page, voices, names, seconds):
    """A row for each attack; prints them."""
    with Client(server.address, token=TOKEN) as client:
        client.voices()
        client.score(np.zeros(1600, np.float32), "allison-small")  # its process stays
    with victim(server.address, TOKEN) as listener:
        expected = listen(server, listener, seconds)
        idle = usage(server.pid).resident_bytes
        files = open_files(server.pid)
        print(
            f"idle: {idle / 1e6:.0f} MB, {files} open files; the latest chunk alone {expected['latest_ms']:.0f} ms"
        )
        print(f"{'attack':38} {'latest chunk, ms':>24} {'health':>9} {'memory':>8} {'server':>14}  verdict")
        print(
            f"{'':38} {'alone':>7} {'beside':>8} {'own':>7} {'ms':>9} {'+MB':>8} {'alone':>6} {'beside':>7}"
        )
        rows = []
        for name in names:
            row = one(server, page, voices, listener, name, seconds, expected, idle, files)
            if row["broken"] == ["late"]:
                again = one(server, page, voices, listener, name, seconds, expected, idle, files)
                row = min(row, again, key=lambda r: r["beside"]["latest_ms"] - r["alone"]["latest_ms"])
                row["tries"] = 2
            rows.append(row)
            alone, beside = row["alone"], row["beside"]
            print(
                f"{name:38} {alone['latest_ms']:7.0f} {beside['latest_ms']:8.0f} {beside['own_latest_ms']:7.0f} "
                f"{beside['health_latest_ms']:9.0f} {row['more_bytes'] / 1e6:8.0f} {alone['processor']:6.2f} "
                f"{beside['processor']:7.2f}  {', '.join(row['broken']) or 'held'}",
                flush=True,
            )
    return rows


def one(server, page, voices, listener, name, seconds, expected, idle, files):
    """One attack."""
    before = listen(server, listener, seconds)
    command = [sys.executable, "-m", "tests.chaos.attacks", name, server.address.rpartition(":")[2]]
    attacker = subprocess.Popen(
        [*command, str(page), TOKEN, str(server.pid), voices], stdout=subprocess.PIPE, preexec_fn=humble
    )
    try:
        attacker.stdout.readline()
        beside = listen(server, listener, seconds)
    finally:
        attacker.kill()
        attacker.wait()
        attacker.stdout.close()
    until = time.monotonic() + PATIENCE
    while open_files(server.pid) > files and time.monotonic() < until:
        time.sleep(0.1)
    left = open_files(server.pid) - files
    after = listen(server, listener, seconds)
    alone = max(before, after, key=lambda heard: heard["latest_ms"])
    more = beside["peak_bytes"] - idle
    wrong = {
        "late": beside["latest_ms"] - alone["latest_ms"] > LATER_MS,
        f"ended with {beside['code']}": beside["code"] != "OK",
        "other bytes": beside["code"] == "OK" and beside["digest"] != expected["digest"],
        "memory": more > MORE_BYTES,
        "health": beside["health_latest_ms"] > HEALTH_MS,
        f"{left} open files left": left > 0,
    }
    broken = [what for what, is_wrong in wrong.items() if is_wrong]
    return {
        "attack": name,
        "alone": alone,
        "beside": beside,
        "more_bytes": more,
        "broken": broken,
        "tries": 1,
    }


def humble():
    """For a process that is about to begin: the machine's last core, and the least priority."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.nice(19)


def listen(server, listener, seconds):
    """What is heard, beside what the server took: processor seconds a second, and memory at most."""
    began, taken = time.monotonic(), usage(server.pid)
    listener.begin(seconds)
    peak = taken.resident_bytes
    while not listener.ready():
        peak = max(peak, usage(server.pid).resident_bytes)
        time.sleep(0.1)
    heard = listener.heard()
    took = usage(server.pid).seconds - taken.seconds
    return {
        **heard.figures(),
        "digest": heard.digest,
        "peak_bytes": peak,
        "processor": took / (time.monotonic() - began),
    }


def open_files(pid):
    """How many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


if __name__ == "__main__":
    sys.exit(main())
