from pathlib import Path

import pytest
import torch

from tests.sampling.networks import network
from tests.training.runs import prepared, train, values
from wavesynth.models.wavenet import WaveNet, WaveNetConfig
from wavesynth.training.checkpoint import Checkpoint, newest
from wavesynth.training.export import ExportOptions, export
from wavesynth.training.run import parse_run
from wavesynth.training.start import grow, located, starting_model, teaching_model
from wavesynth.voices.folders import SHIPPED
from wavesynth.voices.voice import load_voice


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    train(values(folder), path)
    return path


def grown(**others):
    source = network(stacks=1, mel_bands=4, speakers=2)
    torch.manual_seed(1)
    model = WaveNet(WaveNetConfig(**{**vars(source.config), "stacks": 3, **others}))
    grow(source, model)
    return source, model


def test_a_grown_network_begins_with_the_same_predictions():
    source, model = grown()
    tokens = torch.randint(32, (2, 60))
    mel, speaker = torch.randn(2, 12 + 6, 4), torch.tensor([0, 1])
    with torch.no_grad():
        before, after = (m(tokens, m.conditioning(mel, speaker)) for m in (source, model))
    assert before.std() > 0.5
    assert torch.allclose(before, after, atol=1e-5)


def test_the_new_layers_of_a_grown_network_learn():
    _, model = grown()
    tokens = torch.randint(32, (2, 60))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(2):
        conditioning = model.conditioning(torch.randn(2, 12 + 6, 4), torch.tensor([0, 1]))
        model(tokens, conditioning).square().mean().backward()
        new = model.dilated.grad[3:].abs().amax((1, 2)), model.skip.weight.grad[:, 3 * 16 :].abs().amax()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
    assert (new[0] > 0).all() and new[1] > 0


def test_other_speakers_begin_with_the_predictions_of_a_network_without_any():
    source = network(stacks=1, mel_bands=4)
    torch.manual_seed(1)
    model = WaveNet(WaveNetConfig(**{**vars(source.config), "speakers": 3}))
    grow(source, model)
    tokens, mel = torch.randint(32, (2, 60)), torch.randn(2, 12 + 6, 4)
    before = source(tokens, source.conditioning(mel))
    after = model(tokens, model.conditioning(mel, torch.tensor([0, 2])))
    assert torch.equal(before, after)
    after.square().mean().backward()
    assert (model.speaker.weight.grad[[0, 2]].abs().amax(1) > 0).all()


def test_a_network_that_is_not_told_who_speaks_begins_with_the_mean_of_the_speakers():
    source = network(stacks=1, mel_bands=4, speakers=2)
    torch.nn.init.normal_(source.speaker.weight)
    model = WaveNet(WaveNetConfig(**{**vars(source.config), "speakers": 0, "stacks": 2}))
    grow(source, model)
    tokens, mel = torch.randint(32, (1, 60)), torch.randn(1, 12 + 6, 4)
    with torch.no_grad():
        source.speaker.weight[:] = source.speaker.weight.mean(0)
        before = source(tokens, source.conditioning(mel, torch.tensor([0])))
        after = model(tokens, model.conditioning(mel))
    assert torch.allclose(before, after, atol=1e-5)


def test_a_network_without_mel_takes_all_but_the_mel_network():
    source = network(stacks=1, mel_bands=4)
    model = WaveNet(WaveNetConfig(**{**vars(source.config), "mel_bands": 0}))
    grow(source, model)
    weights = source.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"skip": 64}, r"\[model\] skip is 64; to begin with start_from's weights it must be 32"),
        ({"mel_bands": 8}, r"\[model\] mel_bands is 8; .* it must be 4"),
    ],
)
def test_a_network_of_another_shape_is_refused(others, message):
    with pytest.raises(ValueError, match=message):
        grown(**others)
    source = network(stacks=2)
    with pytest.raises(ValueError, match=r"stacks is 1; .* it must be at least 2"):
        grow(source, network(stacks=1))


def test_a_run_begins_with_the_averaged_weights_of_another(folder, run, tmp_path):
    trained = Checkpoint.load(newest(run))
    for number, source in enumerate((run, newest(run))):
        model = starting_model(parse_run(values(folder) | {"start_from": str(source)}))
        for name, parameter in model.named_parameters():
            assert torch.equal(parameter, trained.average[name]) and parameter.requires_grad
        _, _, validations = train(
            values(folder, steps=1) | {"start_from": str(source)}, tmp_path / str(number)
        )
        assert validations[0] == trained.validation


def test_a_run_begins_with_a_voice(folder, run, tmp_path):
    export(run, tmp_path / "voice", options=ExportOptions(seconds=0.1))
    trained = starting_model(parse_run(values(folder) | {"start_from": str(run)}))
    model = starting_model(parse_run(values(folder) | {"start_from": str(tmp_path / "voice")}))
    for (name, a), b in zip(model.named_parameters(), trained.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-5), name  # a voice's weights are float16


@pytest.mark.parametrize("source", ["allison-small", "wavesynth/voices/allison-small"])
def test_a_voice_that_ships_is_found_by_its_name_wherever_one_is(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    assert located("start_from", source) == SHIPPED / "allison-small"
    given = {"model": {"stacks": 3}, "data": {"speakers": {"a": ["x"]}}, "voice": {"name": "a"}}
    model = starting_model(parse_run(given | {"start_from": source}))
    assert torch.equal(model.output.weight, load_voice(SHIPPED / "allison-small").model.output.weight)


def test_a_bare_name_that_ships_is_the_voice_that_ships_and_a_path_is_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert located("start_from", "mine") == Path("mine")
    (tmp_path / "five").mkdir()
    with pytest.warns(UserWarning, match=r"^five is the voice that ships; the folder here is ./five$"):
        assert located("start_from", "five") == SHIPPED / "five"
    for path in ("./five", "five/", tmp_path / "five", Path("five")):
        assert located("start_from", path).resolve() == tmp_path / "five"


def test_what_cannot_be_begun_with_is_named(folder, run, tmp_path):
    with pytest.raises(
        ValueError, match=r"start_from is .*nothing, which does not exist; it must be a voice"
    ):
        starting_model(parse_run(values(folder) | {"start_from": str(tmp_path / "nothing")}))
    with pytest.raises(ValueError, match=r"start_from is .* preemphasis is not the configured one"):
        starting_model(parse_run(values(folder, data={"preemphasis": 0.5}) | {"start_from": str(run)}))
    damaged = tmp_path / "step-00000001.safetensors"
    damaged.write_bytes((run / "step-00000006.safetensors").read_bytes()[:1000])
    with pytest.raises(ValueError, match="cannot be read"):
        starting_model(parse_run(values(folder) | {"start_from": str(damaged)}))


def test_a_teacher_may_be_of_another_size_but_not_of_other_inputs(folder, tmp_path):
    train(values(folder, steps=1, model={"stacks": 2, "skip": 64}), tmp_path / "run")
    given = values(folder) | {"teacher": str(tmp_path / "run")}
    teacher = teaching_model(parse_run(given))
    assert teacher.config.stacks == 2 and not any(p.requires_grad for p in teacher.parameters())
    assert teaching_model(parse_run(values(folder))) is None
    with pytest.raises(
        ValueError, match=r"\[model\] classes is 128; to learn from the teacher .* must be 256"
    ):
        teaching_model(parse_run(values(folder, model={"classes": 128}) | {"teacher": str(tmp_path / "run")}))
    with pytest.raises(ValueError, match=r"teacher is .*nothing, which does not exist; it must be a voice"):
        teaching_model(parse_run(values(folder) | {"teacher": str(tmp_path / "nothing")}))
    with pytest.raises(ValueError, match=r"teacher_share is 0.0; it must be above 0 and at most 1"):
        parse_run(given | {"teacher_share": 0})
