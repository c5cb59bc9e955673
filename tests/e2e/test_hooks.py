# SPDX-License-Identifier: Apache-2.0
"""Programs of the operators' around stages: in order, told of, ended in time, and run again by the next leader."""

import textwrap
from pathlib import Path

from etcd import Etcd
from switchyard import Coordinator, wait_for

COMMANDS = ("--allow-commands",)


def program(yard, name, text):
    path = yard.folder / name
    path.write_text("#!/bin/sh\n" + textwrap.dedent(text))
    path.chmod(0o755)
    return str(path)


def hook(yard, name, text, **more):
    return {"name": name, "command": [program(yard, name, text)], **more}


def open_yard(yard):
    yard.services()
    yard.coordinator.start(options=COMMANDS)
    yard.sidecar("node-1")
    yard.wait_nodes(1)


def lines(path):
    return path.read_text().split() if path.exists() else []


def test_hooks_run_in_order_around_a_stage_with_a_backup_before_it(yard):
    done = yard.folder / "done"
    open_yard(yard)
    before = [hook(yard, name, f"echo {name} $SWITCHYARD_MIGRATION >> {done}\n") for name in ("one", "two")]
    after = [hook(yard, "three", f"echo three app >> {done}\n")]
    yard.apply(stages=({"name": "canary", "weight": 10, "before": before, "after": after, "backup": True},
                       {"name": "all", "weight": 100, "approval": "manual"}))
    yard.cli("start", "app")
    yard.wait_status("the stage is reached and its hooks have run", phase="ready", stage="canary")
    assert lines(done) == ["one", "app", "two", "app", "three", "app"]
    saved = list((yard.coordinator.data / "backups").iterdir())
    assert len(saved) == 1 and saved[0].name.endswith("-app-canary.jsonl"), saved
    yard.cli("backup", "verify", saved[0])


def test_a_hook_that_fails_or_hangs_holds_and_goes_on_when_it_is_well(yard):
    done = yard.folder / "done"
    open_yard(yard)
    hooks = [hook(yard, "warm", "echo cannot reach the cache; exit 3\n"),
             hook(yard, "never", f"echo never >> {done}\n", timeout="1s")]
    yard.apply(stages=({"name": "canary", "weight": 10, "before": hooks},
                       {"name": "all", "weight": 100, "approval": "manual"}))

    def stays(part):
        yard.cli("start", "app", status=None)
        wait_for(lambda: part in yard.status()["why"], f"status says {part}")
        status = yard.status()
        assert status["phase"] == "pending" and status["weight"] == 0, status
    stays("warm: it ended with status 3: cannot reach the cache")
    entering = yard.status()["entering"]
    assert entering["stage"] == "canary", entering
    assert entering["checks"][0]["output"] == "cannot reach the cache\n", entering
    assert "cannot reach the cache" in yard.cli("status", "app").out
    assert lines(done) == []
    program(yard, "warm", "exit 0\n")
    program(yard, "never", "exec sleep 600\n")
    stays("never: it did not end within 1s")
    program(yard, "never", "kill -KILL $$\n")
    stays("never: it was ended by SIGKILL")
    program(yard, "never", f"echo never >> {done}\n")
    yard.cli("start", "app")
    yard.wait_status("the stage is entered", phase="ready", stage="canary", weight=10)
    assert lines(done) == ["never"]


def test_a_backup_needs_a_place(yard):
    yard.services()
    yard.coordinator.start(options=("--store", "memory"))
    yard.sidecar("node-1")
    yard.wait_nodes(1)
    yard.apply(stages=({"name": "canary", "weight": 10, "backup": True}, 100))
    yard.cli("start", "app", status=None)
    wait_for(lambda: "a data directory" in yard.status()["why"], "status says what is missing")
    assert yard.status()["phase"] == "pending"


def test_a_scale_hook_waits_for_its_capacity(yard):
    done = yard.folder / "done"
    open_yard(yard)
    yard.new.become(503)
    scale = {"name": "grow", "scale": [program(yard, "grow", f"echo grown >> {done}\n")], "timeout": "60s",
             "capacity": {"name": "answers", "http": f"{yard.new.url}/health"}}
    yard.apply(stages=({"name": "canary", "weight": 10, "before": [scale]},
                       {"name": "all", "weight": 100, "approval": "manual"}))
    yard.cli("start", "app", "--no-wait")
    wait_for(lambda: len([r for r in yard.new.requests() if r[3] == "/health"]) >= 2, "capacity is asked again")
    assert yard.status()["entering"]["doing"] == "hooks" and lines(done) == ["grown"]
    yard.new.become(200)
    yard.wait_status("the stage is entered", phase="ready", stage="canary", weight=10)
    assert lines(done) == ["grown"]


def test_a_coordinator_that_stops_ends_its_hooks(yard):
    pid = yard.folder / "pid"
    open_yard(yard)
    before = [hook(yard, "slow", f"trap '' TERM; echo $$ > {pid}; sleep 600; sleep 600\n")]
    yard.apply(stages=({"name": "canary", "weight": 10, "before": before}, 100))
    yard.cli("start", "app", "--no-wait")
    running = int(wait_for(lambda: lines(pid), "the hook runs")[0])
    assert yard.coordinator.process.stop() == 0
    wait_for(lambda: not Path(f"/proc/{running}").exists(), "the hook is gone")


def test_a_failing_check_keeps_a_stage_from_being_entered(yard):
    open_yard(yard)
    ready = [{"name": "port", "tcp": "127.0.0.1:1"}]
    yard.apply(stages=({"name": "canary", "weight": 10}, {"name": "all", "weight": 100, "ready": ready,
                                                         "approval": "manual"}))
    yard.cli("start", "app")
    yard.wait_status("canary is reached", phase="ready", stage="canary")
    yard.cli("promote", "app", "--no-wait", status=None)
    wait_for(lambda: "port" in yard.status()["why"], "status names the check")
    status = yard.status()
    assert status["stage"] == "canary" and status["weight"] == 10 and status["phase"] == "ready", status


def start_with(yard, etcd, id, options):
    coordinator = Coordinator(yard, store=etcd, id=id)
    yard.replicas.append(coordinator)
    yard.coordinator = yard.replicas[0]
    return coordinator.start(options=options)


def test_the_next_leader_runs_the_hooks_again(yard):
    begun, go = yard.folder / "begun", yard.folder / "go"
    etcd = Etcd(yard).start()
    yard.services()
    for id in ("c-1", "c-2"):
        start_with(yard, etcd, id, COMMANDS)
        yard.wait_leader()
    yard.sidecar("node-1")
    yard.wait_nodes(1)
    before = [hook(yard, "slow", f"echo begun >> {begun}; [ -e {go} ] || exec sleep 20\n")]
    yard.apply(stages=({"name": "canary", "weight": 10, "before": before},
                       {"name": "all", "weight": 100, "approval": "manual"}))
    yard.cli("start", "app", "--no-wait")
    wait_for(lambda: len(lines(begun)) == 1, "the hook runs")
    leader = yard.wait_leader()
    go.touch()
    leader.kill()
    yard.wait_leader(other_than=leader)
    yard.wait_status("the stage is entered", phase="ready", stage="canary", weight=10)
    assert lines(begun) == ["begun", "begun"]


def test_a_leader_that_may_not_run_programs_holds_and_says_so(yard):
    etcd = Etcd(yard).start()
    yard.services()
    start_with(yard, etcd, "c-1", COMMANDS)
    yard.wait_leader()
    start_with(yard, etcd, "c-2", ())
    yard.sidecar("node-1")
    yard.wait_nodes(1)
    gate = {"checks": [{"name": "smoke", "command": ["true"]}], "every": "1s", "for": "1s"}
    yard.apply(stages=({"name": "canary", "weight": 10, "gate": gate}, {"name": "all", "weight": 100,
                                                                       "approval": "manual"}))
    yard.cli("start", "app")
    leader = yard.replicas[0]
    assert yard.wait_leader() is leader

    def smoke():
        return next((c for c in yard.status()["gate"]["checks"] if c["name"] == "smoke"), {"verdict": "", "text": ""})
    wait_for(lambda: smoke()["verdict"] == "pass", "the gate's command passes")
    leader.kill()
    yard.wait_leader(other_than=leader)
    wait_for(lambda: smoke()["verdict"] == "hold" and "coordinator c-2 may not run commands" in smoke()["text"],
             "the gate holds, and says who may not")


def runs(pid):
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_coordinator_that_is_killed_leaves_no_hook_and_prepares_the_stage_anew(yard):
    begun, go = yard.folder / "begun", yard.folder / "go"
    open_yard(yard)
    text = f"sleep 600 & echo $$ $! >> {begun}; until [ -e {go} ]; do sleep 0.1; done\n"
    yard.apply(stages=({"name": "canary", "weight": 10, "before": [hook(yard, "slow", text)]},
                       {"name": "all", "weight": 100, "approval": "manual"}))
    yard.cli("start", "app", "--no-wait")
    first = wait_for(lambda: lines(begun), "the hook runs")
    assert all(map(runs, first)) and len(first) == 2
    yard.coordinator.kill()
    wait_for(lambda: not any(map(runs, first)), "the hook and what it started are gone")
    yard.coordinator.start(options=COMMANDS)
    wait_for(lambda: len(lines(begun)) == 4, "the hook runs again")
    status = yard.status()
    assert status["phase"] == "preparing" and status["weight"] == 0 and status["entering"]["doing"] == "hooks", status
    go.touch()
    yard.wait_status("the stage is entered", phase="ready", stage="canary", weight=10)
    assert [e["event"] for e in reversed(yard.history())] == ["apply", "start", "enter"]
