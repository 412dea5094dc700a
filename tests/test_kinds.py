"""Kinds are found by their names, wherever they are declared, and what serves does not import what trains."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from wavesynth import kinds
from wavesynth.voices.wavenet import WaveNetKind


def test_an_unknown_kind_is_answered_with_the_known_ones():
    with pytest.raises(
        ValueError, match=r"^kind is 'choir'; it must be one of .*converter, .*pixelcnn, .*wavenet"
    ):
        kinds.kind_of("choir")
    with pytest.raises(ValueError, match=r"^kind is 3; it must be one of"):
        kinds.kind_of(3)


def test_a_kind_that_another_package_declares_is_found(monkeypatch):
    class Choir(WaveNetKind):
        name = "choir-of-another"

    monkeypatch.setattr("tests.test_kinds.Choir", Choir, raising=False)
    point = EntryPoint("choir-of-another", "tests.test_kinds:Choir", "wavesynth.kinds")
    monkeypatch.setattr(kinds.metadata, "entry_points", lambda group: [point])
    assert "choir-of-another" in kinds.kinds()
    assert isinstance(kinds.kind_of("choir-of-another"), Choir)


@pytest.mark.parametrize("where", ["not_there:Kind", "wavesynth.kinds:nothing", "wavesynth.kinds:kinds"])
def test_a_declared_kind_that_cannot_be_loaded_is_named_with_its_place(monkeypatch, where):
    points = [EntryPoint("broken", where, "wavesynth.kinds")]
    monkeypatch.setattr(kinds.metadata, "entry_points", lambda group: points)
    with pytest.raises(ValueError, match=f"kind 'broken' cannot be loaded from {where}: "):
        kinds.kind_of("broken")


def test_loading_a_voice_imports_nothing_that_trains_or_measures():
    program = (
        "import sys; from wavesynth.voices.folders import find_voices; from wavesynth.voices.voice import load_voice; "
        "load_voice(find_voices()['allison-small']); "
        "print([m for m in sys.modules if m.startswith(('wavesynth.training', 'wavesynth.evaluation'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_shipped_voice_is_loaded_without_a_look_at_all_that_is_installed():
    program = (
        "from importlib import metadata; metadata.entry_points = None; "
        "from wavesynth.voices.folders import find_voices; from wavesynth.voices.voice import load_voice; "
        "load_voice(find_voices()['allison-small'])"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
