# SPDX-License-Identifier: Apache-2.0
"""What plans ask about the world, on the real servers: each is broken in turn, and put right again."""

import os
import textwrap

import pytest

from backends import Postgres, Prometheus, Redis
from switchyard import Nginx, free_port, wait_for

COMMANDS = ("--allow-commands",)


def open_yard(yard, *options, nodes=1):
    yard.services()
    yard.coordinator.start(options=options)
    for i in range(nodes):
        yard.sidecar(f"node-{i + 1}", "cluster=eu-1")
    yard.wait_nodes(nodes)


def program(yard, name, text):
    """A script of the operators'."""
    path = yard.folder / name
    path.write_text("#!/bin/sh\n" + textwrap.dedent(text))
    path.chmod(0o755)
    return str(path)


def check(yard, *args, status):
    """{name: (verdict, text)} of checks and conditions."""
    report = yard.cli("check", "app", *args, "-o", "json", status=status).json
    return {c["name"]: (c["verdict"], c["text"]) for c in [*report["checks"], *report["conditions"]]}


def stages(*ready, **more):
    return ({"name": "canary", "weight": 10, "ready": list(ready), **more},
            {"name": "all", "weight": 100, "approval": "manual"})


@pytest.fixture
def servers(yard):
    return Postgres(yard).start(), Redis(yard).start(), Prometheus(yard).start()


def all_kinds(yard, servers, smoke):
    postgres, redis, prometheus = servers
    return [
        {"name": "web", "http": f"{yard.new.url}/health", "contains": "new"},
        {"name": "port", "tcp": f"127.0.0.1:{yard.new.port}"},
        {"name": "lag", "postgres": postgres.conninfo, "query": "SELECT seconds FROM lag", "max": 5},
        {"name": "cache", "redis": redis.address},
        {"name": "errors", "prometheus": prometheus.url, "query": "vector(0.5)", "max": 1},
        {"name": "smoke", "command": [smoke], "timeout": "5s"},
        {"name": "room", "disk": "/", "min": "1MiB"},
        {"name": "memory", "memory": "available", "min": "1MiB"},
        {"name": "switches", "flags": ["blue"]},
        {"name": "fleet", "nodes": "cluster=eu-1", "min": 1},
        {"name": "servers", "endpoints": "/health", "min": 1},
    ]


def test_every_kind_passes_and_each_one_that_breaks_is_named(yard, servers):
    postgres, redis, prometheus = servers
    smoke = program(yard, "smoke", "echo smoke is fine\n")
    open_yard(yard, *COMMANDS)
    postgres.sql("CREATE TABLE lag (seconds int); INSERT INTO lag VALUES (2)")
    yard.apply(stages=stages(*all_kinds(yard, servers, smoke)), flags={"blue": False})

    found = check(yard, status=0)
    assert {v for v, _ in found.values()} == {"pass"}, found
    assert "the query gives 2" in found["lag"][1] and "the query gives 0.5" in found["errors"][1]

    def breaks(name, verdict, part, do, undo):
        do()
        seen = check(yard, "--timeout", "3s", status=1 if verdict == "fail" else 2)
        assert seen[name][0] == verdict and part in seen[name][1], (name, seen)
        assert sum(v != "pass" for v, _ in seen.values()) == 1, seen
        undo()
        assert check(yard, status=0)[name][0] == "pass"

    breaks("lag", "fail", "at most 5", lambda: postgres.sql("UPDATE lag SET seconds = 60"),
           lambda: postgres.sql("UPDATE lag SET seconds = 1"))
    breaks("lag", "hold", "does not exist", lambda: postgres.sql("ALTER TABLE lag RENAME TO gone"),
           lambda: postgres.sql("ALTER TABLE gone RENAME TO lag"))
    breaks("lag", "hold", "refused", postgres.stop, postgres.start)
    breaks("cache", "hold", "NOAUTH", lambda: redis.lock("s3cret"), lambda: redis.unlock("s3cret"))
    breaks("cache", "hold", "refused", redis.stop, redis.start)
    breaks("errors", "hold", "127.0.0.1", prometheus.stop, prometheus.start)
    breaks("smoke", "fail", "status 7: not today", lambda: program(yard, "smoke", "echo not today; exit 7\n"),
           lambda: program(yard, "smoke", "exit 0\n"))
    breaks("smoke", "hold", "SIGSEGV", lambda: program(yard, "smoke", "kill -SEGV $$\n"),
           lambda: program(yard, "smoke", "exit 0\n"))
    breaks("smoke", "hold", "did not end within 3s", lambda: program(yard, "smoke", "exec sleep 600\n"),
           lambda: program(yard, "smoke", "exit 0\n"))
    breaks("smoke", "hold", "did not end within 3s", lambda: program(yard, "smoke", "exec yes\n"),
           lambda: program(yard, "smoke", "exit 0\n"))
    breaks("smoke", "hold", "No such file", lambda: os.unlink(smoke), lambda: program(yard, "smoke", "exit 0\n"))


def test_check_is_for_the_next_stage_only(yard):
    open_yard(yard)
    yard.apply(stages=stages({"tcp": "127.0.0.1:1"}))
    refused = yard.cli("check", "app", "--stage", "all", status=1)
    assert "stage 1 is next" in refused.err and "switchyard check app --stage 1" in refused.err
    assert "no stage" in yard.cli("check", "app", "--stage", "nope", status=1).err
    assert "[FAIL]" in yard.cli("check", "app", status=1).out
    assert "no migration" in yard.cli("check", "nope", status=1).err


def test_programs_need_leave(yard):
    open_yard(yard)
    for more in ({"ready": [{"command": ["true"]}]}, {"before": [{"name": "warm", "command": ["true"]}]},
                 {"after": [{"name": "warm", "command": ["true"]}]},
                 {"gate": {"checks": [{"command": ["true"]}]}}):
        plan = yard.plan(stages=({"name": "canary", "weight": 10, **more}, 100))
        refused = yard.cli("apply", "-f", yard.write(plan), status=1)
        assert "does not allow" in refused.err and "--allow-commands" in refused.err, refused
    yard.apply(stages=stages({"tcp": "127.0.0.1:1"}))


def test_a_gate_holds_while_prometheus_cannot_be_asked(yard):
    prometheus = Prometheus(yard)
    open_yard(yard)
    asked = {"name": "queue", "prometheus": prometheus.url, "query": "vector(3)", "max": 5, "timeout": "1s"}
    gate = {"checks": [asked], "every": "1s", "for": "1s"}
    yard.apply(stages=({"name": "canary", "weight": 10, "bake": "1s", "gate": gate},
                       {"name": "all", "weight": 100, "approval": "manual"}))
    yard.cli("start", "app")

    def held():
        gate = yard.status()["gate"]
        return gate if gate["verdict"] == "hold" and any("queue" == c["name"] for c in gate["checks"]) else None
    said = wait_for(held, "the gate holds")
    assert any("127.0.0.1" in c["text"] for c in said["checks"] if c["name"] == "queue"), said
    prometheus.start()
    yard.wait_status("the gate passes", phase="ready", stage="canary")
    prometheus.stop()
    wait_for(held, "the gate holds again")


def test_a_trigger_of_a_database_rolls_back_on_proof_only(yard):
    postgres = Postgres(yard).start()
    open_yard(yard)
    postgres.sql("CREATE TABLE lag (seconds int); INSERT INTO lag VALUES (2)")
    asked = {"name": "lag", "postgres": postgres.conninfo, "query": "SELECT seconds FROM lag", "max": 5,
             "timeout": "2s"}
    yard.apply(stages=(10, 100), triggers={"checks": [asked], "every": "1s"})
    yard.cli("start", "app")
    yard.wait_status("canary is reached", phase="ready")

    def lag():
        return next((c for c in yard.status()["trigger"]["checks"] if c["name"] == "lag"), {"verdict": "", "text": ""})
    wait_for(lambda: lag()["verdict"] == "pass", "the database is asked")
    postgres.stop()
    wait_for(lambda: lag()["verdict"] == "hold" and "refused" in lag()["text"], "the database cannot be asked")
    assert yard.status()["phase"] == "ready"
    postgres.start()
    wait_for(lambda: lag()["verdict"] == "pass", "the database is asked again")
    postgres.sql("UPDATE lag SET seconds = 60")
    status = yard.wait_status("the trigger rolls back", phase="rolled_back", weight=0)
    assert any("lag" in v and "60" in v for v in status["lastRollback"]["violations"]), status["lastRollback"]


def test_a_critical_service_that_is_down_rolls_back(yard):
    """No request of a user has to fail for it: the service that new needs is asked by itself."""
    open_yard(yard)
    needed = Nginx(yard, "needed")
    triggers = {"checks": [{"name": "needed", "http": f"{needed.url}/health"}], "every": "1s"}
    yard.apply(stages=(10, 100), triggers=triggers)
    yard.cli("start", "app")
    yard.wait_status("the stage is ready", phase="ready", weight=10)
    needed.kill()
    status = yard.wait_status("it is rolled back", phase="rolled_back", weight=0)
    assert any("needed" in v for v in status["lastRollback"]["violations"]), status["lastRollback"]


def test_restarts_of_new_are_counted(yard):
    """An nginx that tells a start time, as a service would."""
    open_yard(yard)
    pages = Nginx(yard, "pages")
    started = 1700000000

    def restart():
        nonlocal started
        started += 100
        pages.become(200, f"process_start_time_seconds {started}")
    restart()
    plan = yard.plan(stages=(10, 100), triggers={"restartsPerMinute": 1, "every": "1s", "window": "1s"})
    plan["spec"]["systems"]["new"] = {"endpoints": [pages.url], "metrics": "/metrics"}
    yard.apply(plan)
    yard.cli("start", "app")
    yard.wait_status("the first stage is reached", phase="ready")

    def restarts():
        return next((c for c in yard.status()["trigger"]["checks"] if c["name"] == "restartsPerMinute"), None)
    wait_for(lambda: restarts() and restarts()["verdict"] == "pass", "nothing has restarted")
    restart()
    wait_for(lambda: restarts() and restarts()["value"] == 1, "one restart is counted")
    restart()
    status = yard.wait_status("the trigger rolls back", phase="rolled_back")
    assert any("restart" in v for v in status["lastRollback"]["violations"]), status["lastRollback"]


def test_a_plan_with_a_password_is_refused_and_the_password_not_told(yard):
    open_yard(yard)
    plan = yard.plan(stages=stages({"postgres": f"host=127.0.0.1 port={free_port()} password=s3cret"}))
    refused = yard.cli("apply", "-f", yard.write(plan), status=1)
    assert "password" in refused.err and "s3cret" not in refused.err, refused
