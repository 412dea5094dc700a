"""Impulses are found again whatever became of them, and recordings are whole."""

import numpy as np
import pytest
import soundfile

from wavesynth.clients.live.taps import Impulses, Recorder

RATE, BLOCK = 16000, 80


@pytest.mark.parametrize("delay", [0.0873, 0.2])
def test_the_time_that_an_impulse_takes_is_measured(delay):
    tap, random = Impulses(RATE, RATE), np.random.default_rng(0)
    sent = np.concatenate([tap.microphone(np.ones(BLOCK, np.float32), i * BLOCK / RATE) for i in range(1000)])
    assert np.count_nonzero(sent) <= 4 * 160  # nothing of the microphone itself
    smeared = np.convolve(sent, np.hanning(401) / 100)[200:]  # as the analysis window does, around its middle
    heard = np.concatenate([np.zeros(round(delay * RATE)), smeared])
    heard += 0.001 * random.standard_normal(len(heard))
    for i in range(1000):
        tap.loudspeaker(heard[i * BLOCK : (i + 1) * BLOCK].astype(np.float32), i * BLOCK / RATE)
    found = tap.latencies()
    assert len(found) == 4
    assert np.abs(np.array(found) - delay).max() < 0.003


def test_what_never_came_back_is_not_measured():
    tap, random = Impulses(RATE, RATE), np.random.default_rng(0)
    for i in range(600):
        tap.microphone(np.zeros(BLOCK, np.float32), i * BLOCK / RATE)
        tap.loudspeaker(random.standard_normal(BLOCK).astype(np.float32), i * BLOCK / RATE)
    assert tap.latencies() == []


def test_both_sides_are_recorded_even_when_the_session_fails(tmp_path):
    with pytest.raises(OSError), Recorder(tmp_path / "new", 48000, 16000) as recorder:
        block = np.linspace(-0.5, 0.5, BLOCK).astype(np.float32)
        assert recorder.microphone(block, 0.0) is block
        recorder.voice(block[:40])
        assert list((tmp_path / "new").glob("[!.]*")) == []  # nobody reads half of one
        raise OSError("unplugged")
    assert soundfile.info(tmp_path / "new/microphone.wav").frames == BLOCK
    assert soundfile.info(tmp_path / "new/microphone.wav").samplerate == 48000
    assert soundfile.info(tmp_path / "new/voice.wav").frames == 40
    assert len(list((tmp_path / "new").iterdir())) == 2
