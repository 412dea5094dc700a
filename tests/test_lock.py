"""What the image installs: pinned, with hashes, as pyproject.toml asks; and looked up among known vulnerabilities."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "requirements.lock").read_text("utf-8")
#: By name: the versions of each environment, and how many files may be installed of each.
PINNED = [
    (Requirement(words[0]), words[1:])
    for words in (
        re.split(r"\s*--hash=", entry.replace("\\\n", " ").strip())
        for entry in re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", TEXT, flags=re.M).strip())
    )
]


@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_each_dependency_is_pinned_to_a_version_that_is_allowed(python):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    for dependency in map(Requirement, project["dependencies"]):
        found = [
            str(pin.specifier).removeprefix("==")
            for pin, _ in PINNED
            if pin.name == dependency.name and (pin.marker is None or pin.marker.evaluate(environment))
        ]
        assert len(found) == 1 and dependency.specifier.contains(found[0]), dependency


def test_every_file_is_known_by_its_hash_and_the_image_takes_no_other():
    assert len(PINNED) > 10
    for pin, hashes in PINNED:
        assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), pin
        assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), pin
    assert "://" not in TEXT  # which index they are from, pip is told where it runs
    installs = [
        line for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines() if line.startswith("RUN pip")
    ]
    from_an_index = [line for line in installs if "/source" not in line.split()]
    assert from_an_index and all("--require-hashes" in line for line in from_an_index)


def audited(found, complaint=""):
    spec = importlib.util.spec_from_file_location("audit", ROOT / "tools" / "audit.py")
    audit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(audit)
    return audit.verdict(found, complaint)


def test_a_vulnerability_is_a_failure_and_what_could_not_be_looked_up_is_said():
    bad = {"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"], "aliases": []}]}
    good = {"name": "b", "version": "1", "vulns": []}
    skipped = {"name": "c", "skip_reason": "Dependency not found on PyPI"}
    code, said = audited(json.dumps({"dependencies": [bad, good, skipped]}))
    assert code == 1
    assert said.splitlines() == ["a 1 has CVE-1; it is mended in 1.1", "the index says nothing of 1: c"]
    code, said = audited(json.dumps({"dependencies": [good, skipped]}))
    assert code == 0 and said.startswith("no vulnerability is known of the 1 packages that were looked up\n")
    code, said = audited("", "Traceback\nrequests.exceptions.ConnectionError: nobody")
    assert code == 0 and said.startswith("nothing was looked up, since nobody was reached: requests")
    code, said = audited("", "error: requirements.lock has no hashes")
    assert code == 1 and said == "pip-audit failed: error: requirements.lock has no hashes"
