import pytest
import torch

from wavesynth.training.checkpoint import Checkpoint, best, checkpoints, newest, prune


def save(folder, step, validation=None):
    tensors = {"weight": torch.full((3,), float(step))}
    average, optimizer = {"weight": torch.ones(2, 2)}, {"weight/exp_avg": torch.zeros(())}
    Checkpoint(step, tensors, average, optimizer, {"model": {"stacks": 3}}, validation).save(folder)


def steps(folder):
    return [Checkpoint.load(path).step for path in checkpoints(folder)]


def test_a_checkpoint_comes_back_whole(tmp_path):
    save(tmp_path, 7, 3.25)
    back = Checkpoint.load(newest(tmp_path))
    assert (back.step, back.validation, back.configuration) == (7, 3.25, {"model": {"stacks": 3}})
    assert torch.equal(back.model["weight"], torch.full((3,), 7.0))
    assert torch.equal(back.average["weight"], torch.ones(2, 2))
    assert torch.equal(back.optimizer["weight/exp_avg"], torch.zeros(()))


def test_the_newest_and_the_best_are_kept(tmp_path):
    for step, validation in enumerate((None, 3.5, 3.1, 3.2, None), 1):
        save(tmp_path, step, validation)
    assert Checkpoint.load(best(tmp_path)).step == 3
    prune(tmp_path, 1)
    assert steps(tmp_path) == [3, 5]
    save(tmp_path, 6, 3.0)
    prune(tmp_path, 2)
    assert steps(tmp_path) == [5, 6]


def test_without_validation_only_the_newest_are_kept(tmp_path):
    for step in range(1, 4):
        save(tmp_path, step)
    prune(tmp_path, 2)
    assert steps(tmp_path) == [2, 3]
    with pytest.raises(ValueError, match="holds no validated checkpoint; leave --best out"):
        best(tmp_path)


def test_what_is_no_checkpoint_is_named(tmp_path):
    with pytest.raises(ValueError, match="holds no checkpoint; it must be the folder of a training run"):
        newest(tmp_path)
    save(tmp_path, 1)
    path = newest(tmp_path)
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole[:20], b"", b"x" * 100):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"step-00000001.safetensors cannot be read: "):
            Checkpoint.load(path)


def test_what_a_killed_process_left_is_no_checkpoint_and_does_not_stay(tmp_path):
    save(tmp_path, 1)
    half = tmp_path / ".step-00000002-abc.safetensors"
    half.write_bytes(b"half")
    assert steps(tmp_path) == [1]
    prune(tmp_path, 1)
    assert steps(tmp_path) == [1] and not half.exists()
