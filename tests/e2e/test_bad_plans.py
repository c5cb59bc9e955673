# SPDX-License-Identifier: Apache-2.0
"""Plans that are wrong are refused with file, line, what, and the nearest valid name; nothing is stored."""

import copy

import pytest
import yaml

GOOD = """\
apiVersion: switchyard/v1
kind: Migration
metadata: {name: orders}
spec:
  systems:
    legacy: {endpoints: ["http://127.0.0.1:8000"]}
    new: {endpoints: ["http://127.0.0.1:8001"]}
  routing: {key: "header:X-User-Id"}
  triggers: {errorRate: 5%, window: 10s}
  stages:
    - {name: canary, weight: 10}
    - {name: all, weight: 100}
"""

# What is changed, what it becomes, and what the refusal must say besides the file.
CHANGES = {
    "unknown field": ("weight: 10", "wieght: 10", [":11:", "wieght", "weight"]),
    "unknown section": ("triggers:", "trigers:", [":9:", "trigers", "triggers"]),
    "wrong unit": ("window: 10s", "window: 10parsecs", [":9:", "window", "10parsecs"]),
    "no unit": ("window: 10s", "window: 10", [":9:", "window"]),
    "weight over 100": ("weight: 100", "weight: 101", [":12:", "weight", "101"]),
    "negative weight": ("weight: 10}", "weight: -1}", [":11:", "weight", "-1"]),
    "stages out of order": ("weight: 100}", "weight: 5}", [":12:", "weight", "canary"]),
    "duplicate name of a stage": ("name: all", "name: canary", [":12:", "canary"]),
    "duplicate key": ("kind: Migration", "kind: Migration\nkind: Migration", [":3:", "kind"]),
    "a field for later": ("  stages:", "  tenants: {}\n  stages:", [":10:", "tenants"]),
    "copies of nothing": ("weight: 100}", "weight: 100, mirror: 100}", [":12:", "mirror"]),
    "no stages": ("  stages:\n    - {name: canary, weight: 10}\n    - {name: all, weight: 100}\n", "",
                  ["stages"]),
    "not an address": ("http://127.0.0.1:8001", "ftp://127.0.0.1", [":7:", "ftp://127.0.0.1"]),
    "not a name": ("name: orders", "name: Orders!", [":3:", "Orders!"]),
    "broken YAML": ("routing: {key", "routing: {{key", [":8:"]),
    "a tab": ("  systems:", "\tsystems:", [":5:"]),
}


@pytest.fixture
def shop(yard):
    yard.coordinator.start()
    return yard


def refused(shop, path, *words, status=1):
    answer = shop.cli("apply", "-f", path, status=status)
    complaint = answer.err
    assert complaint.startswith("error: "), answer
    assert "Traceback" not in complaint and answer.out == ""
    for word in (path.name, *words):
        assert word in complaint, f"{word!r} is not in: {complaint}"
    assert shop.cli("get", "plans", "-o", "json").json["plans"] == []
    return complaint


def test_wrong_plans_are_refused_with_place_and_remedy(shop):
    assert yaml.safe_load(GOOD)
    for name, (old, new, words) in CHANGES.items():
        assert old in GOOD, name
        path = shop.write(GOOD.replace(old, new, 1), name.replace(" ", "-") + ".yaml")
        refused(shop, path, *words)


def test_what_is_no_plan_at_all_is_refused(shop):
    bomb = "a: &a [x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join(['*' + a] * 8)}]\n" for a, b in zip("abcdefgh", "bcdefghi"))
    before = shop.coordinator.process.rss_kib()
    refused(shop, shop.write(bomb, "bomb.yaml"), ":1:")
    refused(shop, shop.write(b"apiVersion: switchyard/v1\nkind: \xc3\x28\n", "utf8.yaml"), ":2")
    # Never sent, so it could not run.
    refused(shop, shop.write("# " + "x" * (10 << 20) + "\n" + GOOD, "big.yaml"), "1048576", status=2)
    refused(shop, shop.write("[" * 5000 + "]" * 5000, "deep.yaml"))
    refused(shop, shop.write("", "empty.yaml"))
    refused(shop, shop.write("just words\n", "words.yaml"))
    refused(shop, shop.write(bytes(range(256)) * 20, "binary.yaml"))
    assert shop.coordinator.process.rss_kib() < before + 65536, "the coordinator's memory stays flat"


def test_a_file_that_is_not_there_and_a_folder_are_told_apart(shop):
    missing = shop.cli("apply", "-f", shop.folder / "nothing.yaml", status=None)
    assert missing.status in (1, 2) and "nothing.yaml" in missing.err
    folder = shop.cli("apply", "-f", shop.folder, status=None)
    assert folder.status in (1, 2) and str(shop.folder) in folder.err


def test_every_problem_is_told_at_once(shop):
    text = GOOD.replace("weight: 10}", "wieght: 10}").replace("window: 10s", "window: soon")
    complaint = refused(shop, shop.write(text, "two.yaml"), ":9:")
    assert ":11:" in complaint or "more" in complaint, complaint


def test_a_plan_that_changes_what_a_running_rollout_did_is_refused(shop):
    shop.cli("apply", "-f", shop.write(GOOD, "good.yaml"))
    shop.cli("start", "orders")
    tree = yaml.safe_load(GOOD)

    keyed = copy.deepcopy(tree)
    keyed["spec"]["routing"]["key"] = "cookie:sid"
    assert "key" in shop.cli("apply", "-f", shop.write(keyed), status=1).err

    reweighted = copy.deepcopy(tree)
    reweighted["spec"]["stages"][0]["weight"] = 20
    assert "canary" in shop.cli("apply", "-f", shop.write(reweighted), status=1).err

    ahead = copy.deepcopy(tree)
    ahead["spec"]["stages"].insert(1, {"name": "half", "weight": 50})
    shop.cli("apply", "-f", shop.write(ahead))
    assert [s["name"] for s in shop.status("orders")["plan"]] == ["canary", "half", "all"]


def test_two_plans_for_the_same_requests_are_refused(shop):
    shop.cli("apply", "-f", shop.write(GOOD, "good.yaml"))
    second = shop.cli("apply", "-f", shop.write(GOOD.replace("name: orders", "name: carts")), status=1)
    assert "orders" in second.err
    assert [p["name"] for p in shop.cli("get", "plans", "-o", "json").json["plans"]] == ["orders"]
