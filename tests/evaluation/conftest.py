import pytest
import soundfile

from wavesynth.evaluation.words import SHIPPED_TRANSCRIPTS


@pytest.fixture(scope="session")
def speech():
    """A recording that no voice has learned from, float32 [n] at 16 kHz."""
    return soundfile.read(SHIPPED_TRANSCRIPTS.with_name("vm-newuser.flac"), dtype="float32")[0]
