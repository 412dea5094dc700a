import pytest

from tests.clients.servers import two_voices
from wavesynth.batch.work import Setting, Synthesizer


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    return Setting(str(two_voices(tmp_path_factory.mktemp("voices"))), together=3)


@pytest.fixture(scope="module")
def synthesizer(setting):
    synthesizer = Synthesizer(setting)
    yield synthesizer
    synthesizer.close()
