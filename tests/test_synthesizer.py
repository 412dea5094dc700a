"""The door: a voice makes audio in this process, the same as a server makes, and without what serving needs."""

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import wavesynth
from tests.voices_for_tests import make_voice, tiny_voice
from wavesynth.clients import Client
from wavesynth.engine.engine import CapacityError, ClosedError
from wavesynth.voices.voice import save_voice

RANDOM = np.random.default_rng(0)
RECORDING = RANDOM.uniform(-0.3, 0.3, 4000)
MEL = RANDOM.normal(size=(20, 80)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four voices: tiny, free without mel, of-two with speakers, corrected."""
    folder = tmp_path_factory.mktemp("voices")
    tiny_voice(folder, "tiny")
    tiny_voice(folder, "free", mel=False)
    tiny_voice(folder, "of-two", speakers=2)
    save_voice(folder / "corrected", replace(make_voice("corrected"), correction=4))
    return folder


@pytest.fixture(scope="module")
def client(folder, serve):
    with serve(voices=folder, live_streams=8) as server, Client(f"localhost:{server.port}") as client:
        yield client


@pytest.fixture(scope="module")
def synthesizers(folder):
    """The voices in this process, by name."""
    made = {path.name: wavesynth.Synthesizer(path, threads=1) for path in folder.iterdir()}
    yield made
    for synthesizer in made.values():
        synthesizer.close()


@pytest.fixture
def tiny(synthesizers):
    return synthesizers["tiny"]


def forever():
    """The pieces of a microphone that nobody switches off."""
    while True:
        yield RECORDING[:160]


def eventually(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("voice", "given"),
    [
        ("tiny", {"audio": RECORDING, "seed": 5}),
        ("tiny", {"audio": (RECORDING * 32767).astype(np.int16), "seed": 2**64 - 1, "temperature": 0.7}),
        ("tiny", {"audio": RECORDING, "sample_rate": 22050}),
        ("tiny", {"audio": 1.2 * np.sign(RECORDING), "sample_rate": 48000}),  # clipped
        ("tiny", {"audio": RECORDING, "first_sample": 1234}),
        ("tiny", {"mel": MEL, "seed": 3}),
        ("tiny", {"audio": RECORDING, "correction": True}),
        ("corrected", {"audio": RECORDING}),
        ("corrected", {"audio": RECORDING, "correction": False}),
        ("of-two", {"audio": RECORDING}),
        ("of-two", {"mel": MEL, "speaker": "speaker-1"}),
        ("free", {"seconds": 0.3, "seed": 9}),
    ],
)
def test_what_is_made_here_is_what_a_server_makes(client, synthesizers, voice, given):
    served = client.synthesize(voice, **given)
    made = synthesizers[voice].synthesize(**given)
    assert made.dtype == np.float32 and np.array_equal(made, served.samples)
    chunks = list(synthesizers[voice].stream(**given))
    assert len(chunks) > 1 and np.array_equal(np.concatenate(chunks), served.samples)


@pytest.mark.parametrize("rate", [16000, 8000, 44100])
def test_what_is_made_of_pieces_is_what_a_server_makes_of_them(client, tiny, rate):
    pieces = np.array_split(RECORDING, 23)
    served = np.concatenate(list(client.resynthesize(iter(pieces), "tiny", sample_rate=rate, seed=7)))
    made = np.concatenate(list(tiny.stream(iter(pieces), sample_rate=rate, seed=7)))
    assert np.array_equal(made, served)
    assert np.array_equal(made, tiny.synthesize(RECORDING, sample_rate=rate, seed=7))


def test_frames_may_come_piece_by_piece_too(tiny):
    chunks = list(tiny.stream(mel=iter(np.array_split(MEL, 7)), seed=3))
    assert np.array_equal(np.concatenate(chunks), tiny.synthesize(mel=MEL, seed=3))


def test_the_first_chunks_come_while_input_is_still_to_come(tiny):
    heard = threading.Event()

    def pieces():
        yield RECORDING[:2000]
        assert heard.wait(60)
        yield RECORDING[2000:]

    stream = tiny.stream(pieces(), seed=1)
    first = next(stream)
    early = stream.statistics
    assert len(first) == 160 and early is None
    heard.set()
    whole = np.concatenate([first, *stream])
    assert np.array_equal(whole, tiny.synthesize(RECORDING, seed=1))
    assert stream.statistics.samples == len(whole) == 4000


def test_a_piece_may_be_overwritten_when_the_next_is_asked_for(tiny):
    def pieces():
        buffer = np.zeros(500)
        for first in range(0, 4000, 500):
            buffer[:] = RECORDING[first : first + 500]
            yield buffer

    assert np.array_equal(np.concatenate(list(tiny.stream(pieces()))), tiny.synthesize(RECORDING))


def test_many_threads_may_use_it_at_once(folder):
    with wavesynth.Synthesizer(folder / "tiny", threads=1, max_streams=3) as synthesizer:
        alone = [synthesizer.synthesize(RECORDING[: 500 + 100 * seed], seed=seed) for seed in range(8)]

        def one(seed):
            given = RECORDING[: 500 + 100 * seed]
            if seed % 3:
                return synthesizer.synthesize(given, seed=seed)
            return np.concatenate(list(synthesizer.stream(given, seed=seed)))

        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(one, range(8)))
    assert all(map(np.array_equal, together, alone))


@pytest.mark.parametrize("end", ["close", "with", "forget"])
def test_a_stream_that_is_given_up_frees_its_place_and_its_input(folder, end):
    ended = threading.Event()

    def pieces():
        try:
            yield from forever()
        finally:
            ended.set()

    with wavesynth.Synthesizer(folder / "tiny", threads=1, max_streams=1) as synthesizer:
        stream = synthesizer.stream(pieces())
        next(stream)
        with pytest.raises(CapacityError, match="all 1 places for live streams are taken"):
            synthesizer.stream(RECORDING)
        if end == "close":
            stream.close()
        elif end == "with":
            with stream:
                pass
        else:
            del stream
            gc.collect()

        def free():
            try:
                return np.concatenate(list(synthesizer.stream(RECORDING)))
            except CapacityError:
                return None

        eventually(lambda: free() is not None)
        eventually(ended.is_set)
        if end != "forget":
            assert list(stream) == []


def test_input_is_taken_no_further_ahead_than_a_few_seconds(tiny):
    taken = 0

    def pieces():
        nonlocal taken
        for piece in forever():
            taken += len(piece)
            yield piece

    with tiny.stream(pieces()) as stream:
        next(stream)
        before = -1
        while before != taken:  # until it rests
            before = taken
            time.sleep(0.2)
        assert 8000 < taken < 60_000


def test_closing_it_ends_its_streams_with_a_sentence(folder):
    synthesizer = wavesynth.Synthesizer(folder / "tiny", threads=1)
    stream = synthesizer.stream(forever())
    next(stream)
    synthesizer.close()
    with pytest.raises(ClosedError, match="the synthesizer was closed before the end of the stream"):
        list(stream)
    with pytest.raises(ValueError, match="the synthesizer is closed"):
        synthesizer.synthesize(RECORDING)


def test_forgetting_it_ends_its_threads(folder):
    def engines():
        return sum(thread.name.startswith("wavesynth-worker") for thread in threading.enumerate())

    before = engines()
    synthesizer = wavesynth.Synthesizer(folder / "tiny", threads=1)
    stream = synthesizer.stream(RECORDING)
    next(stream)
    assert engines() == before + 1
    del synthesizer, stream
    gc.collect()
    eventually(lambda: engines() == before)


class UnpluggedError(Exception):
    pass


def test_what_the_input_raises_the_stream_raises(tiny):
    def pieces():
        yield RECORDING
        raise UnpluggedError("the microphone was unplugged")

    with pytest.raises(UnpluggedError, match="the microphone was unplugged"):
        list(tiny.stream(pieces()))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seed": 1.5}, "seed is 1.5; it must be a whole number"),
        ({"seed": None}, "seed is None; it must be a whole number"),
        ({"first_sample": 1.0}, "first_sample is 1.0; it must be a whole number"),
        ({"first_sample": np.arange(2)}, r"first_sample is array\(\[0, 1\]\); it must be a whole number"),
        ({"sample_rate": 8000.5}, "sample_rate is 8000.5; it must be a whole number"),
        ({"sample_rate": True}, "sample_rate is True; it must be a whole number"),
        ({"temperature": "1"}, "temperature is '1'; it must be a number"),
        ({"temperature": 10**400}, "temperature is inf; it must be from 0.1 to 2"),
        ({"speaker": 0}, "speaker is 0; it must be a text"),
        ({"correction": "no"}, "correction is 'no'; it must be true or false, or None"),
    ],
)
def test_an_option_of_a_wrong_type_is_refused_by_its_name(tiny, given, message):
    for make in (tiny.synthesize, tiny.stream):
        with pytest.raises(ValueError, match=message):
            make(RECORDING, **given)
    with pytest.raises(ValueError, match=message):
        tiny.stream(iter([RECORDING]), **given)


def test_options_may_be_of_numpys_types(tiny):
    plain = {"seed": 3, "temperature": 0.5, "first_sample": 7, "sample_rate": 8000, "correction": False}
    given = {name: np.asarray(value)[()] for name, value in plain.items()}
    assert np.array_equal(tiny.synthesize(RECORDING, **given), tiny.synthesize(RECORDING, **plain))


def test_seconds_of_a_wrong_type_are_refused(synthesizers):
    for seconds in ("1", True, 1j, [1]):
        with pytest.raises(ValueError, match=r"seconds is .*; it must be a number"):
            synthesizers["free"].synthesize(seconds=seconds)


@pytest.mark.parametrize("name", ["max_streams", "threads"])
@pytest.mark.parametrize("value", ["2", 1.5, True])
def test_a_count_of_a_wrong_type_is_refused_by_its_name(folder, name, value):
    with pytest.raises(ValueError, match=f"{name} is {value!r}; it must be a whole number"):
        wavesynth.Synthesizer(folder / "tiny", **{name: value})


def test_the_most_streams_have_a_limit_of_their_own_name(folder):
    for value in (0, 10_001):
        with pytest.raises(ValueError, match=f"max_streams is {value}; it must be from 1 to 10000"):
            wavesynth.Synthesizer(folder / "tiny", max_streams=value)


@pytest.mark.parametrize(
    ("pieces", "first", "message"),
    [
        ([], 0, "the input is empty; it must have at least one sample"),
        ([RECORDING], 4000, "first_sample is 4000; it must be below 4000, the samples of the whole"),
    ],
)
def test_pieces_that_cannot_be_used_raise_what_the_whole_raises(tiny, pieces, first, message):
    with pytest.raises(ValueError, match=message):
        list(tiny.stream(iter(pieces), first_sample=first))
