"""Refuses a commit message that has no short subject, or no body that says why: a hook of pre-commit.

tools/commit_message.py .git/COMMIT_EDITMSG
"""

from __future__ import annotations

import sys
from pathlib import Path

LONGEST_SUBJECT = 71  # characters: `git log --oneline` on a terminal of 80 columns shows it whole
_MADE_BY_GIT = ("Merge ", "Revert ", "fixup! ", "squash! ", "amend! ")


def fault(message: str) -> str | None:
    """What is wrong with a commit message, in one sentence; None if nothing is.

    >>> fault("Read a voice's rate from its description\\n\\nThe server had it twice.\\n")
    >>> fault("Read a voice's rate from its description\\n")
    'the message has no body; after an empty line, say why the change is made'
    """
    lines = [
        line for line in message.partition("# ------------------------ >8")[0].splitlines() if line[:1] != "#"
    ]
    subject = next((line for line in lines if line.strip()), "")
    if not subject:
        return "the message is empty; its first line says what the commit does"
    if subject.startswith(_MADE_BY_GIT):
        return None
    if len(subject) > LONGEST_SUBJECT:
        return f"the subject has {len(subject)} characters; it may have at most {LONGEST_SUBJECT}"
    if not subject[0].isupper() or subject.endswith("."):
        return f"the subject is {subject!r}; it begins with a capital letter and ends without a full stop"
    rest = lines[lines.index(subject) + 1 :]
    if rest and rest[0].strip():
        return f"the second line is {rest[0]!r}; an empty line must follow the subject"
    if not any(line.strip() for line in rest):
        return "the message has no body; after an empty line, say why the change is made"
    return None


if __name__ == "__main__":
    sys.exit(fault(Path(sys.argv[1]).read_text(encoding="utf-8")))
