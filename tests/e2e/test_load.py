# SPDX-License-Identifier: Apache-2.0
"""A load test is a hook of its stage: the rollout goes on when the system has kept up, and holds when it has not."""

import subprocess
from pathlib import Path

from switchyard import free_port, wait_for

LOAD_TEST = Path(__file__).resolve().parents[2] / "deploy/examples/load_test.py"


def stages(yard, *more):
    words = [str(LOAD_TEST), "--url", f"{yard.sidecars[0].url}/load", "--rps", "200", "--duration", "2", *more]
    return ({"name": "quarter", "weight": 25, "after": [{"name": "load", "command": words, "timeout": "30s"}]},
            {"name": "all", "weight": 100, "approval": "manual"})


def open_yard(yard):
    yard.services()
    yard.coordinator.start(options=["--allow-commands"])
    yard.sidecar("node-1")
    yard.wait_nodes(1)


def test_a_stage_is_left_after_its_load_test(yard):
    open_yard(yard)
    yard.apply(stages=stages(yard, "--max-p99", "5000"))
    yard.cli("start", "app")
    yard.wait_status("the load test has passed", phase="ready", stage="quarter")
    asked = [len([r for r in side.requests() if r[3] == "/load"]) for side in (yard.legacy, yard.new)]
    assert sum(asked) == 400 and 50 < asked[1] < 150, asked


def test_a_system_that_does_not_keep_up_holds_the_rollout(yard):
    open_yard(yard)
    yard.apply(stages=stages(yard, "--max-p99", "0", "--rps", "80", "--duration", "5"))
    yard.cli("start", "app")

    def shown(part):
        told = yard.cli("status", "app").out
        return told if part in told else None
    assert "leaving " in wait_for(lambda: shown("quarter: hooks after"), "the load test runs")
    told = wait_for(lambda: shown("load: it ended with status 1"), "the load test has failed")
    assert "| 400 requests in" in told, told
    status = yard.status()
    assert status["phase"] == "baking" and status["stage"] == "quarter", status
    assert "load" in yard.cli("promote", "app", status=1).err


def test_a_stage_whose_hooks_fail_at_once_is_entered_all_the_same(yard):
    open_yard(yard)
    after = [{"name": "never", "command": ["false"]}]
    yard.apply(stages=({"name": "quarter", "weight": 25, "after": after}, 100))
    answer = yard.cli("start", "app")
    assert "NOT ENTERED" not in answer.out and "enters quarter" in answer.out, answer
    wait_for(lambda: "quarter: never: it ended with status 1" in yard.cli("status", "app").out, "status says it")


def test_what_does_not_answer_fails_the_load_test():
    done = subprocess.run([LOAD_TEST, "--url", f"http://127.0.0.1:{free_port()}/", "--rps", "50", "--duration", "0.5"],
                          text=True, capture_output=True, timeout=30)
    assert done.returncode == 1 and "100.00 % errors" in done.stdout, done
