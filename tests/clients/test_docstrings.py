"""The examples in the docstrings of the clients, beside a server."""

from functools import partial

import numpy as np
import pytest

from tests.docstrings import run_examples
from wavesynth.clients import AsyncClient, Client


@pytest.mark.parametrize(("module", "client"), [("client", Client), ("aio", AsyncClient)])
def test_the_example_of_a_client_plays_the_whole_recording(module, client, address):
    played = []
    failed, ran = run_examples(
        f"wavesynth.clients.{module}",
        **{client.__name__: partial(client, address)},
        recording=np.random.default_rng(0).uniform(-0.5, 0.5, 3200).astype(np.float32),
        play=played.append,
    )
    assert ran and not failed
    assert sum(len(samples) for samples in played) == 3200
