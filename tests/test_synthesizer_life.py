"""How long a synthesizer lives: as long as its streams, in the process that made it."""

import gc
import multiprocessing
import os

import numpy as np
import pytest

import wavesynth
from tests.voices_for_tests import tiny_voice


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    return tiny_voice(tmp_path_factory.mktemp("voices"), "free", mel=False)


def test_a_stream_goes_on_when_only_its_synthesizer_is_forgotten(voice):
    stream = wavesynth.Synthesizer(voice, threads=1).stream(seconds=0.5, seed=1)
    first = next(stream)
    gc.collect()
    whole = np.concatenate([first, *stream])
    with wavesynth.Synthesizer(voice, threads=1) as synthesizer:
        assert np.array_equal(whole, synthesizer.synthesize(seconds=0.5, seed=1))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no process is forked here")
def test_a_forked_process_is_told_to_make_its_own(voice):
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    with wavesynth.Synthesizer(voice, threads=1) as synthesizer:

        def child():
            try:
                synthesizer.synthesize(seconds=0.1)
            except ValueError as error:
                answers.put(str(error))
            synthesizer.close()

        process = context.Process(target=child)
        process.start()
        process.join(60)
        ended = process.exitcode
        process.kill()
        assert ended == 0 and "must be made in it" in answers.get()
        assert len(synthesizer.synthesize(seconds=0.1)) == 1600
