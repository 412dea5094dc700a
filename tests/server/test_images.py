"""Images over gRPC: rows as they are made, the same as made at home, and refusals that name the field."""

import asyncio
import multiprocessing
import shutil

import grpc
import pytest
import pytest_asyncio
import torch

from tests.server.frames import HandMade
from wavesynth.images.model import SHIPPED_IMAGE_MODELS, load_image_model
from wavesynth.images.sampling import params_from, sample
from wavesynth.models.pixels import intensities
from wavesynth.server.limits import Limits
from wavesynth.server.server import Server, ServerConfig
from wavesynth.v1 import images_pb2 as pb
from wavesynth.v1.images_pb2_grpc import ImageServiceStub

SHAPE = (6, 5, 1)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def image_server(voices, models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "images"
    shutil.copytree(models, folder)
    before = set(multiprocessing.active_children())
    config = ServerConfig(port=0, voices=voices, images=folder, live_streams=8, threads=1, warm=True)
    async with Server(config) as server:
        server.began_with = set(multiprocessing.active_children()) - before  # type: ignore[attr-defined]
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def images(image_server):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{image_server.port}") as channel:
        yield ImageServiceStub(channel)


async def made(call, count=1, shape=SHAPE):
    """The images of a call, uint8 [count, H, W, C], whose rows must come in order."""
    rows = [response.row async for response in call]
    assert [row.row for row in rows] == list(range(shape[0]))
    return torch.stack(
        [torch.frombuffer(bytearray(r.pixels), dtype=torch.uint8).view(count, *shape[1:]) for r in rows], 1
    )


def at_home(models, name, seed, count, label=None, known=None, pixels=0):
    model = load_image_model(models / name).network.module
    labels = None if label is None else torch.full((count,), label)
    return intensities(sample(model, params_from(seed, count), labels, known, pixels), model.config.levels)


pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_models_are_listed_by_name(images):
    listed = await images.ListImageModels(pb.ListImageModelsRequest())
    assert [model.name for model in listed.models] == ["binary", "classes", "long", "whole"]
    assert (listed.models[1].height, listed.models[1].levels, listed.models[1].labels) == (6, 256, 3)
    assert [model.whole for model in listed.models] == [False, False, False, True]


async def test_a_warm_server_has_started_what_makes_images_before_it_is_ready(image_server):
    assert [process.name for process in image_server.began_with] == ["wavesynth-images"]


async def test_a_sample_is_what_the_model_makes_at_home(images, models):
    synthesis = pb.ImageSynthesis(model="classes", seed=2**64 - 1, label=2, count=3)
    got = await made(images.SampleImage(pb.SampleImageRequest(synthesis=synthesis)), 3)
    assert torch.equal(got, at_home(models, "classes", 2**64 - 1, 3, label=2))
    one = await made(images.SampleImage(pb.SampleImageRequest()))  # the first model, seed 0
    assert torch.equal(one, at_home(models, "binary", 0, 1))


async def test_a_completion_keeps_what_is_known(images, models):
    known = torch.randint(0, 2, (1, *SHAPE), generator=torch.Generator().manual_seed(1))
    request = pb.CompleteImageRequest(
        synthesis=pb.ImageSynthesis(model="binary", seed=4, count=5),
        pixels=bytes((known * 255).flatten().tolist()),
        known_pixels=13,
    )
    got = await made(images.CompleteImage(request), 5)
    assert (got.flatten(1)[:, :13] == 255 * known.flatten()[:13]).all()
    assert torch.equal(got, at_home(models, "binary", 4, 5, known=known.expand(5, *SHAPE), pixels=13))


async def test_a_flows_images_come_whole_and_are_not_completed(images, models):
    synthesis = pb.ImageSynthesis(model="whole", seed=5, count=2, temperature=0.5)
    got = await made(images.SampleImage(pb.SampleImageRequest(synthesis=synthesis)), 2)
    at_home = load_image_model(models / "whole").rows(params_from(5, 2, 0.5))
    assert torch.equal(got, torch.stack(list(at_home), 1).byte())
    request = pb.CompleteImageRequest(synthesis=synthesis, pixels=bytes(30), known_pixels=5)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await made(images.CompleteImage(request), 2)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details() == (
        "model is whole, which makes an image as a whole; "
        "it must be one that makes it row by row: binary, classes, long"
    )


async def test_rows_come_while_the_rest_is_made_and_an_abandoned_call_makes_room(images, models):
    long = pb.SampleImageRequest(synthesis=pb.ImageSynthesis(model="long", count=64))
    call = images.SampleImage(long)
    first = await call.read()
    assert first.row.row == 0 and len(first.row.pixels) == 64 * 60
    call.cancel()  # 59 rows before its end
    after = await made(images.SampleImage(pb.SampleImageRequest()))
    assert torch.equal(after, at_home(models, "binary", 0, 1))


async def test_a_caller_who_reads_no_row_holds_up_no_other(images, image_server, models):
    long = pb.SampleImageRequest(synthesis=pb.ImageSynthesis(model="long", count=64))
    with HandMade(image_server.port, window=0) as caller:
        for _ in range(3):
            caller.message(caller.begin("/wavesynth.v1.ImageService/SampleImage"), long.SerializeToString())
        await asyncio.to_thread(caller.headers)  # so the first row is there, and nobody takes it
        async with asyncio.timeout(60):
            after = await made(images.SampleImage(pb.SampleImageRequest()))
    assert torch.equal(after, at_home(models, "binary", 0, 1))


async def test_a_caller_who_reads_no_row_for_too_long_loses_its_place(voices, models):
    limits = Limits(stall=0.3)
    config = ServerConfig(port=0, voices=voices, images=models, live_streams=8, threads=1, limits=limits)
    async with (
        Server(config) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        with HandMade(server.port, window=0) as caller:
            for _ in range(4):  # all places
                caller.message(caller.begin("/wavesynth.v1.ImageService/SampleImage"), b"")
            await asyncio.to_thread(caller.headers)
            async with asyncio.timeout(60):
                while True:
                    try:
                        await made(ImageServiceStub(channel).SampleImage(pb.SampleImageRequest()))
                        break
                    except grpc.aio.AioRpcError as error:
                        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
                        await asyncio.sleep(0.02)


async def test_calls_beyond_those_that_may_wait_are_told_when_to_come_back(images):
    long = pb.SampleImageRequest(synthesis=pb.ImageSynthesis(model="long", count=64))
    calls = [images.SampleImage(long) for _ in range(4)]
    await calls[0].read()
    refused = None
    while refused is None or refused.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
        try:  # until all four have arrived, this one may get rows, or wait
            await images.SampleImage(long, timeout=0.5).read()
        except grpc.aio.AioRpcError as error:
            refused = error
    assert dict(refused.trailing_metadata())["retry-after-ms"] == "1000"
    assert refused.details() == "all 4 places for calls for images are taken"
    for call in calls:
        call.cancel()
    await made(images.SampleImage(pb.SampleImageRequest()))


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"model": "none"}, "NOT_FOUND", "model is 'none'; the models are binary, classes, long, whole"),
        ({"temperature": 3.0}, "INVALID_ARGUMENT", "temperature is 3.0; it must be from 0.1 to 2.0"),
        ({"label": 1}, "INVALID_ARGUMENT", "label is 1; it must be absent, since binary knows no classes"),
        ({"model": "classes"}, "INVALID_ARGUMENT", "label is missing; it must be from 0 to 2"),
        ({"model": "classes", "label": 3}, "INVALID_ARGUMENT", "label is 3; it must be from 0 to 2"),
        ({"count": 65}, "INVALID_ARGUMENT", "count is 65; it must be from 1 to 64"),
    ],
)
async def test_a_wrong_field_is_named(images, fields, code, message):
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await made(images.SampleImage(pb.SampleImageRequest(synthesis=pb.ImageSynthesis(**fields))))
    assert (refused.value.code().name, refused.value.details()) == (code, message)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pixels": bytes(29)}, "pixels has 29 bytes; it must have 30, 6 x 5 x 1"),
        ({"pixels": bytes(30), "known_pixels": 31}, "known_pixels is 31; it must be from 0 to 30"),
    ],
)
async def test_a_wrong_image_is_named(images, fields, message):
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await made(images.CompleteImage(pb.CompleteImageRequest(**fields)))
    assert (refused.value.code().name, refused.value.details()) == ("INVALID_ARGUMENT", message)


async def test_a_server_that_is_told_of_no_folder_serves_the_models_that_ship(server):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        listed = await ImageServiceStub(channel).ListImageModels(pb.ListImageModelsRequest())
    assert [model.name for model in listed.models] == sorted(
        path.parent.name for path in SHIPPED_IMAGE_MODELS.glob("*/model.json")
    )
    assert "mnist-binary" in {model.name for model in listed.models}


async def test_a_model_that_is_replaced_makes_images_from_the_next_call_on(image_server, images, models):
    served, request = image_server.config.images, {"model": "binary", "seed": 3}
    before = await made(images.SampleImage(pb.SampleImageRequest(synthesis=pb.ImageSynthesis(**request))))
    for file in ("model.json", "weights.safetensors"):
        text = (models / "classes" / file).read_bytes()
        (served / "binary" / file).write_bytes(text.replace(b'"classes"', b'"binary"'))
    shutil.rmtree(served / "long")
    changes = (await image_server.reload()).image_models
    assert (changes.added, changes.replaced, changes.removed) == ([], ["binary"], ["long"])
    synthesis = pb.ImageSynthesis(**request, label=1)
    after = await made(images.SampleImage(pb.SampleImageRequest(synthesis=synthesis)))
    assert torch.equal(after, at_home(models, "classes", 3, 1, 1)) and not torch.equal(after, before)
    shutil.copytree(models, served, dirs_exist_ok=True)
    changes = (await image_server.reload()).image_models
    assert (changes.added, changes.replaced, changes.removed) == (["long"], ["binary"], [])


async def test_no_image_is_made_of_files_that_no_reload_has_read(image_server, images, models):
    served = image_server.config.images
    (served / "new").mkdir()
    for file in ("model.json", "weights.safetensors"):
        text = (models / "classes" / file).read_bytes()
        (served / "new" / file).write_bytes(text.replace(b'"classes"', b'"new"'))
    await image_server.reload()
    (served / "new" / "weights.safetensors").write_bytes(b"broken")
    assert "what was there before stays" in (await image_server.reload()).problems[0]
    synthesis = pb.ImageSynthesis(model="new", label=1)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await made(images.SampleImage(pb.SampleImageRequest(synthesis=synthesis)))
    assert error.value.code().name == "UNAVAILABLE"
    assert "the files of new have changed" in error.value.details()
    shutil.rmtree(served / "new")
    await image_server.reload()
