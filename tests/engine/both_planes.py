"""Voices with both of their data planes: the one in C++, and the one in Python, which defines it."""

from dataclasses import replace

import torch

from tests.voices_for_tests import make_voice
from wavesynth.engine.composed_plane import ComposedPlane
from wavesynth.engine.native_plane import NativePlane
from wavesynth.models.converter import Converter, ConverterConfig
from wavesynth.networks import Network
from wavesynth.voices.loaded import LoadedVoice
from wavesynth.voices.samplers import make_sampler

CONVERTER = ConverterConfig(channels=16, past=2, look_ahead=1)


def converting(voice, louder=1):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        converter = Converter(CONVERTER).requires_grad_(False).eval()
        converter.hear.weight *= louder
    return replace(voice, converter_network=Network.of(converter))


def loaded(voice):
    return LoadedVoice(voice, make_sampler(voice))


VOICES = {
    "plain": loaded(make_voice("plain", layers=3)),
    "speakers": loaded(make_voice("speakers", speakers=3, layers=3)),
    "converting": loaded(converting(make_voice("converting", layers=3))),
    "16 bits": loaded(replace(make_voice("wide", layers=3), activation_bits=16)),
    "free": loaded(make_voice("free", mel=False, layers=3)),
    "free speakers": loaded(make_voice("free speakers", mel=False, speakers=2, layers=3)),
}
PLANES = {name: (NativePlane(voice), ComposedPlane(voice)) for name, voice in VOICES.items()}
