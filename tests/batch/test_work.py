"""Segments' audio is a matter of their requests alone, and the same as the service's."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import soundfile
import torch

from tests.voices_for_tests import make_voice
from wavesynth.audio.files import read
from wavesynth.batch import segments as cutting
from wavesynth.batch.manifest import Entry
from wavesynth.batch.work import BatchOptions, Collector, SegmentWorker, cut
from wavesynth.clients import Client
from wavesynth.engine.excerpt import converter_memories, first_whole_frame
from wavesynth.engine.pipeline import pipeline_of
from wavesynth.models.converter import Converter, ConverterConfig
from wavesynth.networks import Network
from wavesynth.synthesizer import Synthesizer
from wavesynth.voices.voice import load_voice, save_voice


def recording(path, samples, seed=0):
    clip = np.random.default_rng(seed).uniform(-0.3, 0.3, samples)
    soundfile.write(path, clip, 16000)
    return str(path)


def whole(worker, segments):
    collector = Collector()
    found = [whole for made in worker(segments) if (whole := collector.add(made))]
    return {whole.entry: whole for whole in found}


def test_a_recording_that_stays_whole_is_what_the_service_makes_of_it(worker, options, address, tmp_path):
    path = recording(tmp_path / "a.wav", 3000)
    (made,) = whole(worker, cut(Entry(1, "a.wav", audio=path, seed=9, temperature=0.7), options)).values()
    with Client(address) as client:
        served = client.synthesize(audio=soundfile.read(path)[0], seed=9, temperature=0.7)
    assert made.samples.tobytes() == served.pcm and made.sample_rate == 16000


def test_company_and_order_change_nothing(worker, options, tmp_path):
    paths = [recording(tmp_path / f"{i}.wav", 500 + 400 * i, i) for i in range(5)]
    segments = [s for i, path in enumerate(paths) for s in cut(Entry(i, f"{i}.wav", audio=path), options)]
    together = whole(worker, segments[::-1])
    alone = {key: value for segment in segments for key, value in whole(worker, [segment]).items()}
    assert together.keys() == alone.keys() and len(alone) == 5
    for entry in alone:
        assert np.array_equal(together[entry].samples, alone[entry].samples)


def test_a_long_recording_is_whole_again_and_has_no_seam(worker, options, tmp_path):
    path = recording(tmp_path / "long.wav", 16000 * 32)
    segments = cut(Entry(1, "long.wav", audio=path), options)
    assert len(segments) == 3
    (made,) = whole(worker, segments).values()
    samples = made.samples.astype(float)
    assert len(samples) == 16000 * 32
    # A click is a jump: no larger at the seams than the voice's own jumps elsewhere.
    jumps = np.abs(np.diff(samples, 2))
    seams = [(before.last + after.first) // 2 for before, after in pairwise(segments)]
    for seam in seams:
        assert jumps[seam - 400 : seam + 400].max() <= np.quantile(jumps, 0.9999)
        level = samples[seam - 160 : seam + 160].std() / samples.std()
        assert 0.7 < level < 1.4
    # The first piece is the beginning of the whole, to the sample.
    (first,) = worker(segments[:1])
    until = segments[1].first
    assert np.array_equal(np.frombuffer(first.pcm, "<i2")[:until], made.samples[:until])


@pytest.fixture(scope="module")
def long_options(tmp_path_factory):
    """Voices that look far ahead: by a converter, by correction, by both."""
    folder = tmp_path_factory.mktemp("looking-ahead")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        converter = Network.of(Converter(ConverterConfig(channels=16)).requires_grad_(False).eval())
    voice = make_voice("tiny")
    for name, others in {
        "anyone": {"converter_network": converter},
        "filtered": {"correction": 8},
        "both": {"converter_network": converter, "correction": 4},
    }.items():
        save_voice(folder / name, replace(voice, name=name, **others))
    return BatchOptions(str(folder), max_batch=3)


@pytest.fixture(scope="module")
def long_worker(long_options):
    worker = SegmentWorker(long_options)
    yield worker
    worker.close()


@pytest.mark.parametrize("voice", ["anyone", "filtered", "both"])
def test_a_piece_ends_as_if_the_recording_went_on(long_worker, long_options, tmp_path, monkeypatch, voice):
    path = recording(tmp_path / "long.wav", 16000)
    entry = Entry(1, "long.wav", audio=path, voice=voice)
    (uncut,) = cut(entry, long_options)
    for name, seconds in (("LONGEST", 0.5), ("_PIECE", 0.25), ("_SEARCH", 0.05)):
        monkeypatch.setattr(cutting, name, seconds)
    pieces = cut(entry, long_options)
    assert len(pieces) == 4
    whole, first = (long_worker([segment])[0] for segment in (uncut, pieces[0]))
    assert first.pcm == whole.pcm[: 2 * first.last]


def test_a_piece_begins_with_what_the_converter_remembers_of_all_before(
    long_worker, long_options, tmp_path, monkeypatch
):
    path = recording(tmp_path / "long.wav", 16000)
    for name, seconds in (("LONGEST", 0.5), ("_PIECE", 0.25), ("_SEARCH", 0.05)):
        monkeypatch.setattr(cutting, name, seconds)
    pieces = cut(Entry(1, "long.wav", audio=path, voice="anyone"), long_options)
    voice = load_voice(f"{long_options.voices}/anyone")
    hop = voice.mel.hop
    for piece, place in zip(pieces, cutting.cuts(*cuts_of(path, voice)), strict=True):
        if place.begin:
            (memory,) = converter_memories(voice, read(path), [place.begin // hop + first_whole_frame(voice)])
            assert piece.request and piece.request.memory == memory.tobytes()
            (warm,), (cold,) = (
                long_worker([piece]),
                long_worker([replace(piece, request=replace(piece.request, memory=b""))]),
            )
            assert warm.pcm != cold.pcm
        else:
            assert piece.request and piece.request.memory == b""
    assert pieces[-1].request.memory


def cuts_of(path, voice):
    return read(path), voice.sample_rate, pipeline_of(voice, voice.correction)


def test_mel_and_seconds_are_made_too(worker, options, tmp_path):
    np.save(tmp_path / "mel.npy", np.zeros((3, 80), np.float32))
    entries = [
        Entry(1, "a.wav", mel=str(tmp_path / "mel.npy")),
        Entry(2, "b.wav", seconds=0.1, voice="free"),
    ]
    made = whole(worker, [segment for entry in entries for segment in cut(entry, options)])
    assert [len(made[entry.to_json()].samples) for entry in entries] == [480, 1600]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"audio": "/none.wav"}, "/none.wav does not exist"),
        ({"audio": __file__}, "test_work.py cannot be read as audio"),
        ({"mel": __file__}, "test_work.py"),
        ({"audio": "{a}", "voice": "nobody"}, "voice is 'nobody'; the voices are free, tiny"),
        ({"audio": "{a}", "voice": "free"}, "voice free takes seconds and nothing else"),
        ({"audio": "{a}", "temperature": 9.0}, "temperature is 9.0"),
        ({"audio": "{a}", "seed": -1}, "seed is -1"),
        ({"audio": "{a}", "speaker": "x"}, "speaker is 'x'"),
        ({"seconds": 1.0}, "voice tiny needs mel or audio"),
    ],
)
def test_what_cannot_be_made_says_why_and_the_others_are_made(worker, options, tmp_path, fields, sentence):
    path = recording(tmp_path / "a.wav", 300)
    bad = Entry(1, "bad.wav", **{k: path if v == "{a}" else v for k, v in fields.items()})
    good = Entry(2, "good.wav", audio=path)
    made = whole(worker, [*cut(bad, options), *cut(good, options)])
    assert sentence in made[bad.to_json()].error
    assert not made[good.to_json()].error and len(made[good.to_json()].samples) == 300


def test_text_is_read_aloud_as_the_library_reads_it(a_reader):
    options = BatchOptions(str(a_reader), max_batch=2)
    entries = [Entry(1, "a.wav", text="Hello there.", seed=3), Entry(2, "b.wav", text="Hello there.", rate=2)]
    worker = SegmentWorker(options)
    made = [worker(cut(entry, options))[0] for entry in entries]
    refused = worker(cut(replace(entries[0], voice="tiny"), options))[0]
    unreadable = worker(cut(replace(entries[0], text="?!"), options))[0]
    worker.close()
    with Synthesizer(a_reader / "reader", threads=1) as synthesizer:
        expected = synthesizer.synthesize(text="Hello there.", seed=3)
    assert made[0].pcm == (expected * 32768).astype(np.int16).tobytes()
    assert len(made[1].pcm) < 0.7 * len(made[0].pcm)
    assert refused.error == "voice tiny takes no text; those that do are reader (en)"
    assert unreadable.error.startswith("text has nothing that can be said")
