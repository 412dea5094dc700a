"""Looks for known vulnerabilities in what the image installs (requirements.lock), by pip-audit.

tools/audit.py [FILE] exits with 1 for one that is found. A package that could not be looked up, since the network or
the index does not say, is named; it is no failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
#: What the last line of its complaint has where pip-audit did not reach anybody.
_UNREACHED = ("ConnectionError", "ProxyError", "SSLError", "Timeout", "ServiceError", "HTTPError")


def verdict(found: str, complaint: str) -> tuple[int, str]:
    """The exit code, and the sentences for it, of what pip-audit has written: its JSON, and standard error.

    >>> verdict('{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}', "")
    (0, 'no vulnerability is known of the 1 packages that were looked up')
    """
    if not found.strip():
        last = (complaint.strip().splitlines() or ["it says nothing"])[-1]
        if any(reason in last for reason in _UNREACHED):
            return 0, f"nothing was looked up, since nobody was reached: {last[:200]}"
        return 1, f"pip-audit failed: {last[:200]}"
    packages = json.loads(found)["dependencies"]
    known = [
        f"{each['name']} {each['version']} has {vulnerability['id']}; "
        f"it is mended in {', '.join(vulnerability['fix_versions']) or 'no version yet'}"
        for each in packages
        for vulnerability in each.get("vulns", ())
    ]
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    looked_up = len(packages) - len(skipped)
    sentences = known or [f"no vulnerability is known of the {looked_up} packages that were looked up"]
    if skipped:
        sentences.append(f"the index says nothing of {len(skipped)}: {', '.join(skipped)}")
    return int(bool(known)), "\n".join(sentences)


def main() -> None:
    """Audits the lock file, or the file that is given."""
    file = sys.argv[1] if len(sys.argv) > 1 else str(LOCK)
    options = ["--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off"]
    command = [sys.executable, "-m", "pip_audit", *options, "--requirement", file]
    run = subprocess.run(command, capture_output=True, text=True)
    code, sentences = verdict(run.stdout, run.stderr)
    print("\n".join(f"audit: {sentence}" for sentence in sentences.splitlines()), file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
