"""The least installation serves and speaks with every voice that ships, and says which extra brings the rest."""

import json
import subprocess
import sys

import grpc
import numpy as np
import pytest

from tests.without import EXTRAS, command_without, environment_without, run_without
from wavesynth.clients.client import Client
from wavesynth.extras import install_command
from wavesynth.images.model import SHIPPED_IMAGE_MODELS
from wavesynth.v1 import images_pb2 as pb
from wavesynth.v1.images_pb2_grpc import ImageServiceStub
from wavesynth.voices.folders import find_voices

MAIN = "from wavesynth.__main__ import main; main()"
#: What images need, in the words of the server.
IMAGES = f"making images needs torch, which is missing: {install_command('torch')}"
SCORES = """
import numpy as np
import wavesynth
with wavesynth.Synthesizer("allison-flow") as synthesizer:
    print(synthesizer.score(np.zeros(1000, np.float32)).samples)
"""
SPEAKS = """
import wavesynth
from wavesynth.audio.files import read
from wavesynth.cli.demo import HELD_OUT
recording = read(HELD_OUT)[:4000]
with wavesynth.Synthesizer("allison-small") as synthesizer:
    print(len(synthesizer.synthesize(recording, seed=1)))
"""


def test_the_library_speaks():
    assert run_without(EXTRAS, SPEAKS) == "4000\n"


def test_a_flow_scores():
    assert run_without(EXTRAS, SCORES) == "1000\n"


@pytest.mark.parametrize("workers", [0, 1])
def test_a_server_speaks_with_every_voice_that_ships_and_says_what_images_need(workers, tmp_path):
    options = ["serve", "--port", "0", "--live-streams", "4", "--workers", str(workers)]
    server = subprocess.Popen(
        [sys.executable, "-c", MAIN, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment_without(EXTRAS, tmp_path),  # front ends are processes of their own
    )
    with server:
        try:
            address = server.stdout.readline().removeprefix("listening on ").strip()
            with Client(address) as client:
                voices = client.voices().voices
                assert {voice.name for voice in voices} == set(find_voices())
                for voice in voices:
                    given = {"audio": np.zeros(500, np.float32)} if voice.mel_bands else {"seconds": 0.03}
                    assert len(client.synthesize(voice.name, **given).samples) in (500, 480)
                assert client.score(np.zeros(1000, np.float32), "allison-small").samples == 1000
            with grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)]) as channel:
                images = ImageServiceStub(channel)
                shipped = len(list(SHIPPED_IMAGE_MODELS.glob("*/model.json")))
                assert len(images.ListImageModels(pb.ListImageModelsRequest()).models) == shipped > 0
                with pytest.raises(grpc.RpcError) as refused:
                    list(images.SampleImage(pb.SampleImageRequest()))
            assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
            assert refused.value.details() == IMAGES
        finally:
            server.terminate()
            _, log = server.communicate(timeout=60)
    assert [line["event"] for line in map(json.loads, log.splitlines())].count(IMAGES) == 1
    assert server.returncode == 0


def test_a_server_of_the_voices_that_ship_does_not_import_what_it_could():
    asked = f"import atexit, sys; atexit.register(lambda: print('torch' in sys.modules)); {MAIN}"
    server = subprocess.Popen(
        [sys.executable, "-c", asked, "serve", "--port", "0", "--live-streams", "4"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with server:
        try:
            address = server.stdout.readline().removeprefix("listening on ").strip()
            with Client(address) as client:
                assert len(client.synthesize("allison-flow", audio=np.zeros(500, np.float32)).samples) == 500
        finally:
            server.terminate()
            said, _ = server.communicate(timeout=60)
    assert said == "False\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["train", "allison-small"],
            "wavesynth train needs torch, which is missing: EXTRA train",
        ),
        (
            ["prepare", "in", "out"],
            "wavesynth prepare needs torch, which is missing: EXTRA train",
        ),
        (
            ["image", "sample", "mnist-binary", "--out", "a.png"],
            "wavesynth image sample needs torch, which is missing: EXTRA torch",
        ),
        (
            ["evaluate", "voice", "data"],
            "wavesynth evaluate needs matplotlib, which is missing: EXTRA evaluate",
        ),
        (
            ["serve", "--backend", "reference", "--port", "0"],
            "backend reference needs torch, which is missing: EXTRA torch",
        ),
        (
            ["bench", "engine"],
            "wavesynth bench engine needs torch, which is missing: EXTRA torch",
        ),
    ],
)
def test_a_command_says_which_extra_it_needs(arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = subprocess.run(
        [*command_without(EXTRAS, MAIN), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    last = ended.stderr.splitlines()[-1]
    needs, _, extra = sentence.partition("EXTRA ")
    assert (ended.returncode, last) == (1, f"wavesynth: {needs}{install_command(extra)}")


@pytest.mark.parametrize("command", [[], ["train"], ["image", "sample"], ["bench", "gpu"], ["serve"]])
def test_every_command_explains_itself(command):
    ended = subprocess.run(
        [*command_without(EXTRAS, MAIN), *command, "--help"], capture_output=True, text=True, check=True
    )
    assert "Usage: " in ended.stdout and ended.stderr == ""
