"""The rings between processes: what is written is read, whole and in order, and never more than there is room for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavesynth.engine.stream import EngineOutput, Statistics
from wavesynth.server.processes.memory import SharedSlots
from wavesynth.server.processes.records import END, input_records, output_records, read_input, read_outputs
from wavesynth.server.processes.ring import RingReader, RingWriter


def ring(size):
    memory = memoryview(bytearray(size))
    return RingWriter(memory), RingReader(memory)


@given(st.integers(8, 64), st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 40)), max_size=60))
def test_bytes_come_out_as_they_went_in_wherever_the_ring_ends(size, turns):
    writer, reader = ring(size)
    written, read = b"", b""
    for data, wanted in turns:
        data = data[: writer.room]
        writer.write(data)
        written += data
        reader.was_written(len(data))
        read += reader.read(min(wanted, reader.waiting))
        writer.was_read(reader.to_say())
        assert writer.room <= size
    assert written.startswith(read) and written == read + bytes(reader.read(reader.waiting))


@given(st.integers(2, 64), st.data())
def test_a_record_of_half_a_ring_always_fits_once_all_is_read(size, data):
    """Or a writer would wait for ever for a reader who waits until it has read half."""
    writer, reader = ring(size)
    for _ in range(50):
        record = bytes(data.draw(st.integers(0, writer.longest)))
        if len(record) > writer.room:
            bytes(reader.read(reader.waiting))
            writer.was_read(reader.to_say())
        writer.write(record)
        reader.was_written(len(record))


def pieces(piece, size=256):
    """A piece through a ring, as the other side gets it, and how many records it took."""
    writer, reader = ring(size)
    came, records = [], 0
    for record in [*input_records(piece, writer.longest), END]:
        assert len(record) <= writer.longest
        writer.write(record)
        reader.was_written(len(record))
        came += read_input(reader)
        writer.was_read(reader.to_say())
        records += 1
    assert came.pop() is None
    return np.concatenate(came) if came else np.zeros(0), records


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_samples_of_any_length_keep_their_type_and_values(dtype):
    piece = np.arange(1000).astype(dtype)
    came, records = pieces(piece)
    assert came.dtype == dtype and np.array_equal(came, piece) and records > 10
    assert not len(pieces(piece[:0])[0])


def test_frames_are_cut_between_frames():
    mel = np.arange(21 * 7, dtype=np.float32).reshape(21, 7)
    came, _ = pieces(mel)
    assert came.shape == mel.shape and np.array_equal(came, mel)
    assert pieces(mel[::2])[0].tolist() == mel[::2].tolist()


@pytest.mark.parametrize("samples", [0, 1, 160, 5000])
def test_audio_of_any_length_keeps_its_place_its_time_and_its_statistics(samples):
    statistics = Statistics(2**40, 0.25, 3.5)
    output = EngineOutput(np.arange(samples).astype(np.int16), 2**33, 12.5, statistics)
    writer, reader = ring(512)
    came = []
    for record in output_records(output, writer.longest):
        writer.write(record)
        reader.was_written(len(record))
        came += read_outputs(reader)
        writer.was_read(reader.to_say())
    assert np.array_equal(np.concatenate([part.samples for part in came]), output.samples)
    firsts = 2**33 + np.cumsum([0, *(len(part.samples) for part in came)])[:-1]
    assert [part.first_sample for part in came] == firsts.tolist()
    assert {part.made_at for part in came} == {12.5}
    assert [part.statistics for part in came] == [None] * (len(came) - 1) + [statistics]


def test_slots_do_not_overlap_and_are_the_same_memory_for_whoever_has_it():
    here = SharedSlots(3)
    there = SharedSlots(3, here.fd)
    for slot in range(3):
        here.input(slot)[:] = bytes([2 * slot]) * len(here.input(slot))
        there.output(slot)[:] = bytes([2 * slot + 1]) * len(here.output(slot))
    assert [set(there.input(slot)) for slot in range(3)] == [{0}, {2}, {4}]
    assert [set(here.output(slot)) for slot in range(3)] == [{1}, {3}, {5}]
    here.close()
