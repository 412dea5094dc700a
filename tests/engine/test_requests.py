"""What is to be made is checked in one place, and a wrong field is named in the caller's own words."""

from dataclasses import replace

import numpy as np
import pytest

from tests.voices_for_tests import make_text_voice, make_voice
from wavesynth.engine.requests import (
    AudioInput,
    DurationInput,
    FieldNames,
    MelInput,
    SynthesisRequest,
    TextInput,
    prepare,
)
from wavesynth.engine.voice_choice import UnknownVoiceError, choose_voice, default_voice
from wavesynth.models.converter import Converter, ConverterConfig
from wavesynth.networks import Network

FREE = make_voice("free", mel=False)
SPOKEN = make_voice("spoken", speakers=2)
MEL = MelInput(np.zeros((2, 80)))


def test_who_names_no_voice_is_not_spoken_for_in_anothers():
    converter = Network.of(Converter(ConverterConfig(channels=4)))
    voices = [
        replace(make_voice(layers=4), name="a", converter_network=converter),
        make_voice("b", layers=5),
    ]
    assert default_voice(voices) == "b"
    assert default_voice(voices[:1]) == "a"


def test_a_voice_is_chosen_by_its_name_and_an_unknown_name_lists_them():
    voices = {voice.name: voice for voice in (SPOKEN, FREE)}
    assert choose_voice(voices, "free") is FREE
    with pytest.raises(UnknownVoiceError, match="voice is 'nobody'; the voices are free, spoken"):
        choose_voice(voices, "nobody")


@pytest.mark.parametrize(
    ("own", "asked", "frames"),
    [(2, None, 2), (2, True, 2), (2, False, 0), (0, None, 0), (0, True, 4), (0, False, 0)],
)
def test_a_request_says_whether_and_the_voice_how_it_is_corrected(own, asked, frames):
    request, _, _ = prepare(SynthesisRequest(MEL, correction=asked), replace(SPOKEN, correction=own))
    assert request.correction == frames


def test_what_is_not_said_is_as_the_voice_has_it():
    request, _, _ = prepare(SynthesisRequest(MEL), replace(SPOKEN, temperature=0.7))
    assert (request.voice, request.params.temperature, request.params.seed) == ("spoken", 0.7, 0)
    assert (request.samples, request.first_sample, request.live) == (320, 0, True)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (SynthesisRequest(DurationInput(1.0)), "the input is seconds; voice spoken needs mel or audio"),
        (SynthesisRequest(AudioInput(np.zeros(0))), "audio is empty; it must have at least one sample"),
        (SynthesisRequest(MelInput(np.zeros((0, 80)))), "mel is empty; it must have at least one frame"),
        (SynthesisRequest(MelInput(np.zeros(80))), "mel has shape [80]; it must be [frames, bands]"),
        (SynthesisRequest(MelInput(np.zeros((1, 79)))), "mel.shape[1] is 79; voice spoken needs 80"),
        (
            SynthesisRequest(MelInput(np.full((1, 80), np.nan))),
            "mel has NaN or values beyond ±100; it must have neither",
        ),
        (
            SynthesisRequest(MelInput([["a"] * 80])),
            "mel has values of type str32; they must be floating point",
        ),
        (
            SynthesisRequest(AudioInput(np.zeros((2, 8)))),
            "audio has shape [2, 8]; it must be one channel, [n]",
        ),
        (
            SynthesisRequest(AudioInput(np.full(9, 300.0))),
            "audio has floating-point samples of up to 300; they must be within ±1 "
            "(samples on the scale of 16-bit integers: divide by 32768)",
        ),
        (
            SynthesisRequest(AudioInput(np.zeros(9), 7999)),
            "sample_rate is 7999; it must be from 8000 to 96000 hertz",
        ),
        (SynthesisRequest(MEL, seed=-1), "seed is -1; it must be from 0 to 2^64 - 1"),
        (SynthesisRequest(MEL, temperature=9.0), "temperature is 9.0; it must be from 0.1 to 2.0"),
        (
            SynthesisRequest(MEL, speaker="x"),
            "speaker is 'x'; the speakers of spoken are speaker-0, speaker-1",
        ),
        (SynthesisRequest(MEL, first_sample=-1), "first_sample is -1; it must be at least 0"),
        (
            SynthesisRequest(MEL, first_sample=320),
            "first_sample is 320; it must be below 320, the samples of the whole",
        ),
        (
            SynthesisRequest(MelInput(np.zeros((1001, 80)))),
            "mel makes 10.01 seconds of audio; at most 10 are allowed",
        ),
    ],
)
def test_a_wrong_field_is_named_with_what_came_and_what_is_allowed(wanted, sentence):
    with pytest.raises(ValueError) as error:
        prepare(wanted, SPOKEN, max_seconds=10.0)
    assert str(error.value) == sentence


def test_a_field_has_the_name_that_the_caller_knows_it_by():
    names = FieldNames(input="conditioning", seconds="duration_seconds")
    with pytest.raises(
        ValueError, match=r"^conditioning is audio; voice free takes duration_seconds and noth"
    ):
        prepare(SynthesisRequest(AudioInput(np.zeros(9))), FREE, names=names)
    with pytest.raises(ValueError, match=r"^duration_seconds is nan; it must be from 6.25e-05 to 10$"):
        prepare(SynthesisRequest(DurationInput(float("nan"))), FREE, 10.0, names)


def test_input_that_grows_is_counted_across_its_pieces():
    wanted = SynthesisRequest(AudioInput(sample_rate=8000))
    request, reader, whole = prepare(wanted, SPOKEN, max_seconds=1.0)
    assert request.samples is None and whole is None
    assert [reader.read(np.zeros(n))[1] for n in (1, 0, 3999)] == [2, 0, 7998]
    with pytest.raises(ValueError, match=r"audio makes 1\.00012 seconds of audio; at most 1 are allowed"):
        reader.read(np.zeros(4001))


@pytest.mark.parametrize("given", [np.zeros(8), np.zeros(8, np.float32), np.zeros(8, np.int16)])
def test_a_piece_may_be_overwritten_once_it_is_read(given):
    _, reader, _ = prepare(SynthesisRequest(AudioInput()), SPOKEN)
    piece, _ = reader.read(given)
    given[:] = 1
    assert not piece.any()


PIECES = np.zeros((20, 80), np.float32)


@pytest.mark.parametrize(
    ("given", "real_time"),
    [
        (AudioInput(), True),
        (MelInput(), True),
        (AudioInput(np.zeros(4000)), False),
        (MelInput(PIECES), False),
        (TextInput("Hello."), False),
        (TextInput(), False),
    ],
)
def test_what_comes_in_pieces_comes_in_real_time_but_text_is_written_sooner_than_it_is_said(given, real_time):
    request, _, _ = prepare(SynthesisRequest(given), make_text_voice())
    assert request.real_time is real_time


def test_what_is_made_of_nothing_can_be_made_ahead():
    request, _, _ = prepare(SynthesisRequest(DurationInput(1.0)), FREE)
    assert not request.real_time
