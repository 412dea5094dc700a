from io import StringIO

import pytest
import torch
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer

from wavesynth.training import progress
from wavesynth.training.examples import Example
from wavesynth.training.progress import Display
from wavesynth.training.task import Report, Validation


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def show(folder, console, clock, steps=range(1, 11), first=0):
    with Display(10, folder, first, console) as display:
        for step in steps:
            clock[0] += 100 if step == 1 else 4  # the first step compiles
            display(Report(step, 4.0, 8000, 2e-4, 0.5))
            if step == 5:
                clock[0] += 1000
                display(Validation(5, 3.9876))


def test_lines_tell_what_is_going_on(tmp_path, clock):
    console = Console(file=StringIO(), width=200)
    show(tmp_path, console, clock)
    lines = console.file.getvalue().splitlines()
    assert lines[0] == "step 1/10  4.000 bits/sample  learning rate 2.0e-04"
    # One line every 15 seconds and one at the end; neither compiling nor validating counts as training time.
    assert lines[1:] == [
        "step 5/10  4.000 bits/sample  2,000 samples/s  learning rate 2.0e-04  0:00:20 left",
        "step 5: validation 3.9876 bits/sample",
        "step 6/10  4.000 bits/sample  2,000 samples/s  learning rate 2.0e-04  0:00:16 left",
        "step 10/10  4.000 bits/sample  2,000 samples/s  learning rate 2.0e-04  0:00:00 left",
    ]


def test_a_loss_that_is_no_likelihood_is_not_called_bits(tmp_path, clock):
    console = Console(file=StringIO(), width=200)
    with Display(10, tmp_path, 0, console, "utterance", likelihood=False) as display:
        clock[0] += 100
        display(Report(1, 1.0, 16, 2e-4, 0.5))
        display(Validation(1, 0.5))
    assert console.file.getvalue().splitlines() == [
        "step 1/10  loss 0.693  learning rate 2.0e-04",
        "step 1: validation loss 0.3466",
    ]
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Scalars("loss/training")[0].value == pytest.approx(0.6931, abs=1e-4)
    assert events.Scalars("loss/validation")[0].value == pytest.approx(0.3466, abs=1e-4)


def test_a_long_validation_says_how_far_it_is(tmp_path, clock):
    console = Console(file=StringIO(), width=200)
    with Display(10, tmp_path, 0, console) as display:
        for done in range(10, 401, 10):
            clock[0] += 1
            display.validating(done, 400)
    assert console.file.getvalue().splitlines() == [
        "validating 30/400",
        "validating 180/400",
        "validating 330/400",
    ]


def test_a_terminal_has_one_line_that_moves(tmp_path, clock):
    console = Console(file=StringIO(), width=200, force_terminal=True)
    show(tmp_path, console, clock)
    text = console.file.getvalue()
    assert "10/10" in text and "2,000 samples/s" in text and "step 5: validation" in text


def test_a_validation_leaves_something_to_hear_and_to_see(tmp_path, clock):
    tone = 0.5 * torch.sin(torch.arange(8000) * 0.3)
    examples = [
        Example({"original": tone, "copy": 0.5 * tone}),
        Example(picture=torch.zeros(5, 7, 1, dtype=torch.uint8)),
    ]
    with Display(10, tmp_path, 0, Console(file=StringIO()), example=lambda: examples.pop(0)) as display:
        display(Validation(5, 3.9))
        display(Validation(10, 3.8))
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    (heard,) = events.Audio("validation/copy")
    assert (heard.step, heard.sample_rate, heard.length_frames) == (5, 16000, 8000)
    assert [event.step for event in events.Images("validation/spectrograms")] == [5]
    (image,) = events.Images("validation/images")
    assert (image.step, image.height, image.width) == (10, 5, 7)


def sampling(folder, example, stopping=lambda: False):
    console = Console(file=StringIO(), width=200)
    with Display(10, folder, 0, console, example=example, stopping=stopping) as display:
        display(Validation(5, 3.9))
    return console.file.getvalue().splitlines()[1:]


def test_it_says_that_it_samples_an_example(tmp_path):
    assert sampling(tmp_path, Example) == ["step 5: sampling an example"]
    assert sampling(tmp_path, None) == []


def test_an_example_that_fails_is_said_and_ends_nothing(tmp_path):
    def fails():
        raise RuntimeError("out of memory")

    assert sampling(tmp_path, fails)[1:] == ["step 5: there is no example of it: RuntimeError: out of memory"]


def test_a_run_that_is_to_stop_does_not_wait_for_an_example(tmp_path):
    made = []
    assert sampling(tmp_path, lambda: made.append(1) or Example(), stopping=lambda: True) == [] and not made


def test_the_curves_are_written_and_continued(tmp_path, clock, monkeypatch):
    # Files are read by name, which ends in a count of this process: of one second, .10 would come before .9.
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))
    show(tmp_path, Console(file=StringIO()), clock, steps=range(1, 8))
    show(tmp_path, Console(file=StringIO()), clock, steps=range(6, 11), first=5)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    curve = {event.step: event.value for event in events.Scalars("bits_per_sample/training")}
    assert curve == dict.fromkeys(range(1, 11), 4.0)
    assert [event.step for event in events.Scalars("bits_per_sample/training")] == list(range(1, 11))
    assert events.Scalars("bits_per_sample/validation")[0].value == pytest.approx(3.9876)
    assert events.Scalars("learning_rate")[0].value == pytest.approx(2e-4)
    assert events.Scalars("samples_per_second")[0].value == pytest.approx(2000)
