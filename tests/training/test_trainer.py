import json
import math
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.training.runs import ALONE, prepared, train, values
from wavesynth.training.checkpoint import Checkpoint, checkpoints, newest
from wavesynth.training.run import parse_run, trainer
from wavesynth.training.task import Report, Stopped


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("data"))


def stop_at(step, signum=signal.SIGTERM):
    """A log that sends this process a signal after a step."""
    return lambda report: os.kill(os.getpid(), signum) if report.step == step else None


def test_training_lowers_the_loss_on_the_validation_set(folder, tmp_path):
    configuration = values(folder, steps=60, ema_decay=0.9, data={"burn_in_samples": 8})
    _, _, validations = train(configuration, tmp_path)
    assert validations[60] < validations[0] - 1


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_resumed_run_is_the_run_that_never_stopped(folder, tmp_path, signum):
    straight, losses, validations = train(values(folder), tmp_path / "straight")
    with pytest.raises(Stopped, match="at step 3, which is saved") as stopped:
        train(values(folder), tmp_path / "stopped", log=stop_at(2, signum))  # so during step 3
    assert stopped.value.signum == signum
    resumed, later, again = train(values(folder), tmp_path / "stopped", resume=True)
    assert later == {step: losses[step] for step in (4, 5, 6)}
    assert again == {6: validations[6]}
    first, second = (Checkpoint.load(newest(t.folder)) for t in (straight, resumed))
    for group in ("model", "average", "optimizer"):
        a, b = getattr(first, group), getattr(second, group)
        assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
    assert len(first.optimizer) == 3 * len(list(straight.model.parameters()))


def interrupted(configuration, run, at, resume=False):
    """Trains until a validation after step `at`, and is sent a signal when that has looked at its first batch."""
    t = trainer(parse_run(configuration), run, ALONE, resume=resume)
    seen = []

    def stop(done, total):
        seen.append((done, total))
        if t.step == at:
            os.kill(os.getpid(), signal.SIGTERM)

    t.validating = stop
    with pytest.raises(Stopped) as stopped:
        t.run()
    return str(stopped.value), [done for done in seen if t.step == at]


def test_a_validation_ends_after_the_batch_in_which_a_signal_comes(folder, tmp_path):
    configuration = values(folder, batch_size=2, validate_every=3)
    straight, _, validations = train(configuration, tmp_path / "straight")
    run = tmp_path / "run"
    said, seen = interrupted(configuration, run, at=0)
    assert said == "stopped by SIGTERM before the first step; there is nothing to save yet"
    assert seen == [(2, 12)] and not checkpoints(run)
    said, seen = interrupted(configuration, run, at=3)
    assert said == "stopped by SIGTERM at step 3, which is saved; --resume goes on from there"
    assert Checkpoint.load(newest(run)).validation is None
    said, seen = interrupted(configuration, run, at=6, resume=True)
    assert said.startswith("stopped by SIGTERM at step 6, which is saved")
    resumed, later, again = train(configuration, run, resume=True)  # nothing is left but the last validation
    assert later == {} and again == {6: validations[6]}
    first, second = (Checkpoint.load(newest(t.folder)) for t in (straight, resumed))
    assert first.validation == second.validation
    assert all(torch.equal(first.model[name], second.model[name]) for name in first.model)


def test_a_second_signal_ends_the_process_at_once():
    script = """
import os, signal, time
from wavesynth.training.signals import Signals
with Signals() as signals:
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    print(signals.received, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50)
    assert ended.stdout == f"{signal.SIGTERM.value}\n" and ended.returncode == -signal.SIGTERM


def test_steps_that_are_only_timed_leave_the_run_as_it_was(folder, tmp_path):
    _, losses, _ = train(values(folder), tmp_path / "plain")
    timed = {}
    t = trainer(parse_run(values(folder)), tmp_path / "timed", ALONE)
    t.log = lambda report: timed.update({report.step: report.bits}) if isinstance(report, Report) else None
    assert t.seconds_per_step() > 0
    t.run()
    assert timed == losses


def test_the_time_of_a_step_has_the_wait_for_its_batch(folder, tmp_path, monkeypatch):
    t = trainer(parse_run(values(folder)), tmp_path, ALONE)
    made = t.task.batch

    def slowly(*arguments):
        time.sleep(0.2)
        return made(*arguments)

    monkeypatch.setattr(t.task, "batch", slowly)
    assert t.seconds_per_step() >= 0.15  # a batch is begun before the clock of its step is


def test_a_run_is_fitted_into_a_time_with_all_of_its_schedule(folder, tmp_path):
    t = trainer(parse_run(values(folder, steps=1000, warmup_steps=500, final_fraction=0.1)), tmp_path, ALONE)
    t.fit(seconds=10, seconds_per_step=0.5)
    reports = []
    t.log = reports.append
    t.run()
    rates = [report.rate for report in reports if isinstance(report, Report)]
    assert len(rates) == 20 and max(rates) == rates[1] == 3e-3
    assert rates[-1] == pytest.approx(3e-4, rel=0.1)
    last = Checkpoint.load(newest(tmp_path))
    assert last.step == 20 and last.validation is not None
    assert last.configuration["training"]["steps"] == 20


def test_the_signal_handlers_are_put_back(folder, tmp_path):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    train(values(folder, steps=1), tmp_path)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_every_step_has_its_own_crops_and_every_seed(folder, tmp_path, monkeypatch):
    def targets_of_steps(seed, run):
        begun = trainer(parse_run(values(folder, seed=seed, steps=2)), run, ALONE, log=lambda report: None)
        drawn, draw = [], begun.task.batch
        monkeypatch.setattr(begun.task, "batch", lambda *of: drawn.append(draw(*of)) or drawn[-1])
        begun.run()
        return [targets for _, targets, *_ in drawn[:2]]

    first, again, other = (
        targets_of_steps(seed, tmp_path / name) for seed, name in ((0, "a"), (0, "b"), (1, "c"))
    )
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    different = [*first, *other]
    assert all(not torch.equal(a, b) for i, a in enumerate(different) for b in different[:i])


def test_validation_is_of_the_averaged_weights(folder, tmp_path):
    t, _, validations = train(values(folder), tmp_path)
    assert validations[6] == t.validate()
    average = t.average.output.weight
    assert not torch.equal(average, t.model.output.weight)
    average.copy_(t.model.output.weight)
    assert validations[6] != t.validate()


def test_the_average_follows_the_weights(folder, tmp_path):
    weights = []
    t = trainer(parse_run(values(folder, ema_decay=0.25)), tmp_path, ALONE)
    expected = t.model.hidden.weight.detach().clone()
    t.log = lambda report: weights.append(t.model.hidden.weight.detach().clone()) if report.step else None
    t.run()
    for step, weight in enumerate(weights[:6], 1):
        expected.lerp_(weight, 1 - min(0.25, (1 + step) / (10 + step)))
    assert torch.allclose(t.average.hidden.weight, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("broken", "first"),
    [("loss", "output.bias"), ("layer", "hidden"), ("gradient", "the gradient of output.weight")],
)
def test_what_is_not_finite_ends_the_run_and_keeps_the_last_checkpoint(folder, tmp_path, broken, first):
    def poison(report):
        if isinstance(report, Report) and report.step == 5:
            with torch.no_grad():
                if broken == "loss":
                    t.model.output.bias[0] = math.nan
                elif broken == "layer":
                    t.model.hidden.register_forward_hook(lambda layer, inputs, output: output * math.inf)
                else:
                    t.model.output.weight.register_hook(lambda gradient: gradient * math.inf)

    t = trainer(parse_run(values(folder, checkpoint_every=2)), tmp_path, ALONE, log=poison)
    with pytest.raises(
        FloatingPointError, match=rf"step 5 has a loss of .*; both must be finite, and {first} is the"
    ):
        t.run()
    last = Checkpoint.load(newest(tmp_path))
    assert last.step == 4
    assert all(torch.isfinite(tensor).all() for tensor in last.model.values())


def test_a_full_disk_is_an_error_that_leaves_the_last_checkpoint_whole(folder, tmp_path):
    def fill_the_disk(report):
        if report.step == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(
            OSError, match=r"checkpoint .*step-00000004.safetensors cannot be written: File too"
        ):
            train(values(folder, checkpoint_every=2), tmp_path, log=fill_the_disk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000002.safetensors"]
    assert Checkpoint.load(newest(tmp_path)).step == 2


def test_old_checkpoints_are_deleted_but_for_the_best(folder, tmp_path):
    configuration = values(folder, validate_every=2, checkpoint_every=1, keep=1)
    _, _, validations = train(configuration, tmp_path)
    best = min(range(2, 7, 2), key=validations.__getitem__)
    assert {Checkpoint.load(path).step for path in checkpoints(tmp_path)} == {best, 6}


def test_the_batch_must_divide_among_the_processes(folder, tmp_path):
    processes = type(ALONE)(0, 3, ALONE.device)
    with pytest.raises(
        ValueError, match="batch_size is 4; it must be a multiple of the number of processes, 3"
    ):
        train(values(folder), tmp_path, processes=processes)


SCRIPT = """
import json, sys
from tests.training.runs import train
from wavesynth.training.processes import Processes

with Processes.joined() as processes:
    _, losses, validations = train(json.loads(sys.argv[1]), sys.argv[2], processes=processes)
    if processes.first:
        print(json.dumps([losses, validations]))
"""


def test_two_processes_take_the_steps_that_one_takes_with_their_joint_batch(folder, tmp_path):
    one, losses, validations = train(values(folder, steps=3), tmp_path / "one")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    output = subprocess.run(
        [*torchrun, script, json.dumps(values(folder, steps=3)), tmp_path / "two"],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert output.returncode == 0, output.stderr
    theirs, validated = json.loads(output.stdout.splitlines()[-1])
    assert list(theirs.values()) == pytest.approx(list(losses.values()), rel=1e-6)
    assert list(validated.values()) == pytest.approx(list(validations.values()), rel=1e-6)
    two = Checkpoint.load(newest(tmp_path / "two"))
    # The first step's gradient is the first moment's only term, and AdamW's own steps would hide its size.
    for name, mine in Checkpoint.load(newest(one.folder)).optimizer.items():
        assert torch.allclose(two.optimizer[name], mine, rtol=1e-4, atol=1e-7), name
