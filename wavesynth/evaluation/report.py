"""One page to listen to: it holds its own audio and pictures, and needs nothing from elsewhere."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from PIL import Image

from wavesynth.audio.figures import colormaps
from wavesynth.audio.pcm import pcm16
from wavesynth.audio.plots import RANGE
from wavesynth.evaluation.measure import COLUMNS, Row, row_title
from wavesynth.files import atomic_path

__all__ = ["ReportClip", "write_report"]

_STYLE = Path(__file__).with_name("report.css")
_COLOURS = 48


@dataclass(frozen=True)
class ReportClip:
    """A clip on the page: what can be played, by title (first the original, if there is one), and what is known."""

    name: str
    versions: Mapping[str, NDArray[np.float32]]
    row: Row
    """The copy's figures."""
    text: str = ""
    """What was said, or understood."""


def write_report(path: Path, figures: Mapping[str, Any], clips: Sequence[ReportClip]) -> None:
    """Writes the page, whole or not at all; `figures` are those that the command prints as JSON."""
    title = f"{figures['voice']}: evaluation"
    body = "\n".join(
        [
            f"<header><h1>{escape(figures['voice'])}</h1>",
            f"<p class=soft>{escape(figures['description'])} · {escape(figures['licence'])}</p></header>",
            "<main>",
            _cards(figures),
            _table(figures),
            _clips(figures, clips),
            _notes(figures),
            "</main>",
        ]
    )
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE.read_text('utf-8')}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _cards(figures: Mapping[str, Any]) -> str:
    bits, copy = figures["bits_per_sample"], figures.get("rows", {}).get("copy", {})
    cards = []
    if bits is not None:
        cards.append((f"{bits['float32']:.3f}", f"bits/sample, float32, on {bits['seconds']:.0f} s"))
    if bits is not None and bits["int8"] is not None:
        cards.append(
            (
                f"{bits['int8'] - bits['float32_there']:+.4f}",
                f"bits/sample by int8 arithmetic, on {bits['int8_seconds']:.0f} s of it",
            )
        )
    cards += [
        (_number(copy, key), COLUMNS[key].title) for key in ("pesq_wb", "stoi", "dnsmos") if key in copy
    ]
    items = "".join(f"<li><strong>{escape(value)}</strong>{escape(what)}</li>" for value, what in cards)
    return f"<ul class=figures>{items}</ul>\n<pre tabindex=0>{escape(figures['command'])}</pre>"


def _table(figures: Mapping[str, Any]) -> str:
    rows: Mapping[str, Row] = figures.get("rows", {})
    if not rows:
        return ""
    columns = [key for key in COLUMNS if any(key in row for row in rows.values())]
    arrows = ["↑" if COLUMNS[key].higher_is_better else "↓" for key in columns]
    head = "".join(
        f'<th scope="col">{escape(COLUMNS[key].title)} '
        f'<span aria-label="{"higher" if arrow == "↑" else "lower"} is better">{arrow}</span></th>'
        for key, arrow in zip(columns, arrows, strict=True)
    )
    lines = "".join(
        f'<tr class="{name}"><th scope="row">{escape(row_title(name, figures["voice"]))}</th>'
        + "".join(f"<td>{_number(row, key)}</td>" for key in columns)
        + "</tr>\n"
        for name, row in rows.items()
    )
    caption = f"Mean over {figures['clips']} clips, {figures['clip_seconds']:.0f} s, of the {figures['split']} split"
    if figures["words"]:
        caption += f"; word errors in {figures['words']} words"
    meanings = "".join(
        f"<dt>{escape(COLUMNS[key].title)}</dt><dd>{escape(COLUMNS[key].meaning)}</dd>" for key in columns
    )
    return (
        '<h2 id="table">Beside the usual vocoders</h2>\n'
        '<div class=scroll role="region" aria-labelledby="table" tabindex="0">\n'
        f'<table><caption>{escape(caption)}</caption>\n<thead><tr><th scope="col">clips by</th>{head}</tr></thead>\n'
        f"<tbody>{lines}</tbody></table></div>\n<dl>{meanings}</dl>"
    )


def _clips(figures: Mapping[str, Any], clips: Sequence[ReportClip]) -> str:
    return "<h2>Clips</h2>\n" + "\n".join(_clip(clip, figures["sample_rate"]) for clip in clips)


def _clip(clip: ReportClip, rate: int) -> str:
    levels = {title: _decibels(samples) for title, samples in clip.versions.items()}
    top = max(float(np.quantile(level, 0.998)) for level in levels.values())  # as in audio.plots
    pair = "".join(
        _figure(f"{title}, {clip.name}", title, samples, levels[title], top, rate)
        for title, samples in clip.versions.items()
    )
    known = " · ".join(f"{COLUMNS[key].title} {_number(clip.row, key)}" for key in COLUMNS if key in clip.row)
    lines = [f"<p class=soft>{escape(line)}</p>" for line in (clip.text, known) if line]
    return f"<article><h3>{escape(clip.name)}</h3>\n<div class=pair>{pair}</div>\n{''.join(lines)}</article>"


def _figure(
    label: str, title: str, samples: NDArray[np.float32], level: NDArray[np.float32], top: float, rate: int
) -> str:
    alt = f"Spectrogram of {label}: {len(samples) / rate:.1f} s, 0 to {rate / 2000:g} kHz"
    return (
        f'<figure><img alt="{escape(alt)}" src="{_uri("image/png", _png(level, top))}">'
        f'<audio controls preload="metadata" aria-label="{escape(label)}" '
        f'src="{_uri("audio/flac", _flac(samples, rate))}"></audio>'
        f"<figcaption>{escape(title)}, {len(samples) / rate:.1f} s, 0 to {rate / 2000:g} kHz</figcaption></figure>\n"
    )


def _notes(figures: Mapping[str, Any]) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in figures["notes"])
    return f"<h2>Notes</h2>\n<ul>{notes}</ul>" if notes else ""


def _number(row: Row, key: str) -> str:
    value = row.get(key)
    return "–" if value is None else f"{value:.{COLUMNS[key].decimals}f}"


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{b64encode(data).decode()}"


def _flac(samples: NDArray[np.float32], rate: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, pcm16(samples), rate, "PCM_16", format="FLAC")
    return buffer.getvalue()


def _decibels(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Power per bin, decibels, [257, frames]."""
    hop = max(128, len(samples) // 480)  # no more columns than a phone shows
    spectrum = torch.stft(
        torch.from_numpy(samples),
        512,
        hop,
        window=torch.hann_window(512),
        pad_mode="constant",
        return_complex=True,
    )
    return (20 * spectrum.abs().clamp(min=1e-8).log10()).numpy()


def _png(level: NDArray[np.float32], top: float) -> bytes:
    # A palette of few colours: a third of the bytes of full colour.
    index = np.clip((level[::-1] - top + RANGE) / RANGE * _COLOURS, 0, _COLOURS - 1).astype(np.uint8)
    picture = Image.fromarray(index, "P")
    picture.putpalette(
        (colormaps["magma"](np.linspace(0, 1, _COLOURS))[:, :3] * 255).astype(np.uint8).tobytes()
    )
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
