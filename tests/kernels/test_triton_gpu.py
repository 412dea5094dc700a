"""The Triton kernel on a GPU: float32's logits and likelihood, the same bytes in any company, no drift."""

import math
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from tests.kernels.triton_networks import conditioning_for, network, started
from wavesynth.kernels.triton.launch import Launcher
from wavesynth.kernels.triton.plans import FEW, MANY
from wavesynth.kernels.triton.streams import Streams

pytestmark = pytest.mark.gpu

DILATIONS = tuple(2 ** (i % 10) for i in range(30))
PLANS = [FEW, *MANY]


@pytest.fixture(scope="module")
def net():
    """The size that ships, with random weights."""
    return network(DILATIONS, residual=64, skip=256, classes=256, hop=160).to("cuda")


@pytest.fixture(scope="module")
def launcher(net):
    return Launcher(net)


def on_gpu(net, slots):
    return Streams(
        **{name: tensor.to("cuda") for name, tensor in vars(started(net.to("cpu"), slots)).items()}
    )


def frames(net, streams, samples):
    return conditioning_for(net.to("cpu"), streams, samples).to("cuda")


def advance(launcher, streams, conditioning, slots, n, plan, **others):
    slots = torch.tensor(slots, dtype=torch.int32, device="cuda")
    return launcher.advance(streams, conditioning, slots, n, plan=plan, **others)


def float32_logits(net, conditioning, tokens):
    """Logits [T, A] of one stream in single precision throughout, from the weights as the kernel has them."""
    r, length = net.residual_channels, len(tokens)
    c = conditioning.float()[torch.arange(length, device="cuda") // net.hop]  # [T, L, 2R]
    x = net.embedding[tokens.long()].float()
    skip = net.skip_bias.expand(length, -1)
    order = torch.arange(2 * r, device="cuda").view(r // 8, 2, 8)
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


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_logits_and_likelihood_are_the_float32_definitions(net, launcher, plan):
    torch.backends.cuda.matmul.allow_tf32 = False
    n = 1600
    tokens = torch.randint(256, (3, n), generator=torch.Generator().manual_seed(3), dtype=torch.int32).cuda()
    logits = torch.zeros(3, n, 256, device="cuda")
    conditioning = frames(net, 3, n)
    advance(launcher, on_gpu(net, 3), conditioning, [0, 1, 2], n, plan, forced=tokens, logits=logits)
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


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_a_stream_is_the_same_to_the_byte_in_any_company_plan_and_chunk(net, launcher, plan):
    n, count = 800, 37
    conditioning = frames(net, count, n)
    alone = advance(launcher, on_gpu(net, count), conditioning[20:21].contiguous(), [20], n, MANY[0])
    assert len(set(alone.flatten().tolist())) > 20
    order = [20, *(s for s in range(count) if s != 20)]
    company = advance(launcher, on_gpu(net, count), conditioning[order].contiguous(), order, n, plan)
    assert torch.equal(company[:1], alone)
    streams, pieces = on_gpu(net, count), []
    for at in range(0, n, 160):
        given = conditioning[order][:, at // 160 :].contiguous()
        pieces.append(advance(launcher, streams, given, order, 160, plan))
    assert torch.equal(torch.cat(pieces, 1), company)


def test_ten_minutes_into_a_stream_nothing_has_drifted(net, launcher):
    """Half a minute that ends ten minutes into a stream; then its logits are those of its last samples alone.

    (All ten minutes would take ten minutes: a stream's state holds nothing older than its receptive field.)
    """
    chunk, end, window = 16000, 10 * 60 * 16000, 2 * (1 + sum(DILATIONS))
    streams = on_gpu(net, 1)
    streams.indices.fill_(end - 30 * chunk)
    conditioning = frames(net, 1, chunk)  # the same in each chunk
    drawn = [advance(launcher, streams, conditioning, [0], chunk, FEW)[0] for _ in range(30)]
    assert int(streams.indices[0]) == end
    tokens = torch.cat(drawn)[-window:]
    assert (tokens >= 0).all()
    logits = torch.zeros(1, 1, 256, device="cuda")
    advance(launcher, streams, conditioning, [0], 1, FEW, forced=tokens[-1:].view(1, 1), logits=logits)
    # Inputs come one sample late: those of samples end - window + 1 to end.
    at = torch.arange(end - window + 1, end + 1, device="cuda") % chunk // net.hop
    expected = float32_logits(replace(net, hop=1), conditioning[0][at], tokens)[-1]
    assert (logits[0, 0] - expected).norm() / expected.norm() <= 1e-2


def test_memory_is_used_as_it_may_be():
    tool = shutil.which("compute-sanitizer")
    if tool is None:
        pytest.skip("compute-sanitizer is not on this machine")
    program = (
        "from tests.kernels.test_triton_gpu import *; from tests.kernels.triton_networks import network\n"
        "net = network((1, 2, 4), residual=64, skip=64, classes=64, hop=5).to('cuda')\n"
        "for plan in PLANS[1:]: advance(Launcher(net), on_gpu(net, 19), frames(net, 19, 7), list(range(19)), 7, plan)\n"
        "torch.cuda.synchronize()\n"
    )
    run = subprocess.run(
        [tool, "--error-exitcode", "9", sys.executable, "-c", program], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout[-2000:]
