# SPDX-License-Identifier: Apache-2.0
"""`why` and `probe`: one decision and one request, seen through the node itself."""

import json
import urllib.request

from switchyard import free_port, wait_for


def deciding(answer):
    (step,) = [s for s in answer["steps"] if s["decides"]]
    return step


def test_why_says_what_each_node_does(yard):
    yard.open(nodes=2)
    yard.apply(stages=(50, 100))
    yard.cli("start", "app")
    yard.wait_status("the stage is entered", weight=50)
    node = yard.sidecars[0]
    users = [f"user-{i}" for i in range(20)]

    for user, side in node.client().sides(users).items():
        answer = yard.cli("why", "app", "--key", user, "--node", node.node, "-o", "json").json
        assert (answer["system"], answer["node"], answer["answeredBy"]) == (side, "node-1", "node")
        assert deciding(answer)["layer"] == "weight" and (answer["bucket"] < 5000) == (side == "new")
        by_labels = yard.cli("why", "app", "--key", user, "--label", "cluster=eu-1", "-o", "json").json
        assert by_labels["system"] == side and by_labels["answeredBy"] == "coordinator"

    yard.cli("set", "override", "app", "new", "--reason", "a test")
    text = yard.cli("why", "app", "--key", "user-1", "--node", "node-2").out
    assert "user-1 goes to new on node node-2" in text and "node-2 says so itself" in text
    yard.cli("rollback", "app", "--emergency", "--reason", "INC-1")
    answer = yard.cli("why", "app", "--key", "user-1", "-o", "json").json
    assert answer["system"] == "legacy" and deciding(answer)["layer"] == "emergency"
    assert "INC-1" in deciding(answer)["text"]


def test_why_asks_the_node_when_no_coordinator_is_there_and_the_other_way_round(yard):
    yard.open()
    yard.all_on_new()
    yard.cli("get", "nodes")  # the fleet is kept

    yard.coordinator.kill()
    wait_for(lambda: yard.cli("why", "app", "--key", "u", "--node", "node-1", "-o", "json").json["stale"],
             "the node says that it is stale")
    assert yard.cli("why", "app", "--key", "u", "--timeout", "1s", status=None).status == 2

    yard.coordinator.start()
    yard.wait_nodes(1)
    yard.sidecars[0].kill()
    answer = yard.cli("why", "app", "--key", "u", "--node", "node-1", "-o", "json").json
    assert answer["answeredBy"] == "coordinator" and "node-1" in answer["nodeNotAsked"]
    assert answer["system"] == "new"


def test_why_refuses_what_it_cannot_tell(yard):
    yard.open()
    yard.apply()
    assert "needs --key" in yard.cli("why", "app", status=2).err
    assert "either --node or --label" in yard.cli(
        "why", "app", "--key", "u", "--node", "n", "--label", "a=b", status=2).err
    assert "no node" in yard.cli("why", "app", "--key", "u", "--node", "node-9", status=1).err
    assert "no migration" in yard.cli("why", "ap", "--key", "u", status=1).err


def test_a_probe_shows_both_answers(yard):
    yard.open()
    yard.apply(stages=(0, 100), breaker={"errors": 1, "window": "60s", "openFor": "60s"})
    yard.cli("start", "app")
    yard.wait_status("shadow", stage="at-0")

    text = yard.cli("probe", "app").out
    assert "through node node-1" in text and "not equal: the bodies are of different length" in text
    answer = yard.cli("probe", "app", "--system", "new", "--path", "/deep?x=1", "--header", "X-User-Id: 7",
                      "--node", "node-1", "-o", "json").json
    (new,) = answer["answers"]
    assert (answer["node"], new["status"], new["ok"], new["bodyBytes"]) == ("node-1", 200, True, 4)
    assert [r[2:] for r in yard.new.requests()][-1] == ("GET", "/deep", "7")
    stats = yard.stats()
    assert stats["new"]["requests"] == stats["legacy"]["requests"] == 0, "a probe counts in no gate"

    yard.new.become(404)
    assert "not equal: the statuses differ" in yard.cli("probe", "app", status=0).out
    yard.new.become(503)
    yard.cli("probe", "app", status=1)
    yard.new.kill()
    assert "no connection" in yard.cli("probe", "app", "--system", "new", status=1).out
    yard.cli("probe", "app", "--system", "legacy", status=0)


def test_a_probe_respects_the_breaker_unless_it_is_told_otherwise(yard):
    yard.open()
    yard.apply(stages=(100,), breaker={"errors": 1, "window": "60s", "openFor": "60s"})
    yard.cli("start", "app")
    yard.wait_status("everything goes to new", weight=100)
    yard.new.become(500)
    yard.sidecars[0].client().request("user-1")

    assert "its breaker is open" in yard.cli("probe", "app", "--system", "new", status=1).out
    yard.new.become(200)
    assert "200" in yard.cli("probe", "app", "--system", "new", "--bypass-breaker").out
    text = yard.cli("why", "app", "--key", "u", "--node", "node-1").out
    assert "u goes to legacy" in text and "the breaker of new is open" in text


def test_a_probe_that_cannot_be_asked_says_so(yard):
    yard.open()
    yard.apply()
    assert "not a path" in yard.cli("probe", "app", "--path", "x", status=1).err
    assert "the prober's own" in yard.cli("probe", "app", "--header", "Connection: x", status=1).err
    assert "no route" in yard.cli("probe", "other", status=1).err
    yard.sidecars[0].kill()
    yard.cli("probe", "app", "--node", "node-1", "--timeout", "1s", status=2)


def test_a_node_shows_its_flags(yard):
    """What the page looks like; what stands in it follows in test_flags."""
    yard.open()
    yard.apply()
    admin = free_port()
    yard.sidecar("node-2", options=["--admin", f"127.0.0.1:{admin}"])
    yard.wait_nodes(2)
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/flags", timeout=30) as page:
        flags = json.load(page)
    assert flags["node"] == "node-2" and flags["stale"] is False and flags["revision"] > 0
    assert flags["migrations"]["app"]["flags"] == {}
