"""Voices with random weights, small enough to be served in tests."""

from dataclasses import replace
from pathlib import Path

import torch

from wavesynth.models.text_to_mel import TextConfig, TextToMel
from wavesynth.models.wavenet import WaveNet, WaveNetConfig
from wavesynth.networks import Network
from wavesynth.sampling.calibration import calibrate
from wavesynth.voices.voice import save_voice
from wavesynth.voices.wavenet import WaveNetVoice

__all__ = ["make_text_voice", "make_voice", "tiny_voice"]


def make_voice(name: str = "tiny", speakers: int = 0, mel: bool = True, layers: int = 4) -> WaveNetVoice:
    """A voice of one stack whose predictions are far from uniform."""
    with torch.random.fork_rng():
        torch.manual_seed(sum(name.encode()))
        config = WaveNetConfig(
            stacks=1,
            layers_per_stack=layers,
            residual=32,
            skip=32,
            mel_bands=80 if mel else 0,
            mel_channels=16,
            speakers=speakers,
        )
        model = WaveNet(config).requires_grad_(False).eval()
        model.output.weight *= 20
        tokens = torch.randint(256, (1, 20 * config.hop))
        speaker = torch.zeros(1, dtype=torch.long) if speakers else None
        features = torch.randn(1, 20 + 2 * config.mel_context, 80) if mel else None
        with torch.inference_mode():
            conditioning = model.conditioning(features, speaker, frames=20)
        scales = calibrate(model, tokens, conditioning)
    names = tuple(f"speaker-{i}" for i in range(speakers))
    return WaveNetVoice(
        name=name,
        description=f"A tiny {name}",
        language="en",
        licence="CC0-1.0",
        network=Network.of(model),
        scales=scales,
        speakers=names,
    )


def make_text_voice(name: str = "reader", layers: int = 4, seed: int = 0) -> WaveNetVoice:
    """Such a voice that takes text: a tiny text network, which says a phoneme in some 100 ms."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = TextToMel(
            TextConfig(
                channels=16, predictor_channels=16, encoder_layers=1, decoder_layers=2, predictor_layers=1
            )
        )
        network.duration.output.bias.data.fill_(2.2)
        network.duration.output.weight.data.mul_(0.3)
        network.decoder.output.weight.data.mul_(0.3)
        network.requires_grad_(False).eval()
    return replace(make_voice(name, layers=layers), language="en", text_network=Network.of(network))


def tiny_voice(
    folder: Path, name: str = "tiny", speakers: int = 0, mel: bool = True, layers: int = 4
) -> Path:
    """Saves such a voice to `folder`/`name`, and returns that."""
    save_voice(folder / name, make_voice(name, speakers, mel, layers))
    return folder / name
