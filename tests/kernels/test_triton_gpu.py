"""The Triton kernel on a GPU: float32's logits and likelihood, the same bytes in any company, no drift.

With SMALL_GPU_SUITE=1 the same goes through the interpreter with a small network, so that no slip of the pen here waits
for a GPU (tests/kernels/test_bench_gpu.py).
"""

import math
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from tests.kernels.triton_networks import conditioning_for, copy, network, started
from wavesynth.kernels.triton.launch import Launcher
from wavesynth.kernels.triton.persistent import Persistent
from wavesynth.kernels.triton.selection import TILED, WARP_SPECIALIZED, choose
from wavesynth.kernels.triton.streams import Streams

pytestmark = pytest.mark.gpu

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SMALL = "SMALL_GPU_SUITE" in os.environ
#: The size that ships, with random weights; the many streams of a test, and the samples of a second.
SIZE = (
    {"dilations": (1, 2), "residual": 32, "skip": 32, "classes": 32, "hop": 4}
    if SMALL
    else {
        "dilations": tuple(2 ** (i % 10) for i in range(30)),
        "residual": 64,
        "skip": 256,
        "classes": 256,
        "hop": 160,
    }
)
SECOND, STREAMS = (8, 3) if SMALL else (16000, 37)
# In the interpreter, programs of a launch that wait for one another would wait for ever, and there is no Gluon; there
# tests/kernels/test_triton.py has every tile.
CONFIGS = TILED[:2] if SMALL else (*TILED, *WARP_SPECIALIZED)
PERSISTENT = () if SMALL else (Persistent(head_ctas=16), Persistent())


@pytest.fixture(scope="module")
def net():
    return network(**SIZE).to(DEVICE)


@pytest.fixture(scope="module")
def launcher(net):
    return Launcher(net)


def on_gpu(net, slots):
    return Streams(
        **{name: tensor.to(DEVICE) for name, tensor in vars(started(net.to("cpu"), slots)).items()}
    )


def frames(net, streams, samples):
    return conditioning_for(net.to("cpu"), streams, samples).to(DEVICE)


def advance(launcher, streams, conditioning, slots, n, config, **others):
    slots = torch.tensor(slots, dtype=torch.int32, device=DEVICE)
    return launcher.advance(streams, conditioning, slots, n, config=config, **others)


def random_tokens(net, streams, n):
    generator = torch.Generator().manual_seed(3)
    return torch.randint(net.classes, (streams, n), generator=generator, dtype=torch.int32).to(DEVICE)


def float32_logits(net, conditioning, tokens):
    """Logits [T, A] of one stream in single precision throughout, from the weights as the kernel has them."""
    r, length = net.residual_channels, len(tokens)
    c = conditioning.float()[torch.arange(length, device=DEVICE) // net.hop]  # [T, L, 2R]
    x = net.embedding[tokens.long()].float()
    skip = net.skip_bias.expand(length, -1)
    order = torch.arange(2 * r, device=DEVICE).view(r // 8, 2, 8)
    for layer, dilation in enumerate(net.dilations):
        wide, narrow = slice(layer * 2 * r, (layer + 1) * 2 * r), slice(layer * r, (layer + 1) * r)
        before = (-net.offset[layer]).expand(dilation, -1)
        past = torch.cat([before, x])[:length]
        h = past @ net.past[wide].float().T + x @ net.current[wide].float().T + c[:, layer]
        filtered, gated = h[:, order[:, 0].flatten()], h[:, order[:, 1].flatten()]
        z = torch.tanh(filtered) * torch.sigmoid(gated)
        x = x + z @ net.residual[narrow].float().T
        skip = skip + z @ net.skip[:, narrow].float().T
    hidden = (skip.relu() @ net.hidden.float().T + net.hidden_bias).relu()
    return hidden @ net.output.float().T + net.output_bias


@pytest.mark.parametrize("config", CONFIGS + PERSISTENT, ids=lambda config: config.name)
def test_logits_and_likelihood_are_the_float32_definitions(net, launcher, config):
    torch.backends.cuda.matmul.allow_tf32 = False
    n = min(SECOND, 1600)
    tokens = random_tokens(net, 3, n)
    logits = torch.zeros(3, n, net.classes, device=DEVICE)
    conditioning = frames(net, 3, n)
    advance(launcher, on_gpu(net, 3), conditioning, [0, 1, 2], n, config, forced=tokens, logits=logits)
    for stream in range(3):
        expected = float32_logits(net, conditioning[stream], tokens[stream])
        error = (logits[stream] - expected).norm() / expected.norm()
        assert error <= 1e-2
        # What the float32 definition would itself draw: the likelihood of what is likely.
        targets = torch.distributions.Categorical(logits=expected).sample()
        bits = [
            torch.nn.functional.cross_entropy(x, targets).item() / math.log(2)
            for x in (logits[stream], expected)
        ]
        assert abs(bits[0] - bits[1]) <= 0.005


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_a_stream_is_the_same_to_the_byte_in_any_company_config_and_chunk(net, launcher, config):
    n, count, mine = 5 * net.hop, STREAMS, STREAMS // 2
    conditioning = frames(net, count, n)
    alone = advance(
        launcher, on_gpu(net, count), conditioning[mine : mine + 1].contiguous(), [mine], n, TILED[0]
    )
    assert len(set(alone.flatten().tolist())) > 5
    order = [mine, *(s for s in range(count) if s != mine)]
    company = advance(launcher, on_gpu(net, count), conditioning[order].contiguous(), order, n, config)
    assert torch.equal(company[:1], alone)
    streams, pieces = on_gpu(net, count), []
    for at in range(0, n, net.hop):
        given = conditioning[order][:, at // net.hop :].contiguous()
        pieces.append(advance(launcher, streams, given, order, net.hop, config))
    assert torch.equal(torch.cat(pieces, 1), company)


@pytest.mark.parametrize("config", PERSISTENT, ids=lambda config: config.name)
def test_a_persistent_stream_is_the_same_to_the_byte_by_any_heads_in_company_and_in_chunks(
    net, launcher, config
):
    n = 5 * net.hop
    conditioning = frames(net, 3, n)
    alone = advance(launcher, on_gpu(net, 3), conditioning[1:2].contiguous(), [1], n, PERSISTENT[0])
    assert len(set(alone.flatten().tolist())) > 5
    company = advance(launcher, on_gpu(net, 3), conditioning, [0, 1, 2], n, config)
    assert torch.equal(company[1:2], alone)
    streams, pieces = on_gpu(net, 3), []
    for at in range(0, n, net.hop):
        given = conditioning[1:2, at // net.hop :].contiguous()
        pieces.append(advance(launcher, streams, given, [1], net.hop, config))
    assert torch.equal(torch.cat(pieces, 1), alone)


def test_ten_minutes_of_a_stream_have_no_drift(net, launcher):
    """All ten minutes side by side: slot k has the stream's second k, and what the stream remembers at its beginning.

    A stream remembers its receptive field and no more, so each slot is given that much of the samples before. Where
    one second ends, the next has begun with the same bytes: so the slots are one stream, from the first sample to the
    last. Drift would be an error against float32 that grows from second to second.
    """
    seconds, tenth = (4, SECOND // 2) if SMALL else (600, SECOND // 10)
    lead = -(-(1 + sum(net.dilations)) // net.hop) * net.hop
    whole = random_tokens(net, 1, (seconds + 1) * SECOND)[0]
    tokens = torch.stack([whole[k * SECOND :][: lead + SECOND] for k in range(seconds)])
    clip = frames(net, 1, SECOND)[0][: SECOND // net.hop]  # the same in each second
    conditioning = clip[torch.arange((lead + SECOND) // net.hop + 1, device=DEVICE) % len(clip)]
    conditioning = conditioning.expand(seconds, -1, -1, -1)
    streams = on_gpu(net, seconds)
    streams.seeds.fill_(7)
    streams.inverses.fill_(1.0)
    streams.indices.copy_(torch.arange(seconds) * SECOND)
    config = choose(net, seconds, 10_000, 132) if DEVICE == "cuda" else TILED[0]

    def go_on(at, n):
        logits = torch.zeros(seconds, n, net.classes, device=DEVICE)
        given = conditioning[:, at // net.hop :].contiguous()
        forced = tokens[:, at : at + n].contiguous()
        advance(launcher, streams, given, list(range(seconds)), n, config, forced=forced, logits=logits)
        return logits

    go_on(0, lead)
    began = copy(streams)
    for at in range(lead, lead + SECOND, tenth):
        logits = go_on(at, tenth)
    assert torch.equal(streams.indices[:-1], began.indices[1:])
    assert torch.equal(streams.tokens[:-1], began.tokens[1:])
    assert torch.equal(streams.queues[:-1].view(torch.int16), began.queues[1:].view(torch.int16))
    errors = []
    for k in range(seconds):
        expected = float32_logits(net, conditioning[k], tokens[k])[-tenth:]
        errors.append(((logits[k] - expected).norm() / expected.norm()).item())
    assert max(errors) <= 1e-2
    minute = max(1, seconds // 10)
    assert sum(errors[-minute:]) <= 1.2 * sum(errors[:minute])


def test_what_a_stream_draws_after_ten_minutes_it_draws_from_float32s_logits(net, launcher):
    """Half a minute of its own samples that ends ten minutes into a stream; its logits are then of the last of them."""
    chunk, end = SECOND, 10 * 60 * 16000
    window = 2 * (1 + sum(net.dilations))
    count, config = (2, TILED[0]) if SMALL else (30, WARP_SPECIALIZED[0])
    streams = on_gpu(net, 1)
    streams.indices.fill_(end - count * chunk)
    conditioning = frames(net, 1, chunk)  # the same in each chunk
    drawn = [advance(launcher, streams, conditioning, [0], chunk, config)[0] for _ in range(count)]
    assert int(streams.indices[0]) == end
    tokens = torch.cat(drawn)[-window:]
    assert (tokens >= 0).all()
    logits = torch.zeros(1, 1, net.classes, device=DEVICE)
    advance(launcher, streams, conditioning, [0], 1, config, forced=tokens[-1:].view(1, 1), logits=logits)
    # Inputs come one sample late: those of samples end - window + 1 to end.
    at = torch.arange(end - window + 1, end + 1, device=DEVICE) % chunk // net.hop
    expected = float32_logits(replace(net, hop=1), conditioning[0][at], tokens)[-1]
    assert (logits[0, 0] - expected).norm() / expected.norm() <= 1e-2


def test_memory_is_used_as_it_may_be():
    tool = None if SMALL else shutil.which("compute-sanitizer")
    if tool is None:
        pytest.skip("compute-sanitizer is not on this machine")
    # As `make bench-gpu` does where the package is not installed.
    program = (
        "import sys; sys.path.insert(0, '.'); from wavesynth.benchmarks.gpu import find_kernels; find_kernels()\n"
        "from tests.kernels.test_triton_gpu import *; from tests.kernels.triton_networks import network\n"
        "net = network((1, 2, 4, 8, 16), residual=64, skip=128, classes=128, hop=5).to('cuda')\n"
        "given = (Launcher(net), on_gpu(net, 19), frames(net, 19, 7), list(range(19)), 7)\n"
        "for config in CONFIGS: advance(*given, config)\n"
        "torch.cuda.synchronize()\n"
    )
    run = subprocess.run(
        [tool, "--error-exitcode", "9", sys.executable, "-c", program], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout[-2000:]
