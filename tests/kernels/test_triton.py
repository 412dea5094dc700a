"""The Triton kernel, in the interpreter, gives its plain reference's samples and state, whatever it is asked."""

import multiprocessing
import time
from dataclasses import replace

import pytest
import torch
from triton.runtime.interpreter import InterpreterBuilder

from tests.kernels.triton_networks import (
    CONFIG,
    advance,
    conditioning_for,
    copy,
    expected,
    in_interpreter,
    network,
    order_free_dot,
    same_streams,
    started,
)
from wavesynth.kernels.triton.draw import EXP2, GATE
from wavesynth.kernels.triton.kernel_config import Launch
from wavesynth.kernels.triton.launch import Launcher
from wavesynth.kernels.triton.network import interleave, unit_cycle
from wavesynth.kernels.triton.persistent import Persistent
from wavesynth.kernels.triton.selection import choose
from wavesynth.sampling import draw, int8

pytestmark = in_interpreter

SIZES = (32, 64, 128, 256, 512)


@pytest.fixture(autouse=True)
def sums_without_order(monkeypatch):
    monkeypatch.setattr(InterpreterBuilder, "create_dot", order_free_dot)


def agrees(net, slots, n, config=CONFIG, streams=None):
    """Whether kernel and reference agree on classes and state; the classes."""
    streams = started(net, max(slots) + 1) if streams is None else streams
    defined = copy(streams)
    conditioning = conditioning_for(net, len(slots), n)
    drawn = advance(net, streams, conditioning, slots, n, config)
    assert torch.equal(drawn, expected(net, defined, conditioning, slots, n))
    assert same_streams(streams, defined)
    return drawn


# Every size of R, of S and of A, and the largest of all together; R beyond 64 is computed in blocks.
@pytest.mark.parametrize(
    "shape",
    [
        *({"residual": size, "skip": 32, "classes": 32} for size in SIZES),
        *({"residual": 32, "skip": size, "classes": 32} for size in SIZES[1:]),
        *({"residual": 32, "skip": 32, "classes": size} for size in SIZES[1:]),
        {"residual": 64, "skip": 256, "classes": 256},
        {"residual": 512, "skip": 512, "classes": 512},
    ],
    ids=lambda shape: "R{residual} S{skip} A{classes}".format(**shape),
)
def test_every_size_gives_the_references_samples_and_state(shape):
    drawn = agrees(network((1, 2), **shape), [0, 1, 2], 3)
    assert len(set(drawn.flatten().tolist())) > 2


@pytest.mark.parametrize(
    "dilations", [(1,), (4,), (1, 2, 4, 1, 2, 4), (3, 1, 7), (1, 2, 4, 1), (2, 1), (1, 1, 1)], ids=str
)
@pytest.mark.parametrize("residual", [32, 128])
def test_any_dilations_give_the_references_samples(dilations, residual):
    agrees(network(dilations, residual=residual), [0, 1, 2], 9 if residual == 32 else 4)


@pytest.mark.parametrize("dilations", [(1,), (1, 2, 4, 1), (3, 1, 7)], ids=str)
@pytest.mark.parametrize("residual", [32, 128])
def test_reversible_networks_give_the_references_samples(dilations, residual):
    net = network(dilations, residual=residual, reversible=True)
    agrees(net, [0, 1, 2], 9 if residual == 32 else 4)


def test_a_reversible_network_has_two_streams_that_only_the_tiled_kernel_has():
    shape = dict(dilations=(1, 2, 4, 8, 16), residual=64, skip=128, classes=256)
    for streams in (1, 4000):
        assert choose(network(**shape), streams, streams, 132).name.startswith(
            ("persistent", "warp_specialized")
        )
        assert choose(network(**shape, reversible=True), streams, streams, 132).name.startswith("tiled")


@pytest.mark.parametrize("tile", [8, 16, 32, 64])
def test_any_number_of_streams_in_any_slots_by_any_tile(tile):
    config = replace(CONFIG, tile=tile)
    agrees(network(skip=64), [7, 3, -1, 0, 12, -1, 20, 5, 19, 1, 2, 4, 6, 8, 9, 10, 11, 13, 14], 6, config)


def test_streams_at_different_samples_far_into_the_audio():
    net = network((1, 2, 4, 8), hop=3)
    streams = started(net, 5)
    streams.indices.copy_(torch.tensor([0, 1, 2**31 - 3, 2**32 - 2, 2**40 + 7]))
    agrees(net, [0, 1, 2, 3, 4], 7, streams=streams)


@pytest.mark.parametrize("cuts", [[1] * 12, [5, 7], [11, 1], [3, 4, 5]])
def test_chunks_of_any_length_are_one_long_one(cuts):
    net = network()
    whole, cut = started(net, 3), started(net, 3)
    conditioning = conditioning_for(net, 3, 12)
    drawn = advance(net, whole, conditioning, [0, 1, 2], 12)
    pieces, at = [], 0
    for n in cuts:
        pieces.append(advance(net, cut, conditioning[:, at // net.hop :].contiguous(), [0, 1, 2], n))
        at += n
    assert torch.equal(torch.cat(pieces, 1), drawn)
    assert same_streams(whole, cut)


def test_a_stream_leaves_and_another_takes_its_slot_and_neighbours_do_not_notice():
    net = network()
    conditioning = conditioning_for(net, 3, 20)
    alone = advance(net, started(net, 3), conditioning[:1].contiguous(), [0], 12)
    streams = started(net, 3)
    first = advance(net, streams, conditioning, [0, 1, 2], 5)
    left = copy(streams)
    # 1 leaves, 2 sits out
    second = advance(net, streams, conditioning[:1, 1:].contiguous(), [0], 5)
    assert torch.equal(streams.queues[1:], left.queues[1:])
    assert torch.equal(streams.indices[1:], left.indices[1:])
    streams.start(net, torch.tensor([1]))  # somebody new, beside the two that were there
    late = torch.stack([conditioning[0, 2:4], conditioning[0, :2], conditioning[2, 1:3]])
    third = advance(net, streams, late, [0, 1, 2], 2)
    assert torch.equal(torch.cat([first[0], second[0], third[0]]), alone[0])
    assert torch.equal(third[1], advance(net, started(net, 3), conditioning[:1].contiguous(), [1], 2)[0])
    assert streams.indices.tolist() == [12, 2, 7]


def yield_when_waiting(monkeypatch):
    """A program that looks whether another is done lets it go on, where there are more programs than cores."""
    count = InterpreterBuilder.create_atomic_rmw

    def patient(*arguments, **others):
        time.sleep(0.001)
        return count(*arguments, **others)

    monkeypatch.setattr(InterpreterBuilder, "create_atomic_rmw", patient)


def run_at_once(prepared, shared, count, monkeypatch):
    """Programs that wait for one another: a process each, since the interpreter runs those of a launch in turn."""
    for tensor in (*vars(shared).values(), *prepared.memory, prepared.drawn):
        tensor.share_memory_()
    yield_when_waiting(monkeypatch)
    context = multiprocessing.get_context("fork")
    programs = [context.Process(target=prepared.run, args=(range(p, p + 1),)) for p in range(count)]
    for program in reversed(programs):
        program.start()
    for program in programs:
        program.join(300)
    assert [program.exitcode for program in programs] == [0] * len(programs)


@pytest.mark.parametrize(
    ("streams", "config", "shape"),
    [
        (1, Persistent(layers_per_cta=2, head_ctas=2, warps=4), {"dilations": (1, 2, 4), "skip": 64}),
        (
            2,
            Persistent(layers_per_cta=1, head_ctas=1, warps=8),
            {"dilations": (1, 3), "residual": 64, "classes": 64},
        ),
    ],
)
def test_the_persistent_kernel_draws_the_references_samples(streams, config, shape, monkeypatch):
    """Its sums have another order, so that its state is the reference's but for the last bit of half precision."""
    net, n = network(**shape), 7
    slots = torch.tensor([2, -1, 0][-1 - streams :], dtype=torch.int32)
    shared, defined = started(net, 3), started(net, 3)
    conditioning = conditioning_for(net, len(slots), n)
    prepared = Launcher(net).prepare(Launch(shared, conditioning, slots, n), config)
    run_at_once(prepared, shared, config.programs(len(slots), net), monkeypatch)
    assert torch.equal(prepared.drawn, expected(net, defined, conditioning, slots, n))
    assert torch.allclose(shared.queues, defined.queues, rtol=2e-3, atol=1e-6)
    for name in ("tokens", "indices", "seeds", "inverses"):
        assert torch.equal(getattr(shared, name), getattr(defined, name))


def test_given_samples_give_the_references_logits():
    net = network((1, 2, 4), skip=64)
    forced = torch.randint(32, (3, 8), generator=torch.Generator().manual_seed(3), dtype=torch.int32)
    logits, defined = torch.zeros(3, 8, 32), torch.zeros(3, 8, 32)
    conditioning = conditioning_for(net, 3, 8)
    drawn = advance(net, started(net, 3), conditioning, [0, 1, 2], 8, forced=forced, logits=logits)
    again = expected(net, started(net, 3), conditioning, [0, 1, 2], 8, forced=forced, logits=defined)
    assert torch.equal(logits, defined)
    assert torch.equal(drawn, again)


def test_logits_that_are_not_finite_are_no_sample():
    net = network()
    conditioning = conditioning_for(net, 2, 5)
    conditioning[1] = float("nan")
    drawn = advance(net, started(net, 2), conditioning, [0, 1], 5)
    assert (drawn[0] >= 0).all()
    assert drawn[1].tolist() == [-1] * 5


def test_the_gate_and_the_draw_are_everybodys():
    assert GATE == int8.GATE
    assert EXP2 == draw.EXP2


def test_a_gates_rows_alternate():
    assert interleave(32).tolist()[:24] == [*range(8), *range(32, 40), *range(8, 16)]


@pytest.mark.parametrize(
    ("dilations", "cycle"), [((1, 2, 4) * 2, 3), ((1,) * 4, 1), ((1, 2, 4, 1), 0), ((2, 4), 0), ((1, 3), 0)]
)
def test_whole_stacks_are_recognised(dilations, cycle):
    assert unit_cycle(dilations) == cycle


def test_tiles_are_as_small_as_the_load_allows():
    loads = (1, 1056, 1057, 2112, 2113, 4224, 4225, 8448)
    net = network((1, 2, 4, 8, 16), residual=64, skip=128, classes=256)
    specialized, plain = (8, 8, 16, 16, 32, 32, 32, 32), (8, 8, 16, 16, 32, 32, 64, 64)
    assert [choose(net, n, 8448, 132).name for n in loads] == [
        f"warp_specialized {tile}" for tile in specialized
    ]
    for other in (network(), network(residual=128), network((1, 2), residual=64, skip=128, classes=256)):
        assert [choose(other, n, 8448, 132).tile for n in loads] == list(plain)
    chosen = [choose(net, 2000, 8448, 148, capability).name for capability in (80, 86, 90, 100)]
    assert chosen == ["tiled 16w8", "tiled 16w8", "warp_specialized 16", "tiled 16w8"]


def test_streams_are_persistent_where_no_more_than_fit_are_asked_for():
    net = network((1, 2, 4) * 10, residual=64)
    assert {choose(net, n, 11, 132).name for n in (1, 11)} == {"persistent 4+4"}
    assert [choose(net, 1, max_batch, 132).name for max_batch in (1, 5, 6, 8, 9, 12)] == [
        "persistent 4+16", "persistent 4+16", "persistent 4+8", "persistent 4+8", "persistent 4+4", "tiled 8",
    ]  # fmt: skip
    assert choose(network((1, 2, 4) * 10, residual=128), 1, 1, 132).name == "tiled 8"


def test_given_samples_without_room_for_their_logits_are_refused():
    net = network()
    with pytest.raises(ValueError, match="one of forced and logits is missing"):
        advance(
            net,
            started(net, 1),
            conditioning_for(net, 1, 2),
            [0],
            2,
            forced=torch.zeros(1, 2, dtype=torch.int32),
        )


def test_a_network_that_the_kernel_does_not_have_is_refused():
    with pytest.raises(
        ValueError, match="residual is 48; the triton kernel has 32, 64, 128, 256, 512; take the backend cpu"
    ):
        network(residual=48)
