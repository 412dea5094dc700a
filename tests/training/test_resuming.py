"""A run that is resumed is the one that was begun, or is refused in a sentence."""

import pytest

from tests.training.runs import prepared, train, values


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("data"))


def test_a_resumed_run_rounds_as_the_run_did_when_it_began(folder, tmp_path):
    given = values(folder, checkpoint_every=3) | {"quantised": True}
    _, whole, _ = train(given, tmp_path / "whole")
    _, exact, _ = train(values(folder, checkpoint_every=3), tmp_path / "exact")
    train(given, tmp_path / "parts")
    (tmp_path / "parts" / "step-00000006.safetensors").unlink()
    _, rest, _ = train(given, tmp_path / "parts", resume=True)
    assert rest == {step: whole[step] for step in (4, 5, 6)} and whole != exact


def test_a_run_is_not_begun_twice_nor_resumed_without_one(folder, tmp_path):
    with pytest.raises(ValueError, match="holds no checkpoint"):
        train(values(folder), tmp_path / "a", resume=True)
    train(values(folder, steps=1), tmp_path / "a")
    with pytest.raises(ValueError, match="already holds a run; go on with --resume"):
        train(values(folder), tmp_path / "a")
    with pytest.raises(ValueError, match=r"steps is 1; to resume .* it must be above 1"):
        train(values(folder, steps=1), tmp_path / "a", resume=True)


def test_steps_may_change_when_resuming_but_the_network_and_its_inputs_may_not(folder, tmp_path):
    train(values(folder, steps=2), tmp_path)
    with pytest.raises(ValueError, match=r"^\[model\] skip is 32; to resume .* it must be 16$"):
        train(values(folder, model={"skip": 32}), tmp_path, resume=True)
    with pytest.raises(ValueError, match=r"^\[data\] preemphasis is 0.5; to resume .* it must be 0.85$"):
        train(values(folder, data={"preemphasis": 0.5}), tmp_path, resume=True)
    _, losses, _ = train(values(folder, steps=3), tmp_path, resume=True)
    assert list(losses) == [3]


def test_speakers_keep_their_places_when_resuming(folder, tmp_path):
    def named(*names, **training):
        speakers = {name: [folder] for name in names}
        return values(folder, model={"speakers": 2}, data={"speakers": speakers}, **training)

    train(named("a", "b", steps=1), tmp_path)
    with pytest.raises(
        ValueError, match=r"\[data\] speakers is \['b', 'a'\]; to resume .* it must be \['a', 'b'\]$"
    ):
        train(named("b", "a"), tmp_path, resume=True)
    _, losses, _ = train(named("a", "b", steps=2), tmp_path, resume=True)
    assert list(losses) == [2]


def test_a_voice_without_speakers_may_rename_its_folders_when_resuming(folder, tmp_path):
    train(values(folder, steps=1), tmp_path)
    _, losses, _ = train(values(folder, data={"speakers": {"b": [folder]}}, steps=2), tmp_path, resume=True)
    assert list(losses) == [2]


def test_a_resumed_run_knows_whether_its_data_have_changed(tmp_path):
    folder = prepared(tmp_path / "data")
    train(values(folder, steps=1), tmp_path / "run")
    resumed, _, _ = train(values(folder, steps=2), tmp_path / "run", resume=True)
    assert not resumed.data_changed
    prepared(tmp_path / "data", seed=1)
    resumed, _, _ = train(values(folder, steps=3), tmp_path / "run", resume=True)
    assert resumed.data_changed
