"""A list of voices that every client of gRPC can take, however many voices there are."""

from dataclasses import replace

from structlog.testing import capture_logs

from wavesynth.server.served_voice import ServedVoice
from wavesynth.server.validation import Requests
from wavesynth.voices.voice import load_voice

#: Bytes of a message, if nobody tells a client of gRPC otherwise.
TAKEN = 4 << 20


def test_a_voice_that_does_not_fit_into_the_list_is_not_in_it_but_is_served(voices):
    tiny = ServedVoice.of(load_voice(voices / "tiny"))
    long = replace(tiny, speakers=tuple(f"{number:0100}" for number in range(9_000)))
    requests = Requests([replace(long, name=f"voice {number}") for number in range(6)])
    with capture_logs() as logs:
        listed = requests.listed()
        requests.listed()
    names = [voice.name for voice in listed.voices]
    assert names == [f"voice {number}" for number in range(4)] and listed.ByteSize() <= TAKEN
    (line,) = logs
    assert line["names"] == ["voice 4", "voice 5"] and set(line["names"]) <= set(requests.voices)


def test_the_default_voice_is_listed_in_any_case(voices):
    tiny = ServedVoice.of(load_voice(voices / "tiny"))
    long = replace(tiny, speakers=tuple(f"{number:0100}" for number in range(9_000)), cost=(True, 99))
    requests = Requests(
        [*(replace(long, name=f"a {number}") for number in range(6)), replace(tiny, name="z")]
    )
    listed = requests.listed()
    assert listed.default_voice == "z" and listed.voices[-1].name == "z"
    assert listed.ByteSize() <= TAKEN
