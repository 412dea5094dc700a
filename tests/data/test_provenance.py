"""What a voice has heard is known again, however it was cut or coded, and nothing else is."""

from pathlib import Path

import pytest
import torch

from tests.data.speech import RATE, noisy, speech
from wavesynth.data.provenance import Provenance

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def heard() -> Provenance:
    trained = Provenance.of([speech(4, 1), speech(0.5, 2), speech(12, 3)], RATE, "train")
    return trained + Provenance.of([speech(3, 4)], RATE, "validation")


def test_a_recording_is_known_again_however_it_was_cut_or_coded(heard: Provenance) -> None:
    x = speech(12, 3)
    for copy in (x, x[1234:], 0.3 * x[:-777], noisy(x, -30), x[5 * RATE : round(7.2 * RATE)]):
        assert heard.use_of(copy, RATE) == "train"
    assert heard.use_of(speech(0.5, 2)[333:], RATE) == "train"
    assert heard.use_of(torch.cat([speech(3, 9), speech(4, 1), speech(1, 10)]), RATE) == "train"
    assert heard.use_of(speech(3, 4)[100:], RATE) == "validation"


def test_what_was_not_heard_is_not_known(heard: Provenance) -> None:
    assert [heard.use_of(speech(seconds, 20 + n), RATE) for n, seconds in enumerate((0.3, 1, 3, 8))] == [
        None
    ] * 4
    assert heard.use_of(torch.zeros(100), RATE) is None
    assert Provenance.unknown().use_of(speech(1, 1), RATE) is None


def test_it_is_kept_in_a_voices_folder_and_is_small(heard: Provenance, tmp_path: Path) -> None:
    assert Provenance.load(tmp_path) is None
    heard.save(tmp_path)
    [path] = tmp_path.iterdir()
    assert path.stat().st_size < 19.5 * 2 * 4 + 4 * 8 * 4 + 500
    again = Provenance.load(tmp_path)
    assert again is not None and again.complete and again.use_of(speech(4, 1), RATE) == "train"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match=r"provenance\.safetensors is damaged"):
        Provenance.load(tmp_path)


def test_of_two_each_recording_is_kept_once_and_what_is_unknown_stays_so(heard: Provenance) -> None:
    both = heard + heard
    assert both.complete and len(both.words) == len(heard.words) and list(both.frames) == list(heard.frames)
    assert not (heard + Provenance.unknown()).complete
