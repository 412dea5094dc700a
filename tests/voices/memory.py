"""What a stretch of a recording needs."""

import tracemalloc

import numpy as np

__all__ = ["memory_late_in_a_recording"]


def memory_late_in_a_recording(voice, arithmetic):
    """Bytes of arrays that the last frames of two minutes take, beside the recording, of 8 MB, and its log-mel."""
    samples = np.zeros(120 * voice.sample_rate, np.float32)
    mel = np.zeros((len(samples) // voice.hop, voice.mel.bands), np.float32)
    given = voice, samples, mel, None
    voice.of_kind.bits(*given, 0, 5 * voice.hop, arithmetic)  # makes what is kept
    tracemalloc.start()
    try:
        voice.of_kind.bits(*given, len(samples) - 5 * voice.hop, len(samples), arithmetic)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
