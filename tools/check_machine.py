"""Says in one sentence what a fresh machine lacks, before `make` begins to install.

It must run on the very Python that is too old, so it is written for any Python 3.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig

CXX17 = "#include <string_view>\nint main() { constexpr std::string_view s = {}; return s.size(); }\n"


def missing() -> "str | None":
    """The sentence, or None if nothing is missing."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):  # noqa: UP036
        return f"Python is {version} ({sys.executable}); it must be 3.11 or newer: make PYTHON=python3.12"
    if not importlib.util.find_spec("ensurepip"):
        return f"Python {version} came without its venv module: apt-get install python3-venv"
    if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
        return f"Python {version} came without its C headers: apt-get install python3-dev"
    named = os.environ.get("CXX")
    found = [c for c in ([named] if named else ["c++", "g++", "clang++"]) if shutil.which(c.split()[0])]
    if not found:
        which = f"CXX is {named}, which cannot be found" if named else "There is no C++ compiler"
        return f"{which}: apt-get install g++"
    command = [*found[0].split(), "-std=c++17", "-fsyntax-only", "-x", "c++", "-"]
    if subprocess.run(command, input=CXX17.encode(), stderr=subprocess.DEVNULL).returncode:
        return f"The C++ compiler {found[0]} does not know C++17: choose another one with CXX=..."
    return None


if __name__ == "__main__":
    sys.exit(missing())
