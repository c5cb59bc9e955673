# SPDX-License-Identifier: Apache-2.0
"""A rollback is rehearsed on a part of the fleet: measured, restored, and demanded by plans."""

from switchyard import wait_for

CANARY = "cluster=canary"


def open_yard(yard, **spec):
    """Two canaries and one more node at 50 percent, ready for the next stage."""
    yard.services()
    yard.coordinator.start()
    for name, labels in (("node-1", CANARY), ("node-2", CANARY), ("node-3", "cluster=eu")):
        yard.sidecar(name, labels)
    yard.wait_nodes(3)
    yard.apply(stages=(50, 100), **spec)
    yard.cli("start", "app")
    yard.wait_status("the first stage is done", phase="ready")


def drill(yard, *args, status=0):
    return yard.cli("drill", "app", "--reason", "monthly", *args, status=status)


def latest(yard):
    return yard.status()["drill"]


def test_a_drill_moves_its_scope_and_brings_it_back(yard):
    open_yard(yard)
    users = [f"user-{i}" for i in range(40)]
    before = [s.client().sides(users) for s in yard.sidecars]

    # While one canary sleeps, the rehearsal waits for it, and the other one can be looked at.
    yard.sidecars[1].process.pause()
    drill(yard, "--scope", CANARY, "--within", "60s", "--no-wait")
    assert latest(yard)["state"] == "rehearsing" and latest(yard)["nodes"] == 2
    wait_for(lambda: set(yard.sidecars[0].client().sides(users).values()) == {"legacy"},
             "the canary sends everything to legacy")
    assert yard.sidecars[2].client().sides(users) == before[2]
    refused = yard.cli("promote", "app", status=1)
    assert "a drill is rehearsing; nothing rises until it is over" in refused.err
    yard.sidecars[1].process.resume()

    wait_for(lambda: latest(yard)["state"] == "idle", "the drill is over")
    assert latest(yard)["passed"] and latest(yard)["measuredMs"] > 0 and latest(yard)["restoredMs"] > 0
    assert [s.client().sides(users) for s in yard.sidecars] == before
    told = [e["event"] for e in yard.history()[:2]]
    assert told == ["drill_ended", "drill_started"]


def test_the_command_waits_and_tells_how_it_went(yard):
    open_yard(yard)
    assert "PASSED" in drill(yard, "--scope", CANARY).out
    shadow = drill(yard, "--scope", "*", "--shadow")
    assert "PASSED" in shadow.out and "nobody was moved" in shadow.out
    nobody = drill(yard, "--scope", "cluster=us", status=1)
    assert "no connected node is in the scope cluster=us" in nobody.err


def test_an_emergency_ends_a_drill_at_once(yard):
    open_yard(yard)
    yard.sidecars[1].process.pause()
    drill(yard, "--scope", CANARY, "--no-wait")
    yard.cli("rollback", "app", "--emergency", "--reason", "INC-1", "--no-wait")
    assert latest(yard)["state"] == "idle" and not latest(yard)["passed"]
    assert latest(yard)["why"] == "the rollout fell in earnest"
    yard.sidecars[1].process.resume()
    yard.wait_status("every node is on legacy", phase="rolled_back")


def test_a_drill_goes_on_after_the_coordinator_was_killed(yard):
    open_yard(yard)
    yard.sidecars[1].process.pause()
    drill(yard, "--scope", CANARY, "--within", "60s", "--no-wait")
    yard.coordinator.kill()
    yard.coordinator.start()
    assert latest(yard)["state"] == "rehearsing"
    yard.sidecars[1].process.resume()
    wait_for(lambda: latest(yard)["state"] == "idle", "the drill is over")
    assert latest(yard)["passed"], latest(yard)


def test_a_plan_that_demands_drills_holds_raises_back(yard):
    open_yard(yard, drill={"maxAge": "30d", "within": "60s"})
    refused = yard.cli("promote", "app", status=1)
    assert "the plan asks for a drill in the last 30d, and there was none" in refused.err
    assert "switchyard drill app --scope SELECTOR --reason TEXT" in refused.err
    drill(yard, "--scope", CANARY)
    yard.cli("promote", "app")
    yard.wait_status("everything goes to new", phase="completed", weight=100)
