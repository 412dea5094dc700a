"""The page's WebSocket for pictures: the rows, the limits and the sentences of gRPC."""

import base64
import json
from urllib.request import urlopen

import grpc
import pytest

from wavesynth.server.web.config import WebConfig
from wavesynth.v1 import images_pb2 as pb
from wavesynth.v1.images_pb2_grpc import ImageServiceStub

connecting = pytest.importorskip("websockets.sync.client", reason="needs websockets: pip install '.[web]'")


@pytest.fixture(scope="module")
def server(serve, models):
    with serve(web=WebConfig(port=0), images=models) as server:
        yield server


@pytest.fixture
def images(server):
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        yield ImageServiceStub(channel)


def call(server, request):
    """The rows that come back, and the last text."""
    with connecting.connect(f"ws://127.0.0.1:{server.web_port}/pictures") as socket:
        socket.send(json.dumps(request))
        received = list(socket)
    *rows, last = received
    assert all(isinstance(row, bytes) for row in rows)
    return rows, json.loads(last)


def test_a_page_gets_the_rows_that_grpc_gets(server, images):
    rows, last = call(server, {"synthesis": {"model": "classes", "seed": "7", "count": 3, "label": 2}})
    synthesis = pb.ImageSynthesis(model="classes", seed=7, count=3, label=2)
    expected = [r.row.pixels for r in images.SampleImage(pb.SampleImageRequest(synthesis=synthesis))]
    assert rows == expected and len(rows) == 6 and last == {"done": True}


def test_a_page_may_give_the_first_pixels(server, images):
    known = bytes(range(0, 240, 8))
    request = {
        "synthesis": {"model": "classes", "seed": "7", "label": 1},
        "pixels": base64.b64encode(known).decode(),
        "knownPixels": 15,
    }
    rows, last = call(server, request)
    assert b"".join(rows)[:15] == known[:15] and last == {"done": True}
    asked = pb.CompleteImageRequest(
        synthesis=pb.ImageSynthesis(model="classes", seed=7, label=1), pixels=known, known_pixels=15
    )
    assert rows == [r.row.pixels for r in images.CompleteImage(asked)]


@pytest.mark.parametrize(
    ("request_", "code", "sentence"),
    [
        ({"synthesis": {"model": "nobody"}}, "NOT_FOUND", "the models are binary, classes, long, whole"),
        ({"synthesis": {"model": "classes"}}, "INVALID_ARGUMENT", "label is missing"),
        ({"synthesis": {"count": 65}}, "INVALID_ARGUMENT", "count is 65; it must be from 1 to 64"),
        ({"synthesis": {"colour": 1}}, "INVALID_ARGUMENT", "the first message is not a configuration"),
    ],
)
def test_what_is_wrong_is_said_in_grpcs_sentence(server, request_, code, sentence):
    rows, last = call(server, request_)
    assert rows == [] and last["error"]["code"] == code and sentence in last["error"]["message"]


def test_the_page_lists_the_models(server):
    with urlopen(f"http://127.0.0.1:{server.web_port}/models") as response:
        listed = json.load(response)["models"]
    assert [(m["name"], m["height"], m["labels"]) for m in listed] == [
        ("binary", 6, 0),
        ("classes", 6, 3),
        ("long", 60, 0),
        ("whole", 6, 0),
    ]
