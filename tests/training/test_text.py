"""A text network learns to say what recordings say; its run resumes bit for bit, and becomes a voice that reads."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

pytest.importorskip("pkg_resources", reason="needs setuptools<80: pip install '.[evaluate]'")
pytest.importorskip("pyworld", reason="needs pyworld: pip install '.[evaluate]'")

from tests.training import runs
from tests.voices_for_tests import make_text_voice, make_voice
from wavesynth.audio.analysis import MelConfig
from wavesynth.data.dataset import Crops
from wavesynth.data.features import untracked
from wavesynth.data.prepare import FORMAT
from wavesynth.text.speech import TextSpeech
from wavesynth.training.export import export
from wavesynth.training.reader import Reading, trained_reader
from wavesynth.training.run import parse_run
from wavesynth.training.spoken import align_folder, aligned
from wavesynth.voices.voice import load_voice, save_voice

#: Letters that are tones: what is said in a recording is heard in its spectrum.
TONES = {"s": 3000.0, "A": 500.0, "n": 1000.0, "i": 2000.0}
WORDS = {"say": "sˈA", "knee": "nˈi", "see": "sˈi", "nay": "nˈA"}


def spoken(folder, count=24, validation=4):
    """A prepared folder with transcripts: a buzz of 150 Hz through a resonance for each letter."""
    random, files, lines = np.random.default_rng(3), [], ["file\ttext\tphonemes"]
    for number in range(count):
        words = random.choice(list(WORDS), 3).tolist()
        pieces = [np.zeros(1200)]
        for letter in "".join(WORDS[word].replace("ˈ", "") for word in words):
            time = np.arange(int(random.integers(1600, 2600))) / 16000
            pieces.append(
                np.sin(2 * np.pi * TONES[letter] * time)
                * (0.3 + 0.2 * np.sign(np.sin(2 * np.pi * 150 * time)))
            )
        samples = np.concatenate([*pieces, np.zeros(1200)]) + 0.001 * random.normal(size=1)
        split = "train" if number >= validation else "validation"
        path = Path(folder) / "audio" / split / f"{number}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, 16000)
        files.append({"stem": str(number), "split": split, "samples": len(samples)})
        lines.append(f"{number}\t{' '.join(words)}.\t{' '.join(WORDS[word] for word in words)}.")
    (Path(folder) / "dataset.json").write_text(
        json.dumps({"format": FORMAT, "sample_rate": 16000, "files": files})
    )
    (Path(folder) / "transcripts.tsv").write_text("\n".join(lines) + "\n")
    return str(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return spoken(tmp_path_factory.mktemp("spoken"))


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
    folder = Path(spoken(tmp_path))
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
    few = spoken(tmp_path / "few", count=10)
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


def reading(path):
    return Reading(trained_reader("reader", path, MelConfig()), MelConfig(), untracked)


def test_a_vocoder_hears_what_a_reader_predicts_in_half_of_its_crops(run, folder, vocoder):
    """Of recordings, in their own time; a recording without a transcript is heard as it is."""
    heard = Crops([folder], "validation", reading=reading(run[0]))
    recorded, read = heard.mel.view(2, len(heard), -1)
    assert torch.equal(recorded, Crops([folder], "validation").mel)
    distance = (read - recorded).abs().mean()
    elsewhere = (read - recorded.roll(10, 0)).abs().mean()
    assert 0 < distance < 0.5 * elsewhere
    batch = heard.batch(torch.Generator().manual_seed(0), 64, 20)
    known = {row.numpy().tobytes() for row in recorded}
    of_recordings = [crop[10].numpy().tobytes() in known for crop in batch.mel]
    assert 16 < sum(of_recordings) < 48


def test_what_has_no_transcript_is_heard_as_it_was_recorded(run, folder, tmp_path):
    silent = spoken(tmp_path / "spoken")
    lines = (Path(silent) / "transcripts.tsv").read_text().splitlines()
    (Path(silent) / "transcripts.tsv").write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    heard = Crops([silent], "validation", reading=reading(run[0]))
    recorded, read = heard.mel.view(2, len(heard), -1)
    first = int(heard.end[0])
    assert torch.equal(read[:first], recorded[:first])
    assert not torch.equal(read[first:], recorded[first:])


def test_a_recording_that_was_cut_is_read_whole(run, folder, tmp_path):
    """Its pieces are read as the whole is, but for the frame in which it was cut."""
    cut, whole = Path(spoken(tmp_path / "cut")), Crops([folder], "validation", reading=reading(run[0]))
    dataset = json.loads((cut / "dataset.json").read_text())
    [first] = [file for file in dataset["files"] if file["stem"] == "0"]
    samples, _ = soundfile.read(cut / "audio/validation/0.flac")
    middle = len(samples) // 320 * 160
    pieces = {"0-001": samples[:middle], "0-002": samples[middle:]}
    for stem, piece in pieces.items():
        soundfile.write(cut / f"audio/validation/{stem}.flac", piece, 16000)
    dataset["files"] = [
        *({"stem": stem, "split": "validation", "samples": len(piece)} for stem, piece in pieces.items()),
        *(file for file in dataset["files"] if file != first),
    ]
    (cut / "dataset.json").write_text(json.dumps(dataset))
    in_pieces = Crops([str(cut)], "validation", reading=reading(run[0]))
    length, at = int(whole.end[0]), middle // 160
    read, of_pieces = (crops.mel.view(2, len(crops), -1)[1][:length] for crops in (whole, in_pieces))
    assert torch.allclose(read[: at - 3], of_pieces[: at - 3], atol=0.5)
    assert torch.allclose(read[at + 3 : -2], of_pieces[at + 3 : -2], atol=0.5)


def test_a_vocoder_that_hears_a_reader_becomes_a_voice_as_any_other(run, folder, tmp_path):
    alone = runs.values(folder)
    _, plain, _ = runs.train(alone, tmp_path / "plain")
    _, losses, _ = runs.train({"reader": str(run[0]), **alone}, tmp_path / "heard")
    assert losses[6] != plain[6]
    shapes = []
    for name in ("plain", "heard"):
        export(tmp_path / name, tmp_path / "voice" / name)
        weights = load_voice(tmp_path / "voice" / name).network.weights
        shapes.append({key: value.shape for key, value in weights.items()})
    assert shapes[0] == shapes[1]


def test_a_run_goes_on_with_the_reader_that_it_began_with(run, folder, tmp_path):
    alone = runs.values(folder)
    runs.train({"reader": str(run[0]), **alone}, tmp_path / "heard")
    with pytest.raises(ValueError, match="reader"):
        runs.train(alone, tmp_path / "heard", resume=True)


def test_a_reader_of_other_features_is_refused(run):
    with pytest.raises(ValueError, match=r"whose \[data\] mel is not the configured one"):
        trained_reader("reader", run[0], MelConfig(bands=40))


@pytest.mark.parametrize(("section", "keys"), [("data", {"augment": 0.5}), ("model", {"mel_bands": 0})])
def test_a_reader_needs_log_mel_that_nothing_else_alters(folder, section, keys):
    values = {"reader": "allison-reads", **runs.values(folder)}
    values[section] |= keys
    with pytest.raises(ValueError, match="needs mel bands, and perturb and augment 0"):
        parse_run(values)


@pytest.mark.parametrize("source", ["vocoder", "nothing"])
def test_what_cannot_read_is_no_reader(vocoder, source):
    reasons = {"vocoder": "a voice that takes no text", "nothing": "does not exist"}
    with pytest.raises(ValueError, match=reasons[source]):
        trained_reader("reader", vocoder if source == "vocoder" else source, MelConfig())
