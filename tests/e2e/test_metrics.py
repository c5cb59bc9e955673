# SPDX-License-Identifier: Apache-2.0
"""/metrics of sidecar and coordinator: in good form, and true, as a real Prometheus reads them."""

import json
import subprocess
import urllib.parse
import urllib.request

from backends import Prometheus
from switchyard import free_port, wait_for


def page(port, path="/metrics"):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return answer.read().decode()


def value(port, sample):
    """Of one sample, by its name and labels as they stand on the page."""
    for line in page(port).splitlines():
        if line.startswith(sample + " "):
            return float(line.rsplit(" ", 1)[1])
    return None


def test_prometheus_reads_what_happened(yard):
    node, coordinator = free_port(), free_port()
    yard.services()
    yard.coordinator.start(options=["--admin", f"127.0.0.1:{coordinator}"])
    yard.sidecar("node-1", options=["--admin", f"127.0.0.1:{node}"])
    yard.wait_nodes(1)
    yard.apply(stages=({"name": "at-40", "weight": 40, "mirror": 100, "approval": "manual"}, 100))
    yard.cli("start", "app")
    yard.wait_status("the first stage serves", phase="ready")
    sides = list(yard.sidecars[0].client().sides(range(60)).values())

    of_new = 'switchyard_requests_total{migration="app",system="new"}'
    wait_for(lambda: value(node, of_new) == sides.count("new"), "all are counted")
    wait_for(lambda: value(node, 'switchyard_client_requests_total{protocol="http1"}') == 60, "and those of legacy")
    assert value(node, 'switchyard_client_requests_total{protocol="http2"}') == 0
    assert value(node, of_new.replace('"new"', '"legacy"')) == sides.count("legacy")
    assert value(node, 'switchyard_latency_seconds_count{migration="app",system="new"}') == sides.count("new")
    assert value(node, 'switchyard_weight_ratio{migration="app"}') == 0.4
    assert value(node, 'switchyard_mirror_ratio{migration="app"}') == 1
    copies = 'mirror_copies_total{migration="app",result="2xx"}'
    wait_for(lambda: value(node, f"switchyard_{copies}") == sides.count("legacy"), "copies are counted")
    wait_for(lambda: value(coordinator, f"switchyard_rollout_{copies}") == sides.count("legacy"), "and here, too")
    assert value(coordinator, 'switchyard_rollout_mirror_ratio{migration="app"}') == 1
    assert value(node, 'switchyard_mirror_dropped_total{migration="app",reason="pending"}') == 0
    assert value(node, 'switchyard_mirror_bytes_total{migration="app",direction="sent"}') > 0
    assert value(node, "switchyard_stale") == 0
    assert value(node, "switchyard_coordinator_silence_seconds") == 0
    assert value(node, "switchyard_upstream_pools") == 2
    assert value(coordinator, "switchyard_leader") == 1
    assert value(coordinator, 'switchyard_nodes{state="serving"}') == 1
    assert value(coordinator, 'switchyard_migrations{phase="ready"}') == 1
    assert value(coordinator, 'switchyard_rollout_weight_ratio{migration="app"}') == 0.4
    assert value(coordinator, 'switchyard_commands_total{result="done"}') == 2
    assert 0 < value(coordinator, 'switchyard_fan_out_seconds{migration="app"}') < 60
    yard.cli("resume", "app", status=1)
    assert value(coordinator, 'switchyard_commands_total{result="refused"}') == 1
    for port in (node, coordinator):
        done = subprocess.run(["promtool", "check", "metrics"], input=page(port), text=True,
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    assert page(coordinator, "/readyz").startswith("200 OK")

    prometheus = Prometheus(yard, [f"127.0.0.1:{node}", f"127.0.0.1:{coordinator}"])
    prometheus.start()

    def asks(query):
        url = f"{prometheus.url}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(url, timeout=30) as answer:
            result = json.load(answer)["data"]["result"]
        return float(result[0]["value"][1]) if result else None
    wait_for(lambda: asks("sum(switchyard_requests_total)") == 60, "Prometheus has them")
    wait_for(lambda: asks("count(up == 1)") == 2, "both were read")
    assert asks("count(count by (program) (switchyard_build_info))") == 2
    assert 0 < asks("histogram_quantile(0.5, sum by (le) (switchyard_latency_seconds_bucket))") < 34

    yard.cli("rollback", "app", "--emergency", "--reason", "drill")
    wait_for(lambda: value(node, 'switchyard_emergency{migration="app"}') == 1, "the order is on the page")
    yard.coordinator.kill()
    wait_for(lambda: value(node, "switchyard_stale") == 1, "the node knows that it is alone")
    wait_for(lambda: value(node, "switchyard_coordinator_silence_seconds") > 0, "and for how long")
