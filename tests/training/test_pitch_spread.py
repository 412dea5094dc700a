"""What a text network predicts is spread as its speaker's pitch is, about the mean of what it predicts."""

import numpy as np
import pytest
import torch

from wavesynth.models.text_to_mel import TextConfig, TextToMel
from wavesynth.text.utterance import Token
from wavesynth.training.pitch_spread import restore_pitch_spread
from wavesynth.training.spoken import Recording

SYMBOLS = ("^", "n", "A", "s", "i", "$")


def recordings(semitones):
    """Utterances whose phonemes have random heights with such a deviation about 200 Hz."""
    random, found = np.random.default_rng(0), []
    for number in range(12):
        heights = 200 * 2 ** (semitones / 12 * random.standard_normal(len(SYMBOLS)))
        mel = random.standard_normal((60, 80)).astype(np.float32)
        tokens = tuple(Token(symbol) for symbol in SYMBOLS)
        found.append(
            Recording(
                str(number),
                tokens,
                np.full(6, 10),
                mel,
                np.repeat(heights, 10).astype(np.float32),
            )
        )
    return found


def predicted(model):
    symbols = torch.tensor([[model.config.symbols.index(symbol) for symbol in SYMBOLS]])
    none = torch.zeros_like(symbols)
    return model.prosody(model.encode(symbols, none, none)).detach()


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = TextToMel(TextConfig(channels=16, predictor_channels=16)).eval()
    model.pitch_range.copy_(torch.tensor([np.log(200.0), np.log(2) / 12]))  # heights are semitones
    return model.requires_grad_(False)


def test_it_is_spread_as_the_recordings_about_its_mean(model):
    before = predicted(model)
    flat = restore_pitch_spread(model, recordings(0.0))
    assert flat == 1.0 and torch.equal(predicted(model), before)  # never less than what is predicted
    factor = restore_pitch_spread(model, recordings(3.0))
    after = predicted(model)
    assert factor == 1.4  # the most
    ratio = after[..., :3].std() / before[..., :3].std()
    assert ratio == pytest.approx(1.4, abs=0.05)
    assert torch.equal(after[..., 3], before[..., 3])  # how loud it is, is left


def test_once_is_enough(model):
    own = float(predicted(model)[..., :3].std())
    for share in np.arange(0.3, 3.0, 0.1):  # of what is predicted, until it is a little too little
        some = recordings(share * own)
        if (first := restore_pitch_spread(model, some)) > 1.0:
            break
    assert 1.0 < first < 1.4
    assert restore_pitch_spread(model, some) == pytest.approx(1.0, abs=1e-4)
