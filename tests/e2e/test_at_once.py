# SPDX-License-Identifier: Apache-2.0
"""Two operators promote at the same moment: both mean the next stage, and the rollout takes one step."""

import subprocess

from switchyard import BIN

# Long enough for whoever types a moment later on a busy machine.
STAGES = [{"name": f"at-{weight}", "weight": weight, "bake": "8s", "approval": "manual"}
          for weight in (1, 5, 10, 25, 50)]


def promote(yard, operator, *more):
    return subprocess.Popen([BIN / "switchyard", "promote", "app", "--endpoints", yard.endpoints, "--operator", operator,
                             "--reason", "it looks well", "--no-wait", *more],
                            env={"HOME": str(yard.folder)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def both(yard, *more):
    """The answers of ann and bob, who type at the same moment."""
    typed = [promote(yard, operator, *more) for operator in ("ann", "bob")]
    return [(p.communicate(timeout=30), p.returncode) for p in typed]


def promoted_by(yard):
    return [e["operator"] for e in reversed(yard.history()) if e["event"] == "promote"]


def test_each_round_goes_one_stage_further(yard):
    yard.open(nodes=2)
    yard.apply(stages=STAGES)
    yard.cli("start", "app")
    for stage in range(1, len(STAGES) - 1):
        yard.wait_status("the stage has baked", phase="ready", stageIndex=stage)
        answers = both(yard)
        status = yard.status()
        assert status["stageIndex"] == stage + 1, (answers, status)
        assert sorted(code for _, code in answers) == [0, 1], answers
        complaint = next(err for (_, err), code in answers if code == 1)
        assert "app has moved since you looked at it" in complaint or "bake" in complaint or "serve" in complaint, complaint
        assert len(promoted_by(yard)) == stage


def test_a_stage_that_is_prepared_is_prepared_once(yard):
    ran = yard.folder / "ran"
    script = yard.write(f"#!/bin/sh\necho ran >> {ran}\nexec sleep 1\n", "slow.sh")
    script.chmod(0o755)
    yard.services()
    yard.coordinator.start(options=("--allow-commands",))
    yard.sidecar("node-1")
    yard.wait_nodes(1)
    hook = {"name": "slow", "command": [str(script)]}
    first, second, third = STAGES[:3]
    yard.apply(stages=[first, {**second, "before": [hook]}, third])
    yard.cli("start", "app")
    yard.wait_status("the stage has baked", phase="ready", stageIndex=1)
    answers = both(yard)
    assert sorted(code for _, code in answers) == [0, 1], answers
    complaint = next(err for (_, err), code in answers if code == 1)
    assert "is being prepared for its next stage already" in complaint, complaint
    yard.wait_status("the stage is entered", phase="ready", stageIndex=2)
    assert ran.read_text() == "ran\n" and len(promoted_by(yard)) == 1
