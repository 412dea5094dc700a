"""What operators are given: each expression is one that Prometheus understands, of metrics that the server has."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import generate_latest

from wavesynth.server.config import ServerConfig
from wavesynth.server.server import Server

FOLDER = Path(__file__).parents[1] / "deploy"
ALERTS = (FOLDER / "alerts.yml").read_text("utf-8")
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))
ADAPTER = yaml.safe_load((FOLDER / "kubernetes" / "prometheus-adapter.yaml").read_text("utf-8"))
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
EXPRESSIONS += [rule["metricsQuery"] for rule in ADAPTER["rules"]["custom"]]


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """Those of the metrics of a server that has served nothing yet."""
    from tests.voices_for_tests import tiny_voice

    folder = tmp_path_factory.mktemp("voices")
    tiny_voice(folder)

    async def said():
        async with Server(ServerConfig(port=0, voices=folder, live_streams=1)) as server:
            return generate_latest(server.metrics.registry).decode()

    text = asyncio.run(said())
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    return {*kinds, *(f"{name}_bucket" for name, kind in kinds.items() if kind == "histogram")}


def test_the_dashboard_and_the_alerts_ask_for_metrics_that_there_are(names):
    asked = set(re.findall(r"\bwavesynth_\w+", ALERTS + "".join(EXPRESSIONS)))
    asked -= {name for name in asked if re.search(rf"\b{name} with\b", ALERTS)}  # in a sentence
    assert len(asked) > 8 and asked <= names


def test_panels_stand_side_by_side_and_each_has_a_title():
    panels = DASHBOARD["panels"]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels})
    assert all(panel["title"] and panel["targets"] for panel in panels)


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (apt-get install prometheus)"
)
def test_prometheus_understands_every_expression(tmp_path):
    variables = {"$instance": ".*", "$__rate_interval": "1m", "<<.GroupBy>>": "pod", "<<.LabelMatchers>>": ""}
    rules = []
    for expression in EXPRESSIONS:
        for variable, value in variables.items():
            expression = expression.replace(variable, value)
        rules.append({"record": f"panel:{len(rules)}", "expr": expression})
    panels = tmp_path / "panels.yml"  # JSON is YAML
    panels.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), "utf-8")
    for file in (FOLDER / "alerts.yml", panels):
        run = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
