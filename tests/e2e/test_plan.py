# SPDX-License-Identifier: Apache-2.0
"""Plans before and after they are applied: linted, compared with what is in force, explained."""

import copy


def staged(yard):
    plan = yard.plan(name="orders", stages=(
        {"name": "canary", "weight": 10, "risk": "medium", "gate": {"errorRate": "1%"}},
        {"name": "half", "weight": 50, "risk": "high", "gate": {"errorRate": "1%"}},
        {"name": "all", "weight": 100, "risk": "critical", "approval": "manual", "gate": {"errorRate": "1%"}}),
        triggers={"errorRate": "5%"})
    plan["spec"]["environments"] = {"lab": {"triggers": {"errorRate": "50%"}}}
    return plan


def test_lint_tells_how_sure_a_plan_looks_by_its_exit_status(yard):
    good = staged(yard)
    bold = copy.deepcopy(good)
    bold["spec"]["stages"] = [{"name": "all", "weight": 100}]
    broken = copy.deepcopy(good)
    broken["spec"]["stages"][0]["wieght"] = 10
    assert "nothing looks wrong" in yard.cli("plan", "lint", yard.write(good)).out
    answer = yard.cli("plan", "lint", yard.write(bold), "-o", "json", status=1)
    assert {p["severity"] for p in answer.json["problems"]} == {"warning"}
    assert "spec.stages[0].weight" in [p["path"] for p in answer.json["problems"]]
    answer = yard.cli("plan", "lint", yard.write(broken), status=1)
    assert answer.out.startswith("error: ") and "did you mean \"weight\"" in answer.out
    assert yard.cli("plan", "lint", yard.folder / "nowhere.yaml", status=2).err.startswith("error: ")
    assert "no environment is named" in yard.cli("plan", "lint", yard.write(good), "--env", "prod", status=1).out


def test_diff_and_explain_know_what_is_in_force(yard):
    yard.coordinator.start()
    plan = staged(yard)
    path = yard.write(plan, "orders.yaml")
    assert "there is no migration" in yard.cli("plan", "diff", path, status=1).err
    yard.cli("apply", "-f", path)
    assert yard.cli("plan", "diff", path).out == "orders: as in force\n"
    plan["spec"]["stages"][1]["weight"] = 40
    path = yard.write(plan, "orders.yaml")
    assert yard.cli("plan", "diff", path, status=1).out == "spec.stages[1].weight\n  - 50\n  + 40\n"
    answer = yard.cli("plan", "diff", path, "-o", "json", status=1)
    assert answer.json == {"migration": "orders", "differences": [
        {"path": "spec.stages[1].weight", "before": 50, "after": 40}]}
    yard.cli("set", "override", "orders", "legacy", "--reason", "INC-1")
    assert "by hand: override legacy, where the plan says none; by tester at " in yard.cli("plan", "diff", path, status=1).out
    assert yard.cli("plan", "diff", path, "-o", "json", status=1).json["byHand"][0]["reason"] == "INC-1"
    assert "2. half: 40 % of the users on new." in yard.cli("plan", "explain", path).out
    assert "2. half: 50 % of the users on new." in yard.cli("plan", "explain", "orders").out
    assert yard.cli("plan", "explain", "orders", "-o", "json").json["migration"] == "orders"


def test_a_plan_is_applied_for_an_environment(yard):
    yard.coordinator.start()
    plan = staged(yard)
    plan["spec"]["environment"] = "required"
    path = yard.write(plan, "orders.yaml")
    assert "--env NAME with one of lab" in yard.cli("apply", "-f", path, status=1).err
    yard.cli("apply", "-f", path, "--env", "lab")
    assert "in 3 stages, as for lab" in yard.cli("plan", "explain", "orders").out
    assert yard.cli("plan", "diff", path, "--env", "lab").out == "orders: as in force\n"
    yard.coordinator.kill()
    yard.coordinator.start()
    assert "errors of new at most 50%" in yard.cli("plan", "explain", "orders").out
