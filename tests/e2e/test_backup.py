# SPDX-License-Identifier: Apache-2.0
"""The control state into a file and back: also the way from SQLite to etcd and home again."""

import json

import pytest

from etcd import Etcd
from switchyard import Coordinator, wait_for

HISTORY = ("sequence", "time", "event", "operator", "reason", "from", "to")


def history(yard, name):
    return [{field: entry[field] for field in HISTORY} for entry in yard.history(name)]


def plans(yard):
    return yard.cli("get", "plans", "-o", "json").json["plans"]


def picture(yard):
    """Everything about the state that does not belong to one store."""
    return {"plans": plans(yard), **{p["name"]: history(yard, p["name"]) for p in plans(yard)}}


@pytest.fixture
def busy(yard):
    """One node; a plan in motion, one under an emergency order, one rolled back."""
    yard.open()
    for name, path in (("app", "/"), ("basket", "/basket"), ("cards", "/cards")):
        yard.apply(name=name, stages=(10, 50, 100),
                   routing={"path": path, "key": "header:X-User-Id", "exposeSystem": True})
        yard.cli("start", name)
        yard.wait_status("ready", name, phase="ready")
        yard.cli("promote", name, "--reason", "on with it")
    yard.cli("rollback", "basket", "--emergency", "--reason", "INC-1")
    yard.cli("rollback", "cards", "--to", "1", "--reason", "p99 doubled")
    yard.wait_status("rolled back", "basket", phase="rolled_back")
    yard.wait_status("rolled back", "cards", phase="rolled_back")
    yard.wait_status("ready", "app", phase="ready")
    return yard


def sides(yard, path="/", users=range(100)):
    client = yard.sidecars[0].client()
    return [client.request(u, path=path)[0].getheader("X-Switchyard-System") for u in users]


def new_home(yard, store=None):
    """Stop the coordinator, and start another one on an empty store at the same address."""
    old = yard.coordinator
    old.process.stop()
    yard.coordinator = Coordinator(yard, data=yard.folder / f"home-{next(yard.counter)}", port=old.port,
                                   store=store, id="c-1" if store else None).start()
    return yard.coordinator


def move(yard, store=None):
    """Backup, new store, restore; nothing of what can be seen changes, and no request fails."""
    file = yard.folder / f"backup-{next(yard.counter)}.json"
    before = picture(yard)
    routed = {path: sides(yard, path) for path in ("/", "/basket", "/cards")}
    yard.cli("backup", "create", file)
    new_home(yard, store)
    assert plans(yard) == []
    for path, expected in routed.items():
        assert sides(yard, path) == expected, "nodes serve on while there is nothing to serve"
    answer = yard.cli("backup", "restore", file, "--reason", "a new home")
    assert "restored" in answer.out and "basket" in answer.out
    assert picture(yard) == before
    yard.wait_nodes(1)
    for path, expected in routed.items():
        assert sides(yard, path) == expected
    return before


# ---- the file

def test_a_backup_is_for_its_owner_only_and_replaces_nothing_by_accident(busy):
    file = busy.folder / "b.json"
    summary = busy.cli("backup", "create", file, "-o", "json").json
    assert file.stat().st_mode & 0o777 == 0o600
    assert [(p["name"], p["stage"], p["emergency"]) for p in summary["plans"]] == [
        ("app", "at-50", False), ("basket", "legacy", True), ("cards", "at-10", False)]
    assert [p["history"] for p in summary["plans"]] == [len(busy.history(p["name"])) for p in summary["plans"]]
    first = file.read_bytes()
    answer = busy.cli("backup", "create", file, status=2)
    assert "exists" in answer.err and "--force" in answer.err and file.read_bytes() == first
    busy.cli("backup", "create", file, "--force")
    assert file.read_bytes() != first  # it says when it was made
    assert list(busy.folder.glob("b.json*")) == [file]
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines[0]["keys"] == len(lines) - 2
    revisions = [line["revision"] for line in lines[1:-1]]
    assert revisions == sorted(revisions)


def test_a_backup_that_cannot_be_written_leaves_nothing(busy):
    assert busy.cli("backup", "create", busy.folder / "nowhere" / "b.json", status=1).err
    file = busy.folder / "b.json"
    assert busy.cli("backup", "create", file, endpoints="127.0.0.1:1", status=2).err
    assert not file.exists()


def test_verify_needs_no_coordinator_and_names_the_damage(busy):
    file = busy.folder / "b.json"
    busy.cli("backup", "create", file)
    text = file.read_text()
    nobody = {"endpoints": "127.0.0.1:1"}
    assert "basket" in busy.cli("backup", "verify", file, **nobody).out
    for damaged, told in ((text[:-30], "cut short"), (text[:len(text) // 2], "cut short"),
                          (text.replace("INC-1", "INC-2"), "checksum"), ("", "line 1"), ("{}\n", "no backup")):
        file.write_text(damaged)
        answer = busy.cli("backup", "verify", file, status=1, **nobody)
        assert told in answer.err and "line" in answer.err, answer
        assert answer.out == ""
    assert busy.cli("backup", "verify", busy.folder / "nothing", status=2, **nobody).err


# ---- and back

def test_a_restore_into_a_store_with_plans_is_refused(busy):
    file = busy.folder / "b.json"
    busy.cli("backup", "create", file)
    before = picture(busy)
    answer = busy.cli("backup", "restore", file, "--reason", "a slip", status=1)
    assert "app" in answer.err and "hint: " in answer.err
    assert picture(busy) == before
    assert "--reason" in busy.cli("backup", "restore", file, status=2).err


def test_a_damaged_backup_is_not_sent_at_all(busy):
    file = busy.folder / "b.json"
    busy.cli("backup", "create", file)
    file.write_text(file.read_text().replace("INC-1", "INC-2"))
    new_home(busy)
    answer = busy.cli("backup", "restore", file, "--reason", "x", status=2)
    assert "checksum" in answer.err
    assert plans(busy) == []


def test_from_one_file_to_another(busy):
    move(busy)
    assert any("event=restore" in line and "operator=tester" in line and 'reason="a new home"' in line
               for line in busy.coordinator.process.text().splitlines())


def test_from_sqlite_to_etcd_and_home_again(busy):
    etcd = Etcd(busy).start()
    before = move(busy, store=etcd)
    orders = [json.loads(v) for k, v in etcd.get("/switchyard/v1/emergency/").items() if v.startswith("{")]
    assert [(o["active"], o["reason"]) for o in orders if o["active"]] == [(True, "INC-1")]
    assert move(busy) == before


def test_what_was_restored_goes_on(busy):
    """The order stands until it is lifted, epochs and sequences rise on, and the rollouts move."""
    etcd = Etcd(busy).start()
    epoch = busy.status("basket")["emergency"]["epoch"]
    sequence = busy.history("basket")[0]["sequence"]
    move(busy, store=etcd)
    status = busy.status("basket")
    assert status["emergency"]["active"] and status["emergency"]["epoch"] == epoch
    assert set(sides(busy, "/basket")) == {"legacy"}
    busy.cli("rollback", "basket", "--clear", "--reason", "fixed")
    assert busy.status("basket")["emergency"]["epoch"] > epoch
    assert busy.history("basket")[0]["sequence"] == sequence + 1
    busy.cli("promote", "app")
    assert set(sides(busy)) == {"new"}
    busy.cli("rollback", "app", "--emergency", "--reason", "INC-2")
    assert set(sides(busy)) == {"legacy"}


def test_among_several_coordinators_the_leader_restores(busy):
    file = busy.folder / "b.json"
    busy.cli("backup", "create", file)
    before = picture(busy)
    busy.coordinator.process.stop()
    etcd = Etcd(busy).start()
    busy.replicas = [Coordinator(busy, store=etcd, id=f"c-{i + 1}") for i in range(3)]
    for replica in busy.replicas:
        replica.start()
    leader = busy.wait_leader()
    follower = next(c for c in busy.replicas if c is not leader)
    follower.cli("backup", "restore", file, "--reason", "to three of them")
    assert "event=restore" in leader.process.text()
    for replica in busy.replicas:
        busy.coordinator = replica

        def same():
            answer = replica.cli("get", "plans", "-o", "json", status=None)
            return answer.status == 0 and answer.json["plans"] == before["plans"]
        wait_for(same, f"{replica.id} shows what was restored")
    again = busy.folder / "again.json"
    follower.cli("backup", "create", again)
    strip = lambda path: [{k: v for k, v in json.loads(line).items() if k in ("key", "value")}
                          for line in path.read_text().splitlines()[1:-1]]
    assert strip(again) == strip(file)
