"""A session goes on over as many calls as it takes, and nobody hears where one ends and the next begins."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from wavesynth.clients import BusyError, Chunk, Client, InvalidRequestError
from wavesynth.clients.live import relay as module
from wavesynth.clients.live.call import BLOCK
from wavesynth.clients.live.relay import Relay
from wavesynth.clients.resuming import Backoff

RATE = 16000
STEP = round(BLOCK * RATE)
SPEECH = np.random.default_rng(0).uniform(-0.3, 0.3, 20 * RATE).astype(np.float32)


class Echo:
    """A service whose voice repeats what it is told, 10 ms at a time, in calls of at most `seconds`.

    `refuse` says of the number of a call whether there is no room for it.
    """

    def __init__(self, seconds=4.0, refuse=lambda number: False):
        self._most, self._refuse, self.calls = round(seconds * RATE), refuse, 0

    def resynthesize(self, pieces, voice, resume, first_sample, sample_rate):
        self.calls += 1
        return SimpleNamespace(
            chunks=lambda number=self.calls: self._chunks(pieces, first_sample, number), close=lambda: None
        )

    def _chunks(self, pieces, first_sample, number):
        if self._refuse(number):
            raise BusyError("full", "RESOURCE_EXHAUSTED", 0.1)
        held, at = np.zeros(0, np.float32), 0
        for piece in pieces:
            held = np.concatenate([held, piece])
            if at + len(held) > self._most:
                raise InvalidRequestError("audio makes too many seconds of audio", "INVALID_ARGUMENT")
            while len(held) >= 2 * STEP:
                now, held = held[: 2 * STEP], held[2 * STEP :]
                if at >= first_sample:
                    yield Chunk(now, b"", at, RATE, None)
                at += 2 * STEP


def relayed(client, seconds, max_seconds, voice=""):
    """What is delivered, [(first, samples)], when so much of SPEECH is spoken no faster than it comes back."""
    delivered, enough = [], threading.Event()

    def deliver(samples, first):
        delivered.append((first, samples))
        if first + len(samples) >= seconds * RATE:
            enough.set()

    relay = Relay(
        client, voice, RATE, RATE, {}, deliver, max_seconds=max_seconds, backoff=Backoff(first=0.01)
    )
    errors = []

    def run():
        try:
            relay.run()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    spoken, deadline = 0, time.monotonic() + 120
    while not enough.is_set() and not errors and time.monotonic() < deadline:
        heard = delivered[-1][0] if delivered else 0
        if spoken - heard > 0.3 * RATE and relay.connected:
            enough.wait(0.002)
            continue
        relay.push(SPEECH[spoken % len(SPEECH) :][:STEP], time.monotonic())
        spoken += STEP
        if relay.handing_over or not relay.connected:
            enough.wait(BLOCK)  # as a microphone: only so can another call catch up
    relay.stop()
    thread.join(10)
    assert not errors, errors
    assert enough.is_set(), "it did not get so far"
    return relay, delivered


def unbroken(delivered):
    ends = [first + len(samples) for first, samples in delivered]
    return [first for first, _ in delivered] == [0, *ends[:-1]]


def test_what_is_heard_over_many_calls_is_what_was_said_sample_by_sample():
    relay, delivered = relayed(Echo(), 7, 4)
    assert relay.calls >= 3 and relay.interruptions == 0
    assert unbroken(delivered)
    heard = np.concatenate([samples for _, samples in delivered])
    assert np.abs(heard - SPEECH[: len(heard)]).max() < 1e-6


def test_how_fast_the_service_makes_audio_is_known():
    class Slow(Echo):
        def _chunks(self, *of):
            for chunk in super()._chunks(*of):
                time.sleep(4 * BLOCK)  # two blocks each
                yield chunk

    relay, _ = relayed(Slow(), 0.5, 4)
    assert 0 < relay.service_rate <= 0.5


def test_a_next_call_that_is_refused_is_tried_again_in_time(monkeypatch):
    monkeypatch.setattr(module, "RETRY_AFTER", 0.0)
    relay, delivered = relayed(Echo(refuse=lambda number: number in (2, 3, 5)), 8, 4)
    assert relay.interruptions == 0 and unbroken(delivered)


def test_without_room_for_a_second_call_the_next_one_follows_and_that_is_counted(monkeypatch):
    monkeypatch.setattr(module, "RETRY_AFTER", 1000.0)
    relay, delivered = relayed(Echo(refuse=lambda number: number in (2, 4)), 7, 4)
    assert relay.interruptions >= 1
    assert [first for first, _ in delivered] == sorted(first for first, _ in delivered)


def test_a_service_that_does_not_say_how_long_calls_may_be_gets_one_call():
    relay, delivered = relayed(Echo(seconds=100), 6, 0)
    assert relay.calls == 1 and unbroken(delivered)


def test_a_real_service_with_a_small_limit_is_heard_without_a_gap(serve):
    with (
        serve(max_seconds=4) as server,
        Client(f"localhost:{server.port}") as client,
    ):
        limit = client.voices().max_seconds
        relay, delivered = relayed(client, 9, limit)
        first_call = client.synthesize(audio=SPEECH[: 2 * RATE], sample_rate=RATE).samples
    assert limit == 4 and relay.calls >= 4 and relay.interruptions == 0
    assert unbroken(delivered)
    heard = np.concatenate([samples for _, samples in delivered])
    assert np.array_equal(heard[: round(1.8 * RATE)], first_call[: round(1.8 * RATE)])


def test_a_service_that_is_far_away_is_heard_without_a_gap(server, network):
    with (
        network(server.port, delay=0.08) as far,
        Client(far.address) as client,
    ):
        relay, delivered = relayed(client, 1, 0)
    assert relay.interruptions == 0 and relay.calls == 1
    assert unbroken(delivered)


@pytest.fixture
def relaying():
    """Starts a relay on a thread of its own, and ends it; `relaying(...)` returns it when its first call is there."""
    running = []

    def relaying(client, deliver):
        relay = Relay(client, "", RATE, RATE, {}, deliver)
        thread = threading.Thread(target=relay.run, daemon=True)
        running.append((relay, thread))
        thread.start()
        eventually(lambda: relay.calls)
        return relay

    yield relaying
    for relay, thread in running:
        relay.stop()
        thread.join(10)
        assert not thread.is_alive(), "it did not stop"


def eventually(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.001)


def test_blocks_that_a_stalled_service_does_not_take_are_dropped_and_the_rest_keeps_its_place(relaying):
    go_on = threading.Event()

    class Stalled(Echo):
        def _chunks(self, pieces, first_sample, number):
            go_on.wait(60)
            yield from super()._chunks(pieces, first_sample, number)

    delivered = []
    relay = relaying(Stalled(100), lambda samples, first: delivered.append((first, samples)))
    for i in range(0, 2 * RATE, STEP):
        relay.push(SPEECH[i : i + STEP], time.monotonic())
    eventually(lambda: relay.captured_at(2 * RATE - STEP) is not None)
    go_on.set()
    eventually(lambda: delivered and delivered[-1][0] >= 2 * RATE - 2 * STEP)
    assert sum(len(samples) for _, samples in delivered) <= 0.6 * RATE
    last, samples = delivered[-1]
    assert np.array_equal(samples, SPEECH[last : last + len(samples)])


@pytest.mark.parametrize("error", [ValueError("a fault"), OSError("the disk is full")])
def test_what_goes_wrong_while_delivering_ends_it(error):
    def deliver(samples, first):
        raise error

    relay = Relay(Echo(), "", RATE, RATE, {}, deliver)
    speaking = threading.Thread(
        target=lambda: [relay.push(SPEECH[:STEP], time.monotonic() + 10) for _ in range(10)]
    )
    stopping = threading.Timer(
        60, relay.stop
    )  # or a fault that is swallowed would let the test wait for ever
    speaking.start()
    stopping.start()
    with pytest.raises(type(error), match=str(error)):
        relay.run()
    stopping.cancel()
