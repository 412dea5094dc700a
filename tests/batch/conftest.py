import pytest

from wavesynth.batch.work import Setting, Synthesizer


@pytest.fixture(scope="module")
def setting(two_voices):
    return Setting(str(two_voices), together=3)


@pytest.fixture(scope="module")
def synthesizer(setting):
    synthesizer = Synthesizer(setting)
    yield synthesizer
    synthesizer.close()
