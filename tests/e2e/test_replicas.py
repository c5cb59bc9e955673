# SPDX-License-Identifier: Apache-2.0
"""Three coordinators on a real etcd: any of them answers, one leads, and none of them is needed."""

import threading

import pytest

from etcd import Etcd, Gateway
from switchyard import PATIENCE, Coordinator, Load, Sidecar, wait_for

LEADER = "/switchyard/v1/leader"
USERS = [f"user-{i}" for i in range(200)]


@pytest.fixture(params=[1, 3], ids=["one-etcd", "three-etcds"])
def etcd(yard, request):
    return Etcd(yard, request.param).start()


@pytest.fixture
def one_etcd(yard):
    return Etcd(yard).start()


def nodes_at(replica):
    """{node: coordinator} of those that are connected, as this replica knows them."""
    answer = replica.cli("get", "nodes", "-o", "json", status=None)
    return {n["name"]: n["coordinator"] for n in answer.json["nodes"] if n["state"] != "gone"} if answer.status == 0 else {}


# ---- any replica

def test_any_replica_tells_of_all_nodes_and_takes_commands(yard, etcd):
    yard.open_replicas(etcd, nodes=3)
    everywhere = {"node-1": "c-1", "node-2": "c-2", "node-3": "c-3"}
    for replica in yard.replicas:
        wait_for(lambda: nodes_at(replica) == everywhere, f"{replica.id} knows all nodes and where they are")
        known = yard.coordinators(asked=replica)
        assert [c["name"] for c in known["coordinators"]][0] == replica.id
        assert all(c["reachable"] and c["nodes"] == 1 for c in known["coordinators"]), known
        assert int(known["term"]) > 0
    follower = yard.followers()[0]

    follower.cli("apply", "-f", yard.write(yard.plan(stages=(50, 100))), "--operator", "ada")
    # What was done can be read where it was given, at once.
    assert [e["operator"] for e in follower.cli("history", "app", "-o", "json").json["entries"]] == ["ada"]
    answer = follower.cli("start", "app", "--operator", "ada", "--reason", "a first try", "-o", "json").json
    assert answer["converged"] and answer["convergence"]["serving"] == 3, answer
    assert answer["measuredMs"] > 0, answer

    for replica in yard.replicas:
        wait_for(lambda: replica.cli("status", "app", "-o", "json", status=None).json["weight"] == 50, "it is known")
        entries = replica.cli("history", "app", "-o", "json").json["entries"]
        assert [(e["event"], e["operator"]) for e in entries[-2:]] == [("start", "ada"), ("apply", "ada")]
    refused = follower.cli("promote", "nothing", status=1)
    assert 'no migration "nothing"' in refused.err, refused


def test_what_nodes_measure_reaches_every_replica(yard, one_etcd):
    yard.open_replicas(one_etcd, nodes=3)
    yard.apply(stages=(50, 100))
    yard.cli("start", "app")
    for sidecar in yard.sidecars:
        sidecar.client().sides(USERS)

    def counted(replica):
        stats = replica.cli("stats", "app", "-o", "json").json
        return int(stats["legacy"]["requests"]) + int(stats["new"]["requests"])
    for replica in yard.replicas:
        wait_for(lambda: counted(replica) == 3 * len(USERS), f"{replica.id} has counted every request once")


# ---- the leader

def test_a_leader_that_is_killed_is_followed_by_another_and_clients_notice_nothing(yard, etcd):
    yard.open_replicas(etcd, nodes=3)
    yard.apply(stages=(50, 100))
    yard.cli("start", "app")
    yard.wait_status("ready", phase="ready")
    load = [Load(yard, s, connections=4) for s in yard.sidecars]
    leader = yard.wait_leader()

    leader.kill()
    yard.cli("promote", "app", "--reason", "while nobody leads", "--timeout", "30s")
    yard.wait_leader(other_than=leader)
    for replica in yard.replicas:
        if replica is not leader:
            wait_for(lambda: set(nodes_at(replica)) == {"node-1", "node-2", "node-3"}, "all nodes are known")
            assert leader.id not in nodes_at(replica).values()
    yard.wait_status("on new", phase="completed", weight=100)
    assert [e["reason"] for e in yard.history()].count("while nobody leads") == 1
    results = [l.stop() for l in load]
    assert [r["errors"] for r in results] == [0, 0, 0], results


def test_a_leader_that_stops_hands_over_at_once(yard, one_etcd):
    yard.open_replicas(one_etcd, nodes=1)
    leader = yard.wait_leader()
    assert leader.id in one_etcd.get(LEADER)[LEADER]

    assert leader.process.stop() == 0
    assert leader.id not in one_etcd.get(LEADER).get(LEADER, ""), "its lease has to run out"
    yard.wait_leader(other_than=leader)


def test_an_emergency_needs_no_leader(yard, one_etcd):
    yard.open_replicas(one_etcd, nodes=3)
    yard.all_on_new()
    leader = yard.wait_leader()
    follower = yard.followers()[0]

    leader.process.pause()
    follower.cli("rollback", "app", "--emergency", "--reason", "INC-1", "--no-wait")
    mine = [s for s in yard.sidecars if nodes_at(follower).get(s.node) == follower.id]
    assert mine
    wait_for(lambda: {side for s in mine for side in s.client().sides(USERS[:50]).values()} == {"legacy"},
             "its nodes serve legacy")
    # Those of the leader look for another coordinator by themselves.
    wait_for(lambda: yard.sides() == {"legacy"}, "all nodes serve legacy")
    leader.process.resume()
    # It may have been back before its lease ended; what was ordered meanwhile it knows either way.
    wait_for(lambda: leader.cli("status", "app", "-o", "json").json["emergency"]["reason"] == "INC-1", "it knows the order")
    yard.wait_leader()
    assert [e["reason"] for e in yard.history()].count("INC-1") == 1


def test_a_leader_that_stood_still_past_its_lease_does_not_write(yard, one_etcd):
    """A command that it gets while it stands still is carried out once, by who leads then."""
    yard.open_replicas(one_etcd, nodes=3)
    yard.apply(stages=(50, 100))
    yard.cli("start", "app")
    yard.wait_status("ready", phase="ready")
    old = yard.wait_leader()
    old_term = int(yard.coordinators(asked=old)["term"])

    late = []
    old.process.pause()
    asking = threading.Thread(target=lambda: late.append(old.cli(
        "set", "weight", "app", 60, "--reason", "late", "--no-wait", "--timeout", "40s", status=None)))
    asking.start()
    new = yard.wait_leader(other_than=old)
    new.cli("set", "weight", "app", 70, "--reason", "in time", "--no-wait")
    old.process.resume()
    asking.join(60)

    wait_for(lambda: yard.leader(asked=old) is new, "the old leader follows")
    assert int(yard.coordinators(asked=old)["term"]) > old_term
    reasons = [e["reason"] for e in yard.history()]
    assert reasons.count("in time") == 1
    assert late and reasons.count("late") == (1 if late[0].status == 0 else 0), late
    for replica in yard.replicas:
        wait_for(lambda: [e["reason"] for e in replica.cli("history", "app", "-o", "json").json["entries"]] == reasons,
                 f"{replica.id} tells the same history")


# ---- two of one name

def test_a_second_coordinator_with_an_id_is_refused(yard, one_etcd):
    yard.open_replicas(one_etcd)
    leader = yard.wait_leader()
    second = Coordinator(yard, data=yard.folder / "second", store=one_etcd, id=leader.id)

    second.start(wait=False)

    second.process.expected = {2}
    assert second.process.popen.wait(PATIENCE) == 2
    text = second.process.text()
    assert f"a coordinator with the id {leader.id} is registered already" in text and leader.address in text
    assert "--id" in text
    assert yard.wait_leader() is leader


def test_a_node_name_that_is_used_at_two_coordinators_is_refused_by_name(yard, one_etcd):
    yard.open_replicas(one_etcd, nodes=1)
    at = nodes_at(yard.replicas[1])["node-1"]
    elsewhere = next(c for c in yard.replicas if c.id != at)
    second = Sidecar(yard, "node-1", coordinators=elsewhere.address)
    second.data = yard.folder / "second"

    second.start()

    wait_for(lambda: f"a node named node-1 is connected already: coordinator {at} has it" in second.process.text(),
             "it is told who has its name")
    assert "--node" in second.process.text()
    for replica in yard.replicas:
        assert nodes_at(replica) == {"node-1": at}
    first = yard.sidecars[0]
    first.kill()
    wait_for(lambda: nodes_at(elsewhere) == {"node-1": elsewhere.id}, "the name is free")


def test_a_coordinator_cut_off_from_etcd_alone_passes_an_emergency_on(yard, one_etcd):
    yard.services()
    gateway = Gateway(yard, one_etcd.members[0])
    stores = [one_etcd, one_etcd, gateway]
    yard.replicas = [Coordinator(yard, store=store, id=f"c-{i + 1}").start() for i, store in enumerate(stores)]
    yard.coordinator = first = yard.replicas[0]
    yard.wait_leader()
    yard.sidecar("node-1", coordinators=first.address)
    alone = yard.sidecar("node-2", coordinators=yard.replicas[2].address)
    yard.wait_nodes(2)
    yard.all_on_new()

    gateway.process.kill()
    wait_for(lambda: len(one_etcd.get("/switchyard/v1/coordinators/")) == 2, "its lease has ended", 30)
    first.cli("rollback", "app", "--emergency", "--reason", "it burns", "--timeout", "3s", status=None)
    wait_for(lambda: set(alone.client().sides(USERS).values()) == {"legacy"}, "its node serves legacy")


def test_a_coordinator_cut_off_from_etcd_alone_sends_its_nodes_away(yard, one_etcd):
    """They acknowledge again at once, and who has nowhere to go may stay."""
    yard.services()
    gateway = Gateway(yard, one_etcd.members[0])
    stores = [one_etcd, one_etcd, gateway]
    yard.replicas = [Coordinator(yard, store=store, id=f"c-{i + 1}").start() for i, store in enumerate(stores)]
    yard.coordinator = first = yard.replicas[0]
    alone = yard.replicas[2]
    yard.wait_leader()
    yard.sidecar("node-1", coordinators=f"{alone.address},{first.address}")
    yard.sidecar("node-2", coordinators=alone.address)
    yard.wait_nodes(2)
    yard.all_on_new()
    assert nodes_at(first) == {"node-1": "c-3", "node-2": "c-3"}

    gateway.process.kill()
    wait_for(lambda: nodes_at(first) == {"node-1": "c-1", "node-2": "c-3"}, "who can go has gone", 30)
    assert "event=node.sent_away" in alone.process.text()
    told = alone.cli("get", "coordinators", status=1).out
    assert "WHO LEADS IS NOT KNOWN here: this coordinator cannot reach its store" in told, told
    health = alone.cli("health", "-o", "json", status=1).json["components"]
    assert {c["name"]: c["state"] for c in health}["leader"] == "degraded"
    first.cli("set", "weight", "app", "50", "--reason", "half", "--timeout", "3s", status=None)
    wait_for(lambda: yard.status("app")["convergence"]["serving"] == 1, "it acknowledges again")
