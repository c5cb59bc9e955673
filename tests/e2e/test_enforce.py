# SPDX-License-Identifier: Apache-2.0
"""A stage that forbids legacy, on a real node: nothing but an emergency order goes back there."""

from switchyard import wait_for

BREAKER = {"errors": 2, "window": "60s", "openFor": "60s"}


def enforce(yard):
    yard.open()
    yard.apply(stages=({"name": "all", "weight": 100, "approval": "manual"},
                       {"name": "only-new", "weight": 100, "approval": "manual", "enforce": True}),
               breaker=BREAKER, fallback={"on": ["connect_error", "5xx"], "methods": ["GET"]})
    yard.cli("start", "app")
    yard.wait_status("everything goes to new", stage="all", phase="ready")


def test_there_is_no_fallback_where_legacy_is_forbidden(yard):
    enforce(yard)
    client = yard.sidecars[0].client()
    yard.new.become(500)
    assert client.ask("user-1") == "legacy", "one stage before, legacy helps out"
    yard.new.become(200)

    yard.cli("promote", "app")
    yard.wait_status("legacy is forbidden", stage="only-new")
    assert client.ask("user-1") == "new"
    yard.new.become(500)
    statuses = [client.request(f"user-{i}")[0].status for i in range(6)]
    assert set(statuses) == {500, 503} and statuses[-1] == 503, "the error, then the open breaker"
    answer, body = client.request("user-1")
    assert (answer.status, b"legacy is forbidden" in body) == (503, True)
    assert "refused with 503" in yard.cli("why", "app", "--key", "user-1", "--node", "node-1").out
    wait_for(lambda: yard.stats()["new"]["errors"] >= 6, "the refusals count as errors of new")


def test_an_emergency_order_goes_to_legacy_all_the_same(yard):
    enforce(yard)
    yard.cli("promote", "app")
    yard.wait_status("legacy is forbidden", stage="only-new")
    yard.cli("rollback", "app", "--emergency", "--reason", "INC-1")
    assert yard.sides() == {"legacy"}
    yard.cli("rollback", "app", "--clear", "--reason", "fixed")
    yard.wait_status("back before the stage", stage="legacy", weight=0)
    assert yard.sides() == {"legacy"}


def test_a_rollback_allows_legacy_again(yard):
    enforce(yard)
    yard.cli("promote", "app")
    yard.wait_status("legacy is forbidden", stage="only-new")
    yard.cli("rollback", "app", "--to", "0", "--reason", "not yet")
    assert yard.sides() == {"legacy"}
