"""The example in the engine's docstring, with two voices."""

from tests.docstrings import run_examples
from tests.engine.engines import VOICES
from wavesynth.engine.scheduler import Capacity
from wavesynth.engine.source import DurationSource


def test_the_example_of_the_engine_opens_a_stream():
    failed, ran = run_examples(
        "wavesynth.engine.engine",
        voices={"allison": VOICES["tiny"]},
        voice=VOICES["tiny"].voice,
        Capacity=Capacity,
        DurationSource=DurationSource,
    )
    assert ran and not failed
