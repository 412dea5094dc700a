import pytest
import torch
import torch.nn.functional as F

from tests.voices_for_tests import make_voice
from wavesynth.audio.companding import encode
from wavesynth.audio.mel import log_mel
from wavesynth.evaluation import bits as module
from wavesynth.evaluation.bits import measure_bits
from wavesynth.sampling.likelihood import bits_per_sample


def recordings(*samples):
    generator = torch.Generator().manual_seed(0)
    return [(f"r{n}", 0.1 * torch.randn(n, generator=generator)) for n in samples]


def in_one_piece(voice, waveform, weights, speaker=None):
    targets = encode(waveform, 256, voice.preemphasis)
    tokens = torch.cat([torch.tensor([128]), targets[:-1]])
    mel = F.pad(log_mel(waveform, voice.mel), (0, 0, 3, 3), value=voice.mel.silence)[None]
    with torch.inference_mode():
        conditioning = voice.model.conditioning(mel, speaker)[0]
    return bits_per_sample(weights, tokens, targets, conditioning)


@pytest.fixture
def pieces_of_two_frames(monkeypatch):
    monkeypatch.setattr(module, "PIECE_FRAMES", 2)


def test_pieces_cost_what_the_whole_recording_costs(pieces_of_two_frames):
    voice = make_voice(layers=8)  # a receptive field of 256 samples: more than a frame
    [(_, waveform)] = given = recordings(1700)
    bits = measure_bits(voice, given, int8_seconds=100)
    assert bits.float32 == pytest.approx(in_one_piece(voice, waveform, voice.float32()), abs=1e-5)
    assert bits.int8 == pytest.approx(in_one_piece(voice, waveform, voice.int8()), abs=1e-5)
    assert bits.int8 != pytest.approx(bits.float32, abs=1e-5)
    assert bits.seconds == bits.int8_seconds == 1700 / 16000
    assert bits.float32_there == bits.float32


def test_int8_is_measured_on_as_much_as_was_asked_and_compared_there(pieces_of_two_frames):
    voice, given = make_voice(), recordings(3200, 3200)
    bits = measure_bits(voice, given, int8_seconds=1280 / 16000)
    assert bits.int8_seconds == 1280 / 16000 and bits.seconds == 6400 / 16000
    assert bits.float32_there != bits.float32
    assert measure_bits(voice, given, int8_seconds=0).int8_seconds == 320 / 16000


def test_recordings_count_by_their_length():
    voice, given = make_voice(), recordings(480, 3200)
    one, two = (measure_bits(voice, [recording]).float32 for recording in given)
    assert measure_bits(voice, given).float32 == pytest.approx((480 * one + 3200 * two) / 3680)


def test_the_speaker_is_heard_and_a_voice_without_mel_can_be_measured():
    given = recordings(1000)
    speakers, free = make_voice(speakers=2), make_voice(mel=False)
    costs = [measure_bits(speakers, given, speaker).float32 for speaker in (0, 1)]
    assert costs[0] != costs[1]
    expected = in_one_piece(speakers, given[0][1], speakers.float32(), torch.tensor([1]))
    assert costs[1] == pytest.approx(expected, abs=1e-5)
    assert measure_bits(free, given).float32 > 0


def test_processes_do_not_change_the_figures(pieces_of_two_frames):
    voice, given = make_voice(), recordings(1500)
    alone, shared = (measure_bits(voice, given, processes=processes) for processes in (1, 2))
    assert shared.float32 == pytest.approx(alone.float32, abs=1e-6)
    assert shared.int8 == pytest.approx(alone.int8, abs=1e-6)


def test_no_recordings_are_an_error():
    with pytest.raises(ValueError, match="there are no recordings to predict"):
        measure_bits(make_voice(), [])


def test_of_a_long_split_a_part_is_scored_spread_over_it(monkeypatch):
    monkeypatch.setattr("wavesynth.evaluation.bits.MAX_SECONDS", 0.5)
    monkeypatch.setattr("wavesynth.evaluation.bits.PIECE_FRAMES", 10)  # pieces of 0.1 s
    seen = []
    recordings = [(str(i), 0.1 * torch.randn(1600)) for i in range(10)]
    bits = measure_bits(
        make_voice("tiny"), recordings, track=lambda scores, total: seen.append(total) or scores
    )
    assert bits.seconds == 0.5 and seen == [5]
