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
