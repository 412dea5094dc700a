import json
from pathlib import Path

import pytest

from tests.training.runs import values
from wavesynth.training.converter import ConverterConfiguration
from wavesynth.training.run import parse_run, read_run

SHIPPED = sorted((Path(__file__).parents[2] / "wavesynth" / "configurations").glob("*.toml"))


def with_(section, **keys):
    v = values("somewhere")
    if section:
        v[section] |= keys
    else:
        v |= keys
    return v


@pytest.mark.parametrize(
    ("section", "keys", "message"),
    [
        (
            "training",
            {"stepz": 1},
            r"\[training\] stepz is not a key; it must be one of batch_size, steps, .*",
        ),
        (
            "",
            {"modle": {}},
            r"modle is not a key; it must be one of data, voice, model, training, kind, start_from, teacher, "
            "teacher_share, quantised, converter, reader",
        ),
        ("training", {"steps": "many"}, r"\[training\] steps is 'many'; it must be a whole number"),
        ("training", {"steps": 1.5}, r"\[training\] steps is 1.5; it must be a whole number"),
        ("training", {"steps": True}, r"\[training\] steps is True; it must be a whole number"),
        ("training", {"steps": 0}, r"\[training\] steps is 0; it must be at least 1"),
        ("training", {"learning_rate": float("nan")}, r"\[training\] learning_rate is nan; .* at most 1"),
        ("training", {"betas": [0.9]}, r"\[training\] betas is \[0.9\]; it must be a list of 2 numbers"),
        (
            "training",
            {"precision": "fp8"},
            r"\[training\] precision is 'fp8'; it must be 'bf16' or 'float32'",
        ),
        ("training", {"compile": 1}, r"\[training\] compile is 1; it must be true or false"),
        ("voice", {"activation_bits": 1}, r"\[voice\] activation_bits is 1; it must be 8 or 16"),
        ("model", {"stacks": 0}, r"\[model\] stacks is 0; it must be a whole number from 1 to 20"),
        ("model", {"speakers": 3}, r"\[model\] speakers is 3; it must be 1, .*, or 0 .*"),
        ("model", {"mel_bands": 40}, r"\[model\] mel_bands is 40; it must be data.mel.bands, 80, or 0"),
        ("model", {"hop": 80}, r"\[model\] hop is 80; it must be data.mel.hop, 160"),
        ("data", {"mel": {"low": 9000.0}}, r"\[data.mel\] mel low is 9000.0; .*"),
        ("data", {"mel": 3}, r"data.mel is 3; it must be a section, \[data.mel\]"),
        ("data", {"speakers": {}}, r"\[data\] speakers is {}; it must be at least one name with its folders"),
        ("data", {"speakers": {"a": []}}, r"\[data\] speakers.a is empty; .*"),
        ("data", {"speakers": {"a": "x"}}, r"\[data\] speakers is .*; it must be a list of texts"),
        ("data", {"burn_in_samples": 640}, r"\[data\] burn_in_samples is 640; it must be from 0 to 639"),
        ("data", {"perturb": -1}, r"\[data\] perturb is -1; it must be from 0 to 100"),
        ("", {"voice": {}}, r"\[voice\] name is missing; it has no default"),
    ],
)
def test_what_is_wrong_is_named_in_one_sentence(section, keys, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        parse_run(with_(section, **keys))


@pytest.mark.parametrize(
    ("perturb", "converter", "bands"), [(2, None, 80), (0, "runs/c", 80), (2, "runs/c", 0)]
)
def test_a_voice_hears_perturbed_copies_through_a_converter_or_neither(perturb, converter, bands):
    v = with_("data", perturb=perturb)
    v["model"]["mel_bands"] = bands
    v["converter"] = converter
    with pytest.raises(ValueError, match=r"a voice that hears through a converter needs all three"):
        parse_run(v)


@pytest.mark.parametrize(
    ("section", "keys", "message"),
    [
        ("data", {"perturb": 0}, r"\[data\] perturb is 0; for a converter it must be at least 1"),
        ("converter", {"bands": 40}, r"\[converter\] bands is 40; it must be data.mel.bands, 80"),
        (
            "converter",
            {"look_ahead": -1},
            r"\[converter\] look_ahead is -1; it must be a whole number from 0 to 50",
        ),
    ],
)
def test_what_is_wrong_with_a_converters_run_is_named(section, keys, message):
    v = {"converter": {}, "data": {"speakers": {"a": ["x"]}, "perturb": 2}}
    v[section] |= keys
    with pytest.raises(ValueError, match=f"^{message}$"):
        parse_run(v)


def test_inputs_are_trained_for_8_bits_or_served_in_16():
    v = with_("voice", activation_bits=16) | {"quantised": True}
    with pytest.raises(ValueError, match=r"\[voice\] activation_bits is 16, which serves them in 16; one of"):
        parse_run(v)


def test_a_file_that_is_no_configuration_is_named(tmp_path):
    path = tmp_path / "c.toml"
    with pytest.raises(ValueError, match=r"c\.toml cannot be read: No such file"):
        read_run(path)
    path.write_text("steps = ")
    with pytest.raises(ValueError, match=r"c\.toml is not TOML"):
        read_run(path)
    path.write_text("[voice]\nname = 3\n[data]\nspeakers.a = ['b']")
    with pytest.raises(ValueError, match=r"c\.toml: \[voice\] name is 3; it must be a text"):
        read_run(path)


def test_a_file_may_begin_with_a_byte_order_mark_and_utf_16_is_named(tmp_path):
    path = tmp_path / "c.toml"
    text = '[voice]\nname = "Алиса"\n[data]\nspeakers.a = ["b"]'
    path.write_text(text, "utf-8-sig")
    assert read_run(path).voice.name == "Алиса"
    path.write_text(text, "utf-16")
    with pytest.raises(ValueError, match=r"c\.toml is UTF-16; it must be UTF-8"):
        read_run(path)


def test_a_checkpoint_gives_back_the_configuration():
    configuration = parse_run(with_("training", clip=float("inf"), betas=[0.5, 0.9]))
    assert parse_run(json.loads(json.dumps(configuration.to_json()))) == configuration


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_configurations_are_valid(path):
    configuration = read_run(path)
    assert isinstance(configuration, ConverterConfiguration) or configuration.voice.name in (
        path.stem,
        "alice",
    )


def test_the_learning_rate_rises_and_falls_as_configured():
    c = parse_run(
        with_("training", steps=110, learning_rate=0.1, warmup_steps=10, final_fraction=0.2)
    ).training
    rates = [c.rate(step) for step in range(111)]
    assert rates[0] == pytest.approx(0.01) and rates[9] == rates[10] == 0.1
    assert rates[60] == pytest.approx(0.1 * (0.2 + 0.8 / 2))
    assert rates[110] == pytest.approx(0.02)
    assert rates[10:] == sorted(rates[10:], reverse=True)


@pytest.mark.parametrize(
    ("section", "old", "new"),
    [
        ("data", {"altered": 0.5}, {"augment": 0.5}),
        ("data", {"unscored_samples": 3}, {"burn_in_samples": 3}),
        ("voice", {"fine": True}, {"activation_bits": 16}),
        ("voice", {"fine": False}, {"activation_bits": 8}),
    ],
)
def test_a_key_is_read_by_its_old_name_as_by_its_new_one(section, old, new):
    assert parse_run(with_(section, **old)) == parse_run(with_(section, **new))
    with pytest.raises(ValueError, match=rf"^\[{section}\] has \w+ and \w+, which are one"):
        parse_run(with_(section, **old, **new))


def test_the_copies_of_a_converters_run_are_read_by_their_old_name():
    data = {"speakers": {"a": ["x"]}}
    old, new = ({"converter": {}, "data": data | {name: 2}} for name in ("disturb", "perturb"))
    assert parse_run(old) == parse_run(new | {"kind": "converter"})


def test_the_variant_of_a_model_of_images_is_read_by_its_old_name():
    rest = {"card": {"name": "a"}, "data": {"folder": "x"}}
    for old, new in (("pixelcnn", "plain"), ("row-lstm", "row-lstm")):
        assert parse_run(rest | {"model": {"kind": old}}) == parse_run(
            rest | {"kind": "pixelcnn", "model": {"variant": new}}
        )


def test_an_unknown_kind_is_answered_with_the_known_ones():
    with pytest.raises(
        ValueError, match=r"^kind is 'choir'; it must be one of .*converter, .*pixelcnn, .*wavenet"
    ):
        parse_run(with_("data") | {"kind": "choir"})
