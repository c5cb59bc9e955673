# SPDX-License-Identifier: Apache-2.0
"""What happens is told in order, everywhere the same, to people, programs and webhooks."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from etcd import Etcd
from receiver import Receiver
from switchyard import BIN, wait_for

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def one_etcd(yard):
    return Etcd(yard).start()


@pytest.fixture
def receiver():
    receiver = Receiver().start()
    yield receiver
    receiver.stop()


def told(asked, *args):
    """The events as one coordinator tells them."""
    return [json.loads(line) for line in asked.cli("events", *args, "-o", "json").out.splitlines()]


def kinds(events):
    return [e["kind"] for e in events]


def place(event):
    return int(event["revision"]), event["migration"], int(event["sequence"])


def walk(yard):
    yard.apply(stages=(50, 100))
    yard.cli("start", "app", "--reason", "a walk")
    yard.wait_status("it may go on", phase="ready")
    yard.cli("promote", "app")
    yard.wait_status("everything goes to new", phase="completed")
    yard.cli("rollback", "app", "--to", "1", "--reason", "slow")
    yard.wait_status("it is back", phase="rolled_back")
    # By one coordinator: an order that is slow to be answered is given to a second one, and told twice.
    yard.coordinator.cli("rollback", "app", "--emergency", "--reason", "INC-1")
    yard.cli("rollback", "app", "--clear", "--reason", "fixed")


WALK = ["plan_applied", "stage_enabled", "converged", "stage_enabled", "converged", "completed", "rollback",
        "rolled_back", "emergency_rollback", "rolled_back", "emergency_cleared"]


def without_gates(found):
    return [k for k in found if not k.startswith("gate_")]


# ---- people and programs

def test_a_walk_is_told_in_the_same_order_by_every_coordinator(yard, one_etcd):
    yard.open_replicas(one_etcd, nodes=3)
    walk(yard)
    for replica in yard.replicas:
        wait_for(lambda: without_gates(kinds(told(replica))) == WALK, f"{replica.id} tells the whole walk")
    first = told(yard.replicas[0])
    assert all(told(replica) == first for replica in yard.replicas)
    assert [place(e) for e in first] == sorted(place(e) for e in first)
    assert [int(e["sequence"]) for e in first] == list(range(1, len(first) + 1))
    assert first[0]["operator"] == "tester" and first[2]["operator"] == "switchyard"
    assert told(yard.replicas[1], "--since", first[-2]["revision"]) == first[-1:]
    assert kinds(told(yard.replicas[2], "app", "--kind", "rollback,rolled_back")) == ["rollback", "rolled_back",
                                                                                     "rolled_back"]
    assert "INC-1 (tester)" in yard.cli("events", "app").out


class Follower:
    """`switchyard events --follow -o json`, as it runs."""

    def __init__(self, yard, *args):
        self.process = yard.run("follower", [BIN / "switchyard", "events", "--follow", "-o", "json", "--endpoints",
                                             yard.endpoints, *args])
        self.process.expected.add(-15)

    def events(self):
        return [json.loads(line) for line in self.process.text().splitlines() if line.startswith("{")]


def test_who_follows_misses_nothing_and_hears_nothing_twice_when_leaders_are_killed(yard, one_etcd):
    yard.open_replicas(one_etcd, nodes=3)
    follower = Follower(yard)
    yard.apply(stages=(50, 100))
    yard.cli("start", "app")
    yard.wait_status("it may go on", phase="ready")
    wait_for(lambda: "converged" in kinds(follower.events()), "the follower hears of it")
    for turn in range(2):
        # Whoever told the follower is among those that go.
        for victim in [yard.wait_leader(), yard.replicas[0]]:
            if victim.process.alive():
                victim.kill()
        left = [c for c in yard.replicas if c.process.alive()]
        wait_for(lambda: yard.leader(asked=left[0]) in left, "another one leads")
        for _ in range(5):
            yard.cli("pause", "app", "--timeout", "30s")
            yard.cli("resume", "app", "--timeout", "30s")
        for coordinator in yard.replicas:
            if not coordinator.process.alive():
                coordinator.start()
        yard.wait_leader()
    want = told(yard.replicas[0])
    wait_for(lambda: len(follower.events()) >= len(want), "the follower has heard of everything")
    assert [place(e) for e in follower.events()] == [place(e) for e in want]
    assert kinds(want).count("paused") == 10
    assert all(int(e["lost"]) == 0 for e in follower.events())


def test_what_is_typed_wrongly_is_told(yard):
    yard.open()
    yard.apply(stages=(50, 100))
    answer = yard.cli("events", "ap", status=1)
    assert "there is no migration" in answer.err
    assert 'did you mean "rollback"?' in yard.cli("events", "--kind", "rolback", status=1).err
    assert "--since" in yard.cli("events", "--since", "now", status=None).err


# ---- webhooks

def snippet():
    """How OPERATIONS.md tells receivers to verify what they are sent."""
    page = (ROOT / "docs/OPERATIONS.md").read_text()
    code = next(c for c in re.findall(r"```python\n(.*?)```", page, re.S) if "def is_genuine" in c)
    names = {}
    exec(code, names)  # pylint: disable=exec-used
    return names["is_genuine"]


def open_with_webhook(yard, receiver, *more):
    yard.services()
    secret = yard.write("kept in a file\n", "secret")
    options = ["--webhook", receiver.url, "--webhook-secret", secret, *more]
    yard.coordinator.start(options=options)
    yard.sidecar("node-1")
    yard.wait_nodes(1)
    return options


def webhook_health(asked):
    components = asked.cli("health", "-o", "json", status=None).json["components"]
    return next(c for c in components if c["name"] == "webhook/1")


def test_webhooks_are_signed_and_come_in_order(yard, receiver):
    is_genuine = snippet()
    open_with_webhook(yard, receiver)
    walk(yard)
    wait_for(lambda: "emergency_cleared" in kinds(receiver.events()), "the receiver is told of the whole walk")
    assert receiver.events() == told(yard.coordinator)
    for headers, body in receiver.taken:
        event = json.loads(body)
        assert headers["X-Switchyard-Event"] == event["kind"]
        assert headers["X-Switchyard-Delivery"] == f"app-{event['sequence']}"
        assert is_genuine(b"kept in a file", headers, body)
        assert not is_genuine(b"another one", headers, body)
        assert not is_genuine(b"kept in a file", headers, body + b" ")
        assert not is_genuine(b"kept in a file", {**headers, "X-Switchyard-Timestamp": "1"}, body)
    assert webhook_health(yard.coordinator)["state"] == "healthy"
    log = yard.coordinator.process.text()
    assert "hidden" not in log and "kept in a file" not in log


def test_a_receiver_that_is_down_slow_or_broken_gets_everything_later(yard, receiver):
    open_with_webhook(yard, receiver, "--webhook-events", "plan_applied,paused,resumed")
    receiver.stop()
    yard.apply(stages=(50, 100))
    yard.cli("start", "app")
    wait_for(lambda: webhook_health(yard.coordinator)["state"] == "degraded", "health tells of the webhook")
    broken = webhook_health(yard.coordinator)["text"]
    assert "127.0.0.1" in broken and "hidden" not in broken
    receiver.status = 500
    receiver.start()
    wait_for(lambda: receiver.refused > 0, "it is tried again")
    assert "500" in webhook_health(yard.coordinator)["text"]
    receiver.status, receiver.delay = 200, 0.2
    for _ in range(3):
        yard.cli("pause", "app")
        yard.cli("resume", "app")
    wait_for(lambda: len(receiver.taken) >= 7, "it is told of everything")
    assert kinds(receiver.events()) == ["plan_applied"] + ["paused", "resumed"] * 3
    assert webhook_health(yard.coordinator)["state"] == "healthy"


def test_another_leader_goes_on_where_the_first_one_was(yard, one_etcd, receiver):
    yard.open_replicas(one_etcd, nodes=1, options=["--webhook", receiver.url])
    yard.apply(stages=(50, 100))
    yard.cli("start", "app")
    yard.wait_status("it may go on", phase="ready")
    wait_for(lambda: "converged" in kinds(receiver.events()), "the receiver is told")
    yard.wait_leader().kill()
    yard.cli("pause", "app", "--timeout", "30s")
    wait_for(lambda: "paused" in kinds(receiver.events()), "the next leader tells it")
    want = [f"app-{e['sequence']}" for e in told(next(c for c in yard.replicas if c.process.alive()))]
    assert list(dict.fromkeys(receiver.deliveries())) == want


def test_options_that_cannot_be_are_refused(yard):
    for options, words in [(["--webhook", "ftp://x/"], "http"), (["--webhook-events", "moon"], "moon"),
                           (["--webhook-secret", "/nowhere"], "/nowhere")]:
        done = subprocess.run([BIN / "switchyard-coordinator", *options], capture_output=True, text=True, check=False)
        assert done.returncode == 2 and words in done.stderr, done
