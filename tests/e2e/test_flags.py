# SPDX-License-Identifier: Apache-2.0
"""Flags as a node shows them to applications: by stage, by hand, and back."""

import json
import urllib.request

from switchyard import free_port, wait_for

DEFAULTS = {"batch": 10, "new_cart": False, "theme": "grey"}


def test_flags_follow_stages_operators_and_rollbacks(yard):
    yard.open()
    admin = free_port()
    node = yard.sidecar("node-2", options=["--admin", f"127.0.0.1:{admin}"])
    yard.wait_nodes(2)

    def page():
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/flags", timeout=30) as answer:
            return json.load(answer)

    def wait_flags(what, stage, **changed):
        want = {"stage": stage, "emergency": False, "flags": {**DEFAULTS, **changed}}
        wait_for(lambda: page()["migrations"].get("app") == want, what)

    yard.apply(yard.plan(flags=DEFAULTS, stages=(
        {"name": "shadow", "weight": 0, "approval": "manual", "flags": {"batch": 20}},
        {"name": "half", "weight": 50, "approval": "manual", "flags": {"new_cart": True, "theme": "blue"}})))
    wait_flags("before the first stage: the defaults", "legacy")
    yard.cli("start", "app")
    wait_flags("the first stage's", "shadow", batch=20)
    yard.wait_status("the stage has baked", phase="ready")
    yard.cli("promote", "app")
    wait_flags("the second stage's over it", "half", batch=20, new_cart=True, theme="blue")

    yard.cli("set", "flag", "app", "new_cart", "false", "--reason", "a test")
    wait_flags("by hand", "half", batch=20, theme="blue")
    yard.cli("set", "flag", "app", "new_cart", "--default", "--reason", "a test")
    wait_flags("as the stage says again", "half", batch=20, new_cart=True, theme="blue")
    assert "flag new_cart is true" in yard.cli("why", "app", "--key", "u", "--node", node.node).out

    before = page()["revision"]
    yard.coordinator.kill()
    wait_for(lambda: page()["stale"], "no coordinator: the last values known, and said so")
    assert page()["migrations"]["app"]["flags"]["new_cart"] is True and page()["revision"] == before
    yard.coordinator.start()
    yard.wait_nodes(2)
    yard.cli("rollback", "app", "--to", "0", "--reason", "a test")
    wait_flags("the defaults again", "legacy")
    assert not page()["stale"] and page()["revision"] > before
