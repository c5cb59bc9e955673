# SPDX-License-Identifier: Apache-2.0
"""Comparison on real services: what differs is counted, shown and judged, and the users notice nothing."""

from switchyard import Load, wait_for

JSON = "application/json"
COMPARE = {"sample": "100%", "ignore": ["$.at"], "cosmetic": ["$.note"]}


def answers(yard, legacy, new):
    yard.legacy.become(200, legacy, media=JSON)
    yard.new.become(200, new, media=JSON)


def discrepancies(yard, *words):
    return yard.cli("discrepancies", "app", *words, "-o", "json").json


def compared(yard, count):
    return wait_for(lambda: discrepancies(yard)["total"]["compared"] >= count and discrepancies(yard),
                    f"{count} answers are compared")


def test_what_differs_is_counted_and_shown(yard):
    yard.open()
    answers(yard, '{"at": 1, "note": "a", "total": 5}', '{"total": 5.0, "note": "b", "at": 2}')
    yard.apply(stages=(0, 50), compare=COMPARE)
    yard.cli("start", "app")
    client = yard.sidecars[0].client()
    for user in range(50):
        assert client.request(f"user-{user}")[0].getheader("X-Switchyard-System") == "legacy"
    seen = compared(yard, 50)
    assert seen["total"]["cosmetic"] == seen["total"]["compared"] == 50 and seen["total"]["critical"] == 0, seen
    assert seen["sample"] == 100 and not seen["off"] and seen["total"]["overheadMs"] > 0
    assert yard.status()["canaryPercent"] == 100
    example = seen["examples"][0]
    assert (example["node"], example["class"], example["where"]) == ("node-1", "cosmetic", "$.note"), example
    assert yard.stats()["new"]["requests"] == 0, "a copy is no request of new's"

    answers(yard, '{"total": 5}', '{"total": 6}')
    for user in range(20):
        assert client.request(f"user-{user}")[1].strip() == b'{"total": 5}'
    seen = compared(yard, 70)
    assert seen["total"]["critical"] == 20
    only = discrepancies(yard, "--critical", "--limit", "3")["examples"]
    assert only and len(only) <= 3 and {e["where"] for e in only} == {"$.total"}
    assert (only[0]["legacy"], only[0]["new"]) == ("5", "6")
    text = yard.cli("discrepancies", "app").out
    assert "70 answers compared, 20 critical" in text and "$.total" in text, text


def test_what_a_system_packs_is_compared_by_what_it_holds(yard):
    yard.open()
    yard.legacy.become(200, '{"at": 1, "total": 5}', media=JSON)
    yard.new.become(200, '{"total": 5.0, "at": 2}', media=JSON, gzip="on")
    yard.apply(stages=(0, 50), compare=COMPARE)
    yard.cli("start", "app")
    client = yard.sidecars[0].client()
    for user in range(10):
        client.request(f"user-{user}", headers={"Accept-Encoding": "gzip"})
    seen = compared(yard, 10)
    assert (seen["total"]["cosmetic"], seen["total"]["critical"]) == (0, 0), seen

    yard.new.become(200, '{"total": 6, "at": 2}', media=JSON, gzip="on")
    yard.legacy.become(200, '{"at": 1, "total": 5}', media=JSON, gzip="on")
    for user in range(10):
        answer = client.request(f"user-{user}", headers={"Accept-Encoding": "gzip"})[0]
        assert answer.getheader("Content-Encoding") == "gzip"
    seen = compared(yard, 20)
    assert seen["total"]["critical"] == 10, seen
    assert {(e["where"], e["legacy"], e["new"]) for e in seen["examples"]} == {("$.total", "5", "6")}


def test_a_critical_difference_holds_the_gate_and_rolls_back(yard):
    yard.open()
    answers(yard, '{"total": 5}', '{"total": 5}')
    limits = {"criticalDiscrepancies": 0, "minRequests": 20}
    yard.apply(stages=({"name": "shadow", "weight": 0, "gate": {**limits, "for": "2s"}}, 25),
               triggers={**limits, "window": "10s"}, compare={"sample": "100%"})
    yard.cli("start", "app")
    load = Load(yard, yard.sidecars[0], connections=2)
    yard.wait_status("equal answers let the gate open", phase="ready")
    yard.cli("promote", "app")
    yard.wait_status("the stage is served", stageIndex=2)
    wait_for(lambda: yard.stats()["new"]["requests"] > 50, "new serves its share")

    yard.new.become(200, '{"total": 50}', media=JSON)
    status = yard.wait_status("the trigger rolls back", phase="rolled_back", weight=0)

    assert any("criticalDiscrepancies" in v for v in status["lastRollback"]["violations"]), status["lastRollback"]
    assert load.stop()["errors"] == 0
    assert any(e["where"] == "$.total" for e in discrepancies(yard)["examples"])


def test_it_is_off_above_the_weight_that_the_plan_says(yard):
    yard.open()
    answers(yard, '{"a": 1}', '{"a": 2}')
    yard.apply(stages=(100,), compare={"sample": "100%", "offAbove": "90%"})
    yard.cli("start", "app")
    yard.wait_status("everything goes to new", phase="completed", weight=100)
    client = yard.sidecars[0].client()
    for user in range(20):
        client.request(f"user-{user}")
    wait_for(lambda: yard.stats()["new"]["requests"] == 20, "the requests are counted")
    seen = discrepancies(yard)
    assert seen["off"] and seen["offAbove"] == 90 and seen["total"]["compared"] == 0
    assert "off: the weight of new is above 90 %" in yard.cli("discrepancies", "app").out
    assert not [r for r in yard.legacy.requests() if r[3] == "/"], "legacy is left alone"


def test_a_plan_without_it_says_what_to_add(yard):
    yard.open()
    yard.apply()
    assert "add `compare: {sample: 10%}`" in yard.cli("discrepancies", "app").out
    assert "--window" in yard.cli("discrepancies", "app", "--window", "1s", status=None).err
