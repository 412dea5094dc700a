"""A real Envoy with the configuration of deploy/kubernetes, before servers of this machine."""

import importlib.util
import json
import shutil
import subprocess
import time
from pathlib import Path
from urllib.request import urlopen

import yaml

__all__ = ["FOLDER", "TLS", "Balancer", "configuration", "envoy"]

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
TLS = ROOT / "tests" / "server" / "tls"
#: Seconds in which it starts, and sees that a server begins or ends.
PATIENCE = 60


def envoy():
    """The program: the package's, or one that is installed; None without."""
    package = importlib.util.find_spec("envoy")
    places = (
        [Path(place) / "_bin" / "envoy" for place in package.submodule_search_locations or ()]
        if package
        else []
    )
    return next((str(place) for place in places if place.exists()), shutil.which("envoy"))


def configuration(folder, port, names):
    """The files that ship, in `folder`: servers have this port, and their name is asked of a name server of this
    machine; callers get a free port, and the tests' certificate. Nothing else is changed."""
    (folder / "tls").mkdir()
    for ours, name in (("cert.pem", "tls.crt"), ("key.pem", "tls.key")):
        shutil.copy(TLS / ours, folder / "tls" / name)
    for name in ("envoy.yaml", "certificate.yaml"):
        text = (FOLDER / name).read_text("utf-8")
        text = text.replace("/etc/envoy-tls", str(folder / "tls")).replace("/etc/envoy", str(folder))
        (folder / name).write_text(text, "utf-8")
    path = folder / "envoy.yaml"
    whole = yaml.safe_load(path.read_text("utf-8"))
    whole["admin"]["address"]["socket_address"]["port_value"] = 0
    (listener,), (cluster,) = whole["static_resources"]["listeners"], whole["static_resources"]["clusters"]
    listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": 0}
    ((endpoint,),) = (each["lb_endpoints"] for each in cluster["load_assignment"]["endpoints"])
    endpoint["endpoint"]["address"]["socket_address"]["port_value"] = port
    resolver = {"socket_address": {"address": "127.0.0.1", "port_value": names, "protocol": "UDP"}}
    cluster["cluster_type"]["typed_config"]["typed_dns_resolver_config"] = {
        "name": "envoy.network.dns_resolver.cares",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
            "resolvers": [resolver],
            "dns_resolver_options": {"no_default_search_domain": True},
        },
    }
    path.write_text(yaml.safe_dump(whole), "utf-8")
    return path


class Balancer:
    """Envoy before the servers at the addresses that a name server of this machine has, on one port."""

    def __init__(self, folder, port, names):
        self._folder, self._file = folder, configuration(folder, port, names)

    def __enter__(self):
        admin, log = self._folder / "admin", (self._folder / "log").open("w")
        options = ["--admin-address-path", str(admin), "--concurrency", "1", "--log-level", "warning"]
        command = [envoy(), "-c", str(self._file), "--disable-hot-restart", "--drain-time-s", "1", *options]
        self._process = subprocess.Popen(command, stdout=log, stderr=log)
        log.close()
        try:
            self._wait(lambda: admin.exists() and admin.read_text(), "it starts")
            self.admin = admin.read_text()
            (listener,) = self._asked("listeners?format=json")["listener_statuses"]
            self.port = listener["local_address"]["socket_address"]["port_value"]
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    @property
    def address(self):
        return f"localhost:{self.port}"

    def streams(self):
        """Streams on each server, by its address."""
        return {host: int(statistics.get("rq_active", 0)) for host, (statistics, _) in self._hosts().items()}

    def retried(self):
        """Calls that went to another server because the first refused them."""
        text = self._text("stats?filter=cluster.wavesynth.upstream_rq_retry$")
        return int(text.rpartition(":")[2])

    def wait_for(self, hosts):
        """Until exactly the servers at these addresses get calls."""
        wanted = set(hosts)
        self._wait(
            lambda: {h for h, (_, well) in self._hosts().items() if well} == wanted, f"{wanted} get calls"
        )

    def _hosts(self):
        found = {}
        for cluster in self._asked("clusters?format=json")["cluster_statuses"]:
            for host in cluster.get("host_statuses", ()):
                statistics = {s["name"]: s.get("value", 0) for s in host["stats"]}
                health = host["health_status"]
                well = health.get("eds_health_status") == "HEALTHY" and not any(
                    health.get(name) for name in ("failed_active_health_check", "failed_outlier_check")
                )
                found[host["address"]["socket_address"]["address"]] = statistics, well
        return found

    def _asked(self, path):
        return json.loads(self._text(path))

    def _text(self, path):
        with urlopen(f"http://{self.admin}/{path}", timeout=PATIENCE) as answer:
            return answer.read().decode()

    def _wait(self, condition, what):
        until = time.monotonic() + PATIENCE
        while not condition():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < until, f"not in {PATIENCE} s: {what}"
            time.sleep(0.02)
