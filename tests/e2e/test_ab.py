# SPDX-License-Identifier: Apache-2.0
"""`ab`: requests run on both systems through a node, and their answers compared; in every form of report."""

import json

import pytest


@pytest.fixture
def both(yard):
    """Two systems that answer the same, on stage 0."""
    yard.open()
    yard.legacy.become(200, '{"total": 1, "at": 7}', media="application/json")
    yard.new.become(200, '{"at": 7, "total": 1}', media="application/json")
    yard.apply()
    yard.wait_nodes(1)
    return yard


def test_equal_answers_are_a_good_run(both):
    out = both.cli("ab", "app", "--runs", "20", "--path", "/orders/17").out
    assert "20 runs of 1 request through node node-1: 20 equal" in out and "Nothing critical differs." in out, out
    assert both.stats()["new"]["requests"] == both.stats()["legacy"]["requests"] == 0, "it counts in no gate"
    assert both.legacy.requests() and both.new.requests(), "both were asked"


def test_what_differs_is_named_with_the_first_request(both):
    both.new.become(200, '{"at": 8, "total": 2}', media="application/json")
    requests = both.write('# recorded\n/a?secret=1\nHEAD /b\n{"method": "GET", "path": "/c"}\nPOST /d\n', "requests")
    page, data = both.folder / "ab.md", both.folder / "ab.json"
    out = both.cli("ab", "app", "--requests", requests, "--report", page, status=1).out
    assert "3 runs of 3 requests" in out and "Passed over: 1, since" in out, out
    assert "$.total" in out and "GET /a " in out and "secret" not in out, out
    assert "## Where they differ" in open(page).read()
    both.cli("ab", "app", "--requests", requests, "--runs", "6", "--report", data, status=1)
    report = json.load(open(data))
    assert (report["runs"], report["requests"], report["unsafe"], report["good"]) == (6, 3, 1, False)
    assert report["equal"] + report["cosmetic"] + report["critical"] + report["notCompared"] == 6
    assert {d["where"] for d in report["differences"]} >= {"$.at", "$.total"}
    assert report["legacy"]["answered"] == report["new"]["answered"] == 6 and report["new"]["p99Ms"] > 0


def test_a_system_that_does_not_answer_is_no_good_run(both):
    both.new.kill()
    report = both.cli("ab", "app", "--runs", "3", "-o", "json", status=1).json
    assert report["notCompared"] == 3 and report["new"]["errors"] == 3 and report["legacy"]["errors"] == 0
    both.new.start()
    both.new.become(503)
    report = both.cli("ab", "app", "--runs", "3", "-o", "json", status=1).json
    assert report["critical"] == 3 and report["differences"][0]["where"] == "status"


@pytest.mark.parametrize("words, why", [
    (["ab", "nobody"], "nobody"),
    (["ab", "app", "--runs", "0"], "--runs 0"),
    (["ab", "app", "--runs", "x"], "--runs x"),
    (["ab", "app", "--node", "other"], "other"),
    (["ab", "app", "--requests", "/nonexistent"], "/nonexistent"),
])
def test_what_cannot_be_run_is_refused_by_name(both, words, why):
    assert why in both.cli(*words, status=None).err


def test_bad_requests_are_named_by_line(both):
    for text, why in (("/a\nb\n", ":2: a request is a path"), ('{"path": 1}', ":1: the record has no"),
                      ("{", ":1:"), ("POST /a\n", "no request that can be run"), ("", "no request that can be run"),
                      ("/" + "x" * 5000, "longer than")):
        answer = both.cli("ab", "app", "--requests", both.write(text, "bad"), status=None)
        assert answer.status != 0 and why in answer.err, answer
