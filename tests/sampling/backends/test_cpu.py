"""The C++ sampler gives the reference's samples, bit for bit, however it is called."""

import threading
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sampling.networks import conditioning_for, int8, network
from wavesynth.kernels.cpu import instruction_sets
from wavesynth.sampling import reference
from wavesynth.sampling.backends.cpu import CpuSampler
from wavesynth.sampling.params import SamplingParams

SCALES = ("input_inverse_scale", "gate_inverse_scale", "skip_inverse_scale", "hidden_inverse_scale")
SHAPES = [
    dict(),
    dict(stacks=1, layers_per_stack=5, residual=64, skip=64, classes=256, hop=16),  # rows in groups of 64
    dict(stacks=3, layers_per_stack=2, residual=48, skip=80, classes=144, hop=7),  # and not
    dict(stacks=1, layers_per_stack=10, residual=32, skip=128, classes=64, hop=160),
    dict(stacks=1, layers_per_stack=3, residual=128, skip=512, classes=512, hop=16),
    dict(
        stacks=3, layers_per_stack=6, residual=64, skip=64, classes=64, hop=16
    ),  # 1,152 columns in the skip product
    dict(reversible=True, residual=32, skip=64),
    dict(reversible=True, stacks=1, layers_per_stack=3, residual=64, skip=64, classes=256, hop=16),
]


#: What every instruction set must give is computed once: it takes seconds, and the sets no time.
PARAMS = SamplingParams(2**63 + 9, 1.3)


@cache
def defined(shape, activation_bits):
    """The weights of SHAPES[shape], their conditioning, and the reference's tokens and state of 60 samples."""
    model = network(**SHAPES[shape])
    weights = int8(model, activation_bits=activation_bits)
    conditioning = conditioning_for(model, 60 // weights.hop + 1)
    return weights, conditioning, *reference.sample(weights, weights.start(), conditioning, PARAMS, 60)


@pytest.mark.parametrize("instruction_set", instruction_sets())
@pytest.mark.parametrize("activation_bits", [8, 16])
@pytest.mark.parametrize("shape", range(len(SHAPES)), ids=lambda shape: str(SHAPES[shape]))
def test_every_instruction_set_gives_the_references_samples_and_state(
    instruction_set, shape, activation_bits
):
    weights, conditioning, expected, expected_state = defined(shape, activation_bits)
    tokens, state = CpuSampler(weights, instruction_set).sample(weights.start(), conditioning, PARAMS, 60)
    assert np.array_equal(tokens, expected)
    assert state.to_bytes() == expected_state.to_bytes()
    assert len(set(tokens.tolist())) > 5


@cache
def extreme_weights(activation_bits, sign):
    """Weights of -127 and 127 (the output's -8191 and 8191), conditioning, and for the seeds 0 to 4 the reference's
    tokens and states."""
    random = np.random.default_rng(3)
    weights = int8(network(residual=64, skip=64, classes=64, hop=16), activation_bits=activation_bits)

    def extreme(like, largest):
        signs = random.integers(2, size=like.shape) * 2 - 1 if sign == 0 else sign
        return (np.ones(like.shape) * signs * largest).astype(like.dtype)

    matrices = {
        name: extreme(getattr(weights, name), 127) for name in ("dilated", "residual", "skip", "hidden")
    }
    louder = {name: getattr(weights, name) * np.float32(1e4) for name in SCALES}
    weights = replace(weights, **matrices, **louder, output=extreme(weights.output, 8191))
    conditioning = random.standard_normal((4, len(weights.dilations), 128), np.float32) * 3
    params = [SamplingParams(seed, 2.0) for seed in range(5)]
    expected = [reference.sample(weights, weights.start(), conditioning, p, 60) for p in params]
    return weights, conditioning, params, expected


@pytest.mark.parametrize("instruction_set", instruction_sets())
@pytest.mark.parametrize("activation_bits", [8, 16])
@pytest.mark.parametrize("sign", [1, -1, 0], ids=["positive", "negative", "mixed"])
def test_the_largest_weights_and_activations_are_summed_exactly(instruction_set, activation_bits, sign):
    """The largest weights meet activations of -128 and 127, 0 and 255."""
    weights, conditioning, params, expected = extreme_weights(activation_bits, sign)
    states = [weights.start() for _ in params]
    tokens = CpuSampler(weights, instruction_set).advance(states, [conditioning] * 5, params, 60)
    for row, state, (expected_tokens, expected_state) in zip(tokens, states, expected, strict=True):
        np.testing.assert_array_equal(row, expected_tokens)
        assert state.to_bytes() == expected_state.to_bytes()
        assert {0, 255} <= set(np.unique(state.queues))


def test_output_weights_of_more_than_14_bits_are_refused():
    weights = replace(WEIGHTS, output=np.full_like(WEIGHTS.output, 8192))
    with pytest.raises(ValueError, match=r"a weight of output is 8192; it must be from -8191 to 8191"):
        CpuSampler(weights)


MODEL = network(residual=32, skip=64, classes=256, hop=16)
WEIGHTS = int8(MODEL)
SAMPLERS = {name: CpuSampler(WEIGHTS, name) for name in instruction_sets()}
CONDITIONING = [conditioning_for(MODEL, 20, seed) for seed in range(4)]
KEYS = [SamplingParams(seed, 0.5 + 0.1 * seed) for seed in range(9)]
ALONE = [SAMPLERS["portable"].sample(WEIGHTS.start(), CONDITIONING[i % 4], KEYS[i], 320)[0] for i in range(9)]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(instruction_sets()),
    st.lists(st.integers(0, 8), min_size=1, max_size=9),
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 2**9 - 1)), min_size=1, max_size=8),
)
def test_a_streams_samples_do_not_depend_on_batch_neighbours_or_chunks(instruction_set, streams, calls):
    """Any streams, in any batch, advanced by chunks of any length, some of them sitting out some calls."""
    sampler = SAMPLERS[instruction_set]
    states = [WEIGHTS.start() for _ in streams]
    made = [[] for _ in streams]
    for n, mask in calls:
        chosen = [k for k in range(len(streams)) if mask >> k & 1 and states[k].index + n <= 320]
        if not chosen:
            continue
        frames = [CONDITIONING[streams[k] % 4][states[k].index // 16 :] for k in chosen]
        tokens = sampler.advance([states[k] for k in chosen], frames, [KEYS[streams[k]] for k in chosen], n)
        for k, row in zip(chosen, tokens, strict=True):
            made[k].extend(row)
    for stream, samples in zip(streams, made, strict=True):
        np.testing.assert_array_equal(samples, ALONE[stream][: len(samples)])


@cache
def other_network(reversible, activation_bits):
    """The weights of another network than MODEL, and the reference's tokens of four streams."""
    model = network(residual=32, skip=64, classes=256, hop=16, reversible=reversible)
    weights = int8(model, activation_bits=activation_bits)
    return weights, [
        reference.sample(weights, weights.start(), CONDITIONING[i], KEYS[i], 100)[0].numpy() for i in range(4)
    ]


@pytest.mark.parametrize("instruction_set", instruction_sets())
@pytest.mark.parametrize(
    ("reversible", "activation_bits"),
    [(False, 16), (True, 8), (True, 16)],
    ids=["16", "reversible 8", "both"],
)
def test_other_networks_in_any_batch_and_on_two_cores_are_the_same(
    instruction_set, reversible, activation_bits
):
    weights, alone = other_network(reversible, activation_bits)
    for threads, streams in ((1, 4), (2, 1), (2, 3)):
        sampler = CpuSampler(weights, instruction_set, threads=threads)
        states = [weights.start() for _ in range(streams)]
        pieces = [
            sampler.advance(states, [c[first // 16 :] for c in CONDITIONING[:streams]], KEYS[:streams], 50)
            for first in (0, 50)
        ]
        np.testing.assert_array_equal(np.concatenate(pieces, 1), alone[:streams])


@pytest.mark.parametrize("streams", [1, 2, 5, 9])
def test_streams_shared_out_to_several_cores_are_the_same(streams):
    sampler = CpuSampler(WEIGHTS, threads=3)
    states = [WEIGHTS.start() for _ in range(streams)]
    frames = [CONDITIONING[i % 4] for i in range(streams)]
    tokens = sampler.advance(states, frames, KEYS[:streams], 320)
    np.testing.assert_array_equal(tokens, ALONE[:streams])
    assert all(state.index == 320 for state in states)


@pytest.mark.parametrize("instruction_set", instruction_sets())
@pytest.mark.parametrize("n", [1, 16, 160])
def test_a_lone_stream_on_two_cores_is_the_same(instruction_set, n):
    sampler = CpuSampler(WEIGHTS, instruction_set, threads=2)
    state, made = WEIGHTS.start(), []
    while state.index < 320:
        frames = CONDITIONING[0][state.index // 16 :]
        made.extend(sampler.advance([state], [frames], [KEYS[0]], n)[0])
    np.testing.assert_array_equal(made, ALONE[0])


def test_one_sampler_serves_several_threads():
    results = [None] * 4
    sampler = SAMPLERS[instruction_sets()[0]]

    def work(i):
        results[i] = sampler.sample(WEIGHTS.start(), CONDITIONING[i % 4], KEYS[i], 320)[0]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(4):
        np.testing.assert_array_equal(results[i], ALONE[i])


def test_the_environment_chooses_the_instruction_set(monkeypatch):
    assert CpuSampler(WEIGHTS).instruction_set == instruction_sets()[0]
    monkeypatch.setenv("WAVESYNTH_INSTRUCTION_SET", "portable")
    assert CpuSampler(WEIGHTS).instruction_set == "portable"


def test_an_instruction_set_the_processor_lacks_is_named():
    with pytest.raises(
        ValueError, match=r"instruction set is .sse9., which .* not have; it must be one of .*portable"
    ):
        CpuSampler(WEIGHTS, "sse9")


def test_the_kernel_refuses_what_does_not_fit():
    sampler = SAMPLERS["portable"].kernel
    good = dict(
        queues=[WEIGHTS.start().queues],
        indices=np.zeros(1, np.uint64),
        last=np.zeros(1, np.int32),
        seeds=np.zeros(1, np.uint64),
        inverse_temperatures=np.ones(1, np.float32),
        conditioning=[CONDITIONING[0].numpy()],
        tokens=np.empty((1, 16), np.int32),
    )
    sampler.advance(**good)
    bad = [
        ("queues", [np.zeros((3, 32), np.uint8)], "queues are"),
        ("last", np.array([256], np.int32), "token is 256"),
        ("last", np.array([-1], np.int32), "token is -1"),
        ("conditioning", [CONDITIONING[0].numpy()[:0]], "too few frames"),
        ("conditioning", [np.zeros((1, 6, 63), np.float32)], "conditioning has shape"),
        ("seeds", np.zeros(2, np.uint64), "seeds has shape"),
        ("indices", np.zeros(2, np.uint64), "one entry for each"),
    ]
    for name, value, message in bad:
        with pytest.raises(ValueError, match=message):
            sampler.advance(**good | {name: value, "indices": np.zeros(1, np.uint64)} | ({name: value}))


def test_ten_minutes_need_no_more_memory_than_one_second():
    sampler = SAMPLERS[instruction_sets()[0]]
    state = WEIGHTS.start()
    size = len(state.to_bytes())
    state.index = 16 * 60 * 10 * 1000  # ten minutes in
    sampler.advance([state], [CONDITIONING[0]], [KEYS[0]], 160)
    assert len(state.to_bytes()) == size
    assert state.index == 16 * 60 * 10 * 1000 + 160
