"""The stages that a voice's streams pass through."""

from __future__ import annotations

from wavesynth.audio.companding import Deemphasis
from wavesynth.audio.correction import SpectralCorrection
from wavesynth.audio.mel import StreamingLogMel
from wavesynth.audio.resampling import StreamingResampler
from wavesynth.audio.stage import FrameReach, Pipeline, Reach, Sampling
from wavesynth.voices.voice import Voice

__all__ = ["mel_pipeline", "pipeline_of", "synthesis_stages"]


def pipeline_of(voice: Voice, correction: int = 0, sample_rate: int | None = None) -> Pipeline:
    """The stages of a stream whose input, if the voice takes any, is audio at `sample_rate` hertz (None: the voice's
    own), with `correction` frames corrected jointly (0: none)."""
    analysis: list[Reach] = []
    if voice.takes_mel:
        if sample_rate not in (None, voice.sample_rate):
            analysis.append(StreamingResampler(sample_rate or 0, voice.sample_rate))
        conditioner = FrameReach(voice.mel_context, voice.mel_context, voice.hop)
        analysis += [*mel_pipeline(voice).analysis, conditioner]
    return Pipeline(voice.hop, analysis, synthesis_stages(voice, correction))


def mel_pipeline(voice: Voice) -> Pipeline:
    """The stages up to the log-mel that conditions the voice."""
    stages: list[Reach] = [StreamingLogMel(voice.mel)]
    if voice.converter_network is not None:
        c = voice.converter_network.config
        stages.append(FrameReach(c.past, c.look_ahead, voice.mel.hop))
    return Pipeline(voice.hop, stages, ())


def synthesis_stages(voice: Voice, correction: int) -> tuple[Sampling, Deemphasis, SpectralCorrection]:
    """The stages from conditioning to audio, new, with `correction` frames corrected jointly (0: none)."""
    return (
        Sampling(voice.receptive_field),
        Deemphasis(voice.preemphasis),
        SpectralCorrection(voice.mel, correction),
    )
