"""Half an hour of a real server at the capacity that it states, and at times with five times as many callers.

    make soak                          30 minutes
    make soak MINUTES=3                a try
    make soak STREAMS=4                other places than those that the server measures

Callers are processes of their own. Of those for whom there is room, half speak for minutes, and the others come and go;
in the second quarter of each round a crowd calls too. Writes soak.json, soak.png and server.log to build/soak. The exit
code is 1 if a promise was broken, and the last lines say which. Other work on the machine breaks promises too: the
figure `callers_late_ms` says how late the callers were for their own appointments. So does a host that gives a virtual
machine's cores to another one: where it may have clocks of real-time priority (as root), the soak sees that, and an
underrun beside it is counted apart.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from tests.soak.callers import CROWD, REGULAR_KINDS, Callers, callers
from tests.soak.machine import Stall, watched_machine
from tests.soak.picture import draw
from tests.soak.report import Look, Soak, broken, figures
from wavesynth.benchmarks.playback import Load
from wavesynth.benchmarks.processor import usage
from wavesynth.benchmarks.service import stated_capacity
from wavesynth.cli.local_server import LocalServer, local_server
from wavesynth.clients.client import Client
from wavesynth.files import atomic_path

#: Rounds of a soak.
ROUNDS = 6
#: Seconds between looks at the server, and for which it may take to forget those who have gone.
TICK, PATIENCE = 1.0, 30.0


def main() -> int:
    """Runs a soak; 1 if a promise was broken."""
    options = argparse.ArgumentParser(description="Holds a server to its promises for a while.")
    options.add_argument("--minutes", type=float, default=30.0)
    options.add_argument("--streams", type=int, help="places, instead of those that the server measures")
    options.add_argument("--out", type=Path, default=Path("build/soak"))
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    places = [] if given.streams is None else ["--live-streams", str(given.streams)]
    with local_server(*places) as server:
        soak = _soaked(server, given.streams, 60 * given.minutes)
        log = server.log()
    found = figures(soak)
    found["broken"] = broken(found)
    with atomic_path(given.out / "soak.json") as path:
        path.write_text(json.dumps(found, indent=1))
    with atomic_path(given.out / "server.log") as path:
        path.write_text("\n".join(log))
    draw(soak, given.out / "soak.png")
    _say(found, given.out)
    return int(bool(found["broken"]))


def _soaked(server: LocalServer, streams: int | None, seconds: float) -> Soak:
    with Client(server.address) as client:
        listed = client.voices()
        voice = next(voice for voice in listed.voices if voice.name == listed.default_voice)
    places = streams or stated_capacity(server.log(), voice.name, REGULAR_KINDS)
    if not places:
        raise SystemExit("the server does not say how many streams it carries; say it with --streams")
    load = Load(server.address, voice.name, voice.sample_rate, voice.mel_bands > 0)
    before = _settled(server.pid)
    with callers(load, places, seconds, ROUNDS) as made, watched_machine() as machine:
        print(
            f"{places} places of {voice.name}, {seconds / 60:g} minutes, {CROWD * places} callers at most",
            flush=True,
        )
        looks = [before, *_watched(server.pid, made, seconds)]
        noticed = made.noticed()
    until = time.monotonic() + PATIENCE
    while (last := _look(server.pid, looks[-1].at + TICK)).open_files > before.open_files:
        if time.monotonic() > until:
            break
        time.sleep(TICK)
    stalls = [Stall(stall.at - made.begun, stall.seconds) for stall in machine.stalls]
    return Soak(places, seconds, ROUNDS, noticed, [*looks, last], stalls if machine.seen else None)


def _settled(pid: int) -> Look:
    """A look at the server once it opens nothing more by itself: it reads its lexicon after it is ready."""
    before = _look(pid, 0.0)
    while True:
        time.sleep(TICK)
        if (now := _look(pid, 0.0)).open_files == before.open_files:
            return now
        before = now


def _watched(pid: int, made: Callers, seconds: float) -> list[Look]:
    """Has the callers begin, and looks at the server until their time is over."""
    begin, looks = time.monotonic() + 0.1, []
    made.begin(begin)
    while (at := time.monotonic() - begin) < seconds:
        looks.append(_look(pid, max(0.0, at)))
        if len(looks) % 60 == 0:
            print(f"{at / 60:5.1f} minutes: {looks[-1].resident_bytes / 1e6:.0f} MB", flush=True)
        time.sleep(TICK)
    return looks


def _look(pid: int, at: float) -> Look:
    taken, process = usage(pid), Path(f"/proc/{pid}")
    assert taken is not None, "a soak needs /proc"
    files, threads = (len(os.listdir(process / name)) for name in ("fd", "task"))
    return Look(at, taken.resident_bytes, taken.seconds, files, threads)


def _say(found: dict[str, Any], out: Path) -> None:
    for part in ("at_capacity", "crowded"):
        of = found[part]
        print(part)
        for name, value in of.items():
            if name != "underruns_at":  # a list, for soak.json
                print(f"    {name:24} {_text(value)}")
    for name in (
        "machine_stalls",
        "callers_late_ms",
        "resident_growth",
        "server_processor_seconds_per_second",
    ):
        print(f"{name:28} {_text(found[name])}")
    for minute in found["each_minute"]:
        print(
            f"minute {minute['at'] / 60:4.0f}: {minute['resident_bytes'] / 1e6:.1f} MB, {minute['open_files']} open "
            f"files, {minute['threads']} threads"
        )
    for sentence in found["failures"] + found["broken"]:
        print(sentence)
    print(
        f"{out}/soak.json and soak.png; {'a promise was broken' if found['broken'] else 'all promises were held'}"
    )


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name} {_text(number)}" for name, number in value.items()) or "none"
    return f"{value:,.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
