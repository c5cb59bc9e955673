# SPDX-License-Identifier: Apache-2.0
"""Requests past `maxConnections`: they wait in line, for a while, and not too many of them."""

import contextlib
import socket
import struct
import threading

from proxy_fixture import PATIENCE, Client, Origin, Proxy, ask, refused_url, reply, says, wait_for


class Gated(Origin):
    """Answers as many requests as it was let."""

    def __init__(self, word="gated"):
        self.gate = threading.Semaphore(0)
        super().__init__(lambda _: reply(word.encode()) if self.gate.acquire(timeout=PATIENCE) else None)

    def let(self, count):
        for _ in range(count):
            self.gate.release()

    def paths(self):
        return [r.path for r in self.requests]


def settle(proxy):
    """The lane has read what was sent to it before: it answers this by itself."""
    with Client(proxy) as client:
        client.send("GET / HTTP/1.1\r\nHost: elsewhere\r\n\r\n")
        assert client.answer().status == 404


def abort(client):
    """A close that cannot be taken for the end of the request alone."""
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@contextlib.contextmanager
def limited(origin, **words):
    """One connection to `origin`, whose first request is under way, and clients that ask for /0, /1 and so on."""
    words = {"legacy": origin.url, "new": refused_url(), "weight": 0, "limit": 1, "host": "app",
             "connect_timeout": 60000, **words}
    with Proxy(**words) as proxy, contextlib.ExitStack() as stack:
        clients = []

        def send(method="GET"):
            clients.append(stack.enter_context(Client(proxy)))
            clients[-1].send(f"{method} /{len(clients) - 1} HTTP/1.1\r\nHost: app\r\n\r\n")
            settle(proxy)
            return clients[-1]

        send()
        wait_for(lambda: len(origin.requests) == 1, "the only connection is busy")
        yield proxy, send, clients


def test_who_comes_first_is_served_first():
    with Gated() as origin, limited(origin) as (proxy, send, clients):
        for _ in range(5):
            send()
        assert len(origin.requests) == 1
        origin.let(7)
        assert [client.answer().status for client in clients] == [200] * 6
        assert origin.paths() == [f"/{i}" for i in range(6)]
        assert clients[0].ask(path="/again").status == 200
        assert origin.accepted == 1
        stats = proxy.stats()["legacy"]
        assert (stats["requests"], stats["errors"], stats["overloads"]) == (7, 0, 0)


def test_a_lost_connection_makes_room_as_one_that_is_given_back():
    with Gated() as origin, limited(origin) as (_, send, clients):
        send()
        abort(clients[0])
        wait_for(lambda: len(origin.requests) == 2, "the next one is asked")
        origin.let(2)
        assert clients[1].answer().status == 200


def test_who_waits_too_long_gets_a_503():
    with Gated() as origin, limited(origin, connect_timeout=200) as (proxy, send, clients):
        answer = send().answer()
        assert (answer.status, answer.system) == (503, "legacy")
        assert b"as many connections as it may" in answer.body
        stats = proxy.stats()["legacy"]
        assert (stats["errors"], stats["overloads"], stats["connect_errors"], stats["timeouts"]) == (1, 1, 0, 0)
        origin.let(2)
        assert clients[0].answer().status == 200
        assert clients[1].ask(path="/after").status == 200
        assert origin.paths() == ["/0", "/after"]


def test_who_had_its_turn_may_send_its_body_as_slowly_as_any():
    pause = threading.Event()

    with Gated() as origin, limited(origin, connect_timeout=1000) as (proxy, _, clients), Client(proxy) as client:
        client.send("PUT /1 HTTP/1.1\r\nHost: app\r\nContent-Length: 4\r\n\r\nsl")
        pause.wait(0.7)
        origin.let(2)
        assert clients[0].answer().status == 200
        pause.wait(0.8)  # by now its time in line would be over
        client.send("ow")
        assert client.answer().status == 200
        assert (origin.requests[1].body, origin.accepted) == (b"slow", 1)


def test_with_fallback_legacy_answers_and_neither_breaker_nor_endpoint_is_blamed():
    words = {"weight": 100, "connect_timeout": 50, "breaker": "1/60000/60000/1"}
    with says("legacy") as legacy, Gated() as origin:
        with limited(origin, legacy=legacy.url, new=origin.url, **words) as (proxy, send, clients):
            for _ in range(6):
                assert send("POST").answer().system == "legacy", "nothing was sent, so any method may go there"
            stats = proxy.stats()
            assert (stats["new"]["overloads"], stats["new"]["fallbacks"]) == (6, 6)
            assert stats["breaker"] == "closed"
            assert [e["state"] for e in proxy.endpoints() if e["system"] == "new"] == ["healthy"]
            origin.let(1)
            assert clients[0].answer().system == "new"


def test_no_more_wait_than_may():
    with Gated() as origin, limited(origin, max_waiting=2) as (_, send, clients):
        send()
        send()
        assert send().answer().status == 503
        origin.let(4)
        assert [client.answer().status for client in clients[:3]] == [200] * 3
        assert clients[3].ask(path="/later").status == 200


def test_a_client_that_leaves_gives_its_place_away():
    with Gated() as origin, limited(origin, max_waiting=1) as (proxy, send, clients):
        abort(send())
        settle(proxy)
        send()
        origin.let(2)
        assert clients[0].answer().status == clients[2].answer().status == 200
        assert origin.paths() == ["/0", "/2"]


def test_who_waits_for_new_follows_the_rules_to_legacy():
    with says("legacy") as legacy, Gated() as origin:
        words = {"legacy": legacy.url, "new": origin.url, "weight": 100, "fallback": 0}
        with limited(origin, **words) as (proxy, send, clients):
            send()
            send("POST")
            proxy.set(emergency=1)
            assert [client.answer().system for client in clients[1:]] == ["legacy", "legacy"]
            origin.let(1)
            assert clients[0].answer().system == "new"


def test_rules_that_allow_more_let_those_who_wait_go():
    with Gated() as origin, limited(origin) as (proxy, send, clients):
        send()
        proxy.set(limit=2)
        wait_for(lambda: len(origin.requests) == 2, "the second connection is made")
        origin.let(2)
        assert [client.answer().status for client in clients] == [200, 200]


def test_waiting_for_one_that_is_well_is_better_than_one_that_is_not():
    with Gated() as well, Origin(lambda _: reply(b"", "500 Oh")) as bad:
        words = {"legacy": f"{well.url},{bad.url}", "new": refused_url(), "weight": 0, "limit": 1, "host": "app"}
        with Proxy(connect_timeout=60000, **words) as proxy, Client(proxy) as first, Client(proxy) as second:
            well.let(50)
            wait_for(lambda: ask(proxy).status and "ejected" in str(proxy.endpoints()), "one is left out")
            while well.gate.acquire(blocking=False):
                pass
            asked = len(well.requests)
            for client in (first, second):
                client.send("GET / HTTP/1.1\r\nHost: app\r\n\r\n")
                settle(proxy)
            wait_for(lambda: len(well.requests) == asked + 1, "one is under way")
            well.let(2)
            assert first.answer().status == second.answer().status == 200


def test_who_waited_in_vain_looks_once_more_for_an_endpoint_that_got_well():
    sick = threading.Event()
    gate = threading.Semaphore(0)

    def busy(request):
        return reply() if request.path == "/health" or gate.acquire(timeout=PATIENCE) else None

    with Origin(busy) as first, Origin(lambda _: reply(b"", "500 Oh") if sick.is_set() else reply(b"well")) as other:
        sick.set()
        words = {"legacy": f"{first.url},{other.url}", "new": refused_url(), "weight": 0, "limit": 1, "host": "app"}
        words |= {"health": "/health", "health_interval": 100, "connect_timeout": 3000}
        with Proxy(**words) as proxy, Client(proxy) as one, Client(proxy) as two:
            wait_for(lambda: proxy.endpoints()[1]["state"] == "failing", "one is left out")
            one.send("GET /1 HTTP/1.1\r\nHost: app\r\n\r\n")
            wait_for(lambda: "/1" in [r.path for r in first.requests], "the only connection is busy")
            two.send("GET /2 HTTP/1.1\r\nHost: app\r\n\r\n")
            settle(proxy)
            sick.clear()
            assert two.answer().body == b"well"
            gate.release()
            assert one.answer().status == 200
            assert proxy.stats()["legacy"]["overloads"] == 0


def test_many_clients_share_a_few_connections():
    def client(proxy, statuses):
        with Client(proxy) as c:
            for _ in range(20):
                statuses.append(c.ask().status)

    with says("a") as a, says("b") as b:
        words = {"legacy": f"{a.url},{b.url}", "new": refused_url(), "weight": 0, "limit": 2, "threads": 2}
        with Proxy(connect_timeout=60000, **words) as proxy:
            statuses = []
            threads = [threading.Thread(target=client, args=(proxy, statuses)) for _ in range(12)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(timeout=60)
            assert statuses == [200] * 240
            assert a.accepted <= 2 and b.accepted <= 2


def test_the_proxy_ends_with_requests_in_line():
    with Gated() as origin, limited(origin) as (_, send, _clients):
        send()
        send()
        origin.let(10)
