# SPDX-License-Identifier: Apache-2.0
"""The access log of a sidecar: a line per request, failures always, rotated by SIGHUP, keys never in it."""

import json
import signal
import subprocess

from switchyard import wait_for


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_requests_are_told_line_by_line(yard):
    log = yard.folder / "access.log"
    yard.services()
    yard.coordinator.start()
    node = yard.sidecar("node-1", options=["--access-log", log])
    yard.wait_nodes(1)
    yard.apply(stages=(40, 100))
    yard.cli("start", "app")
    revision = yard.wait_status("the first stage serves", phase="ready")["revision"]
    client = node.client()
    sides = client.sides(range(40))
    client.request("alice@example.com", path="/cart?card=4242", headers={"traceparent": "00-0af7-b7ad-01"})
    wait_for(lambda: len(lines(log)) == 41, "every request has its line")

    told = lines(log)
    assert [line["system"] for line in told[:40]] == list(sides.values())
    last = told[-1]
    assert last["migration"] == "app" and last["stage"] == "at-40" and last["revision"] == revision
    assert (last["method"], last["path"], last["status"]) == ("GET", "/cart", 200)
    assert last["reason"] == "weight" and last["breaker"] == "disabled" and last["fallback"] is False
    assert last["upstream"] == {"legacy": yard.legacy, "new": yard.new}[last["system"]].url[7:]
    assert last["bytes"] > 0 and last["duration_ms"] >= 0 and last["time"].endswith("Z")
    assert last["traceparent"] == "00-0af7-b7ad-01"
    text = log.read_text()
    assert "alice" not in text and "4242" not in text
    assert len({line["key"] for line in told}) == 41 and all(len(line["key"]) == 16 for line in told)

    log.rename(log.with_suffix(".1"))
    client.request(1)
    node.process.popen.send_signal(signal.SIGHUP)
    wait_for(log.exists, "it opens the log anew")
    client.request(1)
    wait_for(lambda: len(lines(log)) + len(lines(log.with_suffix(".1"))) == 43, "no line is lost")
    assert len({line["key"] for line in [told[1], lines(log)[-1]]}) == 1, "the same key has the same hash"


def test_of_what_goes_well_a_sample_and_of_what_fails_all(yard):
    log = yard.folder / "access.log"
    yard.services()
    yard.coordinator.start()
    node = yard.sidecar("node-1", options=["--access-log", log, "--access-log-sample", "0%"])
    yard.wait_nodes(1)
    yard.apply(stages=(100,))
    yard.cli("start", "app")
    yard.wait_status("everything is on new", weight=100)
    client = node.client()
    client.sides(range(20))
    yard.new.become(503)
    assert client.ask(7) == "legacy"
    answer, _ = client.request(8, method="POST", body=b"x")
    assert answer.status == 503
    wait_for(lambda: len(lines(log)) == 2, "both are told")
    rescued, failed = lines(log)
    assert rescued["fallback"] and rescued["system"] == "legacy" and rescued["status"] == 200
    assert not failed["fallback"] and failed["system"] == "new" and failed["status"] == 503
    bad = subprocess.run([node.process.argv[0], "--node", "x", "--data", yard.folder / "x", "--access-log-sample", "lots"],
                         text=True, capture_output=True, timeout=60)
    assert bad.returncode == 2 and "5% or 1/100" in bad.stderr
