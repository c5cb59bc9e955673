# SPDX-License-Identifier: Apache-2.0
"""etcd goes, in part or as a whole: sidecars serve, emergency orders reach them, nothing is lost."""

import pytest

from etcd import Etcd
from switchyard import Load, wait_for


@pytest.fixture(params=[1, 3], ids=["one-etcd", "three-etcds"])
def etcd(yard, request):
    return Etcd(yard, request.param).start()


def components(replica):
    answer = replica.cli("health", "-o", "json", status=None)
    return {c["name"]: c for c in answer.json["components"]}


def obeys(replica, reason):
    """Its status tells of the order that nodes obey, whatever the store holds."""
    known = replica.cli("status", "app", "-o", "json").json
    return known["emergency"]["active"] and known["emergency"]["reason"] == reason and known["weight"] == 0


def test_without_etcd_an_emergency_is_served_kept_and_stored_later(yard, etcd):
    yard.open_replicas(etcd, nodes=3)
    yard.all_on_new()
    follower = yard.followers()[0]

    etcd.kill()
    answer = follower.cli("rollback", "app", "--emergency", "--reason", "INC-2", "--operator", "ada")

    assert "all nodes (3) serve it" in answer.out, answer
    assert yard.sides() == {"legacy"}
    assert components(follower)["journal"]["state"] == "degraded"
    for replica in yard.replicas:
        wait_for(lambda: obeys(replica, "INC-2"), f"{replica.id} tells of the order")
        assert components(replica)["migration/app"]["state"] == "degraded"
    refused = follower.cli("set", "weight", "app", 50, "--reason", "not now", "--timeout", "2s", status=None)
    assert refused.status in (1, 2), refused
    for replica in yard.replicas:
        replica.kill()
    etcd.start()
    for replica in yard.replicas:
        replica.start()
    yard.wait_leader()
    status = yard.wait_status("the order is in the store", phase="rolled_back")
    assert status["emergency"]["active"]
    assert (status["emergency"]["reason"], status["emergency"]["operator"]) == ("INC-2", "ada")
    assert "not now" not in [e["reason"] for e in yard.history()]
    stored = [e for e in yard.history() if e["reason"] == "INC-2"]
    assert [e["operator"] for e in stored] == ["ada"]
    wait_for(lambda: "journal" not in components(follower), "the journal is empty")
    assert yard.sides() == {"legacy"}
    yard.cli("rollback", "app", "--clear", "--reason", "over")


def test_an_order_is_stored_when_etcd_returns_to_the_same_coordinators(yard):
    etcd = Etcd(yard).start()
    yard.open_replicas(etcd, nodes=2)
    yard.all_on_new()
    follower = yard.followers()[0]

    etcd.kill()
    follower.cli("rollback", "app", "--emergency", "--reason", "INC-3")
    etcd.start()

    yard.wait_status("the order is in the store", phase="rolled_back")
    wait_for(lambda: "journal" not in components(follower), "the journal is empty")
    assert [e["reason"] for e in yard.history()].count("INC-3") == 1
    assert yard.sides() == {"legacy"}


def test_one_of_three_etcds_may_die(yard):
    etcd = Etcd(yard, 3).start()
    yard.open_replicas(etcd, nodes=2)
    yard.all_on_new()
    load = [Load(yard, s, connections=2) for s in yard.sidecars]

    for member in etcd.members:
        member.kill()
        yard.cli("set", "weight", "app", 20 + etcd.members.index(member), "--reason", member.name, "--timeout", "20s")
        etcd.start()

    assert [e["reason"] for e in yard.history()][:3] == ["etcd-3", "etcd-2", "etcd-1"]
    results = [l.stop() for l in load]
    assert [r["errors"] for r in results] == [0, 0], results
