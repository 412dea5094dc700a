"""The spread of a speaker's pitch, restored in what a text network predicts.

A network that learned by a distance predicts the mean of the pitches that a phoneme could have, so what it predicts
varies less than what the speaker says. As parameter generation restores the global variance of each utterance (Toda and
Tokuda, "A speech parameter generation algorithm considering global variance for HMM-based speech synthesis", 2007), the
predictions are spread about their mean by one factor. It goes into the weights of the last layer, and costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from wavesynth.models.text_to_mel import TextConfig, TextToMel
from wavesynth.training.spoken import Recording
from wavesynth.training.text_examples import Scaling, Utterances

__all__ = ["restore_pitch_spread"]

#: The factor, at the least and at the most. A larger one would spread errors.
_LEAST, _MOST = 1.0, 1.4
#: Utterances that are looked at together.
_TOGETHER = 8
#: Of the numbers that a phoneme's prosody is, those that are pitches.
_PITCHES = TextConfig.PROSODY - 1


@torch.no_grad()
def restore_pitch_spread(model: TextToMel, recordings: Sequence[Recording]) -> float:
    """Spreads the pitch that `model` predicts as that of `recordings`, which it should not have learned from, and
    returns by what factor. Voiced phonemes count, each by its duration."""
    scaling = Scaling.of_network(model)
    longest = max(len(one.mel) for one in recordings) + TextConfig.FRAMES
    predicted, spoken, weights = [], [], []
    for batch in Utterances(recordings, model.config, scaling, longest).sequential(_TOGETHER):
        symbols, stress, clause, durations, prosody, voiced, tokens, *_ = batch
        mask = tokens[..., None]
        said = model.prosody(model.encode(symbols, stress, clause, mask), mask)
        predicted.append(said[..., :_PITCHES].reshape(-1, _PITCHES))
        spoken.append(prosody[..., :_PITCHES].reshape(-1, _PITCHES))
        weights.append((durations * voiced * tokens).reshape(-1, 1).expand(-1, _PITCHES))
    weight = torch.cat(weights)
    middle, spread = _moments(torch.cat(predicted), weight)
    factor = min(max(_moments(torch.cat(spoken), weight)[1] / spread, _LEAST), _MOST)
    layer = model.prosody.output
    layer.weight[:_PITCHES] *= factor
    layer.bias[:_PITCHES] = factor * layer.bias[:_PITCHES] + (1 - factor) * middle
    return factor


def _moments(values: torch.Tensor, weight: torch.Tensor) -> tuple[float, float]:
    """The mean and the standard deviation of values that count by a weight."""
    total = weight.sum().clamp(min=1e-9)
    mean = (weight * values).sum() / total
    return float(mean), max(float(((weight * (values - mean).square()).sum() / total).sqrt()), 1e-6)
