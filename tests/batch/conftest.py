import pytest

from wavesynth.batch.work import BatchOptions, SegmentWorker


@pytest.fixture(scope="module")
def options(two_voices):
    return BatchOptions(str(two_voices), max_batch=3)


@pytest.fixture(scope="module")
def worker(options):
    worker = SegmentWorker(options)
    yield worker
    worker.close()
