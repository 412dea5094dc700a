import numpy as np
import pytest

pytest.importorskip("resemblyzer", reason="needs resemblyzer: pip install '.[evaluate]'")
pytest.importorskip("pyworld", reason="needs pyworld: pip install '.[evaluate]'")

from wavesynth.audio.world import analyse, synthesise
from wavesynth.data.perturbation import Perturbation, perturb
from wavesynth.evaluation.speakers import speaker, speaker_similarity


def test_one_speaker_is_more_like_herself_than_like_her_voice_made_a_mans(speech):
    half = len(speech) // 2
    low = perturb(analyse(speech[half:]), Perturbation(100.0, 0.82, (0.0,) * 7), 16000)
    she, again = speaker([speech[:half]]), speaker([speech[half:]])
    he = speaker([synthesise(low, half).astype(np.float32)])
    assert np.linalg.norm(she) == pytest.approx(1, abs=1e-5) and speaker_similarity(
        she, she
    ) == pytest.approx(1, abs=1e-5)
    assert speaker_similarity(she, again) > speaker_similarity(she, he) + 0.15


def test_where_nobody_speaks_there_is_no_speaker():
    with pytest.raises(ValueError, match="no speech in the recordings"):
        speaker([np.zeros(16000, np.float32)])
