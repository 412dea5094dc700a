"""A text network learns to say what recordings say; its run resumes bit for bit, and becomes a voice that reads."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pkg_resources", reason="needs setuptools<80: pip install '.[evaluate]'")
pytest.importorskip("pyworld", reason="needs pyworld: pip install '.[evaluate]'")

from tests.training import runs
from tests.voices_for_tests import make_text_voice, make_voice
from wavesynth.audio.analysis import MelConfig
from wavesynth.text.speech import TextSpeech
from wavesynth.training.export import export
from wavesynth.training.run import parse_run
from wavesynth.training.spoken import align_folder, aligned
from wavesynth.voices.voice import load_voice, save_voice


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return runs.spoken(tmp_path_factory.mktemp("spoken"))


@pytest.fixture(scope="module")
def vocoder(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocoder")
    save_voice(path, make_voice("vocoder"))
    return str(path)


def values(folder, vocoder, top=None, **training):
    """A configuration as a TOML file would give it."""
    return {
        "kind": "text",
        "text": {
            "channels": 32, "predictor_channels": 16, "encoder_layers": 1, "decoder_layers": 2, "predictor_layers": 1,
        },
        "data": {"speakers": {"a": [folder]}, "crop_frames": 60},
        "training": {
            "batch_size": 4, "steps": 6, "learning_rate": 3e-3, "warmup_steps": 2, "validate_every": 100,
            "checkpoint_every": 3, "precision": "float32", "compile": False, **training,
        },
        "voice": {"name": "reads", "vocoder": vocoder, "temperature": 0.7},
        **(top or {}),
    }  # fmt: skip


@pytest.fixture(scope="module")
def run(folder, vocoder, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    return path, *runs.train(values(folder, vocoder, steps=150, ema_decay=0.9), path)


def test_it_learns(run):
    *_, validations = run
    assert validations[150] < 0.6 * validations[0]


def test_a_resumed_run_is_the_run_that_never_stopped(folder, vocoder, tmp_path):
    _, losses, _ = runs.train(values(folder, vocoder), tmp_path / "whole")
    runs.train(values(folder, vocoder, steps=3), tmp_path / "halves")
    _, rest, _ = runs.train(values(folder, vocoder), tmp_path / "halves", resume=True)
    assert rest[6] == losses[6]


def test_a_run_with_a_critic_resumes_bit_for_bit_and_becomes_a_voice_without_it(folder, vocoder, tmp_path):
    with_critic = {"adversarial": 0.3}
    _, losses, _ = runs.train(values(folder, vocoder, with_critic), tmp_path / "whole")
    runs.train(values(folder, vocoder, with_critic, steps=3), tmp_path / "halves")
    _, rest, _ = runs.train(values(folder, vocoder, with_critic), tmp_path / "halves", resume=True)
    assert rest[6] == losses[6]
    export(tmp_path / "whole", tmp_path / "voice")
    plain = runs.train(values(folder, vocoder, steps=1), tmp_path / "plain")
    assert plain[1][1] < losses[1]  # the critic's part is in the loss
    export(tmp_path / "plain", tmp_path / "without")
    weights = [load_voice(tmp_path / name).text_network.weights for name in ("voice", "without")]
    assert set(weights[0]) == set(weights[1])
    _, more, _ = runs.train(
        values(folder, vocoder, {"start_from": str(tmp_path / "whole")}, steps=1), tmp_path / "more"
    )
    assert more[1] < plain[1][1]


def test_it_is_exported_with_its_vocoder_as_a_voice_that_reads(run, tmp_path):
    export(run[0], tmp_path / "voice")
    voice = load_voice(tmp_path / "voice")
    assert voice.name == "reads" and voice.takes_text and voice.takes_mel
    speech = TextSpeech(voice)
    speech.push("say knee.")
    speech.finish()
    pieces = []
    while (piece := speech.next()) is not None:
        pieces.append(piece)
    seconds = sum(len(piece.frames) for piece in pieces) / 100
    assert 0.4 < seconds < 1.0  # four letters of 100 to 160 ms, and a pause around them
    assert "M parameters" in (tmp_path / "voice/CARD.md").read_text()


def test_another_run_begins_where_one_ended(run, folder, vocoder, tmp_path):
    _, first, _ = runs.train(values(folder, vocoder, {"start_from": str(run[0])}, steps=1), tmp_path / "more")
    assert first[1] < 0.8 * run[2][1]


def test_recordings_are_aligned_once_and_those_that_do_not_fit_are_named(tmp_path):
    folder = Path(runs.spoken(tmp_path))
    table = (folder / "transcripts.tsv").read_text().splitlines()
    table[9] = "8\tsay knee see nay\t" + " ".join(["sˈA nˈi"] * 40)
    table[10] = "9\tx\tø"
    (folder / "transcripts.tsv").write_text("\n".join(table) + "\n")
    kept = align_folder(folder, MelConfig())
    written = kept.stat().st_mtime_ns
    assert align_folder(folder, MelConfig()) == kept and kept.stat().st_mtime_ns == written
    left_out = kept.with_suffix(".left-out.txt").read_text()
    assert (
        "8: it has" in left_out
        and "too few for 160 phonemes" in left_out
        and "9: phonemes is 'ø'" in left_out
    )
    stems = {one.stem for split in ("train", "validation") for one in aligned(folder, split, MelConfig())}
    assert stems == {str(number) for number in range(24)} - {"8", "9"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda v: v["data"]["speakers"].update(b=["x"]),
            "speakers has a, b; a text network must have one speaker",
        ),
        (lambda v: v["data"].update(augment=0.5), "augment is 0.5; it must be 0 for a text network"),
        (lambda v: v.update(adversarial=-1.0), "adversarial is -1.0; it must be from 0 to 10"),
        (lambda v: v.update(keep=1.0, start_from="x"), "keep is 1.0; it must be at least 0 and below 1"),
        (lambda v: v.update(keep=0.4), "keep is 0.4; it must be 0 without start_from"),
        (lambda v: v["text"].update(bands=40), r"\[text\] bands is 40; it must be data.mel.bands, 80"),
        (lambda v: v["text"].update(channels=20), "channels is 20; it must be a multiple of 16"),
    ],
)
def test_wrong_configurations_are_refused(folder, vocoder, change, message):
    wrong = values(folder, vocoder)
    change(wrong)
    with pytest.raises(ValueError, match=message):
        parse_run(wrong)


def test_too_few_transcripts_and_what_does_not_fit_are_refused(folder, vocoder, tmp_path):
    few = runs.spoken(tmp_path / "few", count=10)
    with pytest.raises(ValueError, match="has 10 recordings with transcripts; it must have at least 20"):
        align_folder(few, MelConfig())
    silent = runs.prepared(tmp_path / "silent")
    with pytest.raises(ValueError, match=r"has no transcripts.tsv; prepare it with --transcripts"):
        align_folder(silent, MelConfig())
    with pytest.raises(
        ValueError, match=r"start_from is .*, a voice that takes no text; it must be one that does"
    ):
        runs.train(values(folder, vocoder, {"start_from": vocoder}), tmp_path / "run")
    save_voice(tmp_path / "reader", make_text_voice())
    with pytest.raises(ValueError, match=r"start_from is .*, whose network is another"):
        runs.train(values(folder, vocoder, {"start_from": str(tmp_path / "reader")}), tmp_path / "run")


def test_an_exported_network_may_have_the_spectrum_of_another_speaker(run, folder, vocoder, tmp_path):
    other = make_text_voice()
    save_voice(tmp_path / "other", other)
    of_its_own = values(folder, vocoder, steps=1)
    runs.train(of_its_own, tmp_path / "own")
    of_its_own["voice"]["spectrum_of"] = str(tmp_path / "other")
    runs.train(of_its_own, tmp_path / "matched")
    found = []
    for name in ("own", "matched"):
        export(tmp_path / name, tmp_path / "voice" / name)
        found.append(load_voice(tmp_path / "voice" / name).text_network.weights)
    own, matched = found
    for key in own:
        wanted = other.text_network.weights[key] if key in ("mean", "scale", "silence") else own[key]
        np.testing.assert_array_equal(matched[key], wanted)
    assert not np.array_equal(own["mean"], matched["mean"])


def test_an_exported_network_may_keep_a_part_of_the_weights_it_started_from(run, folder, vocoder, tmp_path):
    found = {}
    for name, top in (("start", {}), ("learned", {"keep": 0.0}), ("kept", {"keep": 0.25})):
        source = run[0] if name == "start" else tmp_path / name
        if name != "start":
            runs.train(values(folder, vocoder, {"start_from": str(run[0]), **top}, steps=3), source)
        export(source, tmp_path / "voice" / name)
        found[name] = load_voice(tmp_path / "voice" / name).text_network.weights
    for key in ("decoder.input.weight", "decoder.output.weight"):
        assert not np.allclose(found["start"][key], found["learned"][key], atol=1e-3)
        wanted = 0.25 * found["start"][key] + 0.75 * found["learned"][key]
        np.testing.assert_allclose(found["kept"][key], wanted, atol=1e-3)
    np.testing.assert_array_equal(found["kept"]["mean"], found["learned"]["mean"])
