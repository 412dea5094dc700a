"""Small networks and voices for the tests of the backend triton."""

import torch

from tests.sampling.networks import conditioning_for, network
from tests.voices_for_tests import make_voice
from wavesynth.sampling.calibration import calibrate

__all__ = ["CONDITIONING", "MODEL", "REVERSIBLE", "SCALES", "SPEAKERS", "VOICE"]

MODEL = network(stacks=1, layers_per_stack=3, residual=32, skip=32, classes=64, hop=5)
MODEL.residual_bias.normal_(generator=torch.Generator().manual_seed(5)).mul_(0.2)
REVERSIBLE = network(stacks=1, layers_per_stack=3, residual=32, skip=32, classes=64, hop=5, reversible=True)
REVERSIBLE.load_state_dict(MODEL.state_dict())
SCALES = calibrate(
    MODEL,
    torch.randint(64, (1, 300), generator=torch.Generator().manual_seed(2)),
    conditioning_for(MODEL, 60)[None],
)
CONDITIONING = conditioning_for(MODEL, 40)
VOICE = make_voice("tiny", layers=2)
SPEAKERS = make_voice("of-two", layers=2, speakers=2)
