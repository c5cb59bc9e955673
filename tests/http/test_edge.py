# SPDX-License-Identifier: Apache-2.0
"""The endpoints for those who keep their own proxy: the decision is the proxy's, and outcomes count as its own."""

import json

import pytest
from proxy_fixture import Client, Proxy, ask, reply, refused_url, says, wait_for, Origin

DECIDE = "/switchyard/v1/decide"
OUTCOME = "/switchyard/v1/outcome"


@pytest.fixture(name="pair")
def fixture_pair():
    with says("legacy") as legacy, says("new") as new:
        yield legacy, new


def edge(legacy, new, **words):
    return Proxy(legacy=legacy.url, new=new.url, edge="127.0.0.1:0", **words)


def decide(proxy, path=DECIDE, **fields):
    return ask(proxy.edge, path=path, **fields)


def tell(proxy, *outcomes, batch=False):
    body = json.dumps(list(outcomes) if batch else outcomes[0]).encode()
    return ask(proxy.edge, method="POST", path=OUTCOME, body=body)


def outcome(system="new", status=200, migration="app", **more):
    return {"migration": migration, "system": system, "status": status, "latencyMs": 4.0, **more}


def test_it_answers_as_the_proxy_decides(pair):
    with edge(*pair, weight=40) as proxy:
        with Client(proxy) as through, Client(proxy.edge) as asking:
            for user in range(60):
                went = through.ask(X_User_Id=f"u{user}").system
                answer = asking.ask(path=DECIDE, X_Original_URI="/cart?x=1", X_User_Id=f"u{user}")
                assert answer.status == 200 and answer.system == went
                assert answer.get("x-switchyard-reason") == "weight"
                assert answer.get("x-switchyard-migration") == "app"
                assert answer.get("x-switchyard-stage") == "stage"
                port = {"legacy": pair[0].port, "new": pair[1].port}[went]
                assert answer.get("x-switchyard-upstream") == f"127.0.0.1:{port}"
        assert proxy.stats()["new"]["requests"] + proxy.stats()["legacy"]["requests"] == 60, "asking counts nothing"


def test_what_it_is_asked_about_is_said_in_many_ways(pair):
    with edge(*pair, weight=100, host="shop", path="/cart") as proxy:
        ways = [
            {"X_Original_URI": "/cart/7", "X_Original_Host": "shop"},
            {"X_Original_URI": "/cart/7", "X_Forwarded_Host": "shop:8443"},
            {"X_Forwarded_Uri": "/cart", "X_Forwarded_Host": "shop, inner"},
            {"X_Envoy_Original_Path": "/cart", "X_Original_Host": "shop"},
            {"path": DECIDE + "/cart/7?a=b", "X_Original_Host": "shop"},
            {"path": DECIDE + "/cart", "X_Original_Host": "shop", "method": "DELETE"},
        ]
        for way in ways:
            answer = ask(proxy.edge, **{"path": DECIDE, **way})
            assert (answer.status, answer.system) == (200, "new"), way
        others = [
            {"X_Original_URI": "/", "X_Original_Host": "shop"},
            {"X_Original_URI": "/cart"},
            {"path": DECIDE + "?a=/cart", "X_Original_Host": "shop"},
            {"X_Original_URI": "/", "X_Forwarded_Uri": "/cart", "X_Original_Host": "shop"},
        ]
        for way in others:
            answer = ask(proxy.edge, **{"path": DECIDE, **way})
            assert (answer.status, answer.system) == (200, "none"), way
            assert answer.get("x-switchyard-reason") == "no_route"
            assert answer.get("x-switchyard-upstream") is None


def test_the_key_may_be_the_client_or_a_part_of_the_path(pair):
    with edge(*pair, weight=50, key="client-ip") as proxy:
        sides = {}
        for n in range(40):
            sides[n] = decide(proxy, X_Real_IP=f"10.0.0.{n}").system
            hops = f"6.6.6.6, 10.0.0.{n}"
            assert decide(proxy, X_Forwarded_For=hops).system == sides[n], "the last hop counts"
        assert set(sides.values()) == {"legacy", "new"}
        proxy.set(key="path:2")
        by_path = {decide(proxy, X_Original_URI=f"/cart/{n}").system for n in range(40)}
        assert by_path == {"legacy", "new"}


def test_before_a_rule_set_and_where_nobody_may_serve(pair):
    with Proxy(edge="127.0.0.1:0") as empty:
        answer = decide(empty)
        assert (answer.status, answer.system) == (200, "none")
        assert answer.get("x-switchyard-reason") == "no_rules"
    with edge(*pair, weight=100, breaker="1/60000/60000/1", forbid_legacy=1) as proxy:
        assert decide(proxy).get("x-switchyard-reason") == "legacy_forbidden"
        tell(proxy, outcome(status=500))
        answer = decide(proxy)
        assert (answer.status, answer.system) == (503, "none")
        assert answer.get("x-switchyard-reason") == "nobody"
        assert b"breaker" in answer.body


def test_orders_are_obeyed_at_once(pair):
    with edge(*pair, weight=100) as proxy:
        with Client(proxy.edge) as asking:
            assert asking.ask(path=DECIDE).system == "new"
            proxy.set(emergency=1)
            answer = asking.ask(path=DECIDE)
            assert (answer.system, answer.get("x-switchyard-reason")) == ("legacy", "emergency")
            proxy.set(emergency=2)
            assert asking.ask(path=DECIDE).system == "new"


def test_outcomes_are_counted(pair):
    with edge(*pair, weight=50) as proxy:
        assert tell(proxy, outcome()).get("x-switchyard-counted") == "1"
        answer = tell(proxy, outcome("legacy"), outcome(status=503), outcome(migration="gone"),
                      outcome(failure="timeout", status=0), outcome(failure="connect", fallback=True),
                      {"migration": "app", "system": "new", "status": 404, "latencySeconds": 0.5}, batch=True)
        assert answer.get("x-switchyard-counted") == "5"
        assert tell(proxy, batch=True).status == 200
        wait_for(lambda: proxy.stats()["new"]["requests"] == 5, "all are counted")
        stats = proxy.stats()
        assert stats["legacy"]["requests"] == 1 and stats["legacy"]["errors"] == 0
        new = stats["new"]
        assert (new["errors"], new["timeouts"], new["connect_errors"], new["fallbacks"]) == (3, 1, 1, 1)
        assert new["answered"] == 3 and new["p99"] > 400


def test_outcomes_of_grpc_calls_count_by_their_own_status(pair):
    with edge(*pair, weight=50) as proxy:
        told = [outcome(grpcStatus=code) for code in (*range(17), 17, 99, None)]
        tell(proxy, *told, outcome(status=0, failure="timeout", grpcStatus=0), outcome(status=1e300, failure="connect"), batch=True)
        wait_for(lambda: proxy.stats()["new"]["requests"] == 22, "all are counted")
        assert proxy.stats()["new"]["errors"] == 6 + 3 + 2


def test_malformed_outcomes_count_nothing(pair):
    with edge(*pair) as proxy:
        bad = [b"", b"{", b"7", b"{}", b'"x"', b"[7]", b"[" * 100,
               b'{"migration": "app", "system": "blue", "status": 200}',
               b'{"migration": "app", "system": "new"}',
               b'{"migration": "app", "system": "new", "status": 99}',
               b'{"migration": "app", "system": "new", "status": 200, "latencyMs": -5}',
               b'{"migration": "app", "system": "new", "status": 200, "latencyMs": 1e300}',
               b'{"migration": "app", "system": "new", "status": 200, "failure": "odd"}',
               *[json.dumps(outcome(grpcStatus=code)).encode() for code in (-1, 1.5, 1e300, "14", [])],
               json.dumps([outcome(), {"migration": "app"}]).encode(),
               json.dumps([{}] * 1001).encode()]
        with Client(proxy.edge) as asking:
            for body in bad:
                answer = asking.ask("POST", OUTCOME, body)
                assert answer.status == 400, body
            assert asking.ask("POST", OUTCOME, json.dumps(outcome(migration="nosuch")).encode()).status == 404
            assert asking.ask("GET", OUTCOME).status == 405
            assert asking.ask("GET", "/switchyard/v1/decided").status == 404
            assert asking.ask("GET", "/").status == 404
            assert asking.ask(path=DECIDE).status == 200, "the connection is as good as before"
        assert proxy.stats()["new"]["requests"] == 0


def test_bodies_in_pieces_and_bodies_that_are_too_much(pair):
    body = json.dumps([outcome()] * 100).encode()
    head = f"POST {OUTCOME} HTTP/1.1\r\nHost: e\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with edge(*pair, body_timeout="1s") as proxy:
        with Client(proxy.edge) as asking:
            for at in range(0, len(head + body), 97):
                asking.send((head + body)[at:at + 97])
            assert asking.answer().get("x-switchyard-counted") == "100"
            asking.send(head + body + head + body)
            assert [asking.answer().status for _ in range(2)] == [200, 200], "pipelined"
        with Client(proxy.edge) as slow:
            slow.send(head + b"[")
            assert slow.answer().status == 408
        with Client(proxy.edge) as asking:
            asking.send(f"POST {OUTCOME} HTTP/1.1\r\nHost: e\r\nContent-Length: 99999999\r\n\r\n")
            assert asking.answer().status == 413
        with Client(proxy.edge) as asking:
            asking.send(f"POST {OUTCOME} HTTP/1.1\r\nHost: e\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            assert asking.answer().status == 417
        with Client(proxy.edge) as gone:
            gone.send(head + b"[")
        wait_for(lambda: proxy.stats()["new"]["requests"] == 300, "whole ones are counted")


def chunked(body, size):
    pieces = [body[at:at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x;a=b\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\nX-Sum: 1\r\n\r\n"


def test_chunked_outcomes_count_however_they_are_cut(pair):
    body = json.dumps([outcome()] * 20).encode()
    head = f"POST {OUTCOME} HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    whole = head + chunked(body, 37)
    with edge(*pair) as proxy:
        with Client(proxy.edge) as asking:
            for at in range(0, len(whole), 211):
                asking.send(whole[at:at + 211])
            assert asking.answer().get("x-switchyard-counted") == "20"
            asking.send(whole + whole + f"GET {DECIDE} HTTP/1.1\r\nHost: e\r\n\r\n".encode())
            assert [asking.answer().status for _ in range(3)] == [200] * 3, "pipelined"
        for bad, status in ((b"zz\r\n", 400), (b"2\r\n[]x\r\n0\r\n\r\n", 400), (chunked(b" " * 99999, 9999), 413)):
            with Client(proxy.edge) as asking:
                asking.send(head + bad)
                assert asking.answer().status == status
        wait_for(lambda: proxy.stats()["new"]["requests"] == 60, "whole ones are counted")


def test_it_is_not_on_the_port_for_requests(pair):
    with edge(*pair, weight=0) as proxy:
        answer = ask(proxy, path=DECIDE)
        assert answer.body == b"legacy" and answer.system == "legacy", "a request like any other"
        assert pair[0].requests[-1].path == DECIDE
        assert ask(proxy.edge, path="/").status == 404, "and no request comes in there"


def test_outcomes_open_the_breaker_and_probes_close_it(pair):
    """5 failures told open it for proxied requests, too; later 2 probes go out, and their outcomes close it."""
    with edge(*pair, weight=100, breaker="5/60000/1500/2") as proxy:
        for _ in range(5):
            assert decide(proxy).system == "new"
            tell(proxy, outcome(status=502))
        answer = decide(proxy)
        assert (answer.system, answer.get("x-switchyard-reason")) == ("legacy", "breaker")
        assert ask(proxy).system == "legacy"

        wait_for(lambda: decide(proxy).system == "new", "a probe goes out")
        second = decide(proxy)
        assert second.system == "new"
        assert decide(proxy).system == "legacy", "there are two slots"
        assert ask(proxy).system == "legacy"
        tell(proxy, outcome())
        tell(proxy, outcome())
        wait_for(lambda: decide(proxy).system == "new" and decide(proxy).system == "new"
                 and decide(proxy).system == "new", "it is closed")
        assert ask(proxy).system == "new"


def test_a_probe_that_fails_opens_it_again(pair):
    with edge(*pair, weight=100, breaker="1/60000/200/1") as proxy:
        tell(proxy, outcome(failure="connect"))
        for _ in range(3):
            wait_for(lambda: decide(proxy).system == "new", "a probe goes out")
            assert decide(proxy).system == "legacy"
            tell(proxy, outcome(status=500))
        assert proxy.stats()["breaker"] != "closed"


def test_a_failing_endpoint_is_not_named(pair):
    """Of two endpoints one refuses: once requests have told that, the other one is named."""
    with Origin(lambda _: reply(b"two")) as good:
        with Proxy(legacy=pair[0].url, new=f"{refused_url()},{good.url}", edge="127.0.0.1:0", weight=100) as proxy:
            for _ in range(20):
                ask(proxy)
            named = {decide(proxy).get("x-switchyard-upstream") for _ in range(10)}
    assert named == {f"127.0.0.1:{good.port}"}


def test_lanes_share_breaker_and_slots(pair):
    with edge(*pair, weight=100, threads=4, breaker="4/60000/200/2") as proxy:
        for _ in range(4):
            tell(proxy, outcome(status=500))
        wait_for(lambda: decide(proxy).system == "new", "a probe goes out")
        assert sorted(decide(proxy).system for _ in range(12)).count("new") == 1
        tell(proxy, outcome())
        tell(proxy, outcome())
        wait_for(lambda: proxy.stats()["breaker"] == "closed", "outcomes on any lane close it")
