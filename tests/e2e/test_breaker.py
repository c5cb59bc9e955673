# SPDX-License-Identifier: Apache-2.0
"""Breakers of a fleet: one sick node opens its own, a quorum opens all, and operators have the last word."""

import pytest

from etcd import Etcd
from switchyard import wait_for

USERS = [f"user-{i}" for i in range(30)]
BREAKER = {"errors": 5, "window": "60s", "openFor": "300s"}


def show(yard):
    return yard.cli("breaker", "show", "app", "-o", "json").json


def fleet(yard):
    return show(yard)["fleet"]["state"]


def nodes(yard):
    return {n["node"]: n["state"] for n in show(yard)["nodes"]}


def settings(yard):
    return {s["name"]: (s["value"], s["byHand"]) for s in show(yard)["settings"]}


def order(yard, *words):
    return yard.cli("breaker", *words, "--reason", "a test", "-o", "json").json


def ask(sidecar):
    return set(sidecar.client().sides(USERS).values())


def open_fleet(yard, count, **breaker):
    yard.open(nodes=count)
    yard.apply(stages=(100,), breaker={**BREAKER, **breaker})
    yard.cli("start", "app")
    yard.wait_status("everything goes to new", phase="completed", weight=100)


def test_one_sick_node_opens_its_own_and_a_quorum_opens_all(yard):
    open_fleet(yard, 3, fleet={"quorum": "60%", "minNodes": 2})
    first, second, third = yard.sidecars
    yard.new.become(500)

    def opened(sidecar, **states):
        ask(sidecar)
        known = nodes(yard)
        return all(known.get(node.replace("_", "-")) == state for node, state in states.items())
    wait_for(lambda: opened(first, node_1="open"), "the node that meets errors opens its own")
    assert fleet(yard) == "closed" and nodes(yard)["node-2"] != "open"
    assert yard.status()["breaker"]["openNodes"] == 1

    wait_for(lambda: ask(second) == {"legacy"} and fleet(yard) == "open", "a quorum opens all")
    wait_for(lambda: nodes(yard) == {f"node-{i}": "open" for i in (1, 2, 3)}, "all of them")
    yard.new.become(200)
    assert ask(third) == {"legacy"}, "it met no error itself"
    told = show(yard)["fleet"]
    assert "2 of 3 nodes" in told["why"] and told["operator"] == "switchyard" and told["until"], told

    answer = order(yard, "reset", "app")
    assert answer["converged"], answer
    assert set(nodes(yard).values()) == {"closed"} and not yard.status()["breaker"].get("openNodes")
    wait_for(lambda: ask(third) == {"new"} and ask(first) == {"new"}, "new serves again")
    assert fleet(yard) == "closed"


def test_operators_open_close_reset_and_tune_it_live(yard):
    open_fleet(yard, 2)
    refused = yard.cli("breaker", "open", "app", status=None)
    assert refused.status != 0 and "--reason" in refused.err

    assert order(yard, "open", "app")["converged"]
    assert fleet(yard) == "forced_open" and yard.status()["breaker"]["openNodes"] == 2
    assert set(nodes(yard).values()) == {"open"}, "what was acknowledged is so at once"
    assert [ask(s) for s in yard.sidecars] == [{"legacy"}, {"legacy"}]
    assert "already" in yard.cli("breaker", "open", "app", "--reason", "again").out

    assert order(yard, "close", "app")["converged"]
    assert [ask(s) for s in yard.sidecars] == [{"new"}, {"new"}]
    yard.new.become(500)
    for s in yard.sidecars:
        ask(s)
    wait_for(lambda: yard.stats()["new"]["errors"] > 40, "errors do not open what is held closed")
    assert "open" not in nodes(yard).values() and fleet(yard) == "forced_closed"

    tuned = order(yard, "tune", "app", "errors=1000", "openFor=2s")
    assert tuned["converged"], tuned
    assert settings(yard)["errors"] == ("1000", True) and settings(yard)["window"] == ("1m", False)
    assert order(yard, "reset", "app")["converged"]
    ask(yard.sidecars[0])
    assert nodes(yard)["node-1"] == "closed"
    assert order(yard, "tune", "app", "--default")["converged"]
    assert settings(yard)["errors"] == ("5", False)
    wait_for(lambda: ask(yard.sidecars[0]) == {"legacy"} and nodes(yard)["node-1"] == "open", "the plan's counts again")
    wrong = yard.cli("breaker", "tune", "app", "errorz=3", "--reason", "a slip", status=1)
    assert "errors" in wrong.err, wrong
    events = [e["event"] for e in yard.history()]
    assert {"breaker_open", "breaker_close", "breaker_reset", "breaker_tune"} <= set(events), events


@pytest.fixture
def one_etcd(yard):
    return Etcd(yard).start()


def test_a_new_leader_keeps_what_was_ordered(yard, one_etcd):
    yard.open_replicas(one_etcd, nodes=3)
    yard.apply(stages=(100,), breaker=BREAKER)
    yard.cli("start", "app")
    yard.wait_status("everything goes to new", phase="completed", weight=100)
    assert order(yard, "open", "app")["converged"]
    number = show(yard)["fleet"]["orderNumber"]

    leader = yard.wait_leader()
    leader.kill()
    yard.wait_leader(other_than=leader)
    told = show(yard)["fleet"]
    assert told["state"] == "forced_open" and told["orderNumber"] == number, told
    assert [ask(s) for s in yard.sidecars] == [{"legacy"}] * 3
    wait_for(lambda: yard.cli("breaker", "reset", "app", "--reason", "a test", status=None).status == 0,
             "the new leader takes orders, and every node serves them")
    assert [ask(s) for s in yard.sidecars] == [{"new"}] * 3
    assert int(show(yard)["fleet"]["orderNumber"]) > int(number)
