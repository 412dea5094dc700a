"""Whoever calls a service needs neither PyTorch nor what serves."""

import json
import subprocess
import sys


def test_the_clients_load_neither_pytorch_nor_the_service():
    program = "import json, sys, wavesynth.clients; print(json.dumps(list(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules = set(json.loads(loaded.stdout))
    assert "wavesynth.clients" in modules
    unwanted = {"torch", "scipy", "soundfile", "wavesynth.engine", "wavesynth.server", "wavesynth.voices"}
    assert not modules & unwanted
