"""Loading a folder of voices for use."""

from __future__ import annotations

import pytest

from tests.voices_for_tests import tiny_voice
from wavesynth.voices.loaded import load_voices


def test_two_voices_of_a_name_or_none_are_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no voices"):
        load_voices(tmp_path, "cpu")
    tiny_voice(tmp_path, "tiny")
    (tmp_path / "copy").symlink_to(tmp_path / "tiny")
    with pytest.raises(ValueError, match="name is 'tiny', which another voice"):
        load_voices(tmp_path, "cpu")
