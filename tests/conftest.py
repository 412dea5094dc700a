"""Where there is no GPU, Triton's kernels run in its interpreter, on the CPU; to be said before any is imported."""

import os

import pytest
import torch

pytest_plugins = ("tests.serving", "tests.network", "tests.skips")

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"

# The networks are tiny: threads of PyTorch would spend their time on waiting for one another, and on a machine with
# other work on a sixth of the speed. Programs that tests start are told the same.
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items):
    if not torch.cuda.is_available() and "SMALL_GPU_SUITE" not in os.environ:
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs an NVIDIA GPU, and PyTorch finds none"))
