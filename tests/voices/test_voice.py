"""A voice comes back from disk as it was, and a bad one is refused with its reason."""

import json
import os
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.sampling.networks import conditioning_for, network
from wavesynth.networks import Network
from wavesynth.sampling.calibration import calibrate
from wavesynth.voices.folders import find_voices
from wavesynth.voices.voice import FormatError, load_voice, save_voice
from wavesynth.voices.wavenet import WaveNetVoice


@pytest.fixture
def voice():
    model = network(mel_bands=80, mel_channels=8, speakers=2, hop=160)
    scales = calibrate(model, torch.randint(32, (1, 800)), conditioning_for(model, 5)[None])
    return WaveNetVoice(
        name="tess",
        description="For tests",
        language="en",
        licence="CC0-1.0",
        network=Network.of(model),
        scales=scales,
        speakers=("a", "b"),
        activation_bits=16,
    )


def test_a_voice_comes_back_as_it_was(voice, tmp_path):
    save_voice(tmp_path / "tess", voice)
    loaded = load_voice(tmp_path / "tess")
    for name in (
        "name",
        "description",
        "language",
        "licence",
        "mel",
        "preemphasis",
        "speakers",
        "temperature",
        "correction",
        "kind",
        "activation_bits",
        "mid_tread",
    ):
        assert getattr(loaded, name) == getattr(voice, name)
    assert loaded.model.config == voice.model.config
    for name, tensor in voice.model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor.half().float()), name
    for name in ("input", "gate", "skip", "hidden"):
        assert np.array_equal(getattr(loaded.scales, name), getattr(voice.scales, name))
    assert find_voices(tmp_path) == {"tess": tmp_path / "tess"}
    # Loaded and saved again, nothing changes any more.
    save_voice(tmp_path / "again", loaded)
    assert (tmp_path / "again/weights.safetensors").read_bytes() == (
        tmp_path / "tess/weights.safetensors"
    ).read_bytes()


def edited(folder, change):
    path = folder / "voice.json"
    description = json.loads(path.read_text())
    change(description)
    path.write_text(json.dumps(description))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("licence"), "voice.json lacks licence"),
        (lambda d: d.update(colour="red"), "voice.json has colour, which it must not have"),
        (
            lambda d: d.update(format=6),
            r"format is 6; wavesynth \S+ reads 1 to 5: install \S+, which wrote it, or",
        ),
        (lambda d: d.update(format=True), r"format is True; wavesynth \S+ reads 1 to 5$"),
        (lambda d: d.pop("format"), r"format is None; wavesynth \S+ reads 1 to 5$"),
        (
            lambda d: d.update(format=1),
            "voice.json has activation_bits, kind, mid_tread, wavesynth, which it must",
        ),
        (lambda d: d.update(format=2), "voice.json lacks fine"),
        (lambda d: d.pop("kind"), "voice.json lacks kind"),
        (
            lambda d: d.update(kind="choir"),
            "kind is 'choir'; it must be one of .*converter, .*pixelcnn, .*wavenet",
        ),
        (lambda d: d.update(kind="pixelcnn"), "kind is 'pixelcnn'; it must be a kind of voices"),
        (lambda d: d.pop("mid_tread"), "voice.json lacks mid_tread"),
        (lambda d: d.pop("temperature"), "voice.json lacks temperature"),
        (lambda d: d.update(mid_tread=0), "mid_tread is 0; it must be true or false"),
        (lambda d: d.update(name=3), "name is 3; it must be a text"),
        (lambda d: d.update(name=""), "name is ''; it must be 1 to 100 printable characters"),
        (lambda d: d.update(name="../../x"), r"name is '\.\./\.\./x'; it must be 1 to 100 .*, no / or \\,"),
        (lambda d: d.update(name=".x"), r"name is '\.x'; it must be .* no dot or space at its beginning"),
        (lambda d: d.update(name="x" * 101), "name is 'x*'; it must be 1 to 100"),
        (lambda d: d.update(name="\x1b[31mred"), r"name has '\\x1b'; it must have no control characters"),
        (lambda d: d.update(speakers=["a", "b\n"]), r"speakers\[1\] is 'b\\n'; it must be 1 to 100"),
        (
            lambda d: d.update(description="\ud800"),
            r"description has '\\ud800'; it must have no control characters",
        ),
        (
            lambda d: d.update(licence="x" * 4001),
            "licence has 4001 characters; it must have at most 4000",
        ),
        (lambda d: d["mel"].update(sample_rate=16000.5), r"mel: sample_rate is 16000\.5; it must be a whole"),
        (lambda d: d["mel"].update(window=800.0), r"mel: window is 800\.0; it must be a whole number"),
        (
            lambda d: d["mel"].update(high=10**400),
            "mel: high is 1000*.*0; it must be a number that a float64",
        ),
        (lambda d: d.update({"\x1b[31m": 1}), r"voice.json has '\\x1b\[31m', which it must not have"),
        (lambda d: d.update({f"x{n}": n for n in range(12)}), "has x0, .* and 2 others, which it must not"),
        (lambda d: d.update(kind=[[[[[]]]]]), r"kind is \[\[\[\[\.\.\.\]\]\]\]; it must be one of"),
        (lambda d: d.update(format=6, wavesynth="\x1b[31m"), "install a newer version$"),
        (lambda d: d["model"].pop("stacks"), "model lacks stacks"),
        (lambda d: d["model"].update(stacks=0), "stacks is 0; it must be a whole number from 1 to 20"),
        (lambda d: d["model"].update(stacks="3"), "stacks is '3'"),
        (lambda d: d.update(model=[]), "model is list; it must be an object"),
        (lambda d: d["mel"].update(hop=80), "mel has 80 bands and hop 80; the model needs 80 and 160"),
        (lambda d: d["mel"].update(hop="160"), "mel: hop is '160'; it must be a whole number"),
        (lambda d: d.update(preemphasis=1.5), "preemphasis is 1.5"),
        (lambda d: d.update(temperature=3), "temperature is 3; it must be a number from 0.1 to 2.0"),
        (lambda d: d.update(correction=True), "correction is True; it must be a whole number from 0 to 16"),
        (lambda d: d.update(activation_bits=12), "activation_bits is 12; it must be 8 or 16"),
        (lambda d: d.update(speakers=["a"]), "speakers has 1 names; model.speakers is 2"),
        (lambda d: d.update(speakers="ab"), "it must be a list of names"),
    ],
)
def test_a_description_with_a_fault_is_refused(voice, tmp_path, change, message):
    save_voice(tmp_path, voice)
    edited(tmp_path, change)
    with pytest.raises(FormatError, match=message):
        load_voice(tmp_path)


def retensored(folder, change):
    path = folder / "weights.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("model.skip.bias"), "weights lacks model.skip.bias"),
        (lambda t: t.update(extra=torch.zeros(1)), "weights has extra, which it must not have"),
        (lambda t: t.update({"model.skip.bias": torch.zeros(31)}), r"shape \[31\]; it must be \[32\]"),
        (lambda t: t["model.skip.bias"].fill_(float("nan")), "model.skip.bias has NaN or infinite"),
        (
            lambda t: t.update({"model.skip.bias": torch.zeros(32, dtype=torch.bfloat16)}),
            "model.skip.bias has values of type BF16; it must be one of F16, F32, F64",
        ),
        (lambda t: t["scales.skip"].zero_(), "scales.skip has values that are not positive"),
    ],
)
def test_weights_with_a_fault_are_refused(voice, tmp_path, change, message):
    save_voice(tmp_path, voice)
    retensored(tmp_path, change)
    with pytest.raises(FormatError, match=message):
        load_voice(tmp_path)


@pytest.mark.parametrize("file", ["voice.json", "weights.safetensors"])
@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_refused_without_reading_it(voice, tmp_path, file, put):
    save_voice(tmp_path, voice)
    (tmp_path / file).unlink()
    put(tmp_path / file)
    said = []

    def load():
        with pytest.raises(FormatError) as raised:
            load_voice(tmp_path)
        said.append(str(raised.value))

    loading = threading.Thread(target=load, daemon=True)  # what is broken may wait for ever
    loading.start()
    loading.join(60)
    assert said == [f"{tmp_path / file} is a folder, a pipe or a device; it must be a file"]


def test_files_that_are_truncated_missing_or_oversized_are_refused(voice, tmp_path):
    save_voice(tmp_path, voice)
    path = tmp_path / "weights.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(FormatError, match=r"weights.safetensors cannot be read"):
        load_voice(tmp_path)
    with path.open("wb") as file:
        file.truncate((256 << 20) + 1)
    with pytest.raises(FormatError, match="has 268435457 bytes; at most 268435456 are read"):
        load_voice(tmp_path)
    path.unlink()
    with pytest.raises(FormatError, match=r"weights.safetensors cannot be read"):
        load_voice(tmp_path)
    (tmp_path / "voice.json").write_text("{")
    with pytest.raises(FormatError, match=r"voice.json cannot be read"):
        load_voice(tmp_path)
    long = json.dumps({"description": "x" * (1 << 20)})
    (tmp_path / "voice.json").write_text(long)
    with pytest.raises(FormatError, match=f"has {len(long)} bytes; at most 1048576 are read"):
        load_voice(tmp_path)


def test_a_failed_save_leaves_the_old_voice_whole(voice, tmp_path, monkeypatch):
    save_voice(tmp_path, voice)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(tensors, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("wavesynth.formats.save_file", full)
    with pytest.raises(OSError, match="No space left"):
        save_voice(tmp_path, voice)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def as_format(number, folder):
    """Rewrites a voice as an earlier version of wavesynth would have written it."""

    def older(description):
        description["format"] = number
        description["fine"] = description.pop("activation_bits") == 16
        for name in ("kind", *(("mid_tread", "wavesynth") if number == 1 else ())):
            del description[name]

    edited(folder, older)

    def renamed(tensors):
        for name in [name for name in tensors if name.startswith("scales.")]:
            tensors[name.replace("scales.", "gains.")] = tensors.pop(name)

    retensored(folder, renamed)


@pytest.mark.parametrize("number", [1, 2])
def test_a_voice_of_an_earlier_format_is_what_it_was(voice, tmp_path, number):
    save_voice(tmp_path, replace(voice, temperature=0.7, correction=3))
    now = load_voice(tmp_path)
    as_format(number, tmp_path)
    then = load_voice(tmp_path)
    for name in ("kind", "temperature", "correction", "activation_bits", "speakers", "mel", "converter"):
        assert getattr(then, name) == getattr(now, name)
    assert now.mid_tread and then.mid_tread == (number == 2)
    assert np.array_equal(then.scales.skip, now.scales.skip)
    save_voice(tmp_path / "again", then)
    assert load_voice(tmp_path / "again").mid_tread == then.mid_tread


def test_fields_that_format_1_may_lack_have_what_they_meant_then(voice, tmp_path):
    save_voice(tmp_path, replace(voice, temperature=0.7, correction=3))
    as_format(1, tmp_path)

    def first(description):
        for name in ("temperature", "correction", "fine", "converter"):
            del description[name]

    edited(tmp_path, first)
    then = load_voice(tmp_path)
    assert (then.temperature, then.correction, then.activation_bits, then.converter) == (1.0, 0, 8, None)


def test_a_field_of_an_earlier_format_has_its_type(voice, tmp_path):
    save_voice(tmp_path, voice)
    as_format(2, tmp_path)
    edited(tmp_path, lambda d: d.update(fine=1))
    with pytest.raises(FormatError, match="fine is 1; it must be true or false"):
        load_voice(tmp_path)


def test_a_name_that_no_folder_can_have_is_refused_like_any_other():
    with pytest.raises(
        FormatError, match=r"voice is 'xxx.*; it must be one of allison, .*, or a voice's folder"
    ):
        load_voice("x" * 5000)


def test_a_description_that_is_nested_too_deeply_is_refused(tmp_path):
    (tmp_path / "voice.json").write_text('{"format":' * 100_000)
    with pytest.raises(FormatError, match=r"voice\.json cannot be read: it is nested too deeply"):
        load_voice(tmp_path)
