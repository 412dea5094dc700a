"""The warp-specialized kernel, in a Gluon that does all as early or late as it may, gives the reference's samples."""

from pathlib import Path

import pytest
import torch

from tests.kernels.gluon import interpreted
from tests.kernels.triton_networks import (
    conditioning_for,
    copy,
    expected,
    in_interpreter,
    network,
    same_streams,
    started,
)
from wavesynth.kernels.triton import warp_specialized
from wavesynth.kernels.triton.launch import Launcher
from wavesynth.kernels.triton.warp_specialized import WarpSpecialized

pytestmark = in_interpreter

KERNELS = [
    Path(warp_specialized.__file__).with_name(f"warp_specialized_{part}.py")
    for part in ("consumer", "kernel")
]
CONFIG = WarpSpecialized(16, 4)
DILATIONS = (1, 2, 4, 1, 2)
SMALL = {"residual": 64, "skip": 128, "classes": 128}


def interpret(monkeypatch, folder, changes=None):
    """Has the launcher run the kernel in this Gluon, with `changes` made in it."""
    *_, kernel = interpreted(KERNELS, folder, changes)
    monkeypatch.setattr(warp_specialized, "warp_specialized_kernel", kernel.warp_specialized_kernel)


def run(monkeypatch, folder, slots, n, config=CONFIG, dilations=DILATIONS, changes=None, **shape):
    """The kernel's classes and streams, and the reference's."""
    interpret(monkeypatch, folder, changes)
    net = network(dilations, **(SMALL | shape))
    assert config.fits(net)
    made = started(net, max(slots) + 1)
    defined = copy(made)
    conditioning = conditioning_for(net, len(slots), n)
    drawn = Launcher(net).advance(
        made, conditioning, torch.tensor(slots, dtype=torch.int32), n, config=config
    )
    return drawn, made, expected(net, defined, conditioning, slots, n), defined


@pytest.mark.parametrize(
    ("config", "shape", "slots"),
    [
        (CONFIG, {}, [7, 3, -1, 0, 12, -1, 20, 5, 19, 1, 2, 4, 6, 8, 9, 10, 11, 13, 14]),
        (WarpSpecialized(32, 8), {}, [0, 1, 2]),
        (WarpSpecialized(8, 4, stages=3, wide_stages=3), {"dilations": (1, 3, 2, 5, 1, 2)}, [0, 1]),
        (WarpSpecialized(32, 8), {"skip": 256, "classes": 256}, [0, 1]),
        (CONFIG, {"skip": 128, "classes": 256}, [1]),
        (CONFIG, {"skip": 256, "classes": 128}, [1]),
    ],
    ids=str,
)
def test_any_streams_by_any_config_are_the_references(monkeypatch, tmp_path, config, shape, slots):
    drawn, made, defined_drawn, defined = run(monkeypatch, tmp_path, slots, 6, config, **shape)
    assert torch.equal(drawn, defined_drawn)
    assert same_streams(made, defined)
    assert len(set(drawn[drawn >= 0].tolist())) > 4


def test_chunks_far_into_the_audio_and_given_samples(monkeypatch, tmp_path):
    """Streams whose samples, frames and queue rows are not each other's, cut in two, then led."""
    interpret(monkeypatch, tmp_path)
    net, slots = network((1, 2, 4, 8, 16), hop=3, **SMALL), torch.tensor([0, 1, 2], dtype=torch.int32)
    streams = started(net, 3)
    streams.indices.copy_(torch.tensor([0, 2**31 - 2, 2**40 + 7]))
    defined, launcher = copy(streams), Launcher(net)
    for n, seed in ((4, 1), (5, 2)):
        conditioning = conditioning_for(net, 3, n, seed)
        drawn = launcher.advance(streams, conditioning, slots, n, config=CONFIG)
        assert torch.equal(drawn, expected(net, defined, conditioning, slots, n))
        assert same_streams(streams, defined)
    forced = torch.randint(128, (3, 4), generator=torch.Generator().manual_seed(3), dtype=torch.int32)
    logits, meant = torch.zeros(3, 4, 128), torch.zeros(3, 4, 128)
    conditioning = conditioning_for(net, 3, 4)
    launcher.advance(streams, conditioning, slots, 4, forced, logits, config=CONFIG)
    expected(net, defined, conditioning, slots, 4, forced=forced, logits=meant)
    assert torch.equal(logits, meant)


def test_what_is_not_finite_is_no_sample_and_a_neighbour_does_not_notice(monkeypatch, tmp_path):
    interpret(monkeypatch, tmp_path)
    net, slots = network(DILATIONS, **SMALL), torch.tensor([0, 1], dtype=torch.int32)
    conditioning = conditioning_for(net, 2, 5)
    conditioning[1] = float("nan")
    drawn = Launcher(net).advance(started(net, 2), conditioning, slots, 5, config=CONFIG)
    assert torch.equal(drawn[:1], expected(net, started(net, 2), conditioning[:1], slots[:1], 5))
    assert drawn[1].tolist() == [-1] * 5


#: What the kernel would be if it counted on luck, and what this Gluon says of it.
WRONG = {
    "one place for z": (
        "activations.index(q % 2)",
        "activations.index(0)",
        "written before all were at a barrier",
    ),
    "a past that is still on its way": ("wait_group(AHEAD - 3)", "wait_group(AHEAD - 2)", "not behind"),
    "no fence after z": ("fence_async_shared()\n            async_copy", "async_copy", "not behind"),
    "no fence after a layer's input": (
        "fence_async_shared()\n            tl.debug_barrier()\n            mbarrier",
        "tl.debug_barrier()\n            mbarrier",
        "not behind",
    ),
    "no barrier after a layer's input": (
        "tl.debug_barrier()\n            mbarrier.wait(current_full",
        "mbarrier.wait(current_full",
        "not behind",
    ),
    "no barrier before a place is given back": (
        "            tl.debug_barrier()\n            x = warpgroup_mma",
        "            x = warpgroup_mma",
        "given back before all were at a barrier",
    ),
    "weights brought too early": ("free = (q // STAGES & 1) ^ 1", "free = 1", "."),
    "skip weights given back too early": (
        "empty.index((j + WIDE_STAGES - 1) % WIDE_STAGES), pred=layer > 0",
        "empty.index(wide_stage)",
        ".",
    ),
    "weights never given back": (
        "mbarrier.arrive(current_empty.index(stage))",
        "pass",
        "nobody will complete",
    ),
    "bytes that nobody brings": (
        "mbarrier.expect(bar, 6 * R * R)",
        "mbarrier.expect(bar, 8 * R * R)",
        "nobody will complete",
    ),
    "a place too few": ("q + AHEAD, past_index", "q + AHEAD + 1, past_index", "."),
}


@pytest.mark.parametrize(("right", "wrong", "said"), WRONG.values(), ids=WRONG)
def test_what_counts_on_luck_fails(monkeypatch, tmp_path, right, wrong, said):
    """Otherwise the tests above would show little."""
    with pytest.raises(Exception, match=said):
        drawn, made, defined_drawn, defined = run(monkeypatch, tmp_path, [0, 1], 4, changes={right: wrong})
        assert torch.equal(drawn, defined_drawn) and same_streams(made, defined)
