# SPDX-License-Identifier: Apache-2.0
"""Legacy, now: every node acknowledges with the time measured, and nothing reaches new afterwards."""

import time

import pytest

from switchyard import Load, wait_for


def loaded(yard, weight=50):
    """Three nodes in two clusters under load, new with its share."""
    yard.open(nodes=3)
    yard.apply(stages=(weight, 100))
    yard.cli("start", "app")
    load = [Load(yard, s, connections=2) for s in yard.sidecars]
    wait_for(lambda: len(yard.new.since_mark()) > 100, "new serves its share")
    return load


def test_an_emergency_order_is_served_by_every_node_and_nothing_reaches_new_after_it(yard):
    load = loaded(yard)

    answer = yard.cli("rollback", "app", "--emergency", "--reason", "INC-1", "-o", "json")
    done = time.time()

    assert answer.json["converged"] and answer.json["convergence"]["serving"] == 3
    assert answer.json["measuredMs"] > 0
    status = yard.wait_status("rolled back", phase="rolled_back", weight=0)
    assert status["emergency"]["active"] and status["emergency"]["reason"] == "INC-1"
    assert status["lastRollback"]["emergency"] and status["lastRollback"]["operator"] == "tester"
    assert status["lastRollback"]["measuredMs"] == pytest.approx(answer.json["measuredMs"], abs=0.01)

    wait_for(lambda: len(yard.legacy.since_mark()) > 500, "legacy goes on serving")
    assert [l.stop()["errors"] for l in load] == [0, 0, 0]
    # What was on its way to new when a node switched is logged as it ends: one request of each client.
    late = [r for r in yard.new.requests() if r[0] > done]
    assert len(late) <= 6, f"{len(late)} requests on new after the last acknowledgement, first {late[0]}"


def test_an_emergency_order_holds_until_it_is_cleared(yard):
    yard.open(nodes=2)
    yard.apply(stages=(50, 100))
    yard.cli("start", "app")
    yard.cli("rollback", "app", "--emergency", "--reason", "INC-2")

    for words in (["start", "app"], ["promote", "app"], ["set", "weight", "app", "10", "--reason", "x"],
                  ["set", "override", "app", "new", "--reason", "x"]):
        refused = yard.cli(*words, status=1)
        assert "emergency" in refused.err, f"{words}: {refused.err}"

    yard.coordinator.kill()
    yard.sidecars[0].kill()
    yard.coordinator.start()
    yard.sidecars[0].start()
    yard.wait_nodes(2)
    assert yard.status()["emergency"]["active"]
    assert set(yard.sidecars[0].client().sides(range(40)).values()) == {"legacy"}

    yard.cli("rollback", "app", "--clear", "--reason", "fixed")
    status = yard.status()
    assert not status["emergency"]["active"] and status["weight"] == 0
    assert set(yard.sidecars[0].client().sides(range(40)).values()) == {"legacy"}
    yard.cli("start", "app")
    assert "new" in yard.sidecars[0].client().sides(range(100)).values()


def test_one_order_for_every_migration(yard):
    yard.open(nodes=2)
    for name in ("orders", "carts"):
        plan = yard.plan(name, stages=(100,))
        plan["spec"]["routing"]["path"] = f"/{name}"
        yard.apply(plan)
        yard.cli("start", name)
    client = yard.sidecars[1].client()
    assert client.ask("u", path="/orders/1") == "new" and client.ask("u", path="/carts/1") == "new"

    answer = yard.cli("rollback", "--all", "--emergency", "--reason", "INC-3", "-o", "json")

    assert sorted(c["migration"] for c in answer.json["changes"]) == ["carts", "orders"]
    assert answer.json["converged"]
    assert client.ask("u", path="/orders/1") == "legacy" and client.ask("u", path="/carts/1") == "legacy"
    for name in ("orders", "carts"):
        assert yard.status(name)["emergency"]["active"]


def test_a_node_that_lags_is_named_and_the_command_fails(yard):
    yard.open(nodes=2)
    yard.apply(stages=(50, 100))
    yard.cli("start", "app")
    stuck = yard.sidecars[1]
    stuck.process.popen.send_signal(19)  # SIGSTOP: the node hangs, its connection stays
    try:
        answer = yard.cli("rollback", "app", "--emergency", "--reason", "INC-4", "--wait", "1s", status=1)
    finally:
        stuck.process.popen.send_signal(18)
    assert "node-2" in answer.out and "1 of 2" in answer.out
    yard.wait_status("the late node arrives after all", phase="rolled_back")
    assert set(stuck.client().sides(range(40)).values()) == {"legacy"}
