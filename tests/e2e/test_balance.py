# SPDX-License-Identifier: Apache-2.0
"""Several real servers of one system: the plan's `health`, and what a node tells of them."""

import json
import urllib.request

from switchyard import Nginx, free_port, wait_for


def page(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=30) as answer:
        return answer.read().decode()


def test_a_server_that_dies_is_left_out_and_comes_back(yard):
    admin = free_port()
    yard.services()
    yard.coordinator.start()
    second = Nginx(yard, "second")
    yard.sidecar("node-1", options=["--admin", f"127.0.0.1:{admin}"])
    yard.wait_nodes(1)
    plan = yard.plan(stages=(100,))
    plan["spec"]["systems"]["new"] |= {
        "endpoints": [yard.new.url, f"http://localhost:{second.port}"],
        "health": "/healthz", "healthInterval": "500ms", "maxConnections": 100}
    yard.apply(plan)
    yard.cli("start", "app")
    yard.wait_status("everything goes to new", phase="completed", weight=100)

    def states():
        told = json.loads(page(admin, "status"))["endpoints"]
        assert [e["migration"] for e in told] == ["app"] * 3
        return {e["address"]: e["state"] for e in told if e["system"] == "new"}

    assert list(states()) == [f"127.0.0.1:{yard.new.port}", f"127.0.0.1:{second.port}"]
    second.kill()
    wait_for(lambda: states()[f"127.0.0.1:{second.port}"] == "failing", "its checks fail")
    failing = 'switchyard_endpoints{migration="app",system="new",state="failing"}'
    assert f"{failing} 1\n" in page(admin, "metrics")
    assert set(yard.sidecars[0].client().sides(range(40)).values()) == {"new"}

    def node():
        return yard.cli("get", "nodes", "-o", "json").json["nodes"][0]

    wait_for(lambda: (node()["endpointsHealthy"], node()["endpoints"]) == (2, 3), "the node tells")
    assert "2/3" in yard.cli("get", "nodes").out
    second.start()
    wait_for(lambda: states()[f"127.0.0.1:{second.port}"] in ("warming", "healthy"), "they pass again")
    assert f"{failing} 0\n" in page(admin, "metrics")
