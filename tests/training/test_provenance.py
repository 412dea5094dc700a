"""What a run's voice has heard is told as far as it can still be read."""

import shutil

from tests.training.runs import prepared, values
from wavesynth.data.provenance import Provenance
from wavesynth.training.provenance import provenance
from wavesynth.training.run import parse_run


def test_where_data_is_gone_what_else_was_heard_is_told(tmp_path):
    own, gone, taught = (
        prepared(tmp_path / name, seed) for seed, name in enumerate(("own", "gone", "taught"))
    )
    voice = tmp_path / "voice"
    voice.mkdir()
    (voice / "voice.json").touch()
    provenance(parse_run(values(taught))).save(voice)
    configuration = parse_run(values(own, data={"speakers": {"a": [gone, own]}}) | {"teacher": str(voice)})
    whole = provenance(configuration)
    assert whole.complete and len(whole.frames) == 12
    shutil.rmtree(gone)
    rest = provenance(configuration)
    assert not rest.complete
    wanted = provenance(parse_run(values(own))) + Provenance.load(voice)
    assert sorted(rest.words) == sorted(wanted.words) and len(rest.frames) == 8
