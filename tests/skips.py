"""What continuous integration asks of tests that are left out: which they are, and that there is a good reason."""

from pathlib import Path

import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--skipped-to", metavar="FILE", help="write to FILE which tests are left out, one a line"
    )
    parser.addoption(
        "--allowed-skips",
        metavar="FILE",
        help="fail if a test is left out for a reason that begins like no line of FILE",
    )


def pytest_configure(config):
    if not hasattr(
        config, "workerinput"
    ):  # a worker of pytest-xdist reports to the process that has all reports
        config.pluginmanager.register(Skips(config.option.skipped_to, config.option.allowed_skips))


class Skips:
    """Notes which tests are left out and why."""

    def __init__(self, skipped_to, allowed_skips):
        self.skipped_to = skipped_to
        self.allowed = None
        if allowed_skips is not None:
            lines = Path(allowed_skips).read_text("utf-8").splitlines()
            self.allowed = tuple(line for line in lines if line and not line.startswith("#"))
        self.reasons = {}  # by test or, where a whole file is left out, by file

    def pytest_collectreport(self, report):
        self.pytest_runtest_logreport(report)

    def pytest_runtest_logreport(self, report):
        if report.skipped and not hasattr(report, "wasxfail"):
            self.reasons[report.nodeid] = report.longrepr[2].removeprefix("Skipped: ")

    @property
    def refused(self):
        """The reasons that the list of those allowed does not have, by test."""
        if self.allowed is None:
            return {}
        return {test: why for test, why in self.reasons.items() if not why.startswith(self.allowed)}

    def pytest_sessionfinish(self, session, exitstatus):
        if self.skipped_to is not None:
            Path(self.skipped_to).write_text("".join(f"{test}\n" for test in self.reasons), "utf-8")
        if self.refused and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        for test, why in self.refused.items():
            terminalreporter.write_line(f"left out, and not allowed to be: {test}: {why}", red=True)
