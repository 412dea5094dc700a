"""The hook that holds commit messages to a short subject and a body."""

import subprocess
import sys
from pathlib import Path

import pytest

HOOK = Path(__file__).parents[1] / "tools" / "commit_message.py"


def committed(tmp_path: Path, message: str) -> subprocess.CompletedProcess[str]:
    """What the hook does with a message."""
    (tmp_path / "COMMIT_EDITMSG").write_text(message, encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(HOOK), str(tmp_path / "COMMIT_EDITMSG")], capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "message",
    [
        f"{'Read the rate once':x<71}\n\nThe server read it twice.\n",
        "# a comment of git's\nRead the rate once\n\nThe server read it twice.\n# another\n",
        "Merge branch 'main'\n",
        'Revert "Read the rate once"\n',
        "fixup! Read the rate once\n",
    ],
)
def test_a_message_that_says_what_and_why_is_taken(tmp_path: Path, message: str) -> None:
    run = committed(tmp_path, message)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("", "the message is empty"),
        ("# only a comment\n", "the message is empty"),
        (f"{'Read the rate once':x<72}\n\nWhy.\n", "the subject has 72 characters; it may have at most 71"),
        ("read the rate once\n\nWhy.\n", "begins with a capital letter"),
        ("Read the rate once.\n\nWhy.\n", "ends without a full stop"),
        ("Read the rate once\n", "the message has no body"),
        ("Read the rate once\n\n# a comment\n", "the message has no body"),
        ("Read the rate once\nWhy.\n", "an empty line must follow the subject"),
    ],
)
def test_any_other_message_is_refused_in_one_sentence(tmp_path: Path, message: str, fault: str) -> None:
    run = committed(tmp_path, message)
    assert run.returncode == 1
    assert fault in run.stderr and len(run.stderr.splitlines()) == 1
