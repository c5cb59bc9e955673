# SPDX-License-Identifier: Apache-2.0
"""Stores that were lost, moved away, or put back from an older copy: nobody is told that all is well."""

import shutil

from switchyard import wait_for

USERS = [f"user-{i}" for i in range(100)]


def started(yard):
    yard.open(nodes=2)
    yard.apply(stages=(10, 100))
    yard.cli("start", "app")
    yard.wait_status("the first stage holds", phase="ready")


def nodes(yard):
    return yard.cli("get", "nodes", "-o", "json").json["nodes"]


def test_an_older_copy_of_the_store_is_noticed_and_taken_again_with_restored(yard):
    started(yard)
    coordinator = yard.coordinator
    coordinator.process.stop()
    shutil.copytree(coordinator.data, yard.folder / "copy")
    coordinator.start()
    yard.wait_nodes(2)
    for weight in (20, 30, 40):
        yard.cli("set", "weight", "app", weight, "--reason", "after the copy")
    coordinator.kill()
    shutil.rmtree(coordinator.data)
    shutil.copytree(yard.folder / "copy", coordinator.data)

    coordinator.start()
    wait_for(lambda: ["--restored" in n["lastRefusal"] for n in nodes(yard)] == [True, True], "nodes say what to do")
    assert yard.status()["convergence"]["serving"] == 0
    assert {n["state"] for n in nodes(yard)} == {"stale"}
    yard.cli("health", status=1)
    lost = yard.cli("set", "weight", "app", 77, "--reason", "does not reach them", "--wait", "1s", status=1)
    assert "node-1" in lost.out, lost

    coordinator.process.stop()
    coordinator.start(options=("--restored",))
    wait_for(lambda: yard.status()["convergence"]["serving"] == 2, "both nodes take it again")
    assert {n["state"] for n in nodes(yard)} == {"serving"}
    yard.cli("set", "weight", "app", 100, "--reason", "reaches them")
    assert set(yard.sidecars[0].client().sides(USERS).values()) == {"new"}


def test_an_order_outlives_the_store_that_it_was_given_in(yard):
    started(yard)
    yard.cli("rollback", "app", "--emergency", "--reason", "INC-11")
    yard.coordinator.kill()
    shutil.rmtree(yard.coordinator.data)
    yard.coordinator.start()
    wait_for(lambda: len(nodes(yard)) == 2, "the nodes are back")

    yard.apply(stages=(10, 100))

    status = yard.wait_status("the order is known again", weight=0, phase="rolled_back")
    assert status["emergency"]["active"] and status["emergency"]["reason"] == "INC-11"
    yard.cli("start", "app", status=1)
    yard.cli("rollback", "app", "--clear", "--reason", "repaired")
    yard.cli("start", "app")
    assert set(yard.sidecars[0].client().sides(USERS).values()) == {"legacy", "new"}


def test_a_store_that_was_moved_away_takes_nothing_but_an_emergency(yard):
    started(yard)
    data = yard.coordinator.data
    data.rename(yard.folder / "aside")

    answer = yard.cli("set", "weight", "app", 50, "--reason", "not now", status=None)

    assert answer.status != 0 and "was moved, removed or replaced" in answer.err, answer
    assert "hint: " in answer.err, answer
    yard.cli("health", status=1)
    yard.cli("rollback", "app", "--emergency", "--reason", "INC-12")
    assert set(yard.sidecars[0].client().sides(USERS).values()) == {"legacy"}
    (yard.folder / "aside").rename(data)
    status = yard.wait_status("the store has the order", phase="rolled_back")
    assert status["emergency"]["active"] and status["emergency"]["reason"] == "INC-12"
    assert "not now" not in [e["reason"] for e in yard.history()]
