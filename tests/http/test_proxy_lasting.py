# SPDX-License-Identifier: Apache-2.0
"""Answers that come when there is something to say: server-sent events and gRPC calls."""

import contextlib
import socket
import threading

import pytest
from proxy_fixture import PATIENCE, Client, Origin, Proxy, ask, reply, wait_for


def head(media):
    return f"HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n".encode()


def begin(client, media="text/event-stream", user="u"):
    client.send(f"GET / HTTP/1.1\r\nHost: app\r\nX-User-Id: {user}\r\nX-Media: {media}\r\n\r\n")
    client.until(b"first\r\n")


@pytest.mark.parametrize("media", ["text/event-stream", "text/event-stream; charset=utf-8", "Application/gRPC+proto"])
def test_events_may_come_after_the_response_timeout(media):
    """Another answer, which began later and is of no such kind, is cut off by then."""
    go_on = threading.Event()

    def handler(request):
        request.stream.send(head(request.get("x-media")))
        go_on.wait(PATIENCE)
        return b"6\r\nsecond\r\n0\r\n\r\n"

    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url, response_timeout=1000) as proxy:
        with Client(proxy) as client, Client(proxy) as other:
            begin(client, media)
            begin(other, "text/plain")
            assert other.to_end() == b"", "cut off"
            go_on.set()
            client.until(b"0\r\n\r\n")
        assert proxy.stats()["legacy"]["timeouts"] == 1


def test_a_stream_of_events_that_says_nothing_ends_as_a_tunnel_does():
    over = threading.Event()

    def handler(request):
        request.stream.send(head("text/event-stream"))
        over.wait(PATIENCE)

    with Origin(handler) as origin:
        with Proxy(legacy=origin.url, new=origin.url, response_timeout=60000, tunnel_idle="300ms") as proxy:
            with Client(proxy) as client:
                begin(client, "-")
                assert client.to_end() == b""
            over.set()
            assert proxy.stats()["legacy"]["timeouts"] == 1


def test_a_client_that_leaves_in_the_midst_of_its_body_is_not_waited_for_as_long():
    ended = threading.Event()

    def handler(request):
        request.stream.send(head("text/event-stream"))
        try:
            request.read_body()
        finally:
            ended.set()

    with Origin(handler, early=True) as origin:
        with Proxy(legacy=origin.url, new=origin.url, body_timeout="300ms") as proxy, Client(proxy) as client:
            client.send("POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
            client.until(b"first\r\n")
            assert not ended.wait(1), "it may rest"
            client.sock.shutdown(socket.SHUT_WR)
            assert ended.wait(10)


# ---- leaving -------------------------------------------------------------------------------------

YOUNG = 3000
"""So many milliseconds are short enough to wait for, and long enough for any answer to begin."""
LAST = b"0\r\n\r\n"


class Events(Origin):
    """Each request gets a first event, and the rest once it is time: when `go_on` is set, or never."""

    def __init__(self):
        self.go_on = threading.Event()
        super().__init__(self.answer)

    def answer(self, request):
        if request.get("x-media") is None:
            return reply(b"plain")
        request.stream.send(head(request.get("x-media")))
        threading.Thread(target=self.end, args=(request.stream,), daemon=True).start()
        request.stream.sock.recv(1)  # until the proxy hangs up

    def end(self, stream):
        self.go_on.wait(60)
        with contextlib.suppress(OSError):  # the proxy hung up first
            stream.send(b"6\r\nsecond\r\n" + LAST)


def lasting(proxy):
    stats = proxy.stats()["lasting"]
    return stats["legacy"], stats["new"]


def begun(proxy, user="u"):
    client = Client(proxy)
    begin(client, user=user)
    return client


def goes_on(client):
    """Its origin may end it now."""
    return b"second\r\n" in client.until(LAST)


def test_a_rollback_takes_the_streams_on_new_and_no_others():
    """Cut without the end that chunks have: nobody takes half an answer for a whole one."""
    with Events() as legacy, Events() as new:
        words = {"weight": 100, "tunnel_drain": "300ms", "threads": 2, "response_timeout": YOUNG}
        with Proxy(legacy=legacy.url, new=new.url, breaker="1/10000/10000/1", **words) as proxy:
            moved = [begun(proxy, f"u{i}") for i in range(8)]
            wait_for(lambda: lasting(proxy) == (0, 8), "the counts")
            proxy.set(weight=0)
            kept = begun(proxy)
            for client in moved:
                assert client.to_end() == b"", "and no last chunk"
            wait_for(lambda: lasting(proxy) == (1, 0), "the counts")
            wait_for(lambda: new.ended == 8, "the origin's ends")
            stats = proxy.stats()
            assert (stats["new"]["errors"], stats["new"]["timeouts"], stats["breaker"]) == (0, 0, "closed")
            assert ask(proxy).body == b"plain"
            proxy.set(weight=100)
            legacy.go_on.set()
            assert goes_on(kept), "legacy's stay while legacy may answer"


def test_those_whose_user_stays_on_new_stay():
    with Events() as legacy, Events() as new:
        words = {"weight": 100, "tunnel_drain": "50ms", "response_timeout": YOUNG}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy:
            clients = {f"u{i}": begun(proxy, f"u{i}") for i in range(16)}
            proxy.set(weight=50)
            system = {u: ask(proxy, X_User_Id=u).get("x-switchyard-system") for u in clients}
            assert set(system.values()) == {"legacy", "new"}
            for user, client in clients.items():
                if system[user] == "legacy":
                    assert client.to_end() == b""
            new.go_on.set()
            assert all(goes_on(client) for user, client in clients.items() if system[user] == "new")


def test_a_young_answer_may_end_as_an_ordinary_one_may():
    with Events() as legacy, Events() as new:
        words = {"weight": 100, "tunnel_drain": "1ms", "response_timeout": 60000}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy:
            client = begun(proxy)
            proxy.set(weight=0)
            assert all(ask(proxy).body == b"plain" for _ in range(100)), "time passes"
            new.go_on.set()
            assert goes_on(client)


def test_one_that_begins_after_the_rollback_leaves_too():
    """It was sent to new before, and its head comes only now."""
    asked, answer = threading.Event(), threading.Event()

    def handler(request):
        asked.set()
        answer.wait(PATIENCE)
        request.stream.send(head("text/event-stream"))
        request.stream.sock.recv(1)

    with Events() as legacy, Origin(handler) as new:
        words = {"weight": 100, "tunnel_drain": "50ms", "response_timeout": YOUNG}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy, Client(proxy) as client:
            client.send("GET / HTTP/1.1\r\nHost: app\r\n\r\n")
            assert asked.wait(PATIENCE)
            proxy.set(weight=0)
            answer.set()
            assert client.to_end().endswith(b"first\r\n")


def test_forbidding_legacy_takes_those_that_are_on_legacy():
    with Events() as legacy, Events() as new:
        words = {"weight": 0, "tunnel_drain": "50ms", "response_timeout": YOUNG}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy:
            client = begun(proxy)
            proxy.set(weight=100, forbid_legacy=1)
            assert client.to_end() == b""


def test_the_access_log_tells_who_cut_an_answer_short():
    def end_of(proxy):
        (line,) = proxy.await_log()
        return line["system"], line.get("end")

    with Events() as legacy, Events() as new:
        words = {"weight": 100, "tunnel_drain": "50ms", "response_timeout": YOUNG, "access": 1}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy:
            client = begun(proxy)
            proxy.set(emergency=1)
            assert client.to_end() == b""
            assert end_of(proxy) == ("new", "emergency")
            proxy.set(emergency=2)  # lifted
            client = begun(proxy)
            proxy.set(weight=0)
            assert client.to_end() == b""
            assert end_of(proxy) == ("new", "rules")
            client = begun(proxy)
            legacy.go_on.set()
            assert goes_on(client)
            assert end_of(proxy) == ("legacy", None)


def test_a_node_that_stops_lets_go_of_its_streams():
    with Events() as origin:
        words = {"tunnel_drain": "50ms", "response_timeout": YOUNG}
        proxy = Proxy(legacy=origin.url, new=origin.url, **words)
        client = begun(proxy)
        proxy.say("drain=60s")
        assert client.to_end() == b""
        client.close()
        assert proxy.expect("drained") == "0", "none was left at the end of its time"
        assert proxy.process.wait(timeout=30) == 0


@pytest.mark.parametrize("media", ["text/event-stream", "application/grpc"])
def test_a_node_that_stops_soon_tells_that_it_cut_its_streams(media):
    """Sooner than an ordinary answer would be over, and than the rest of a message comes."""
    with Events() as origin:
        proxy = Proxy(legacy=origin.url, new=origin.url, response_timeout=60000, access=1)
        with Client(proxy) as client:
            begin(client, media)
            proxy.say("drain=100ms")
            assert client.to_end() == b""
        proxy.expect("drained")
        assert [line["end"] for line in proxy.logged()] == ["drain"]
        assert proxy.process.wait(timeout=30) == 0
