"""Listeners of a real service, in processes of their own."""

import multiprocessing
from dataclasses import replace

import pytest

from wavesynth.benchmarks.listening import Heard, Listened, Listeners, Load, listeners, untracked
from wavesynth.benchmarks.playback import latencies
from wavesynth.benchmarks.processor import Usage
from wavesynth.benchmarks.run import Run
from wavesynth.benchmarks.service import ServiceBenchmark, stated_capacity
from wavesynth.clients.timing import Timing


@pytest.fixture(scope="module")
def processes():
    with listeners() as processes:
        yield processes


@pytest.fixture
def load(address):
    return Load(address, "tiny", 16000, True)


def listen(processes, load):
    return Run(processes.listen(load, untracked, ""))


def test_each_admitted_listener_hears_all_of_its_audio_and_the_others_are_refused(processes, load):
    # Of a call that speaks meanwhile gRPC may lose the status with which it is refused.
    run = listen(processes, replace(load, kinds=("streaming",) * 3, seconds=1.0))
    assert (len(run.of()), run.refused, run.failed) == (2, 1, {})
    assert [heard.timing.samples for heard in run.of()] == [16000, 16000]
    assert not run.flawless


def test_a_bidirectional_call_is_heard_as_its_input_is_spoken(processes, load):
    run = listen(processes, replace(load, kinds=("bidirectional",), seconds=0.5, held_back=800))
    (heard,) = run.of()
    assert (heard.code, heard.timing.samples) == ("OK", 8000)
    assert len(heard.latencies) == len(heard.timing.arrivals)
    # The last of it cannot come before the last input was spoken.
    assert heard.timing.arrivals[-1] - heard.timing.started >= 0.5


def test_a_chunk_is_late_by_what_passes_after_its_last_input_was_due():
    load = Load("", "", 16000, True, seconds=0.1, held_back=300)
    # Chunk 1 needs samples up to 460, of piece 2, due at 40 ms; chunk 2 up to 620, of piece 2 as well; chunk 3 all.
    timing = Timing(10.0, arrivals=[10.05, 10.06, 10.13])
    assert latencies(load, timing, [160, 320, 1500]) == pytest.approx([0.01, 0.02, 0.03])


def test_what_a_service_holds_back_is_asked_of_it(processes, load, server):
    asked = processes.listen(replace(load, asks_held_back=True), untracked, "")
    voice = server.engine.voices["tiny"].voice
    # A chunk of one frame needs the frames after it that the network sees, the last of them up to its window's end.
    seen = (voice.mel_context - 1) * voice.hop + voice.mel.window // 2
    assert seen <= asked.held_back < 2 * 16000


def test_short_calls_beside_listeners_are_timed_or_refused(processes, load):
    beside = replace(load, kinds=("bidirectional",), seconds=2.0, calls=10, every=0.4)
    alone = listen(processes, beside).listened
    assert alone.first and not alone.refused
    full = listen(processes, replace(beside, kinds=("bidirectional",) * 2)).listened
    assert full.refused and not full.first


def test_a_voice_without_mel_is_asked_for_a_duration(processes, load):
    run = listen(processes, replace(load, voice="free", takes_audio=False, kinds=("streaming",), seconds=0.5))
    assert [heard.timing.samples for heard in run.of()] == [8000]


def test_what_fails_is_counted_by_its_status(processes, load):
    run = listen(processes, replace(load, voice="nobody", kinds=("streaming",), seconds=0.5))
    assert run.failed == {"NOT_FOUND": 1} and not run.flawless


def test_processes_of_listeners_that_end_are_a_sentence(load):
    others = multiprocessing.active_children()
    with listeners() as processes:
        (process,) = set(multiprocessing.active_children()) - set(others)
        process.kill()
        process.join()
        with pytest.raises(ValueError, match="ended before its time"):
            processes.listen(replace(load, kinds=("streaming",), seconds=0.5), untracked, "")


def test_of_a_server_whose_process_is_not_known_only_the_listeners_are_measured():
    run = Run(
        Listened([Heard("streaming", Timing(0.0, samples=32000, sample_rate=16000))], processor_seconds=0.5)
    )
    assert run.processor_seconds() == {"server": None, "listeners": 0.25}
    assert run.server_memory_mb() is None and run.latency_ms() is None


def test_what_a_server_takes_is_divided_by_the_audio_heard_and_by_the_streams_admitted():
    heard = [Heard("streaming", Timing(0.0, samples=16000, sample_rate=16000)) for _ in range(4)]
    heard.append(Heard("streaming", Timing(0.0), "RESOURCE_EXHAUSTED"))
    run = Run(Listened(heard), [Usage(10.0, 100_000_000), Usage(10.5, 108_000_000), Usage(11.0, 104_000_000)])
    assert run.processor_seconds()["server"] == 0.25
    assert run.server_memory_mb() == {"start": 100, "peak": 108, "end": 104, "per_stream": 2}


def test_many_listeners_take_more_than_one_process():
    shares = Load("", "", 16000, True, kinds=("streaming",) * 5, calls=3).shared(2)
    assert [(len(share.kinds), share.calls) for share in shares] == [(3, 3), (2, 0)]


class Simulated(Listeners):
    """Stands for a service that carries so many streams in time, and admits so many."""

    def __init__(self, carries, admits):
        self.carries, self.admits = carries, admits

    def listen(self, load, track, description, tick=lambda: None):
        calls = len(load.kinds)
        admitted = min(calls, self.admits)
        underruns = int(admitted > self.carries)
        heard = [Heard("streaming", Timing(0.0, dry=[1.0] * underruns)) for _ in range(admitted)]
        heard += [Heard("streaming", Timing(0.0), "RESOURCE_EXHAUSTED") for _ in range(calls - admitted)]
        return Listened(heard)


@pytest.mark.parametrize(
    ("carries", "admits", "found"),
    [
        (11, 40, {"streams": 11, "limited_by": "underruns", "admitted": 40}),
        (40, 11, {"streams": 11, "limited_by": "refused", "admitted": 11}),
        (0, 5, {"streams": 0, "limited_by": "underruns", "admitted": 5}),
        (3, 1000, {"streams": 3, "limited_by": "underruns", "admitted": None}),
    ],
)
def test_what_is_carried_stands_beside_what_is_admitted(carries, admits, found):
    bench = ServiceBenchmark(
        Simulated(carries, admits), Load("", "tiny", 16000, True), ("streaming",), untracked
    )
    said = []
    capacity, run = bench.capacity(30.0, said.append)
    assert capacity == {**found, "stated": None}
    assert run.flawless == (carries > 0)
    assert said[0].startswith("at once 1, for 5 s: underruns ")


def test_what_a_server_states_is_read_from_its_log():
    log = [
        "not JSON",
        "[]",
        '{"event": "loading voices"}',
        '{"event": "x", "live_streams": {"tiny": 3, "other": 30}, "made_ahead": {"tiny": 3, "other": 30}}',
        '{"event": "x", "live_streams": {"tiny": 6, "other": 30}, "made_ahead": {"tiny": 9, "other": 0}}',
        '{"event": "call"}',
    ]
    assert stated_capacity(log, "tiny") == 6
    assert stated_capacity(log, "tiny", ["streaming"]) == 9
    assert stated_capacity(log, "tiny", ["streaming", "bidirectional"]) == 7  # 7.2
    assert stated_capacity(log, "other", ["streaming"]) == 0
    assert stated_capacity(log, "other") == 30
    assert stated_capacity(log[:3], "tiny") is None
