"""wavesynth datasets: which there are, and what stands in the way of making one."""

import json

import pytest
from typer.testing import CliRunner

from wavesynth.cli import app


def test_without_a_name_it_lists_each_with_licence_size_and_time(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(app, ["datasets"], env={"COLUMNS": "80"})
    assert result.exit_code == 0
    assert "CC-BY-SA-3.0; 23.7 minutes of audio; 11 MB to fetch; takes" in result.stdout
    assert "\nallison needs apt-get and dpkg-deb, which are missing: " in result.stdout
    listed = json.loads(CliRunner().invoke(app, ["datasets", "--json"]).stdout)["datasets"]
    assert {"allison", "june", "nsh", "read", "letters", "piano"} <= {one["name"] for one in listed}
    assert listed[0]["needs"] == listed[0]["missing"] == ["apt-get", "dpkg-deb"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobody", "out"], "wavesynth: NAME is 'nobody'; it must be one of allison, allison-es, "),
        (["june"], "wavesynth: OUT is missing; it is the folder for the data set: wavesynth datasets june "),
        (
            ["june", "{out}"],
            "wavesynth: june needs apt-get and dpkg-deb, which are missing: run this on Debian",
        ),
    ],
)
def test_what_cannot_be_made_is_one_sentence(arguments, sentence, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    arguments = [argument.format(out=tmp_path / "out") for argument in arguments]
    result = CliRunner().invoke(app, ["datasets", *arguments])
    assert result.exit_code == 1
    assert result.stderr.startswith(sentence) and result.stderr.count("\n") == 1
