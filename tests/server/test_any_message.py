"""Whatever a caller sends is answered, or refused with a status that the API documents, and then others are served."""

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.descriptions import fuzzing, is_one_sentence
from tests.server.messages import dialogues, encoded, messages
from wavesynth.server.errors import RefusedError
from wavesynth.server.limits import Limits
from wavesynth.server.served_voice import ServedVoice
from wavesynth.server.validation import Requests
from wavesynth.v1 import images_pb2, synthesis_pb2
from wavesynth.voices.loaded import read_voices

REFUSED = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}
SPEECH = "/wavesynth.v1.SynthesisService/"
IMAGES = "/wavesynth.v1.ImageService/"
#: Methods that take one message, with what they take.
OF_SPEECH = {
    f"{SPEECH}ListVoices": synthesis_pb2.ListVoicesRequest,
    f"{SPEECH}Synthesize": synthesis_pb2.SynthesizeRequest,
    f"{SPEECH}StreamSynthesize": synthesis_pb2.StreamSynthesizeRequest,
}
OF_IMAGES = {
    f"{IMAGES}ListImageModels": images_pb2.ListImageModelsRequest,
    f"{IMAGES}SampleImage": images_pb2.SampleImageRequest,
    f"{IMAGES}CompleteImage": images_pb2.CompleteImageRequest,
}
#: A call that always has the same audio.
SAME = synthesis_pb2.StreamSynthesizeRequest(
    synthesis=synthesis_pb2.Synthesis(voice="tiny"),
    conditioning=synthesis_pb2.Conditioning(audio=synthesis_pb2.Audio(samples=bytes(range(200)) * 8)),
).SerializeToString()
#: Seconds in which a call must have ended. All that is asked for takes some hundredths of it.
DEADLINE = 60
FIRST = st.builds(
    lambda config: synthesis_pb2.ResynthesizeRequest(config=config),
    messages(synthesis_pb2.ResynthesizeConfig),
)
ANY = messages(synthesis_pb2.ResynthesizeRequest)


@pytest.fixture(scope="module")
def channel(serve, voices, models):
    limits = Limits(small_messages=1e6)
    with (
        serve(voices=voices, images=models, live_streams=8, max_seconds=0.2, limits=limits) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield channel


def answer(channel, method, sent):
    """The messages of bytes that come back; the status and its sentence must be such as callers are promised."""
    if isinstance(sent, bytes):
        call = channel.unary_stream(method)(sent, timeout=DEADLINE)
    else:
        call = channel.stream_stream(method)(iter(sent), timeout=DEADLINE)
    try:
        return list(call)
    except grpc.RpcError:
        assert call.code() in REFUSED and is_one_sentence(call.details())
        return None


def audio(channel):
    """The audio of a call that is right."""
    responses = answer(channel, f"{SPEECH}StreamSynthesize", SAME)
    chunks = [synthesis_pb2.StreamSynthesizeResponse.FromString(response).chunk for response in responses]
    assert sum(len(chunk.audio) for chunk in chunks) == 1600
    return b"".join(chunk.audio for chunk in chunks)


@pytest.mark.parametrize(("methods", "cases"), [(OF_SPEECH, 300), (OF_IMAGES, 100)], ids=["speech", "images"])
def test_any_bytes_are_answered_or_refused_and_others_are_served(channel, methods, cases):
    before = audio(channel)

    @fuzzing(cases)
    @given(st.data())
    def check(data):
        method = data.draw(st.sampled_from(sorted(methods)))
        answers = answer(channel, method, data.draw(messages(methods[method]).flatmap(encoded)))
        assert answers is None or answers

    check()
    assert audio(channel) == before


def test_any_dialogue_is_answered_or_refused_and_others_are_served(channel):
    before = audio(channel)

    @fuzzing()
    @given(dialogues().flatmap(lambda sent: st.tuples(*map(encoded, sent))))
    def check(sent):
        answers = answer(channel, f"{SPEECH}Resynthesize", sent)
        assert answers is None or answers

    check()
    assert audio(channel) == before


def test_any_fields_are_a_request_or_one_sentence(voices):
    requests = Requests(map(ServedVoice.of, read_voices(voices).values()), max_seconds=0.2)

    @fuzzing()
    @given(messages(synthesis_pb2.SynthesizeRequest), st.booleans(), dialogues())
    def check(whole, live, dialogue):
        try:
            requests.whole(whole.synthesis, whole.conditioning, live)
        except RefusedError as error:
            assert error.code in REFUSED and is_one_sentence(str(error))
        try:
            config = dialogue[0].config if dialogue else synthesis_pb2.ResynthesizeConfig()
            reader = requests.growing(config).given
            for message in dialogue[1:]:
                reader.read(message)
        except RefusedError as error:
            assert error.code in REFUSED and is_one_sentence(str(error))

    check()
