# SPDX-License-Identifier: Apache-2.0
"""The CLI as a person and a script use it."""

import json
import socket
import subprocess

import pytest
import yaml

from switchyard import BIN, free_port, wait_for

COMMANDS = ["dev", "apply", "get plans", "get nodes", "get coordinators", "get flags", "status", "health", "check-health",
            "start", "promote", "approve", "pause", "resume", "abort", "rollback", "recover", "drill", "decommission",
            "set weight", "set override", "set flag", "delete", "stats", "history", "report daily", "report weekly",
            "report stage", "diag", "fsm show", "fsm dot", "fsm mermaid", "fsm json", "plan lint", "plan diff",
            "plan explain", "backup create", "backup verify", "backup restore", "completion bash", "reference"]


# ---- without a coordinator

def test_a_dead_coordinator_is_told_in_one_sentence_within_the_deadline(yard):
    nobody = f"127.0.0.1:{free_port()}"
    for words in (["status", "app"], ["get", "plans"], ["start", "app"],
                  ["rollback", "app", "--emergency", "--reason", "x"]):
        answer = yard.cli(*words, "--timeout", "2s", endpoints=nobody, status=2)
        first, *rest = answer.err.splitlines()
        assert first.startswith("error: ") and nobody in first, answer
        assert all(line.startswith("hint: ") for line in rest) and len(rest) <= 1
        assert answer.out == ""


def test_a_coordinator_that_hangs_is_given_up_at_the_deadline(yard):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        answer = yard.cli("status", "app", "--timeout", "1s", status=2,
                          endpoints=f"127.0.0.1:{deaf.getsockname()[1]}")
    assert answer.err.startswith("error: ")


def test_help_is_there_on_every_level(yard):
    top = yard.cli("--help").out
    for command in COMMANDS:
        assert command in top
        text = yard.cli(*command.split(), "--help").out
        assert text.startswith(f"usage: switchyard {command}"), text
        assert "--endpoints" in text
    assert "weight" in yard.cli("set", "--help").out
    assert yard.cli("--version").out.startswith("switchyard ")


def test_programs_take_their_options_from_the_environment_too(yard):
    """As a service manager's file gives them; what stands on the command line counts more."""
    yard.services()
    address = yard.coordinator.address
    yard.run("coordinator", [BIN / "switchyard-coordinator"], {
        "SWITCHYARD_COORDINATOR_LISTEN": address, "SWITCHYARD_COORDINATOR_DATA": str(yard.folder / "data"),
        "SWITCHYARD_COORDINATOR_LOG_LEVEL": "debug"})
    yard.run("node-1", [BIN / "switchyard-sidecar", "--node", "node-1"], {
        "SWITCHYARD_SIDECAR_NODE": "node-9", "SWITCHYARD_SIDECAR_DATA": str(yard.folder / "node-1"),
        "SWITCHYARD_SIDECAR_COORDINATOR": address, "SWITCHYARD_SIDECAR_LISTEN": "127.0.0.1:0"})
    wait_for(lambda: yard.cli("get", "plans", status=None).status == 0, "the coordinator answers")
    yard.apply()
    yard.wait_nodes(1)
    assert [n["name"] for n in yard.cli("get", "nodes", "-o", "json").json["nodes"]] == ["node-1"]
    assert yard.cli("logs", "-o", "json").json["level"] == "debug"


def test_what_is_mistyped_gets_the_nearest_name(yard):
    for words, near in ((["statsu"], "status"), (["set", "wieght", "app", "1"], "weight"),
                        (["status", "--ouput", "json"], "--output"), (["get", "node"], "nodes")):
        answer = yard.cli(*words, status=2)
        assert near in answer.err, answer
    yard.cli(status=2)
    assert "--reason" in yard.cli("set", "weight", "app", "10", status=2).err
    assert "NAME" in yard.cli("promote", status=2).err


def test_completion_works_in_bash(yard):
    script = yard.write(yard.cli("completion", "bash").out, "completion.bash")

    def complete(*words):
        line = " ".join(["switchyard", *words])
        program = f"""
            source {script}
            spec=$(complete -p switchyard) || exit 9
            function=${{spec##*-F }}; function=${{function%% *}}
            COMP_WORDS=({' '.join(f'"{w}"' for w in ['switchyard', *words])}); COMP_CWORD={len(words)}
            COMP_LINE='{line}'; COMP_POINT={len(line)}
            $function switchyard "{words[-1]}" "{words[-2] if len(words) > 1 else 'switchyard'}"
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        done = subprocess.run(["bash", "--norc", "-c", program], text=True, capture_output=True,
                              env={"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(yard.folder)}, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    assert "status" in complete("sta") and "start" in complete("sta")
    assert set(complete("set", "")) >= {"weight", "override"}
    assert "--emergency" in complete("rollback", "--em")
    assert "--reason" in complete("set", "weight", "app", "10", "--re")
    assert set(complete("backup", "")) >= {"create", "verify", "restore"}
    assert str(script) in complete("backup", "verify", str(script)[:-3])
    assert set(complete("fsm", "")) >= {"show", "dot", "mermaid", "json"}
    assert complete("fsm", "show", "st") == ["stage"]
    assert str(script) in complete("diag", "-o", str(script)[:-3])
    assert complete("report", "stage", "-o", "mark") == ["markdown"]


# ---- with one

@pytest.fixture
def app(yard):
    yard.open()
    yard.apply(stages=(0, 10, 100), breaker={"errors": 1000}, flags={"blue": False})
    yard.cli("start", "app")
    yard.wait_status("ready", phase="ready")
    wait_for(lambda: yard.status()["breaker"]["state"] == "closed", "the node reports its breaker")
    return yard


def test_status_has_the_fields_that_scripts_rely_on(app):
    app.cli("promote", "app")
    app.cli("rollback", "app", "--to", "1", "--reason", "trying it out")
    status = app.wait_status("rolled back", phase="rolled_back")

    assert status["migration"] == "app"
    assert (status["stage"], status["stageIndex"], status["weight"]) == ("at-0", 1, 0)
    assert status["override"] == "none"
    assert status["breaker"]["state"] == "closed"
    convergence = status["convergence"]
    assert (convergence["nodes"], convergence["serving"], convergence["lagging"]) == (1, 1, 0)
    last = status["lastRollback"]
    assert last["reason"] == "trying it out" and last["operator"] == "tester"
    assert last["time"].endswith("Z") and last["measuredMs"] > 0
    assert status["suggestedNextWeight"] == 10


def test_json_and_yaml_say_the_same(app):
    app.sidecars[0].client().sides(range(20))
    wait_for(lambda: app.stats()["legacy"]["requests"] == 20, "the requests are counted")
    for words in (["status", "app"], ["stats", "app"], ["get", "plans"], ["history", "app"], ["health"]):
        as_json = app.cli(*words, "-o", "json").json
        as_yaml = yaml.safe_load(app.cli(*words, "-o", "yaml").out)
        for clock in ("windowS", "components"):  # these tell how long something has run
            as_json.pop(clock, None), as_yaml.pop(clock, None)
        assert as_json == as_yaml, words
        assert app.cli(*words).out
    system = app.stats()["legacy"]
    assert set(system) >= {"requests", "errors", "fallbacks", "latencyMs"}
    assert set(system["latencyMs"]) >= {"mean", "p50", "p99"}


def test_options_and_names_stand_in_any_order(app):
    for words in (["-o", "json", "status", "app"], ["status", "-o", "json", "app"], ["status", "app", "-ojson"],
                  ["--output=json", "status", "app"], ["status", "--output", "json"],
                  ["--endpoints", app.coordinator.address, "status", "app", "--output", "json"]):
        assert app.cli(*words).json["migration"] == "app", words
    app.cli("--reason", "r", "set", "--no-wait", "weight", "--operator", "maria", "app", "7.5")
    entry = app.history()[0]
    assert (entry["operator"], entry["reason"]) == ("maria", "r")


def test_a_dry_run_tells_and_changes_nothing(app):
    before = (app.status(), app.history(), app.cli("get", "nodes", "-o", "json").json["revision"])
    for words in (["promote", "app"], ["promote", "app", "--to", "at-100"], ["pause", "app"],
                  ["abort", "app", "--reason", "x"], ["rollback", "app", "--emergency", "--reason", "x"],
                  ["rollback", "--all", "--emergency", "--reason", "x"],
                  ["set", "weight", "app", "50", "--reason", "x"],
                  ["set", "override", "app", "new", "--reason", "x"],
                  ["set", "flag", "app", "blue", "true", "--reason", "x"],
                  ["abort", "app", "--gradual", "--reason", "x"],
                  ["drill", "app", "--scope", "*", "--reason", "x"],
                  ["apply", "-f", app.write(app.plan("other", stages=(5, 100)))]):
        answer = app.cli(*words, "--dry-run", status=None)
        assert answer.status == 0 or words[0] == "apply", f"{words}: {answer}"
        if answer.status == 0:
            assert "would" in answer.out, f"{words}: {answer.out}"
    for words in (["start", "app"], ["resume", "app"], ["approve", "app", "--reason", "x"], ["delete", "app"],
                  ["decommission", "app", "--reason", "x"], ["rollback", "app", "--clear", "--reason", "x"]):
        dry, wet = app.cli(*words, "--dry-run", status=1), app.cli(*words, status=1)
        assert dry.err == wet.err, f"{words} is refused alike"
    assert "nothing to recover" in app.cli("recover", "app", "--dry-run").out
    after = (app.status(), app.history(), app.cli("get", "nodes", "-o", "json").json["revision"])
    assert before == after
    assert [p["name"] for p in app.cli("get", "plans", "-o", "json").json["plans"]] == ["app"]


def test_refusals_say_what_why_and_what_next_and_exit_1(app):
    for words in (["start", "app"], ["resume", "app"], ["promote", "app", "--to", "9"],
                  ["promote", "app", "--to", "at-10O"], ["rollback", "app", "--to", "3", "--reason", "x"],
                  ["status", "nothing"], ["start", "ap"]):
        answer = app.cli(*words, status=1)
        assert answer.err.startswith("error: ") and answer.out == "", f"{words}: {answer}"
        assert app.status()["stage"] == "at-0"


def test_pause_holds_and_resume_goes_on(app):
    app.cli("pause", "app", "--reason", "lunch")
    assert app.status()["phase"] == "paused"
    assert "resume" in app.cli("promote", "app", status=1).err
    app.cli("resume", "app")
    app.wait_status("ready again", phase="ready")
    app.cli("promote", "app")
    app.wait_status("on", weight=10)


def test_abort_sends_everything_to_legacy_and_delete_forgets(app):
    app.cli("promote", "app")
    assert app.cli("delete", "app", status=1).err
    app.cli("abort", "app", "--reason", "not this year")
    assert app.status()["weight"] == 0
    assert set(app.sidecars[0].client().sides(range(50)).values()) == {"legacy"}
    app.cli("delete", "app")
    assert app.cli("get", "plans", "-o", "json").json["plans"] == []


def test_overrides_beat_the_weight(app):
    client = app.sidecars[0].client()
    app.cli("set", "override", "app", "new", "--reason", "see it")
    assert set(client.sides(range(30)).values()) == {"new"}
    app.cli("promote", "app")
    app.cli("set", "override", "app", "legacy", "--reason", "enough")
    assert set(client.sides(range(30)).values()) == {"legacy"}
    app.cli("set", "override", "app", "none", "--reason", "go on")
    assert "new" in client.sides(range(200)).values()


def test_health_names_what_is_not_well(app):
    assert app.cli("health", "-o", "json").json["overall"] == "healthy"
    app.sidecars[0].process.stop()
    unwell = wait_for(lambda: (a := app.cli("health", "-o", "json", status=None)).status == 1 and a.json,
                      "the lost node is seen")
    assert unwell["overall"] in ("degraded", "unhealthy")
    assert any(c["state"] != "healthy" for c in unwell["components"])


def test_watch_shows_again_and_ends_on_ctrl_c(app):
    watch = app.run("watch", [BIN / "switchyard", "status", "app", "--watch", "-o", "json",
                              "--endpoints", app.coordinator.address])
    wait_for(lambda: watch.text().count('"migration"') >= 2, "the second look")
    watch.popen.send_signal(2)
    watch.expected = {-2}  # as any program that Ctrl-C ends
    watch.popen.wait(10)
    assert json.JSONDecoder().raw_decode(watch.text())[0]["migration"] == "app"
