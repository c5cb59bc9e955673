# SPDX-License-Identifier: Apache-2.0
"""What holds a rollout back, with real clocks: a freeze that ends, and operators who approve."""

import datetime

CANARY = {"name": "canary", "weight": 10}


def in_seconds(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def freeze(begin, end):
    return [{"from": in_seconds(begin), "until": in_seconds(end), "reason": "the books are closed"}]


def test_nothing_rises_in_a_freeze_and_everything_may_fall(yard):
    yard.open()
    yard.apply(stages=(10, 50))
    yard.cli("start", "app")
    yard.wait_status("the first stage is done", phase="ready", stage="at-10")
    yard.apply(stages=(10, 50), freeze=freeze(2, 3600))
    yard.wait_status("the freeze has begun", frozenWhy="the books are closed")
    for raise_ in (("promote", "app"), ("set", "weight", "app", "20", "--reason", "x"),
                   ("set", "override", "app", "new", "--reason", "x")):
        assert "frozen until" in yard.cli(*raise_, status=1).err
    yard.cli("set", "weight", "app", "5", "--reason", "down is allowed")
    yard.cli("rollback", "app", "--emergency", "--reason", "INC-2")
    yard.wait_status("every node is on legacy", phase="rolled_back")


def test_a_rollout_goes_on_by_itself_when_the_freeze_is_over(yard):
    yard.open()
    stages = ({**CANARY, "bake": "8s"}, {"name": "all", "weight": 100})
    yard.apply(stages=stages)
    yard.cli("start", "app", "--no-wait")
    yard.wait_status("the first stage is reached", stage="canary")
    yard.apply(stages=stages, freeze=freeze(-60, 3600))
    held = yard.wait_status("the freeze holds the next stage back", phase="ready")
    assert "frozen until" in held["why"] and "the books are closed" in held["why"]
    yard.apply(stages=stages, freeze=freeze(-60, 2))
    yard.wait_status("the rollout has gone on", phase="completed", weight=100)


def test_a_stage_waits_for_its_operators(yard):
    yard.open()
    yard.apply(stages=(CANARY, {"name": "all", "weight": 100, "approvers": 2}))
    yard.cli("start", "app")
    held = yard.wait_status("the next stage waits", phase="ready")
    assert "all needs 2 approvals and has none" in held["why"]
    assert held["suggestedCommand"] == "switchyard approve app --stage all --reason TEXT"
    for _ in range(2):
        yard.cli("approve", "app", "--reason", "CHG-1", "--operator", "ann")
    assert "has 1 (ann)" in yard.cli("promote", "app", status=1).err
    assert [a["operator"] for a in yard.status()["approvals"]] == ["ann"]
    yard.cli("approve", "app", "--stage", "all", "--reason", "CHG-1", "--operator", "bob")
    yard.wait_status("the rollout has gone on", phase="completed", weight=100)
