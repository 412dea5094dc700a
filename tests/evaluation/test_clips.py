import numpy as np
import pytest
import torch

from wavesynth.evaluation.clips import choose_clips


def recordings(*seconds):
    return [(f"r{i}", torch.full((round(16000 * s),), i / 100)) for i, s in enumerate(seconds)]


def test_short_recordings_are_left_out_and_long_ones_cut():
    clips = choose_clips(recordings(0.99, 1.0, 7.0), 16000, 16)
    assert [(clip.name, len(clip.samples), clip.whole) for clip in clips] == [
        ("r1", 16000, True),
        ("r2", 96000, False),
    ]
    assert clips[1].samples.dtype == np.float32 and np.all(clips[1].samples == np.float32(0.02))


def test_fewer_clips_are_spread_over_the_recordings_and_always_the_same():
    chosen = [clip.name for clip in choose_clips(recordings(*[1.0] * 23), 16000, 16)]
    assert len(set(chosen)) == 16 and chosen[0] == "r0" and chosen[-1] == "r22"
    gaps = np.diff([int(name[1:]) for name in chosen])
    assert gaps.min() >= 1 and gaps.max() <= 2
    assert chosen == [clip.name for clip in choose_clips(recordings(*[1.0] * 23), 16000, 16)]


def test_nothing_long_enough_is_an_error():
    with pytest.raises(ValueError, match="there are no recordings of at least 1 s to copy"):
        choose_clips(recordings(0.5, 0.9), 16000, 16)
