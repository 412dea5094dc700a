"""What the server finds out about the machine: once, and again when something is another."""

import json

import pytest

from wavesynth.engine.capacity import Costs
from wavesynth.server import measuring
from wavesynth.server.measuring import Remembered, message_cost

COSTS = Costs(((1, 0.25), (4, 0.125)))


def never():
    raise AssertionError("it was measured again")


def test_what_was_measured_some_times_is_known_the_next_time(tmp_path):
    path = tmp_path / "new" / "capacity.json"
    for _ in range(4):
        start = Remembered(path)
        assert start.costs("voice", lambda: COSTS) == COSTS
        assert start.changed
        start.save()
    again = Remembered(path)
    assert again.costs("voice", never) == COSTS
    assert not again.changed


def test_the_least_of_the_first_starts_is_kept(tmp_path):
    path = tmp_path / "capacity.json"
    found = []
    for alone, together in [(0.5, 0.25), (0.25, 0.5), (0.3, 0.125), (0.5, 0.5)]:
        start = Remembered(path)
        found.append(start.costs("voice", lambda: Costs(((1, alone), (4, together)))))  # noqa: B023
        start.save()
    assert found[1:] == [Costs(((1, 0.25), (4, 0.25))), COSTS, COSTS]
    assert Remembered(path).costs("voice", never) == COSTS


@pytest.mark.parametrize("what", ["version", "cores"])
def test_another_machine_or_version_measures_anew(tmp_path, monkeypatch, what):
    first = Remembered(tmp_path / "capacity.json")
    first.costs("voice", lambda: COSTS)
    first.save()
    monkeypatch.setattr(measuring, what, lambda: "another")
    assert Remembered(tmp_path / "capacity.json").known("voice") is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"machine": 1}', json.dumps({"machine": "x", "costs": 5}), "[" * 100_000],
)
def test_a_file_that_cannot_be_used_counts_as_not_known(tmp_path, text):
    path = tmp_path / "capacity.json"
    path.write_text(text)
    remembered = Remembered(path)
    assert remembered.known("voice") is None
    remembered.costs("voice", lambda: COSTS)
    remembered.save()
    assert Remembered(path).known("voice") == COSTS


def test_where_nothing_can_be_written_it_is_measured_each_time(tmp_path):
    (tmp_path / "file").write_text("")
    remembered = Remembered(tmp_path / "file" / "capacity.json")
    assert remembered.costs("voice", lambda: COSTS) == COSTS
    remembered.save()


async def test_a_message_costs_processor_time():
    assert 0 < await message_cost() < 0.05
