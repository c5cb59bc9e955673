# SPDX-License-Identifier: Apache-2.0
"""A rollback that a node does not take over: it fails by its deadline, is tried again, and ends without the node
that was given up for now, until that one serves after all."""

from switchyard import wait_for


def stuck(yard):
    """Three nodes serve new; the third one hangs when everything goes back, and the deadline passes."""
    yard.open(nodes=3)
    yard.apply(stages=(50, 100), rollback={"deadline": "1s"})
    yard.cli("start", "app")
    yard.sidecars[2].process.pause()
    yard.cli("rollback", "app", "--emergency", "--reason", "INC-9", "--no-wait")
    yard.wait_status("the deadline passes", phase="rollback_failed")


def test_a_rollback_ends_without_a_node_in_quarantine_which_ends_by_serving(yard):
    stuck(yard)

    again = yard.cli("recover", "app", "--no-wait", "-o", "json").json
    assert "1 of 3 nodes did not serve it: node-3 (" in again["changes"][0]["summary"]
    assert yard.history()[0]["event"] == "recover"
    yard.wait_status("it fails again", phase="rollback_failed")

    assert "needs a reason" in yard.cli("recover", "app", "--quarantine", "node-3", status=2).err
    assert "node-3" in yard.cli("recover", "app", "--quarantine", "node-33", "--reason", "x", status=1).err
    answer = yard.cli("recover", "app", "--quarantine", "node-3", "--reason", "it hangs", "-o", "json").json
    assert answer["converged"] and answer["convergence"]["nodes"] == 2
    status = yard.wait_status("it ends", phase="rolled_back", quarantined=["node-3"])
    fall = status["lastRollback"]
    assert fall["state"] == "rolled_back" and fall["lastNode"] in ("node-1", "node-2")
    assert 0 < fall["p50Ms"] <= fall["p99Ms"] <= fall["measuredMs"] and fall["deadline"] > fall["time"]
    assert [e["event"] for e in yard.history()][:2] == ["quarantine", "recover"]

    yard.coordinator.kill()
    yard.coordinator.start()
    yard.wait_status("it is stored", quarantined=["node-3"])
    yard.sidecars[2].process.resume()
    yard.wait_status("it serves after all", quarantined=[])
    assert set(yard.sidecars[2].client().sides(range(40)).values()) == {"legacy"}
    wait_for(lambda: yard.status()["convergence"]["nodes"] == 3, "it counts again")


def test_elsewhere_there_is_nothing_to_recover(yard):
    yard.open(nodes=1)
    yard.apply(stages=(50, 100))

    answer = yard.cli("recover", "app", "-o", "json").json

    assert answer["changes"][0]["summary"] == "there is nothing to recover: app is pending"
    assert yard.status()["phase"] == "pending"
