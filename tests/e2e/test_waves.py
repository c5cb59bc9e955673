# SPDX-License-Identifier: Apache-2.0
"""Waves and flags on real nodes: five sidecars in three clusters, one decision for all of them."""

import json
import urllib.request

from switchyard import free_port, wait_for

USERS = [f"user-{i}" for i in range(40)]
CLUSTERS = ["eu-1", "eu-1", "us-1", "us-1", "ap-1"]


class Fleet:
    def __init__(self, yard):
        self.yard, self.admin = yard, {}
        yard.services()
        yard.coordinator.start()
        for i, cluster in enumerate(CLUSTERS):
            self.add(f"node-{i + 1}", cluster)
        yard.wait_nodes(len(CLUSTERS))

    def add(self, node, cluster):
        self.admin[node] = free_port()
        return self.yard.sidecar(node, f"cluster={cluster}", options=["--admin", f"127.0.0.1:{self.admin[node]}"])

    def page(self, node, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin[node]}/{name}", timeout=30) as page:
            return json.load(page)

    def served(self):
        """{node: (stage, weight, flags)} as each node says it."""
        routes = {node: self.page(node, "status")["routes"][0] for node in self.admin}
        flags = {node: self.page(node, "flags")["migrations"]["app"]["flags"] for node in self.admin}
        for node, route in routes.items():
            assert route["flags"] == flags[node], "both pages tell the same"
        return {node: (r["stage"], r["weight"], r["flags"]) for node, r in routes.items()}

    def on_new(self):
        """Nodes that send every user to new; the others send every user to legacy."""
        sides = {s.node: set(s.client().sides(USERS).values()) for s in self.yard.sidecars}
        assert all(len(side) == 1 for side in sides.values()), sides
        return sorted(node for node, side in sides.items() if side == {"new"})

    def wait_served(self, what, **want):
        """Nodes by their clusters' first two letters."""
        def agreed():
            served = self.served()
            by_cluster = {}
            for sidecar in self.yard.sidecars:
                by_cluster.setdefault(sidecar.labels.split("=")[1][:2], []).append(served[sidecar.node])
            return all(value == want[c] for c, values in by_cluster.items() for value in values)
        wait_for(agreed, what)


LEGACY = ("shadow", 0, {"batch": 10, "new_cart": False})
AHEAD = ("wide", 100, {"batch": 10, "new_cart": True})


def plan(yard, first_bake="0s"):
    waves = [{"select": "cluster=eu-1", "bake": first_bake}, {"select": "cluster=us-1", "approval": "manual"},
             {"select": "*", "approval": "manual"}]
    return yard.plan(
        flags={"new_cart": False, "batch": 10},
        stages=({"name": "shadow", "weight": 0, "approval": "manual"},
                {"name": "wide", "weight": 100, "approval": "manual", "flags": {"new_cart": True}, "waves": waves},
                {"name": "rest", "weight": 100, "approval": "manual", "flags": {"batch": 50}}))


def enter_shadow(fleet, **how):
    yard = fleet.yard
    yard.apply(plan(yard, **how))
    yard.cli("start", "app")
    yard.wait_status("shadow has baked", stage="shadow", phase="ready")
    assert set(map(repr, fleet.served().values())) == {repr(LEGACY)}


def test_a_stage_reaches_the_clusters_one_after_the_other(yard):
    fleet = Fleet(yard)
    enter_shadow(fleet)

    yard.cli("promote", "app")
    fleet.wait_served("the first wave is reached", eu=AHEAD, us=LEGACY, ap=LEGACY)
    assert fleet.on_new() == ["node-1", "node-2"]
    late = fleet.add("node-6", "eu-1")
    fleet.add("node-7", "ap-1")
    yard.wait_nodes(7)
    fleet.wait_served("who joins late gets its wave's decision", eu=AHEAD, us=LEGACY, ap=LEGACY)
    assert fleet.on_new() == ["node-1", "node-2", "node-6"]
    assert "a wave has reached this node (cluster=eu-1)" in yard.cli(
        "why", "app", "--key", "u", "--node", late.node).out

    yard.wait_status("the wave has baked", phase="ready")
    yard.cli("promote", "app")
    fleet.wait_served("the second wave is reached", eu=AHEAD, us=AHEAD, ap=LEGACY)
    yard.wait_status("the wave has baked", phase="ready")
    yard.cli("promote", "app")
    fleet.wait_served("everybody is reached", eu=AHEAD, us=AHEAD, ap=AHEAD)
    yard.wait_status("the last wave has baked", phase="ready", stage="wide")
    yard.cli("promote", "app")
    everywhere = ("rest", 100, {"batch": 50, "new_cart": True})
    fleet.wait_served("the next stage is for all at once", eu=everywhere, us=everywhere, ap=everywhere)


def test_a_wave_bakes_before_the_next_one_may_begin(yard):
    fleet = Fleet(yard)
    enter_shadow(fleet, first_bake="8s")
    yard.cli("promote", "app")
    yard.wait_status("the first wave bakes", phase="baking", stage="wide")
    assert yard.cli("promote", "app", status=1).err
    yard.wait_status("it has baked", phase="ready", stage="wide")
    assert fleet.on_new() == ["node-1", "node-2"]


def test_a_rollback_takes_waves_and_flags_back(yard):
    fleet = Fleet(yard)
    enter_shadow(fleet)
    yard.cli("promote", "app")
    fleet.wait_served("the first wave is reached", eu=AHEAD, us=LEGACY, ap=LEGACY)
    yard.cli("rollback", "app", "--to", "1", "--reason", "the cart is broken")
    assert set(map(repr, fleet.served().values())) == {repr(LEGACY)}
    assert fleet.on_new() == []


def test_one_emergency_order_hits_all_clusters(yard):
    fleet = Fleet(yard)
    enter_shadow(fleet)
    yard.cli("promote", "app")
    fleet.wait_served("the first wave is reached", eu=AHEAD, us=LEGACY, ap=LEGACY)
    assert fleet.on_new()

    yard.cli("rollback", "app", "--emergency", "--reason", "INC-1")
    assert fleet.on_new() == []
    assert all(fleet.page(node, "flags")["migrations"]["app"]["emergency"] for node in fleet.admin)


def test_a_wave_outlives_the_coordinator_and_the_nodes(yard):
    fleet = Fleet(yard)
    enter_shadow(fleet)
    yard.cli("promote", "app")
    fleet.wait_served("the first wave is reached", eu=AHEAD, us=LEGACY, ap=LEGACY)
    yard.wait_status("the wave has baked", phase="ready")

    yard.coordinator.kill()
    for sidecar in (yard.sidecars[0], yard.sidecars[4]):
        sidecar.kill()
        sidecar.start(options=["--admin", f"127.0.0.1:{fleet.admin[sidecar.node]}"])
    wait_for(lambda: fleet.page("node-1", "flags")["stale"], "the node starts from its disk")
    assert fleet.served()["node-1"] == AHEAD and fleet.served()["node-5"] == LEGACY

    yard.coordinator.start()
    yard.wait_nodes(5)
    yard.cli("promote", "app")
    fleet.wait_served("the second wave is reached", eu=AHEAD, us=AHEAD, ap=LEGACY)
    assert not fleet.page("node-1", "flags")["stale"]
