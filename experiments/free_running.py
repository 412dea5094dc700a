"""How far a voice's own samples are from a recording, by the time since it heard the recording itself.

    python -m experiments.free_running allison-small allison-flow --data datasets/allison --out out

Each voice is given 200 ms of a recording of the validation split, as if it had made them, and goes on by itself for
500 ms, with the recording's log-mel. The difference of the two log spectra is that of chance where the voice does not
know better, and grows where the voice trusts a past that is no longer the recording's.

Found: a WaveNet and a flow with the same bits/sample begin alike; then the flow drifts away in 100 ms, and the WaveNet
does not (docs/lab/2026-11-30-audio-flow.md).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments import results
from wavesynth.audio.companding import classes_of, levels, preemphasised
from wavesynth.audio.mel import log_mel_of_array
from wavesynth.data.dataset import Recordings
from wavesynth.sampling.backends.cpu import CpuSampler
from wavesynth.sampling.backends.flow import FlowSampler
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.windows import Windows
from wavesynth.voices.surroundings import surrounded
from wavesynth.voices.voice import Voice, load_voice
from wavesynth.voices.wavenet import WaveNetVoice

__all__ = ["continued", "differences"]

#: Frames that a voice is given, and frames in all.
GIVEN, FRAMES = 20, 70
#: Frames after the last given one, between which a mean is taken.
PARTS = ((0, 2), (2, 4), (4, 8), (8, 16), (16, 32), (32, 50))
#: Samples of a spectrum, and its bins from 100 to 1,000 Hz.
FFT, LOW = 512, slice(3, 32)


def crops(voice: Voice, data: Path) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Of the validation split: samples [FRAMES * hop], and log-mel with its context [FRAMES + 2 * context, bands]."""
    for _, waveform in Recordings(data).split("validation"):
        samples = waveform.numpy()
        mel = log_mel_of_array(samples, voice.mel)
        for first in range(0, len(samples) // voice.hop - FRAMES + 1, FRAMES):
            told = surrounded(mel, first, first + FRAMES, voice.mel_context, voice.mel.silence)
            yield samples[first * voice.hop : (first + FRAMES) * voice.hop], told


def continued(
    voice: Voice, samples: NDArray[np.float32], told: NDArray[np.float32], params: SamplingParams
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A crop as the voice hears it, pre-emphasised, and the same with its own samples after the given ones."""
    given, left = GIVEN * voice.hop, (FRAMES - GIVEN) * voice.hop
    window = 1 + 2 * voice.mel_context
    windows = np.stack([told[i : i + window] for i in range(FRAMES)])
    if isinstance(voice, WaveNetVoice):
        import torch

        sampler = CpuSampler(voice.int8())
        of = [voice.condition(torch.from_numpy(each), None) for each in windows]
        conditioning = torch.stack(of).numpy()
        classes, values = classes_of(samples, voice.config.classes, voice.preemphasis), levels(256, True)
        state = sampler.weights.start()
        sampler.follow([state], [conditioning[:GIVEN]], classes[None, :given], False)
        made = values[sampler.advance([state], [conditioning[GIVEN:]], [params], left)[0]]
        heard = values[classes]
    else:
        flow = FlowSampler(voice.network)
        heard, at = preemphasised(samples, voice.preemphasis), flow.start()
        flow.follow([at], [Windows(windows[:GIVEN], None)], heard[None, :given])
        made = flow.advance([at], [Windows(windows[GIVEN:], None)], [params], left)[0]
    return heard, np.concatenate([heard[:given], made])


def differences(one: NDArray[np.float32], other: NDArray[np.float32], hop: int) -> NDArray[np.float64]:
    """The root mean square difference of two signals' log spectra in dB, by frame after the given ones, of all
    frequencies and of 100 to 1,000 Hz: [FRAMES - GIVEN, 2]."""

    def spectra(signal: NDArray[np.float32]) -> NDArray[np.float64]:
        padded = np.pad(signal.astype(np.float64), FFT // 2)
        places = np.arange(GIVEN, FRAMES)[:, None] * hop + np.arange(FFT)
        power = np.abs(np.fft.rfft(padded[places] * np.hanning(FFT + 1)[:-1])) ** 2
        found: NDArray[np.float64] = 10 * np.log10(power + 1e-7)
        return found

    squares = (spectra(one) - spectra(other)) ** 2
    return np.sqrt(np.stack([squares.mean(1), squares[:, LOW].mean(1)], 1))


def main() -> None:
    """Parses the arguments, measures, prints and writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("voices", nargs="+", help="names or folders, WaveNets or flows that take log-mel")
    parser.add_argument("--data", type=Path, required=True, help="folder that wavesynth prepare made")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--crops", type=int, default=64, help="at most so many (default 64)")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder to write to (default out)")
    arguments = parser.parse_args()
    results.check(arguments.out, "free-running")
    heads = [f"{10 * first} to {10 * end} ms" for first, end in PARTS]
    lines = [f"| | frequencies | {' | '.join(heads)} |", "|---|---|" + "---:|" * len(heads)]
    for name in arguments.voices:
        voice = load_voice(name)
        found = []
        for number, (samples, told) in enumerate(crops(voice, arguments.data)):
            if number == arguments.crops:
                break
            params = SamplingParams(number, arguments.temperature)
            found.append(differences(*continued(voice, samples, told, params), voice.hop))
        means = np.mean(found, 0)
        for column, of in enumerate(("all", "100 to 1,000 Hz")):
            parts = " | ".join(f"{means[first:end, column].mean():.1f}" for first, end in PARTS)
            lines.append(f"| {voice.name} | {of} | {parts} |")
    results.save(arguments.out, "free-running", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
