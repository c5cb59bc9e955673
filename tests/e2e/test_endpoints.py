# SPDX-License-Identifier: Apache-2.0
"""The CLI in front of several coordinators: some die, some hang, none leads, the store is gone."""

import pytest

from etcd import Etcd
from switchyard import wait_for

@pytest.fixture
def town(yard):
    yard.etcd = Etcd(yard).start()
    yard.open_replicas(yard.etcd, nodes=3)
    yard.apply(stages=(10, 50, 100))
    yard.cli("start", "app")
    yard.wait_status("ready", phase="ready")
    return yard


def events(yard):
    return [entry["event"] for entry in yard.history()]


def emergencies(yard):
    """The latest first."""
    return [kind for kind in events(yard) if kind.startswith("emergency")]


def first_asked(yard, first):
    """Every coordinator's address, this one's in front."""
    return ",".join(c.address for c in [first, *[c for c in yard.replicas if c is not first]])


# ---- who is there

def test_coordinators_are_listed_with_the_leader_first(town):
    leader = town.leader()
    for asked in town.replicas:
        lines = asked.cli("get", "coordinators").out.splitlines()
        assert lines[0].split() == ["NAME", "ADDRESS", "ROLE", "SINCE", "NODES", "VERSION"]
        assert lines[1].startswith(leader.id) and "leader" in lines[1] and leader.address in lines[1]
        assert len(lines) == 5 and lines[-1].startswith(f"{leader.id} leads, in term ")
        assert sum("answers this" in line for line in lines) == 1
    answer = town.cli("get", "coordinators", "-o", "json").json
    assert answer["leader"] == leader.id and answer["term"] > 0
    assert sum(c["nodes"] for c in answer["coordinators"]) == 3
    nodes = town.cli("get", "nodes", "-o", "json").json["nodes"]
    assert {n["coordinator"] for n in nodes} == {c.id for c in town.replicas}


def test_that_nobody_can_lead_is_said_loudly(town):
    town.etcd.kill()

    def nobody():
        answer = town.cli("get", "coordinators", status=None)
        return answer.status == 1 and "cannot reach its store" in answer.out and answer
    answer = wait_for(nobody, "nobody leads without a store")
    assert "WHO LEADS IS NOT KNOWN here" in answer.out
    refused = town.cli("pause", "app", "--timeout", "1s", status=2)
    assert "tried for 1.0 s" in refused.err
    town.etcd.start()
    town.wait_leader()
    assert "pause" not in events(town)


# ---- dead, and silent

def test_a_command_waits_for_an_election_and_is_carried_out_once(town):
    leader = town.leader()
    leader.kill()
    answer = town.cli("pause", "app", "--reason", "in between")
    assert answer.out and town.status()["phase"] == "paused"
    assert events(town).count("pause") == 1
    assert town.leader(asked=next(c for c in town.replicas if c is not leader)) is not leader


def test_an_emergency_waits_for_no_election(town):
    leader = town.leader()
    endpoints = first_asked(town, leader)
    leader.kill()
    answer = town.cli("rollback", "app", "--emergency", "--reason", "INC-1", "-o", "json", endpoints=endpoints)
    assert answer.json["converged"] and answer.json["unstoredEpoch"] == 0
    assert emergencies(town) == ["emergency_rollback"]


def test_a_hanging_coordinator_holds_up_neither_reads_nor_orders(town):
    leader = town.leader()
    hanging = next(c for c in town.replicas if c is not leader)
    endpoints = first_asked(town, hanging)
    hanging.process.pause()
    town.cli("rollback", "app", "--emergency", "--reason", "INC-1", "--no-wait", endpoints=endpoints)
    read = town.cli("status", "app", "-o", "json", endpoints=endpoints)
    town.cli("rollback", "app", "--clear", "--reason", "fixed", "--no-wait", endpoints=endpoints)
    hanging.process.resume()
    assert read.json["emergency"]["active"]
    assert emergencies(town) == ["emergency_cleared", "emergency_rollback"]


# ---- no store

def test_an_order_without_a_store_says_so_and_is_waited_for(town):
    town.etcd.kill()
    answer = town.cli("rollback", "app", "--emergency", "--reason", "INC-1", "-o", "json").json
    assert answer["unstoredEpoch"] == 1 and answer["converged"]
    assert answer["convergence"]["serving"] == 3 and answer["measuredMs"] == -1
    again = town.cli("rollback", "app", "--emergency", "--reason", "INC-1 again")
    assert "NOT STORED YET" in again.out and "all nodes (3) serve it, known " in again.out
    assert {s.client().ask("anna") for s in town.sidecars} == {"legacy"}
    town.etcd.start()
    town.wait_leader()
    wait_for(lambda: town.status()["emergency"]["active"], "the order is stored")
    assert town.status()["emergency"]["reason"].startswith("INC-1")


# ---- nodes that lag

def test_recover_names_what_is_wrong_and_leaves_out_who_is_told(town):
    lame = town.sidecars[0]
    town.cli("promote", "app")
    town.wait_status("ready", phase="ready")
    lame.process.pause()
    answer = town.cli("rollback", "app", "--to", "1", "--reason", "slow", "--wait", "500ms", status=1)
    assert f"lagging: {lame.node}" in answer.out and "instead of" in answer.out
    answer = town.cli("recover", "app", "--wait", "500ms", status=1)
    assert f"lagging: {lame.node}" in answer.out
    assert "reason" in town.cli("recover", "app", "--quarantine", lame.node, status=2).err
    answer = town.cli("recover", "app", "--quarantine", f" {lame.node},", "--reason", "it hangs")
    assert "all nodes (2) serve it" in answer.out and "p99" in answer.out
    status = town.status()
    assert status["quarantined"] == [lame.node] and status["phase"] == "rolled_back"
    assert lame.node in town.cli("status", "app").out
    last = status["lastRollback"]
    assert 0 < last["p50Ms"] <= last["p99Ms"] <= last["measuredMs"] and last["lastNode"] != lame.node
    lame.process.resume()
    wait_for(lambda: town.status()["quarantined"] == [], "the node serves the decision and counts again")
