# SPDX-License-Identifier: Apache-2.0
"""A shadow stage: new sees copies of what legacy answers, users see legacy alone."""

from switchyard import wait_for

USERS = [f"user-{n}" for n in range(40)]

STAGES = (
    {"name": "shadow", "weight": 0, "mirror": 100, "approval": "manual"},
    {"name": "half", "weight": 50, "approval": "manual"},
)


def test_a_shadow_stage_copies_to_new_and_a_rollback_ends_it(yard):
    client = yard.open().sidecars[0].client()
    yard.apply(yard.plan(stages=STAGES))

    def ask_all():
        assert {client.ask(user) for user in USERS} == {"legacy"}

    ask_all()
    yard.cli("start", "app")
    yard.wait_status("the shadow stage", stage="shadow", phase="ready")
    before = len(yard.new.requests())
    ask_all()
    wait_for(lambda: len(yard.new.requests()) == before + len(USERS), "the copies in new's access log")
    assert client.ask(USERS[0], method="POST", body=b"x") == "legacy"
    wait_for(lambda: yard.status()["mirror"]["sent"] >= len(USERS), "the copies in the status")
    mirror = yard.status()["mirror"]
    assert mirror["percent"] == 100 and mirror["failed"] == mirror["dropped"] == 0
    assert "mirror" in yard.cli("status", "app").out
    counts = yard.cli("stats", "app", "--window", "10m", "-o", "json").json["mirror"]
    assert counts["sent"] == counts["answered2xx"] >= len(USERS) and counts["unsuited"] == 1
    assert counts["sentBytes"] > 0 and counts["receivedBytes"] > 0 and counts["dropped"] == 0
    assert "COPIES TO NEW" in yard.cli("stats", "app").out
    review = yard.cli("report", "weekly", "app", "-o", "json").json["migrations"][0]
    assert review["stats"]["mirror"]["sent"] == counts["sent"]
    assert sum(day.get("mirror", {}).get("sent", 0) for day in review["days"]) == counts["sent"]
    assert "Copies to new" in yard.cli("report", "daily", "app").out
    yard.cli("rollback", "app", "--to", "0", "--reason", "enough seen")
    assert yard.status()["mirror"]["percent"] == 0
    ask_all()
    ask_all()
    assert len(yard.new.requests()) == before + len(USERS), "copies of a POST, or after the rollback"


def test_copies_survive_a_new_that_is_down_and_stop_at_an_emergency(yard):
    client = yard.open().sidecars[0].client()
    yard.apply(yard.plan(stages=STAGES))
    yard.cli("start", "app")
    yard.wait_status("the shadow stage", stage="shadow", phase="ready")
    yard.new.kill()
    assert {client.ask(user) for user in USERS} == {"legacy"}
    yard.new.start()
    before = len(yard.new.requests())
    assert client.ask(USERS[0]) == "legacy"
    wait_for(lambda: len(yard.new.requests()) > before, "a copy to new, which is back")
    yard.cli("rollback", "app", "--emergency", "--reason", "leave new alone")
    before = len(yard.new.requests())
    assert {client.ask(user) for user in USERS} == {"legacy"}
    assert len(yard.new.requests()) == before


def test_copies_go_on_and_off_by_hand(yard):
    client = yard.open().sidecars[0].client()
    yard.apply(yard.plan(stages=STAGES))
    yard.cli("start", "app")
    yard.wait_status("the shadow stage", stage="shadow", phase="ready")

    def set_mirror(*words, **more):
        return yard.cli("set", "mirror", "app", *words, "--reason", "a test", **more)

    def copies_of(count):
        assert {client.ask(user) for user in USERS[:count]} == {"legacy"}
        return len(yard.new.requests())

    assert "app is off" in set_mirror("off", "--dry-run").out and yard.status()["mirror"]["percent"] == 100
    off = set_mirror("off")
    assert "the mirror of app is off: by hand; stage shadow says 100 %" in off.out
    before = len(yard.new.requests())
    assert copies_of(len(USERS)) == before
    status = yard.status()["mirror"]
    assert status["percent"] == 0 and status["byHand"] and status["why"] == "by hand; stage shadow says 100 %"
    assert "mirror" in yard.cli("status", "app").out
    assert "nothing is copied to new, by hand" in yard.cli("why", "app", "--key", USERS[0]).out
    set_mirror("--default")
    copies_of(len(USERS))
    wait_for(lambda: len(yard.new.requests()) == before + len(USERS), "the copies in new's access log")
    set_mirror("7.5")
    assert "7.5 % of legacy's requests are copied" in yard.cli("status", "app").out
    yard.cli("promote", "app")
    yard.wait_status("the next stage, which is the last", stage="half", phase="completed")
    assert not yard.status()["mirror"]["byHand"], "a stage with fewer copies has ended it"
    events = [e["event"] for e in yard.history()]
    assert events.count("set_mirror") == 3, events
    for words, why in ((("101",), "share"), ((), "the share is missing"), (("5", "--default"), "not both")):
        assert why in set_mirror(*words, status=2).err
    yard.cli("rollback", "app", "--emergency", "--reason", "leave new alone")
    refused = set_mirror("5", status=1).err
    assert "nothing of app would be copied: an emergency order stands" in refused and "--clear" in refused
