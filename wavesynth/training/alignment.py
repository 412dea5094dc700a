"""Which frames of a recording are which phoneme's: hidden Markov models from a flat start.

Each phoneme has three states, each with a Gaussian of cepstra and their slopes. One state is silence, which may be
left out at every pause. Viterbi training (Juang and Rabiner, "The segmental k-means algorithm", 1990) begins with
phonemes of equal length, and later goes on with a linear discriminant analysis of eleven frames' cepstra (Haeb-Umbach
and Ney, "Linear discriminant analysis for improved large vocabulary continuous speech recognition", 1992).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wavesynth.data.features import Track, untracked
from wavesynth.models.text_config import PAUSES

__all__ = ["STATES", "Aligned", "align"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: States of a phoneme, so many frames it lasts at least; and of a pause.
STATES, _PAUSE_STATES, _EDGE_STATES = 3, 3, 2
_SILENCE = 0
_ITERATIONS = 18
#: Iterations before which the discriminant analysis is made of the alignment so far.
_ANALYSES = (7, 11, 15)
_CEPSTRA, _SPLICED, _DIMENSIONS = 16, 5, 40
#: Recordings whose paths are searched together.
_TOGETHER = 32
#: Frames of silence at a recording's ends, to begin with.
_AROUND = 9
#: ln of the probability of a pause between two words that no mark divides.
_BETWEEN_WORDS = -8.0
#: Of a variance: frames whose worth the global one has, and the least share of that.
_PRIOR, _LEAST = 20.0, 0.02
_NEVER = -1e30


@dataclass(frozen=True)
class Aligned:
    """How long each symbol of a recording lasts."""

    durations: Ints
    """Frames [P]; a pause may have none."""
    score: float
    """Mean ln of the density a frame: the lower, the less the words fit."""


@dataclass(frozen=True)
class _Graph:
    """The states of a recording from left to right, [S] each."""

    state: Ints
    """Which model's."""
    owner: Ints
    """Which symbol's."""
    enter: Floats
    """ln of the price of entering it from the one before."""
    skip: Ints
    """The state from which it may be entered over a pause that is left out; -1: none."""
    last: int
    """The last state that may end the recording, if the last pause is left out; -1: that may not be."""


def align(
    symbols: Sequence[Sequence[str]], mels: Sequence[NDArray[np.float32]], track: Track = untracked
) -> list[Aligned]:
    """The durations of recordings of these symbols, whose log-mel is [F, bands]. Each must have frames for all states
    of its phonemes; the more recordings, the better all of them come out. The same for the same recordings."""
    phones = sorted({s for some in symbols for s in some} - set(PAUSES))
    graphs = [_graph(some, phones) for some in symbols]
    states = 1 + STATES * len(phones)
    cepstra = [_cepstra(mel.astype(np.float64)) for mel in mels]
    paths = [_flat(graph, len(c)) for graph, c in zip(graphs, cepstra, strict=True)]
    features = [np.concatenate([c, 2 * _slope(c), 3 * _slope(_slope(c))], 1) for c in cepstra]
    scores = np.zeros(len(graphs))
    for iteration in track(range(_ITERATIONS), "Aligning", _ITERATIONS):
        labels = np.concatenate([graph.state[path] for graph, path in zip(graphs, paths, strict=True)])
        if iteration in _ANALYSES:
            features = _discriminant([_spliced(c) for c in cepstra], labels, states)
        mean, variance = _gaussians(np.concatenate(features), labels, states)
        order = np.argsort([len(f) for f in features], kind="stable")
        for first in range(0, len(order), _TOGETHER):
            some = order[first : first + _TOGETHER]
            found = _viterbi([_density(features[i], mean, variance) for i in some], [graphs[i] for i in some])
            for i, (path, score) in zip(some, found, strict=True):
                paths[i], scores[i] = path, score
    counts = (
        np.bincount(g.owner[p], minlength=len(s)) for g, p, s in zip(graphs, paths, symbols, strict=True)
    )
    return [Aligned(count, float(score)) for count, score in zip(counts, scores, strict=True)]


def _cepstra(mel: Floats) -> Floats:
    """Their mean over the recording is taken half away, for it is the microphone's as much as the words'."""
    bands = mel.shape[1]
    n = np.arange(bands)[:, None] + 0.5
    cepstra: Floats = mel @ (np.cos(np.pi * n * np.arange(_CEPSTRA) / bands) * np.sqrt(2 / bands))
    cepstra[:, 1:] -= 0.5 * cepstra[:, 1:].mean(0)
    return cepstra


def _slope(x: Floats) -> Floats:
    slope: Floats = np.gradient(x, axis=0) if len(x) > 1 else np.zeros_like(x)
    return slope


def _spliced(cepstra: Floats) -> Floats:
    padded = np.pad(cepstra, ((_SPLICED, _SPLICED), (0, 0)), mode="edge")
    return np.concatenate([padded[i : i + len(cepstra)] for i in range(2 * _SPLICED + 1)], 1)


def _graph(symbols: Sequence[str], phones: Sequence[str]) -> _Graph:
    number = {phone: 1 + STATES * i for i, phone in enumerate(phones)}
    state: list[int] = []
    owner: list[int] = []
    first: list[int] = []
    for i, symbol in enumerate(symbols):
        first.append(len(state))
        if symbol in PAUSES:
            its = [_SILENCE] * (_EDGE_STATES if symbol in "^$" else _PAUSE_STATES)
        else:
            its = [number[symbol] + k for k in range(STATES)]
        state += its
        owner += [i] * len(its)
    enter, skip = np.zeros(len(state)), np.full(len(state), -1)
    for i in range(1, len(symbols)):
        if symbols[i] == "_":
            enter[first[i]] = _BETWEEN_WORDS
        if symbols[i - 1] in PAUSES and first[i - 1]:
            skip[first[i]] = first[i - 1] - 1
    last = first[-1] - 1 if symbols[-1] in PAUSES else -1
    return _Graph(np.array(state), np.array(owner), enter, skip, last)


def _flat(graph: _Graph, frames: int) -> Ints:
    """Silence at both ends, and phonemes of equal length between."""
    speech = np.flatnonzero(graph.state != _SILENCE)
    around = min(_AROUND, frames // 5)
    inside = frames - 2 * around
    path = np.zeros(frames, np.int64)
    path[frames - around :] = len(graph.state) - 1
    path[around : around + inside] = speech[np.arange(inside) * len(speech) // max(1, inside)]
    return path


def _gaussians(x: Floats, labels: Ints, states: int) -> tuple[Floats, Floats]:
    """The mean and the variance of each state, [states, D]."""
    count = np.bincount(labels, minlength=states)[:, None].astype(float)
    total, squares = np.zeros((states, x.shape[1])), np.zeros((states, x.shape[1]))
    np.add.at(total, labels, x)
    np.add.at(squares, labels, x * x)
    everywhere = x.var(0)
    mean = (total + 2 * x.mean(0)) / (count + 2)
    own = squares / np.maximum(count, 1) - (total / np.maximum(count, 1)) ** 2
    variance = (count * np.maximum(own, 0) + _PRIOR * everywhere) / (count + _PRIOR)
    return mean, np.maximum(variance, _LEAST * everywhere)


def _discriminant(spliced: list[Floats], labels: Ints, states: int) -> list[Floats]:
    """The features that tell the states apart best, against how much each state's own vary."""
    x = np.concatenate(spliced)
    mean = x.mean(0)
    x -= mean
    count = np.bincount(labels, minlength=states).astype(float)
    sums = np.zeros((states, x.shape[1]))
    np.add.at(sums, labels, x)
    means = sums / np.maximum(count, 1)[:, None]
    between = (means * count[:, None]).T @ means / len(x)
    within = x.T @ x / len(x) - between
    within += 1e-4 * np.eye(len(within)) * np.trace(within) / len(within)
    values, vectors = np.linalg.eigh(within)
    white = vectors / np.sqrt(values)
    _, directions = np.linalg.eigh(white.T @ between @ white)
    projection = white @ directions[:, ::-1][:, :_DIMENSIONS]
    return [(one - mean) @ projection for one in spliced]


def _density(x: Floats, mean: Floats, variance: Floats) -> Floats:
    """ln of each state's density at each frame, [F, states], but for a constant."""
    constant = (mean * mean / variance).sum(1) + np.log(variance).sum(1)
    density: Floats = -0.5 * ((x * x) @ (1 / variance).T - 2 * x @ (mean / variance).T + constant)
    return density


def _viterbi(densities: list[Floats], graphs: list[_Graph]) -> list[tuple[Ints, float]]:
    """The likeliest path through each graph, [F], and its mean ln density a frame."""
    lengths = [len(d) for d in densities]
    most, widest = max(lengths), max(len(g.state) for g in graphs)
    emission = np.full((most, len(graphs), widest), _NEVER)
    enter, skip = np.zeros((len(graphs), widest)), np.full((len(graphs), widest), -1)
    for i, (density, graph) in enumerate(zip(densities, graphs, strict=True)):
        size = len(graph.state)
        emission[: len(density), i, :size] = density[:, graph.state]
        enter[i, :size], skip[i, :size] = graph.enter, graph.skip
    may_skip, to = skip >= 0, np.maximum(skip, 0)
    enter[:, 0] = _NEVER
    best = np.full((len(graphs), widest), _NEVER)
    best[:, 0] = emission[0, :, 0]
    back = np.zeros((most, len(graphs), widest), np.int8)  # 0: stays; 1: from the one before; 2: over a pause
    ends = {0: best} if 1 in lengths else {}
    for t in range(1, most):
        step = np.roll(best, 1, 1) + enter
        jump = np.where(may_skip, np.take_along_axis(best, to, 1), _NEVER)
        came = np.maximum(best, step)
        over = jump > came
        back[t] = np.where(over, 2, step > best)
        best = np.where(over, jump, came) + emission[t]
        if t + 1 in lengths:
            ends[t] = best
    return [_traced(i, lengths[i], graph, ends, back, skip) for i, graph in enumerate(graphs)]


def _traced(
    i: int, frames: int, graph: _Graph, ends: dict[int, Floats], back: NDArray[np.int8], skip: Ints
) -> tuple[Ints, float]:
    final = ends[frames - 1][i]
    at = len(graph.state) - 1
    if graph.last >= 0 and final[graph.last] > final[at]:
        at = graph.last
    score = float(final[at]) / frames
    path = np.zeros(frames, np.int64)
    for t in reversed(range(frames)):
        path[t] = at
        how = back[t, i, at]
        at = at if how == 0 else at - 1 if how == 1 else int(skip[i, at])
    return path, score
