"""Runs the Dockerfile's instructions in clean Debian roots; see check_dockerfile.sh, which calls it.

Expects namespaces of its own for mounts and processes, so that it leaves neither behind.
"""

from __future__ import annotations

import argparse
import ast
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dockerfile import Instruction, context_files, options, parse, substitute, words

PROJECT = Path(__file__).resolve().parents[1]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
STOP_SECONDS = 10  # what `docker stop` waits for before it kills
MOST_MB = 400  # of the image's files
#: What Debian's slim images leave out, of which debootstrap knows nothing.
NOT_IN_SLIM = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale")


class StepError(Exception):
    """A step did not do what it must; the message says which."""


@dataclass
class Stage:
    """One stage of the image: its root folder and the settings that instructions left."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    user: str = "root"
    folder: str = "/"
    command: list[str] = field(default_factory=list)
    health: tuple[dict[str, str], list[str]] = field(default_factory=lambda: ({}, []))

    def within(self, command: Sequence[str], environment: dict[str, str] | None = None) -> list[str]:
        """The command line, for outside, that runs `command` inside, as the stage's user."""
        accounts = (line.split(":") for line in (self.root / "etc/passwd").read_text().splitlines())
        home = {account[0]: account[5] for account in accounts}[self.user]
        variables = {"HOME": home} | self.environment | (environment or {})
        settings = [f"{name}={value}" for name, value in variables.items()]
        clean = ["/usr/bin/env", "-i", f"--chdir={self.folder}", *settings]
        return ["chroot", f"--userspec={self.user}", str(self.root), *clean, *command]


class Build:
    """All stages of one Dockerfile."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.stages: dict[str, Stage] = {}
        self.pip, self.local = pip_settings()
        self.context = scratch / "context"
        for name in context_files(PROJECT):
            (self.context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, self.context / name, follow_symlinks=False)

    def run(self, instructions: Sequence[Instruction]) -> Stage:
        """Follows the instructions; returns the last stage."""
        stage: Stage | None = None
        for instruction in instructions:
            print(f"\n=== {instruction.keyword} {instruction.argument}", flush=True)
            if instruction.keyword == "FROM":
                stage = self.start(instruction.argument)
            elif stage is None:
                raise StepError("the Dockerfile must begin with FROM")
            else:
                self.follow(stage, instruction)
        if stage is None:
            raise StepError("the Dockerfile is empty")
        return stage

    def start(self, argument: str) -> Stage:
        """A new stage from a base image, as a copy of the clean Debian."""
        match = re.fullmatch(r"python:(\d+\.\d+)-slim-([a-z]+)(?: AS (\w+))?", argument)
        if not match:
            raise StepError(f"the base is {argument}; it must be python:VERSION-slim-RELEASE [AS name]")
        version, release, name = match.groups()
        base = self.base(release, version)
        root = self.scratch / f"stage{len(self.stages)}"
        subprocess.run(["cp", "-a", "--reflink=auto", base, root], check=True)
        subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=True)
        subprocess.run(["mount", "--rbind", "/dev", root / "dev"], check=True)
        for path in self.local:
            (root / path.relative_to("/")).mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "--bind", "-o", "ro", path, root / path.relative_to("/")], check=True)
        return self.stages.setdefault(name or str(len(self.stages)), Stage(root))

    def base(self, release: str, version: str) -> Path:
        """A clean Debian `release` with its own Python, which must be `version`, and what the image has."""
        root = self.scratch / f"base-{release}"
        if root.exists():
            return root
        packages = "python3,python3-dev,python3-pip,python3-venv,ca-certificates"  # as the image has
        arguments = ["--variant=minbase", f"--include={packages}", release, root, debian_mirror()]
        with (self.scratch / "debootstrap.log").open("w") as log:
            if subprocess.run(["debootstrap", *map(str, arguments)], stdout=log, stderr=log).returncode:
                raise StepError(f"debootstrap failed:\n{Path(log.name).read_text()[-2000:]}")
        for folder in NOT_IN_SLIM:
            shutil.rmtree(root / folder)
            (root / folder).mkdir()
        for name in ("/etc/resolv.conf", CERTIFICATES):  # this machine's way out
            shutil.copy(name, root / str(name)[1:])
        (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
        found = subprocess.check_output(
            ["chroot", root, "python3", "-c", "import sys; print(sys.version)"], text=True
        )
        if not found.startswith(f"{version}."):
            raise StepError(f"the image's Python is {version}, but Debian {release} has {found.split()[0]}")
        print(f"standing in for the image: Debian {release} with its own Python {found.split()[0]}")
        return root

    def follow(self, stage: Stage, instruction: Instruction) -> None:
        """One instruction other than FROM."""
        argument = instruction.argument
        if instruction.keyword == "RUN":
            began = time.monotonic()
            if subprocess.run(stage.within(words(argument), self.pip)).returncode:
                raise StepError(f"line {instruction.line} failed: RUN {argument}")
            print(f"... {time.monotonic() - began:.0f} s")
        elif instruction.keyword == "CMD":
            stage.command = words(argument)
        elif instruction.keyword == "HEALTHCHECK":
            settings, rest = options(argument)
            stage.health = settings, words(rest.removeprefix("CMD").strip())
        elif instruction.keyword == "COPY":
            self.copy(stage, substitute(argument, stage.environment))
        elif instruction.keyword == "ENV":
            for name, value in re.findall(r"(\w+)=(\S+)", substitute(argument, stage.environment)):
                stage.environment[name] = value
        elif instruction.keyword == "USER":
            stage.user = substitute(argument, stage.environment)
        elif instruction.keyword == "WORKDIR":
            stage.folder = os.path.join(stage.folder, substitute(argument, stage.environment))
            (stage.root / stage.folder[1:]).mkdir(parents=True, exist_ok=True)

    def copy(self, stage: Stage, argument: str) -> None:
        """COPY: of a folder its contents, of a file the file; owned by root, as in Docker."""
        settings, rest = options(argument)
        if settings.keys() - {"from"}:
            raise StepError(f"COPY {argument}: only --from is understood")
        *sources, target = rest.split()
        origin = self.stages[settings["from"]].root if "from" in settings else self.context
        destination = stage.root / os.path.join(stage.folder, target)[1:]
        paths = [path for source in sources for path in glob.glob(str(origin / source.lstrip("/")))]
        if not paths:
            raise StepError(f"COPY {argument}: nothing to copy")
        for path in map(Path, paths):
            into = destination if path.is_dir() or target.endswith("/") else destination.parent
            into.mkdir(parents=True, exist_ok=True)
            source = f"{path}/." if path.is_dir() else str(path)
            to = into if path.is_dir() or target.endswith("/") else destination
            command = ["cp", "-a", "--reflink=auto", "--no-preserve=ownership", source, str(to)]
            subprocess.run(command, check=True)


def pip_settings() -> tuple[dict[str, str], list[Path]]:
    """This machine's pip configuration and proxies as variables, and the folders here that the former names."""
    listing = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True)
    lines = listing.stdout.splitlines()  # global.find-links='/somewhere', then what variables set: they win
    found = re.findall(
        r"^(?:global|:env:)\.([\w-]+)=(.*)", "\n".join(sorted(lines, reverse=True)), re.MULTILINE
    )
    settings = {name: str(ast.literal_eval(value)) for name, value in found}
    paths = [Path(word.removeprefix("file://")) for value in settings.values() for word in value.split()]
    folders = {path for path in paths if path.is_absolute() and path.is_dir()}
    folders |= {Path(word).parent for word in settings.get("constraint", "").split()}
    folders = {path.parent if path.name == "simple" else path for path in folders}  # an index and its files
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    return {f"PIP_{k.upper().replace('-', '_')}": v for k, v in settings.items()} | proxies, sorted(folders)


def debian_mirror() -> str:
    """Where this machine's apt has Debian from."""
    listing = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"]
    uris = subprocess.check_output(listing, text=True).split()
    if not uris:
        raise StepError("this machine's apt has no Debian source: run apt-get update on a Debian machine")
    return uris[0]


def serve(stage: Stage) -> None:
    """Runs the image's command as its user, without a network, until its health check passes; then stops it."""
    if stage.user == "root":
        raise StepError("the image would run as root; it must name a USER")
    print(f"\n=== running {stage.command} as {stage.user}")
    alone = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    server = subprocess.Popen([*alone, *stage.within(stage.command)])
    began = time.monotonic()
    settings, check = stage.health
    patience = sum(
        int(settings.get(name, "30s").rstrip("s")) for name in ("start-period", "interval", "timeout")
    )
    probe = ["nsenter", f"--net=/proc/{server.pid}/ns/net", *stage.within(check)]
    while True:
        if server.poll() is not None:
            raise StepError(f"the server ended with exit code {server.returncode} before it was healthy")
        result = subprocess.run(probe, capture_output=True, text=True)
        if result.returncode == 0:
            break
        if time.monotonic() - began > patience:
            server.kill()
            raise StepError(f"not healthy after {patience} s: {result.stderr.strip()[-500:]}")
        time.sleep(1)
    status = Path(f"/proc/{server.pid}/status").read_text()
    facts = dict(re.findall(r"^(Uid|VmRSS):\s+(\d+)", status, re.MULTILINE))
    seconds, memory = time.monotonic() - began, int(facts["VmRSS"]) >> 10
    print(f"healthy after {seconds:.1f} s, user {facts['Uid']}, {memory} MiB of memory")
    server.send_signal(signal.SIGTERM)
    try:
        code = server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        raise StepError(f"the server was still there {STOP_SECONDS} s after SIGTERM") from None
    if code or facts["Uid"] == "0":
        raise StepError(
            f"the server ended with exit code {code} as user {facts['Uid']}; it must be 0, and not root"
        )
    print("stopped by SIGTERM with exit code 0")


def main() -> None:
    """Builds the image and runs it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("scratch", type=Path, help="folder for the roots, which the caller deletes")
    scratch = parser.parse_args().scratch
    try:
        build = Build(scratch)
        stage = build.run(parse((PROJECT / "Dockerfile").read_text()))
        ours = [f"--exclude={stage.root}{folder}" for folder in build.local]
        size = int(subprocess.check_output(["du", "-sxm", *ours, stage.root], text=True).split()[0])
        print(f"\nthe image's files: {size} MB")
        if size > MOST_MB:
            raise StepError(f"the image's files are {size} MB; they must be at most {MOST_MB} MB")
        serve(stage)
    except (StepError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"check_dockerfile: {error}")
    print("\nEvery step of the Dockerfile works.")


if __name__ == "__main__":
    main()
