# SPDX-License-Identifier: Apache-2.0
"""Legacy after the last stage: kept for quiet days, given up with a checklist, and still a way back."""

from switchyard import wait_for


def test_legacy_is_kept_and_then_given_up(yard):
    yard.open()
    standby = {"for": "1h", "checklist": ["exports read new"]}
    yard.apply(stages=(100,), standby=standby)
    yard.cli("start", "app")
    status = yard.wait_status("everything goes to new", phase="completed", weight=100)
    assert status["standbyUntil"]
    early = yard.cli("decommission", "app", "--checklist-done", "--reason", "CHG-7", status=1)
    assert "kept in standby until" in early.err
    yard.apply(stages=(100,), standby={**standby, "for": "1s"})
    wait_for(lambda: yard.status()["suggestedCommand"].startswith("switchyard decommission app"),
             "standby is over")
    unchecked = yard.cli("decommission", "app", "--reason", "CHG-7", status=1)
    assert "(1) exports read new" in unchecked.err
    yard.cli("decommission", "app", "--checklist-done", "--reason", "CHG-7")
    yard.wait_status("legacy is given up", phase="decommissioned")

    refused = yard.cli("set", "override", "app", "legacy", "--reason", "x", status=1)
    assert "is decommissioned" in refused.err
    yard.new.kill()
    answer, _ = yard.sidecars[0].client().request("user-1")
    assert answer.status >= 500, "legacy is forbidden: nothing falls back to it"
    yard.cli("rollback", "app", "--to", "0", "--reason", "INC-3")
    yard.wait_status("every node is on legacy", phase="rolled_back")
    assert yard.sides() == {"legacy"}
