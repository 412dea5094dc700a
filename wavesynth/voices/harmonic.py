"""The kind harmonic: voices of harmonics and noise, for whoever speaks."""

from __future__ import annotations

from wavesynth.models.harmonic_config import CONTEXT, HarmonicConfig
from wavesynth.sampling.backends.sampler import Sampler
from wavesynth.voices.kinds import VoiceKind
from wavesynth.voices.voice import Needs, Voice

__all__ = ["HarmonicKind"]


class HarmonicKind(VoiceKind):
    """Harmonics and noise (wavesynth.models.harmonic)."""

    name = "harmonic"
    needs_torch = False
    config = HarmonicConfig
    network = "wavesynth.models.harmonic:Harmonic"
    recipe = "wavesynth.training.harmonic:HarmonicRecipe"

    def weight_shapes(self, config: HarmonicConfig) -> dict[str, tuple[int, ...]]:
        """What its configuration says."""
        return config.weight_shapes()

    def needs(self, config: HarmonicConfig) -> Needs:
        """What its configuration says."""
        return Needs(config.hop, config.mel_bands, CONTEXT, layers=config.layers)

    def sampler(
        self, voice: Voice, backend: str, threads: int, max_streams: int | None, max_batch: int | None
    ) -> Sampler:
        """The kernel for processors, whatever the backend: a server with a GPU serves such a voice too. Its calls may
        overlap, so it has no threads of its own."""
        from wavesynth.sampling.backends.harmonic import HarmonicSampler

        return HarmonicSampler(voice.network, voice.mel)
