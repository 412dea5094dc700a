"""What the backend triton says of a machine, a GPU or a voice that it cannot do with; the CUDA call is faked."""

import json
import os
import re
import subprocess
import sys

import pytest
import torch
from triton.runtime.errors import OutOfResources

from tests.kernels.triton_networks import in_interpreter
from tests.sampling.backends.triton_voices import MODEL, SCALES, VOICE
from wavesynth.kernels.triton.streams import Streams
from wavesynth.sampling.backends import triton_device
from wavesynth.sampling.backends.sampler import LostError
from wavesynth.sampling.backends.triton import TritonSampler, network_of
from wavesynth.sampling.backends.triton_device import DeviceGuard, find_device, fitting_streams
from wavesynth.sampling.params import SamplingParams
from wavesynth.voices.samplers import make_sampler

CUDA = torch.device("cuda")


def raising(error):
    def function(*_, **__):
        raise error

    return function


@pytest.fixture
def compiling(monkeypatch):
    """As where kernels are compiled."""
    monkeypatch.setattr(triton_device, "interpreting", lambda: False)


@pytest.fixture
def free(monkeypatch):
    """A GPU of 8 GB, half of them free."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (4_000_000_000, 8_000_000_000))


def test_a_driver_that_is_too_old_is_said_to_be(monkeypatch, compiling):
    words = (
        "The NVIDIA driver on your system is too old (found version 11040). Please update it.\nMore of it."
    )
    monkeypatch.setattr(torch.cuda, "init", raising(RuntimeError(words)))
    with pytest.raises(ValueError) as error:
        find_device()
    assert str(error.value) == (
        "backend triton needs an NVIDIA GPU (The NVIDIA driver on your system is too old (found version 11040). "
        "Please update it); use --backend cpu"
    )


def test_a_gpu_that_is_too_old_is_named(monkeypatch, compiling):
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    with pytest.raises(ValueError, match=r"capability 8.0 or newer, and Tesla T4 has 7.5; use --backend cpu"):
        find_device()


def test_more_streams_than_memory_are_refused_with_the_number_that_would_fit(free):
    network = network_of(MODEL)
    with pytest.raises(
        ValueError, match=r"4.0 GB are free; at most \d+ would fit: .* --live-streams"
    ) as error:
        fitting_streams(network, CUDA, 10_000_000)
    fit = int(str(error.value).split("at most ")[1].split()[0])
    assert fitting_streams(network, CUDA, fit) == fit
    with pytest.raises(ValueError, match=f"at most {fit} would fit"):
        fitting_streams(network, CUDA, fit + 1)
    assert 1 <= fitting_streams(network, CUDA, None) <= fit


@in_interpreter
def test_memory_that_is_gone_when_it_is_asked_for_is_the_same_sentence(monkeypatch, free):
    monkeypatch.setattr(
        Streams, "empty", raising(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"))
    )
    with pytest.raises(ValueError, match=r"3 streams of this voice need .* at most \d+ would fit"):
        make_sampler(VOICE, "triton", max_streams=3)


@in_interpreter
@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            OutOfResources(250_000, 232_448, "shared memory"),
            r"a voice of 3 layers, 32 residual and 32 skip channels is too large for interpreter: it needs 250000 of "
            r"shared memory, and there are 232448; use --backend cpu",
        ),
        (
            torch.OutOfMemoryError("CUDA out of memory."),
            r"at most \d+ would fit: ask for fewer with --live-streams",
        ),
    ],
)
def test_a_kernel_that_the_gpu_has_no_room_for_is_refused_at_the_start(monkeypatch, free, error, sentence):
    sampler = TritonSampler(MODEL, SCALES, max_streams=2)
    monkeypatch.setattr(sampler.launcher, "advance", raising(error))
    with pytest.raises(ValueError, match=sentence):
        sampler.compile_kernels()


def test_an_error_after_which_the_gpu_answers_is_one_launchs_and_else_the_end(monkeypatch):
    first = RuntimeError("CUDA error: invalid argument")
    on_cpu = torch.ones
    monkeypatch.setattr(torch, "ones", lambda *shape, device: on_cpu(*shape))
    with pytest.raises(RuntimeError) as error, DeviceGuard(CUDA):
        raise first
    assert error.value is first
    gone = RuntimeError("CUDA error: an illegal memory access was encountered\nCompile with ...")
    monkeypatch.setattr(torch, "ones", raising(gone))
    with pytest.raises(LostError) as lost, DeviceGuard(CUDA):
        raise first
    assert str(lost.value) == (
        "the GPU failed: CUDA error: an illegal memory access was encountered; start the service again"
    )


@in_interpreter
@pytest.mark.parametrize("never", [-1, 64])
def test_what_is_no_class_is_an_error_and_never_silence(monkeypatch, never):
    sampler = TritonSampler(MODEL, SCALES, max_streams=2)
    drawn = torch.zeros(2, 5, dtype=torch.int32)
    drawn[1, 4] = never
    monkeypatch.setattr(sampler.launcher, "advance", lambda *_, **__: drawn)
    with pytest.raises(RuntimeError, match="the GPU gave samples that are no classes"):
        sampler.advance([sampler.start()], [torch.zeros(2, 3, 64)], [SamplingParams(1)], 5)


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        ("", "backend triton needs an NVIDIA GPU (.*); use --backend cpu$"),
        (
            "sys.modules['triton'] = None; ",
            "backend triton needs the Python package triton (.*); use --backend cpu$",
        ),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_machine_that_cannot_have_it_says_so_in_a_sentence(before, sentence):
    program = f"import sys; {before}from wavesynth.cli import main; main()"
    run = subprocess.run(
        [sys.executable, "-c", program, "serve", "--port", "0", "--backend", "triton"],
        capture_output=True, text=True, env=os.environ | {"TRITON_INTERPRET": "0"},
    )  # fmt: skip
    assert run.returncode == 1
    loading, refusal = run.stderr.splitlines()
    assert json.loads(loading)["event"].startswith("loading voices")
    assert re.search(sentence, refusal), run.stderr
