# SPDX-License-Identifier: Apache-2.0
"""The rollout engine as an operator types it: every command, read critically."""

import json
import re
import socket
import tarfile

import pytest

from switchyard import Yard, free_port, wait_for


@pytest.fixture
def app(yard: Yard):
    yard.open(nodes=3)
    yard.apply(stages=(0, 10, 50, 100), breaker={"errors": 1000})
    yard.cli("start", "app")
    yard.wait_status("ready", phase="ready")
    return yard


# ---- moves

def test_a_stage_that_is_not_there_is_answered_with_those_that_are(app):
    answer = app.cli("rollback", "app", "--to", "zzz", "--reason", "x", status=1)
    assert "1 at-0, 2 at-10, 3 at-50, 4 at-100, 0 is before the first" in answer.err
    assert "did you mean at-10?" in app.cli("rollback", "app", "--to", "at-1O", "--reason", "x", status=1).err
    clear = app.cli("rollback", "app", "--clear", "--reason", "x", status=1)
    assert "there is nothing to clear" in clear.err


def test_a_dry_run_tells_whom_it_reaches(app):
    answer = app.cli("promote", "app", "--dry-run")
    assert "affects 10 % of keys on 3 nodes" in answer.out
    assert "eu-1: 10 % of keys on 2 nodes" in answer.out and "us-1: 10 % of keys on 1 node\n" in answer.out
    assert "[PASS]" in answer.out and "at-10 is ready" in answer.out
    change = app.cli("promote", "app", "--dry-run", "-o", "json").json["changes"][0]
    assert [(c["cluster"], c["nodes"]) for c in change["clusters"]] == [("eu-1", 2), ("us-1", 1)]
    assert app.cli("promote", "app", "--to", "at-50", "--dry-run", "-o", "json").json["check"] is None
    assert app.status()["stage"] == "at-0"


def test_a_dry_run_is_refused_as_the_command_would_be(app):
    app.cli("pause", "app")
    refused = app.cli("promote", "app", "--dry-run", status=1)
    assert refused.err == app.cli("promote", "app", status=1).err and refused.out == ""


def test_a_dry_run_tells_which_check_would_fail(yard):
    yard.open()
    yard.apply(stages=({"name": "first", "weight": 0, "approval": "manual"},
                       {"name": "next", "weight": 50, "approval": "manual",
                        "ready": [{"name": "door", "tcp": f"127.0.0.1:{free_port()}"}]}))
    yard.cli("start", "app")
    yard.wait_status("ready", phase="ready")
    answer = yard.cli("promote", "app", "--dry-run", status=None)
    assert answer.status in (1, 2) and "door" in answer.out and "would be" in answer.out, answer
    check = yard.cli("promote", "app", "--dry-run", "-o", "json", status=None).json["check"]
    assert check["stage"] == "next" and check["checks"][0]["name"] == "door"


def test_a_stage_that_is_not_entered_is_told_with_its_check(yard):
    yard.open()
    port = free_port()
    yard.apply(stages=({"name": "first", "weight": 0, "approval": "manual"},
                       {"name": "next", "weight": 50, "approval": "manual",
                        "ready": [{"name": "door", "tcp": f"127.0.0.1:{port}"}]}))
    yard.cli("start", "app")
    yard.wait_status("ready", phase="ready")
    answer = yard.cli("promote", "app", status=1)
    assert "NOT ENTERED: " in answer.out and "[FAIL] door" in answer.out and "serve it" not in answer.out, answer
    assert "not entered" in yard.cli("status", "app").out and yard.status()["stage"] == "first"
    assert yard.cli("promote", "app", "-o", "json", status=1).json["entering"]["checks"][0]["verdict"] == "fail"
    with socket.create_server(("127.0.0.1", port)):
        entered = yard.cli("promote", "app")
    assert "all nodes (1) serve it" in entered.out and yard.status()["stage"] == "next", entered


def test_status_tells_the_clusters(app):
    app.cli("promote", "app")
    clusters = app.status()["clusters"]
    assert [(c["cluster"], c["nodes"], c["serving"], c["weight"], c["stage"]) for c in clusters] == [
        ("eu-1", 2, 2, 10, "at-10"), ("us-1", 1, 1, 10, "at-10")]
    text = app.cli("status", "app").out
    assert "eu-1: 2 of 2 serve it, 10 % on new (at-10)" in text
    assert "canary" in text and "off" in text


def test_a_full_promotion_goes_to_the_end_at_once(app):
    assert "needs a reason" in app.cli("promote", "app", "--full", status=2).err
    app.cli("promote", "app", "--full", "--reason", "the board decided")
    assert app.status()["stage"] == "at-100" and app.status()["weight"] == 100


def test_a_gradual_abort_goes_down_step_by_step(app):
    app.cli("promote", "app", "--to", "at-100")
    app.wait_status("there", stage="at-100")
    app.cli("abort", "app", "--gradual", "--step", "1s", "--reason", "legacy is cold", "--no-wait")
    app.wait_status("everything is on legacy", weight=0, phase="aborted")
    steps = re.findall(r'to="([^",]+) \(\d+ %\), retreating"', app.coordinator.process.text())
    assert steps == ["at-50", "at-10", "at-0"]
    assert "--gradual" in app.cli("abort", "app", "--step", "1s", "--reason", "x", status=2).err


def test_status_tells_the_waves(yard):
    yard.open(nodes=3)
    yard.apply(stages=({"name": "all", "weight": 100,
                        "waves": [{"select": "cluster=us-1", "approval": "manual", "bake": "1s"},
                                  {"select": "*", "approval": "manual"}]},))
    yard.cli("start", "app")
    yard.wait_status("the first wave has baked", phase="ready")
    wave = yard.status()["wave"]
    assert wave["wave"] == 1 and [(w["select"], w["state"], w["nodes"]) for w in wave["waves"]] == [
        ("cluster=us-1", "current", 1), ("*", "next", 2)]
    assert {c["cluster"]: c["weight"] for c in yard.status()["clusters"]} == {"eu-1": 0, "us-1": 100}
    text = yard.cli("status", "app").out
    assert "> 1 cluster=us-1, current, 1 of 1 nodes serve it" in text and "2 *, next, 2 nodes" in text, text
    dry = yard.cli("promote", "app", "--dry-run", "-o", "json", status=None).json
    assert {c["cluster"]: c["nodes"] for c in dry["changes"][0]["clusters"]} == {"eu-1": 2, "us-1": 0}, dry
    yard.cli("promote", "app")
    yard.wait_status("everybody is there", weight=100)
    assert {c["cluster"]: c["weight"] for c in yard.status()["clusters"]} == {"eu-1": 100, "us-1": 100}


# ---- judging

def test_check_health_answers_in_its_exit_status_and_rolls_back(yard):
    yard.open()
    yard.apply(stages=(0, 50, 100), breaker={"errors": 100000},
               triggers={"errorRate": "5%", "minRequests": 50, "window": "1m", "rollbackTo": "at-0"})
    assert "nothing is judged" in yard.cli("check-health", "app").out
    yard.cli("start", "app")
    yard.wait_status("ready", phase="ready")
    yard.cli("promote", "app")
    held = yard.cli("check-health", "app", status=2)
    assert "[HOLD]" in held.out and "cannot be told yet" in held.out
    assert yard.cli("check-health", "app", "-o", "json", status=2).json["verdict"] == "hold"
    client = yard.sidecars[0].client()

    def passes():
        client.sides(range(100))
        return yard.cli("check-health", "app", status=None).status == 0
    wait_for(passes, "enough requests are measured")
    assert "[PASS]" in yard.cli("check-health", "app").out
    assert yard.cli("check-health", "app", "--rollback").status == 0
    assert yard.status()["stage"] == "at-50"


# ---- looking

def test_statistics_show_both_systems_side_by_side(app):
    app.cli("promote", "app", "--to", "at-50", "--reason", "see it")
    app.sidecars[0].client().sides(range(200))
    wait_for(lambda: app.stats()["new"]["requests"] > 50, "the requests are counted")
    text = app.cli("stats", "app").out
    for fact in ("success rate", "fallbacks to legacy", "mean", "p50", "p99", "DELTA"):
        assert fact in text, text
    row = next(line for line in text.splitlines() if line.startswith("mean"))
    assert row.split()[-1] == "%" and row.split()[-2][0] in "+-", row


def test_history_shows_rollbacks_alone(app):
    app.cli("promote", "app")
    app.cli("rollback", "app", "--to", "1", "--reason", "just to see")
    app.cli("start", "app", status=None)
    entries = app.cli("history", "app", "--rollbacks", "-o", "json").json["entries"]
    assert [e["event"] for e in entries] == ["rollback"] and entries[0]["reason"] == "just to see"
    assert len(app.cli("history", "app", "--limit", "1", "-o", "json").json["entries"]) == 1
    assert app.cli("history", "app", "--limit", "0", status=2).err.startswith("error: --limit")


def test_the_stage_report_reads_as_text_markdown_and_json(app):
    app.cli("promote", "app", "--reason", "as planned")
    app.sidecars[0].client().sides(range(50))
    text = app.cli("report", "stage", "app").out
    assert text.startswith("Stage report of app: at-10 (2 of 4)") and "as planned" in text
    page = app.cli("report", "stage", "app", "-o", "markdown").out
    assert page.startswith("# Stage report of app") and "\n## Both systems\n\n" in page and "\n\n\n" not in page
    assert "| --- |" in page or "|---|" in page
    report = app.cli("report", "stage", "app", "-o", "json").json
    assert set(report) == {"status", "stats", "history"}
    assert "no markdown" in app.cli("status", "app", "-o", "markdown", status=2).err


def test_state_machines_are_printed_without_a_coordinator(yard):
    listed = yard.cli("fsm", "show", endpoints="127.0.0.1:1").out
    for machine in ("stage", "election", "breaker", "endpoint"):
        assert machine in listed
        assert "stateDiagram" in yard.cli("fsm", "mermaid", machine).out
        assert yard.cli("fsm", "dot", machine).out.startswith("digraph")
        assert json.loads(yard.cli("fsm", "json", machine).out)["machine"] == machine
    assert "one of: stage" in yard.cli("fsm", "show", "stagee", status=2).err


# ---- support

def files_of(path):
    with tarfile.open(path) as tar:
        assert all(m.mode == 0o600 for m in tar.getmembers())
        return {m.name.removeprefix("switchyard-diag/"): tar.extractfile(m).read() for m in tar.getmembers()}


def test_diagnostics_are_whole_private_and_without_secrets(app):
    path = app.folder / "diag.tar.gz"
    config = app.write("operator: maria\n", "config.yaml")
    answer = app.cli("diag", "-o", path, env={"SWITCHYARD_CONFIG": str(config), "SWITCHYARD_API_TOKEN": "geheim"},
                     status=None)
    assert path.stat().st_mode & 0o777 == 0o600
    files = files_of(path)
    assert {"cli.json", "versions.json", "health.json", "coordinators.json", "nodes.json", "migrations.json",
            "migrations/app-status.json", "migrations/app-stats.json", "migrations/app-history.json",
            "migrations/app-plan.json", "events.json", "flags.json", "MISSING.json"} <= set(files), sorted(files)
    coordinator = f"coordinators/{app.coordinator.address.replace(':', '_')}.log"
    assert b"event=command" in files[coordinator], files[coordinator]
    for sidecar in app.sidecars:
        assert b"event=ruleset.serving" in files[f"nodes/{sidecar.node}.log"], sorted(files)
    assert b"geheim" not in b"".join(files.values())
    cli = json.loads(files["cli.json"])
    assert cli["environment"]["SWITCHYARD_API_TOKEN"] == "(redacted)"
    assert cli["configuration"] == {"operator": "maria"}
    assert json.loads(files["versions.json"])["nodes"] == {cli["version"]: 3}
    assert any(e["kind"] == "stage_enabled" for e in json.loads(files["events.json"]))
    assert json.loads(files["MISSING.json"]) == [] and answer.status == 0, answer
    assert "exists" in app.cli("diag", "-o", path, status=1).err
    app.cli("diag", "-o", path, "--force", status=None)


def test_diagnostics_name_what_could_not_be_had(app):
    app.coordinator.kill()
    path = app.folder / "dead.tar.gz"
    answer = app.cli("diag", "-o", path, status=1)
    assert "not collected: health.json: no coordinator answers" in answer.out
    files = files_of(path)
    assert set(files) == {"cli.json", "versions.json", "MISSING.json"}
    assert any(m["what"] == "nodes.json" for m in json.loads(files["MISSING.json"]))
    app.coordinator.start()


# ---- logs


def test_logs_are_shown_and_made_louder_while_programs_run(app):
    assert "event=command" in app.cli("logs").out
    shown = app.cli("logs", "--node", "node-1", "-o", "json").json
    assert shown["source"] == "node-1" and shown["level"] == "info", shown
    assert any("event=started" in line for line in shown["lines"]), shown
    answer = app.cli("set", "log-level", "debug", "--node", "node-1", "--operator", "maria")
    assert "node-1: debug from now on" in answer.out and "it was info" in answer.out
    lines = app.cli("logs", "--node", "node-1").out.splitlines()
    assert any("event=log.level" in line and "to=debug operator=maria" in line for line in lines), lines
    assert app.cli("logs", "--node", "node-1", "-o", "json").json["level"] == "debug"
    app.cli("set", "log-level", "error", "--node", "node-1")
    assert app.cli("set", "log-level", "info", "--node", "node-1", "-o", "json").json["level"] == "error"

    assert "it was info" in app.cli("set", "log-level", "debug").out
    app.cli("measure", "app", "restartsPerMinute=0")
    wait_for(lambda: "level=debug event=measured" in app.cli("logs").out, "the coordinator tells of it")
    app.cli("set", "log-level", "info")
    assert "is none of error, warn" in app.cli("set", "log-level", "loud", status=1).err


# ---- recovering

def test_recover_walks_and_says_at_once_when_there_is_nothing_to_do(app):
    answer = app.cli("recover", "app")
    assert answer.out == "there is nothing to recover: app is ready\n"

    app.cli("promote", "app")
    app.sidecars[2].process.pause()
    app.cli("rollback", "app", "--emergency", "--reason", "INC-9", "--no-wait")
    walk = app.cli("recover", "app", "--quarantine", "laggards", "--reason", "it hangs")
    for step in ("1. health: ", "breaker: ", "rollback: rolling_back, so it is tried again", "lagging: node-3: serves revision"):
        assert step in walk.out, walk.out
    nodes = {n["name"]: n["state"] for n in app.cli("get", "nodes", "-o", "json").json["nodes"]}
    assert nodes["node-3"] == "quarantined" and nodes["node-1"] == "serving"
    app.sidecars[2].process.resume()


def test_recover_tries_new_past_an_open_breaker(yard):
    yard.open()
    yard.apply(stages=(50, 100), breaker={"errors": 3, "window": "60s", "openFor": "600s"})
    yard.cli("start", "app")
    yard.wait_status("ready", phase="ready")
    yard.new.process.stop()
    client = yard.sidecars[0].client()

    def is_open():
        client.sides(range(20))
        return yard.status()["breaker"]["openNodes"] == 1
    wait_for(is_open, "the breaker opens")
    alerts = {a["name"]: a for a in yard.cli("alerts", "-o", "json", status=1).json["alerts"]}
    assert alerts["migration_circuit_breaker_open"]["severity"] == "critical", alerts
    assert alerts["migration_circuit_breaker_open"]["respondWithinS"] == 300, alerts
    walk = yard.cli("recover", "app", status=1)
    assert "breaker: open on 1 node" in walk.out and "probe: new did not answer through node-1" in walk.out, walk.out
    assert walk.out.splitlines()[0].startswith("1. health: ")
    yard.new.start()
    walk = yard.cli("recover", "app", "--path", "/", "-o", "json", status=None).json
    assert any("probe: new answered 200" in s for s in walk["steps"]), walk


# ---- alerts

def test_alerts_are_raised_by_name_with_what_to_type(yard):
    yard.open()
    assert yard.cli("alerts").out == "no alert\n"
    yard.apply(stages=(50, 100), breaker={"errors": 100000})
    yard.cli("start", "app")
    yard.wait_status("ready", phase="ready")
    assert yard.cli("alerts", "app", "-o", "json").json == {"alerts": []}
    yard.new.become(500)
    client = yard.sidecars[0].client()

    def shown():
        client.sides(range(50))
        return yard.cli("alerts", status=None).out
    wait_for(lambda: "migration_high_error_rate" in shown(), "errors are told")
    told = yard.cli("alerts", status=1).out
    assert "critical" in told and "within 5m" in told and "switchyard rollback app --emergency" in told, told
    yard.cli("rollback", "app", "--emergency", "--reason", "INC-7")
    first = yard.cli("alerts", "app", "-o", "json", status=1).json["alerts"][0]
    assert first["name"] == "migration_rollback_executed" and "INC-7" in first["text"], first
    assert "no migration" in yard.cli("alerts", "nobody", status=1).err


# ---- drills, approvals, flags

def test_a_drill_is_measured_restored_and_told(app):
    app.cli("promote", "app", "--to", "at-50")
    app.wait_status("ready", phase="ready", stage="at-50")
    answer = app.cli("drill", "app", "--scope", "cluster=eu-1", "--within", "5s", "--reason", "monthly")
    assert "the drill of cluster=eu-1 on 2 nodes PASSED" in answer.out, answer
    assert "rolled back after" in answer.out and "restored after" in answer.out
    drill = app.cli("drill", "app", "--scope", "*", "--shadow", "--reason", "again", "-o", "json").json
    assert drill["passed"] and drill["shadow"] and drill["nodes"] == 3 and drill["measuredMs"] >= 0
    assert "drill" in app.cli("status", "app").out
    assert app.cli("drill", "app", "--scope", "cluster=moon", "--reason", "x", status=1).err
    assert "would be" in app.cli("drill", "app", "--scope", "*", "--reason", "x", "--dry-run").out


def test_a_drill_that_is_too_slow_fails(yard):
    yard.open(nodes=2)
    yard.apply(stages=(50, 100), rollback={"deadline": "2s"})
    yard.cli("start", "app")
    yard.wait_status("ready", phase="ready")
    yard.sidecars[0].process.pause()
    answer = yard.cli("drill", "app", "--scope", "cluster=eu-1", "--within", "500ms", "--reason", "x", status=1)
    assert "FAILED" in answer.out and "why: " in answer.out, answer
    yard.sidecars[0].process.resume()


def test_a_stage_waits_until_several_have_approved_it(yard):
    yard.open()
    yard.apply(stages=({"name": "shadow", "weight": 0, "approval": "manual"},
                       {"name": "half", "weight": 50, "approval": "manual", "approvers": 2}))
    yard.cli("start", "app")
    yard.wait_status("ready", phase="ready")
    assert "approv" in yard.cli("promote", "app", status=1).err
    yard.cli("approve", "app", "--reason", "looks good", "--operator", "anna")
    yard.cli("approve", "app", "--stage", "half", "--reason", "me too", "--operator", "ben")
    assert [a["operator"] for a in yard.status()["approvals"]] == ["anna", "ben"]
    assert "half by anna" in yard.cli("status", "app").out
    yard.cli("promote", "app")
    assert yard.status()["stage"] == "half"


def test_flags_are_set_by_hand_and_given_back(yard):
    yard.open()
    yard.apply(stages=(0, 100), flags={"blue": False, "red": False, "limit": 5})
    yard.cli("start", "app")
    yard.wait_status("ready", phase="ready")

    def flags():
        return {f["name"]: (f["value"], f["setBy"]) for f in yard.cli("get", "flags", "app", "-o", "json").json["flags"]}
    assert flags() == {"blue": ("false", "default"), "limit": ("5", "default"), "red": ("false", "default")}
    yard.cli("set", "flag", "app", "blue", "true", "--reason", "try it")
    assert flags()["blue"] == ("true", "hand") and yard.status()["flagsByHand"] == 1
    assert "3, 1 set by hand" in yard.cli("status", "app").out
    yard.cli("set", "flag", "app", "--all", "true", "--reason", "all of them")
    assert flags() == {"blue": ("true", "hand"), "limit": ("5", "default"), "red": ("true", "hand")}
    yard.cli("set", "flag", "app", "--all", "--default", "--reason", "as planned")
    assert {by for _, by in flags().values()} == {"default"}
    assert yard.cli("set", "flag", "app", "blue", "12", "--reason", "x", status=1).err
    assert "missing" in yard.cli("set", "flag", "app", "--reason", "x", status=2).err


def test_flags_are_listed(app):
    assert "no flags" in app.cli("get", "flags").out
    assert app.cli("get", "flags", "nobody", status=1).err
