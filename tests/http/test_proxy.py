# SPDX-License-Identifier: Apache-2.0
"""What the proxy does on the wire: routing, framing, keep-alive, rule sets that change."""

import hashlib
import os
import threading

from proxy_fixture import (
    Client,
    Origin,
    Proxy,
    accepts_nobody,
    ask,
    heard,
    reply,
    says,
    take_until_answered,
    url_of,
    wait_for,
)


def pair():
    return says("legacy"), says("new")


def test_a_key_stays_on_its_system_and_shares_follow_the_weight():
    with says("legacy") as legacy, says("new") as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=25) as proxy, Client(proxy) as client:
            seen = {k: client.ask(X_User_Id=f"u{k}").system for k in range(400)}
            share = sum(s == "new" for s in seen.values()) / len(seen)
            assert 0.18 < share < 0.32
            proxy.set(weight=60)
            for key, system in seen.items():
                now = client.ask(X_User_Id=f"u{key}").system
                assert now == "new" or system == "legacy", "a raise moved a key back"


def test_keys_come_from_cookie_path_and_address():
    with says("legacy") as legacy, says("new") as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=50) as proxy, Client(proxy) as client:
            proxy.set(key="cookie:sid")
            assert len({client.ask(Cookie="a=b; sid=7").system for _ in range(20)}) == 1
            proxy.set(key="path:2")
            assert len({client.ask(path=f"/t/9/{i}").system for i in range(20)}) == 1
            proxy.set(key="client-ip")
            assert len({client.ask(path=f"/{i}").system for i in range(20)}) == 1
            proxy.set(key="random")
            assert len({client.ask().system for _ in range(60)}) == 2


def test_old_connections_follow_a_new_rule_set_with_their_next_request():
    with says("legacy") as legacy, says("new") as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=100) as proxy, Client(proxy) as client:
            assert client.ask().body == b"new"
            proxy.set(weight=0)
            assert client.ask().body == b"legacy"
            proxy.set(override="new")
            assert client.ask().body == b"new"
            proxy.set(emergency=1)
            assert client.ask().body == b"legacy"
            proxy.set(emergency=2)
            assert client.ask().body == b"new"


def test_a_request_in_flight_finishes_where_it_is():
    arrived, go = threading.Event(), threading.Event()

    def slow(_):
        arrived.set()
        go.wait(10)
        return reply(b"new")

    with says("legacy") as legacy, Origin(slow) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=100) as proxy, Client(proxy) as client:
            client.send("GET / HTTP/1.1\r\nHost: app\r\n\r\n")
            assert arrived.wait(10)
            proxy.set(emergency=1)
            go.set()
            assert client.answer().body == b"new"
            assert client.ask().body == b"legacy"


def test_a_request_that_is_still_connecting_follows_the_new_rule_set():
    with says("legacy") as legacy, accepts_nobody() as new:
        words = {"new": url_of(new), "weight": 100, "connect_timeout": 9000}
        with Proxy(legacy=legacy.url, **words) as proxy, Client(proxy) as client:
            client.send("GET / HTTP/1.1\r\nHost: app\r\n\r\n")
            wait_for(lambda: proxy.stats()["clients"] == 1, "the client")
            proxy.set(emergency=1)
            taken = take_until_answered(new, client)
            assert client.answer().body == b"legacy"
            assert not any(heard(sock) for sock in taken)
            assert proxy.stats()["new"]["requests"] == 0


def test_so_does_one_that_connects_in_vain():
    with says("legacy") as legacy, accepts_nobody() as new:
        words = {"new": url_of(new), "weight": 100, "connect_timeout": 1500, "fallback": 0}
        with Proxy(legacy=legacy.url, **words) as proxy, Client(proxy) as client:
            client.send("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 2\r\n\r\nhi")
            wait_for(lambda: proxy.stats()["clients"] == 1, "the client")
            proxy.set(emergency=1)
            answer = client.answer()
            assert (answer.status, answer.body) == (200, b"legacy")
            assert legacy.requests[0].body == b"hi"
            assert proxy.stats()["new"]["requests"] == 0


def test_without_rule_set_or_route_the_answer_says_so():
    with says("legacy") as legacy, says("new") as new, Proxy() as proxy, Client(proxy) as client:
        answer = client.ask()
        assert answer.status == 503 and b"rule set" in answer.body
        proxy.set(legacy=legacy.url, new=new.url, host="app", path="/api")
        assert client.ask(path="/api/x").status == 200, "the connection was kept"
        assert client.ask(path="/apix").status == 404


def test_heads_are_sent_on_without_what_is_for_one_hop():
    with says("legacy") as legacy, says("new") as new:
        with Proxy(legacy=legacy.url, new=new.url) as proxy, Client(proxy) as client:
            client.ask(Connection="x-hop", X_Hop="1", X_End="2", X_Forwarded_For="10.0.0.1")
            seen = legacy.requests[0]
            assert seen.get("x-hop") is None and seen.get("x-end") == "2"
            assert seen.get("x-forwarded-for") == "10.0.0.1, 127.0.0.1"
            assert seen.get("host") == "app"


def test_bodies_up_in_every_framing():
    with Origin(lambda r: reply(hashlib.sha256(r.body).hexdigest().encode())) as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy, Client(proxy) as client:
            for size in (0, 1, 1000, 70_000, 3_000_000):
                body = os.urandom(size)
                want = hashlib.sha256(body).hexdigest().encode()
                assert client.ask("POST", body=body).body == want
                client.send("POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n")
                for at in range(0, size, 40_000):
                    part = body[at : at + 40_000]
                    client.send(b"%x;ext=1\r\n%s\r\n" % (len(part), part))
                client.send("0\r\nTrailer: x\r\n\r\n")
                assert client.answer().body == want
            assert origin.accepted == 1, "one upstream connection served all of it"


def test_bodies_down_in_every_framing():
    body = os.urandom(500_000)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for at in range(0, len(body), 30_000):
        part = body[at : at + 30_000]
        chunked += b"%x\r\n%s\r\n" % (len(part), part)
    chunked += b"0\r\n\r\n"

    def handler(request):
        if request.path == "/chunked":
            return chunked
        if request.path == "/length":
            return reply(body)
        request.stream.send(b"HTTP/1.1 200 OK\r\n\r\n" + body)
        return None

    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            for path in ("/chunked", "/length", "/close", "/chunked"):
                assert client.ask(path=path).body == body, path
        for path in ("/chunked", "/length", "/close"):
            with Client(proxy) as client:
                client.send(f"GET {path} HTTP/1.0\r\n\r\n")
                answer = client.answer()
                assert answer.get("transfer-encoding") is None and answer.body == body


def test_answers_without_body():
    def handler(request):
        if request.path == "/204":
            return b"HTTP/1.1 204 No Content\r\n\r\n"
        if request.path == "/304":
            return b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"
        return b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + (
            b"" if request.method == "HEAD" else b"hello"
        )

    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            assert client.ask(path="/204").status == 204
            assert client.ask(path="/304").status == 304
            assert client.ask("HEAD").get("content-length") == "5"
            assert client.ask().body == b"hello"
            assert origin.accepted == 1


def test_http_1_0_clients_may_keep_alive():
    with says("legacy") as legacy, Proxy(legacy=legacy.url, new=legacy.url) as proxy:
        with Client(proxy) as client:
            client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert client.answer().get("connection") == "keep-alive"
            client.send("GET / HTTP/1.0\r\n\r\n")
            assert client.answer().body == b"legacy"
            assert client.is_closed()


def test_pipelined_requests_are_answered_in_order():
    with Origin(lambda r: reply(r.path.encode())) as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy, Client(proxy) as client:
            client.send("".join(f"GET /{i} HTTP/1.1\r\nHost: app\r\n\r\n" for i in range(3000)))
            for i in range(3000):
                assert client.answer().body == f"/{i}".encode()


def test_requests_and_answers_may_come_byte_by_byte():
    def handler(request):
        for byte in reply(b"slow"):
            request.stream.send(bytes([byte]))
        return b""

    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            for byte in b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 2\r\n\r\nhi":
                client.send(bytes([byte]))
            assert client.answer().body == b"slow"
            assert origin.requests[0].body == b"hi"


def test_expect_100_continue_is_answered_by_the_proxy():
    with Origin(lambda r: reply(r.body)) as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy, Client(proxy) as client:
            client.send(
                "PUT / HTTP/1.1\r\nHost: app\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
            )
            assert client.answer().status == 100
            client.send("body")
            assert client.answer().body == b"body"
            assert origin.requests[0].get("expect") is None


def test_interim_answers_pass_and_100_is_swallowed():
    def handler(_):
        return (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
            + reply(b"late")
        )

    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            hint = client.ask()
            assert hint.status == 103 and hint.get("link") == "x"
            assert client.answer().body == b"late"


def test_an_early_answer_reaches_a_client_that_is_still_sending():
    def handler(request):
        request.stream.send(reply(b"too much", "413 Content Too Large", Connection="close"))
        return None

    with Origin(handler, early=True) as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy, Client(proxy) as client:
            client.send("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 50000000\r\n\r\n")
            try:
                for _ in range(20):
                    client.send(b"x" * 10_000)
            except OSError:
                pass
            answer = client.answer()
            assert answer.status == 413 and answer.get("connection") == "close"


def test_a_client_that_leaves_takes_its_upstream_with_it():
    arrived = threading.Event()

    def handler(request):
        arrived.set()
        request.stream.fill()
        return None

    with Origin(handler, early=True) as origin:
        with Proxy(legacy=origin.url, new=origin.url) as proxy:
            with Client(proxy) as client:
                client.send("POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 10\r\n\r\n")
                assert arrived.wait(10)
            assert origin.closed.wait(10)
            assert proxy.stats()["legacy"]["errors"] == 0


def test_a_client_that_closed_its_half_still_gets_its_answer():
    with says("legacy") as legacy, Proxy(legacy=legacy.url, new=legacy.url) as proxy:
        with Client(proxy) as client:
            client.send("GET / HTTP/1.1\r\nHost: app\r\n\r\n")
            client.sock.shutdown(1)
            assert client.answer().body == b"legacy"
            assert client.is_closed()


def test_endpoints_take_turns_and_stand_in_for_each_other():
    with says("one") as one, says("two") as two:
        with Proxy(legacy=f"{one.url},{two.url}", new=one.url) as proxy, Client(proxy) as client:
            assert {client.ask().body for _ in range(10)} == {b"one", b"two"}
            two.stop()
            assert {client.ask().body for _ in range(10)} == {b"one"}
            assert proxy.stats()["legacy"]["connect_errors"] == 0


def test_a_name_that_does_not_resolve_is_told_and_its_system_goes_on_where_it_was():
    with says("legacy") as legacy, says("new") as new:
        with Proxy(legacy=legacy.url, new=f"http://localhost:{new.port}", weight=100) as proxy:
            assert ask(proxy).body == b"new"
            proxy.say("new=http://no-such-host.invalid:1")
            proxy.revision += 1
            assert "no-such-host.invalid" in proxy.expect("lacking")
            assert proxy.expect("serving") == str(proxy.revision)
            assert ask(proxy).body == b"new"
            proxy.say("emergency=1")
            proxy.revision += 1
            assert "no-such-host.invalid" in proxy.expect("lacking"), "this set lacks it, too"
            assert proxy.expect("serving") == str(proxy.revision)
            assert ask(proxy).body == b"legacy", "an emergency order waits for no name"


def test_reports_add_up_over_threads():
    with says("legacy") as legacy, says("new") as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=50, threads=4) as proxy:
            counts = {"legacy": 0, "new": 0}
            for i in range(200):
                counts[ask(proxy, X_User_Id=f"k{i}").system] += 1
            stats = proxy.stats()
            for system, count in counts.items():
                assert stats[system]["requests"] == stats[system]["answered"] == count
                assert stats[system]["errors"] == 0
            wait_for(lambda: proxy.stats()["clients"] == 0, "the last connection's end")
