"""Devices are chosen by number or name, and what is wrong with them is said in a sentence."""

from types import SimpleNamespace

import pytest

from wavesynth.clients.live import devices


class PortAudioError(Exception):
    pass


@pytest.fixture
def machine(monkeypatch):
    """A machine with these devices: name, inputs, outputs, own rate; each can do its own rate alone."""

    def machine(*found):
        listed = [
            {"name": n, "max_input_channels": i, "max_output_channels": o, "default_samplerate": float(r)}
            for n, i, o, r in found
        ]

        def check(device, channels, dtype, samplerate):
            if samplerate != listed[device]["default_samplerate"]:
                raise PortAudioError("Invalid sample rate")

        library = SimpleNamespace(
            default=SimpleNamespace(device=[1, 0]),
            query_devices=lambda: listed,
            check_input_settings=check,
            check_output_settings=check,
            PortAudioError=PortAudioError,
        )
        monkeypatch.setattr(devices, "library", lambda: library)

    return machine


TWO = [("Speakers", 0, 2, 48000), ("Webcam Mic", 1, 0, 44100), ("USB Headset", 1, 2, 16000)]


def test_the_default_is_taken_at_its_own_rate_if_it_cannot_do_the_voices(machine):
    machine(*TWO)
    chosen = devices.choose("input", None, None, 16000)
    assert (chosen.name, chosen.rate) == ("Webcam Mic", 44100)
    chosen = devices.choose("output", None, None, 16000)
    assert (chosen.name, chosen.rate) == ("Speakers", 48000)


@pytest.mark.parametrize("wanted", ["2", "USB Headset", "headset"])
def test_a_device_is_named_by_number_or_a_part_of_its_name(machine, wanted):
    machine(*TWO)
    chosen = devices.choose("input", wanted, None, 16000)
    assert (chosen.index, chosen.rate) == (2, 16000)


def test_what_cannot_be_is_one_sentence(machine):
    machine(*TWO)
    with pytest.raises(
        OSError, match="input is 'piano'; the devices for input are 1 Webcam Mic, 2 USB Headset"
    ):
        devices.choose("input", "piano", None, 16000)
    with pytest.raises(
        OSError, match="the microphone 'Webcam Mic' cannot do 22050 hertz; its own rate is 44100"
    ):
        devices.choose("input", None, 22050, 16000)
    machine(("Speakers", 0, 2, 48000))
    with pytest.raises(OSError, match="there is no microphone on this machine"):
        devices.choose("input", None, None, 16000)
