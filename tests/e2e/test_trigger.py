# SPDX-License-Identifier: Apache-2.0
"""A bad release is caught, rolled back by itself with the violations named, repaired, and walked to 100 %."""

from switchyard import Load, wait_for

TRIGGERS = {"errorRate": "5%", "minRequests": 20, "window": "3s"}


def test_a_broken_new_system_is_rolled_back_by_itself_and_walks_on_after_repair(yard):
    yard.open(nodes=2)
    yard.apply(stages=(0, 25, 100), triggers=TRIGGERS, rollback={"deadline": "10s"})
    yard.cli("start", "app")
    yard.cli("promote", "app")
    load = [Load(yard, s, connections=2) for s in yard.sidecars]
    wait_for(lambda: yard.stats()["new"]["requests"] > 200, "new serves its share")

    yard.new.become(500)
    status = yard.wait_status("the trigger rolls back", phase="rolled_back", weight=0)
    rollback = status["lastRollback"]
    assert rollback["operator"] == "switchyard" and not rollback["emergency"]
    assert rollback["state"] == "rolled_back" and rollback["measuredMs"] >= 0
    assert any("error" in v for v in rollback["violations"]), rollback["violations"]
    assert rollback["toStage"] == "legacy" and status["stageIndex"] == 0

    # In-flight requests are answered; from then on nothing reaches new.
    wait_for(lambda: not yard.new.since_mark(), "requests on new stop", pause=0.5)
    assert [l.stop()["errors"] for l in load] == [0, 0], "clients saw what legacy should have answered"

    yard.new.become(200)
    wait_for(lambda: yard.stats("app", "--window", "3s")["new"]["requests"] == 0, "the bad sample has passed")
    yard.cli("start", "app")
    for _ in range(2):
        yard.wait_status("ready to go on", phase="ready")
        yard.cli("promote", "app")
    assert yard.wait_status("everything is on new", phase="completed")["weight"] == 100
    assert set(yard.sidecars[0].client().sides(range(50)).values()) == {"new"}


def test_a_slow_new_system_is_rolled_back_for_its_latency(yard):
    """p99 is judged against legacy at the same time; errors are none."""
    yard.services()
    yard.coordinator.start()
    yard.sidecar("node-1")
    yard.wait_nodes(1)
    yard.new.process.stop()
    slow = yard.slow_origin("new", port=yard.new.port, delay=0.15)
    yard.apply(stages=(50, 100), triggers={"p99": "100ms", "minRequests": 20, "window": "3s"})
    yard.cli("start", "app")
    load = Load(yard, yard.sidecars[0], connections=8)

    status = yard.wait_status("the trigger rolls back", phase="rolled_back", weight=0)

    assert load.stop()["errors"] == 0
    assert slow.alive()
    assert any("p99" in v for v in status["lastRollback"]["violations"]), status["lastRollback"]


def test_a_gate_holds_while_new_fails_and_lets_go_when_it_is_well(yard):
    yard.open()
    gate = {"errorRate": "1%", "minRequests": 20, "for": "2s"}
    yard.apply(stages=({"name": "canary", "weight": 50, "bake": "1s", "gate": gate},
                       {"name": "all", "weight": 100, "approval": "manual"}))
    yard.new.become(503)
    yard.cli("start", "app")
    load = Load(yard, yard.sidecars[0], connections=2)

    def gate_fails():
        return yard.status()["gate"]["verdict"] == "fail"
    wait_for(gate_fails, "the gate fails")
    refused = yard.cli("promote", "app", status=1)
    assert "error" in refused.err.lower(), refused.err
    assert yard.status()["stage"] == "canary"

    yard.new.become(200)
    yard.wait_status("the gate passes", phase="ready", stage="canary")
    yard.cli("promote", "app")
    yard.wait_status("everything is on new", weight=100)
    assert load.stop()["errors"] == 0


def test_a_gate_waits_for_what_others_measure(yard):
    """Nobody has reported the lag of the data: the gate holds. Too much of it fails, enough of it passes."""
    yard.open()
    gate = {"syncLag": "5s", "for": "1s"}
    yard.apply(stages=({"name": "canary", "weight": 50, "gate": gate},
                       {"name": "all", "weight": 100, "approval": "manual"}))
    yard.cli("start", "app")

    def gate_says(verdict, words):
        gate = yard.status()["gate"]
        return gate["verdict"] == verdict and words in gate["checks"][0]["text"]
    wait_for(lambda: gate_says("hold", "nobody has reported"), "the gate holds")
    yard.cli("measure", "app", "syncLag=1m")
    wait_for(lambda: gate_says("fail", "exceeds 5"), "the gate fails")
    assert "syncLag" in yard.cli("promote", "app", status=1).err
    refused = yard.cli("measure", "app", "lag=1", status=1)
    assert "restartsPerMinute" in refused.err, refused.err
    yard.cli("measure", "app", "syncLag=250ms", "criticalDiscrepancies=0")
    yard.wait_status("the gate passes", phase="ready", stage="canary")
