# SPDX-License-Identifier: Apache-2.0
"""Probes: a request to each system asked, past the decision and outside all counts."""

import json

import pytest
from proxy_fixture import Origin, Proxy, ask, refused_url, reply, says, wait_for


def probe(proxy, words):
    proxy.say(f"probe={words}")
    return json.loads(proxy.expect("probe"))


def hangs(request):
    request.stream.fill()


def test_both_systems_are_asked_and_nothing_is_counted():
    with says("legacy") as legacy, says("new") as new, Proxy(legacy=legacy.url, new=new.url, weight=0) as proxy:
        old, other = probe(proxy, "both,/a/b?c=d")
        assert (old["system"], old["status"], old["body"], old["bytes"]) == ("legacy", 200, "legacy", 6)
        assert (other["system"], other["status"], other["body"], other["error"]) == ("new", 200, "new", "")
        assert other["endpoint"] == new.url.removeprefix("http://") and other["ms"] > 0
        for origin in (legacy, new):
            (request,) = origin.requests
            assert request.first == "GET /a/b?c=d HTTP/1.1"
            assert request.get("x-switchyard-probe") == "1" and request.get("connection") == "close"
            assert request.get("host") == origin.url.removeprefix("http://")
        stats = proxy.stats()
        assert stats["legacy"]["requests"] == stats["new"]["requests"] == 0


def test_one_system_and_its_head_alone():
    with says("legacy") as legacy, says("new") as new, Proxy(legacy=legacy.url, new=new.url, weight=0) as proxy:
        (answer,) = probe(proxy, "new,head")
        assert (answer["system"], answer["status"], answer["bytes"]) == ("new", 200, 0)
        assert new.requests[0].first.startswith("HEAD / ") and not legacy.requests


@pytest.mark.parametrize("answer, error", [
    (b"nonsense\r\n\r\n", "status line"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "it broke off its answer"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "chunk"),
    (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20000, "large"),
    (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "switches protocols"),
    (b"", "without an answer"),
])
def test_an_answer_that_cannot_be_read_is_said(answer, error):
    def handler(request):
        request.stream.send(answer)

    with says("legacy") as legacy, Origin(handler) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0) as proxy:
            (got,) = probe(proxy, "new")
            assert got["status"] == 0 and got["error"], got
            if error in ("status line", "chunk", "large"):
                return  # the parser's own words
            assert error in got["error"]


def test_interim_answers_are_passed_over_and_a_body_until_close_is_whole():
    raw = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.0 404 Not Found\r\n\r\nuntil close"

    def handler(request):
        request.stream.send(raw)
        return None

    with says("legacy") as legacy, Origin(handler) as new, Proxy(legacy=legacy.url, new=new.url, weight=0) as proxy:
        (got,) = probe(proxy, "new")
        assert (got["status"], got["body"]) == (404, "until close")


def test_only_the_beginning_of_a_long_body_is_kept():
    with says("legacy") as legacy, Origin(lambda _: reply(b"x" * 300000)) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0) as proxy:
            (got,) = probe(proxy, "new")
            assert (len(got["body"]), got["bytes"], got["status"]) == (4096, 300000, 200)


def test_a_system_that_is_down_or_slow_is_said():
    with says("legacy") as legacy, Origin(hangs) as new:
        with Proxy(legacy=refused_url(), new=new.url, weight=0, response_timeout=200) as proxy:
            old, other = probe(proxy, "both")
            assert (old["status"], old["error"]) == (0, "no connection")
            assert (other["status"], other["error"]) == (0, "no answer within 200 ms")
        with Proxy(legacy=legacy.url, new=new.url, weight=0, response_timeout=20000, probe_timeout="300ms") as proxy:
            (other,) = probe(proxy, "new")
            assert other["error"].startswith("no answer within ") and "20000" not in other["error"]


def test_an_open_breaker_is_respected_unless_it_is_bypassed():
    with says("legacy") as legacy, Origin(lambda _: reply(b"", "500 Internal Server Error")) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=100, breaker="1/60000/60000/1") as proxy:
            ask(proxy)
            wait_for(lambda: proxy.stats()["breaker"] == "open", "the breaker is open")
            before = len(new.requests)
            old, other = probe(proxy, "both")
            assert old["status"] == 200
            assert (other["status"], other["error"]) == (0, "not asked: its breaker is open")
            assert len(new.requests) == before
            (other,) = probe(proxy, "new,bypass")
            assert other["status"] == 500 and len(new.requests) == before + 1
            assert proxy.stats()["breaker"] == "open", "a probe says nothing to the breaker"


def test_too_many_at_once_are_refused_and_the_end_waits_for_none():
    with says("legacy") as legacy, Origin(hangs) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, response_timeout=60000) as proxy:
            for _ in range(4):
                proxy.say("probe=new")
            proxy.say("probe=new")
            assert "4 probes are under way" in proxy.expect("probe")
