"""The backend triton, in the interpreter: states, conditioning, and the engine's audio."""

import gc

import numpy as np
import pytest
import torch

from tests.engine.engines import clip, opened, running, until
from tests.kernels.triton_networks import in_interpreter
from tests.sampling.backends.triton_voices import CONDITIONING, MODEL, REVERSIBLE, SCALES, SPEAKERS, VOICE
from tests.sampling.networks import float32, network
from wavesynth.engine.scheduler import Capacity
from wavesynth.engine.stream import EngineRequest
from wavesynth.kernels.triton import reference as plain
from wavesynth.networks import Network
from wavesynth.sampling import reference
from wavesynth.sampling.backends.cpu import CpuSampler
from wavesynth.sampling.backends.triton import TritonSampler, network_of
from wavesynth.sampling.draw import draw
from wavesynth.sampling.int8 import Int8Weights
from wavesynth.sampling.int8_arithmetic import values
from wavesynth.sampling.params import SamplingParams
from wavesynth.sampling.windows import Tracks, Windows
from wavesynth.voices.loaded import LoadedVoice
from wavesynth.voices.samplers import make_sampler

N = 40


@pytest.fixture(scope="module")
def sampler():
    return TritonSampler(MODEL, SCALES, max_streams=4)


@in_interpreter
def test_a_server_of_few_live_streams_is_all_persistent_however_many_wait(monkeypatch):
    for max_batch, name in ((5, "persistent 4+16"), (40, "tiled 8")):
        few = TritonSampler(MODEL, SCALES, max_streams=56, max_batch=max_batch)
        monkeypatch.setattr(few, "_processors", 132)
        monkeypatch.setattr(few, "_capability", 90)
        assert {few.kernel_config(streams).name for streams in (1, 5)} == {name}


@in_interpreter
@pytest.mark.parametrize("model", [MODEL, REVERSIBLE], ids=["plain", "reversible"])
def test_samples_are_likely_to_the_float32_definition_and_follow_its_logits(model):
    sampler = TritonSampler(model, SCALES, max_streams=4)
    tokens = torch.randint(64, (1, N), generator=torch.Generator().manual_seed(3), dtype=torch.int32)
    state = sampler.start()
    sampler.advance([state], [CONDITIONING], [SamplingParams(1)], 1)  # takes its place
    sampler.streams.start(sampler.network, torch.tensor([state.slot]))
    logits = torch.zeros(1, N, 64)
    sampler.launcher.advance(
        sampler.streams, sampler.conditioning.frames([CONDITIONING]), torch.tensor([state.slot], dtype=torch.int32), N,
        forced=tokens, logits=logits, config=sampler.kernel_config(1),
    )  # fmt: skip
    weights, host = float32(model), float32(model).start()
    steps = []
    for t in range(N):
        host.token, host.index = int(tokens[0, t]), t
        steps.append(reference.step(weights, host, CONDITIONING[t // 5]))
    expected = torch.stack(steps)
    assert (logits[0] - expected).norm() / expected.norm() < 1e-2
    targets = tokens[0, 1:].long()
    bits = [torch.nn.functional.cross_entropy(x[:-1], targets) / np.log(2) for x in (logits[0], expected)]
    assert abs(bits[0] - bits[1]) < 0.005


@in_interpreter
@pytest.mark.parametrize("samples", [0, 3, 37])
def test_a_stream_moves_from_the_processor_to_the_gpu_and_back_unchanged(sampler, samples):
    weights = Int8Weights.pack(Network.of(MODEL), SCALES)
    before = weights.start()
    if samples:
        CpuSampler(weights).advance([before], [CONDITIONING], [SamplingParams(9)], samples)
    state = sampler.load(before, SamplingParams(9))
    assert sampler.save(state).to_bytes() == before.to_bytes()
    sampler.advance([state], [CONDITIONING[samples // 5 :]], [SamplingParams(9)], 8)
    after = sampler.save(state)
    assert after.index == samples + 8
    CpuSampler(weights).advance([after], [CONDITIONING[after.index // 5 :]], [SamplingParams(9)], 8)
    assert after.index == samples + 16


@in_interpreter
@pytest.mark.parametrize("speakers", [0, 2])
def test_streams_that_hear_nothing_are_given_their_speakers_frame(speakers):
    model = network(stacks=1, layers_per_stack=3, residual=32, skip=32, classes=64, hop=5, speakers=speakers)
    sampler = TritonSampler(model, SCALES, max_streams=2)
    of = [None, None] if not speakers else [1, 0]
    frames = sampler.conditioning.frames(
        [Windows(torch.zeros(count, 1, 0), s) for count, s in zip((3, 2), of, strict=True)]
    )
    assert frames.shape == (2, 3, 3, 64)
    for made, speaker in zip(frames, of, strict=True):
        told = None if speaker is None else torch.tensor([speaker])
        expected = sampler.network.conditioning(model.conditioning(speaker=told)[0])
        assert torch.equal(made, expected.expand(3, -1, -1))
    nobody = [-1 if speaker is None else speaker for speaker in of]
    tracks = Tracks(np.zeros((9, 0), np.float32), np.int32([3, 2]), np.int32(nobody), around=2)
    assert torch.equal(sampler.conditioning.frames(tracks), frames)


@in_interpreter
@pytest.mark.parametrize("voice", [VOICE, SPEAKERS], ids=lambda voice: voice.name)
def test_frames_of_tracks_are_those_of_each_streams_windows(voice):
    sampler = TritonSampler(voice.model, voice.scales, max_streams=2)
    mel = np.random.default_rng(1).standard_normal((8 + 7 + 9, 80)).astype(np.float32)
    of = [1, -1, 0] if voice.speakers else [-1] * 3
    tracks = Tracks(mel, np.int32([2, 1, 3]), np.int32(of), around=6)
    windows = list(tracks)
    assert [len(each) for each in windows] == [2, 1, 3]
    assert np.array_equal(windows[2].mel[1], mel[16:23])
    assert torch.equal(sampler.conditioning.frames(tracks), sampler.conditioning.frames(windows))


@in_interpreter
def test_states_of_16_bit_activations_move_as_near_as_half_precision_is():
    weights = Int8Weights.pack(Network.of(MODEL), SCALES, activation_bits=16)
    sampler = TritonSampler(MODEL, SCALES, max_streams=1, activation_bits=16)
    before = weights.start()
    CpuSampler(weights).advance([before], [CONDITIONING], [SamplingParams(9)], 37)
    saved = sampler.save(sampler.load(before, SamplingParams(9)))
    assert saved.queues.shape == before.queues.shape
    scales = torch.from_numpy(SCALES.input)[sampler.network.layer_of_row()]
    held, then = (values(torch.from_numpy(s.queues), scales, activation_bits=16) for s in (saved, before))
    assert torch.allclose(held, then, rtol=2**-10, atol=float(1 / scales.min()) / 128)
    assert not torch.allclose(held, then.new_zeros(()), atol=0.1)


@in_interpreter
def test_the_gpu_goes_on_from_the_processors_state_as_the_kernels_reference_would(sampler):
    weights = Int8Weights.pack(Network.of(MODEL), SCALES)
    before = weights.start()
    CpuSampler(weights).advance([before], [CONDITIONING], [SamplingParams(9)], 20)
    state = sampler.load(before, SamplingParams(9, 0.8))
    streams = type(sampler.streams)(**{k: v.clone() for k, v in vars(sampler.streams).items()})
    frames = sampler.conditioning.frames([CONDITIONING[4:8]])
    expected = plain.advance(sampler.network, streams, frames, torch.tensor([state.slot]), 15, draw=draw)
    drawn = sampler.advance([state], [CONDITIONING[4:8]], [SamplingParams(9, 0.8)], 15)
    assert drawn.tolist() == expected.tolist()


@in_interpreter
def test_a_slot_is_free_again_when_its_stream_is_gone_and_only_then():
    sampler = TritonSampler(MODEL, SCALES, max_streams=1)
    streams = [sampler.start(), sampler.start()]
    with pytest.raises(RuntimeError, match="all 1 places for streams on the GPU are taken"):
        sampler.start()
    first = sampler.advance(streams[:1], [CONDITIONING], [SamplingParams(4)], 5)
    slot = streams.pop(0).slot
    gc.collect()
    again = sampler.start()
    assert again.slot == slot
    assert sampler.advance([again], [CONDITIONING], [SamplingParams(4)], 5).tolist() == first.tolist()


def heard(stream):
    """All audio of a stream; the interpreter is given time."""
    read = []
    while not (read and read[-1].statistics):
        read += until(stream.take, 300)
    return b"".join(chunk.samples.tobytes() for chunk in read)


@in_interpreter
@pytest.mark.parametrize("voice", [VOICE, SPEAKERS], ids=lambda voice: voice.name)
def test_frames_made_many_at_once_are_each_as_if_alone_and_the_models(voice):
    sampler = TritonSampler(voice.model, voice.scales, max_streams=2)
    speakers = len(voice.speakers)
    mel = torch.randn(20, 7, 80, generator=torch.Generator().manual_seed(1))
    windows = [Windows(mel[i : i + 5], i % 2 if speakers else None) for i in range(0, 20, 5)]
    together = sampler.conditioning.frames(windows)
    for i, each in enumerate(windows):
        assert torch.equal(sampler.conditioning.frames([each])[0], together[i])
        with torch.inference_mode():
            speaker = torch.full((5,), each.speaker) if speakers else None
            frames = sampler.network.conditioning(voice.model.conditioning(each.mel, speaker)[:, 0])
        torch.testing.assert_close(together[i].float(), frames.float(), atol=5e-3, rtol=5e-3)


@in_interpreter
def test_the_engines_audio_is_the_kernels_whatever_the_chunk_and_the_neighbours():
    voices = {"tiny": LoadedVoice(VOICE, make_sampler(VOICE, "triton", max_streams=4))}
    sound, made = clip(48), []
    for chunk, neighbours in ((48, 0), (24, 2)):
        with running(voices, Capacity.of(4, voices), chunk=chunk) as engine:
            others = [
                opened(
                    engine,
                    EngineRequest("tiny", "audio", SamplingParams(k)),
                    clip(32, k),
                )
                for k in range(neighbours)
            ]
            made.append(
                heard(
                    opened(
                        engine,
                        EngineRequest("tiny", "audio", SamplingParams(7)),
                        sound,
                    )
                )
            )
            for other in others:
                assert len(heard(other)) == 64
    assert made[0] == made[1]
    assert len(made[0]) == 96
    assert len(set(made[0])) > 20


@in_interpreter
def test_a_voice_that_the_kernel_does_not_have_is_refused():
    with pytest.raises(ValueError, match=r"residual is 16; the triton kernel has .*; take the backend cpu"):
        network_of(network(residual=16))
    large = network(residual=32)
    large.hidden.weight[0, 0] = 1e6
    with pytest.raises(ValueError, match="hidden has weights beyond 65504"):
        network_of(large)
