# SPDX-License-Identifier: Apache-2.0
"""Connections that are switched to another protocol: WebSocket and others, through and through, and
their end when the rules take them away."""

import os
import socket
import threading

import pytest
from proxy_fixture import PATIENCE, Client, Origin, Proxy, ask, reply, says, wait_for

ASK = "GET /chat HTTP/1.1\r\nHost: app\r\nConnection: keep-alive, Upgrade\r\nUpgrade: {}\r\nX-User-Id: {}\r\n\r\n"
SWITCH = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {}\r\n\r\n"
GOING_AWAY_TO_CLIENT = b"\x88\x02\x03\xe9"
GOING_AWAY_TO_SERVER = b"\x88\x82\0\0\0\0\x03\xe9"


def accepts(protocol="websocket", hello=b""):
    """An origin that agrees and gives every byte back."""

    def handler(request):
        stream = request.stream
        stream.send(SWITCH.format(protocol).encode() + hello)
        request.received = b""
        while True:
            if not stream.rest:
                stream.fill()
            request.received += stream.rest
            stream.send(stream.rest)
            stream.rest = b""

    return Origin(handler)


class Tunnel(Client):
    def __init__(self, proxy, protocol="websocket", user="u", behind=b""):
        super().__init__(proxy)
        self.send(ASK.format(protocol, user).encode() + behind)
        self.head = self.answer()
        assert self.head.status == 101, self.head.first

    def echoes(self, data):
        self.send(data)
        return self.exactly(len(data)) == data


def open_tunnels(proxy):
    stats = proxy.stats()["tunnels"]
    return stats["legacy"], stats["new"]


def text_frame(payload):
    """As a server sends it, so that the echo is one too; nobody here minds the missing mask."""
    if len(payload) < 126:
        return bytes([0x81, len(payload)]) + payload
    return b"\x81\x7f" + len(payload).to_bytes(8, "big") + payload


def test_a_websocket_passes_and_is_counted():
    with accepts(hello=b"\x81\x02hi") as legacy, accepts() as new:
        with Proxy(legacy=legacy.url, new=new.url) as proxy:
            with Tunnel(proxy, behind=text_frame(b"early")) as client:
                assert client.head.get("connection") == "upgrade"
                assert client.head.get("upgrade") == "websocket" and client.head.system == "legacy"
                assert client.exactly(4) == b"\x81\x02hi"
                assert client.exactly(7) == text_frame(b"early")
                assert client.echoes(text_frame(b"x" * 70_000))
                request = legacy.requests[0]
                assert request.get("connection") == "upgrade"
                assert request.get("upgrade") == "websocket"
                wait_for(lambda: open_tunnels(proxy) == (1, 0), "the count of one")
                stats = proxy.stats()["legacy"]
                assert (stats["requests"], stats["errors"], stats["answered"]) == (1, 0, 1)
            wait_for(lambda: open_tunnels(proxy) == (0, 0), "the count of none")
            wait_for(lambda: legacy.ended == 1, "the origin's end")


def test_a_tunnel_has_a_line_of_its_own_when_it_ends():
    with accepts(hello=b"\x81\x02hi") as legacy, accepts() as new:
        with Proxy(legacy=legacy.url, new=new.url, access=1) as proxy:
            frame = text_frame(b"x" * 1000)
            with Tunnel(proxy) as client:
                assert client.exactly(4) == b"\x81\x02hi" and client.echoes(frame)
                wait_for(lambda: proxy.stats()["legacy"]["bytes_in"] > len(frame), "the bytes, while it is open")
                (begin,) = proxy.log()
                assert begin["status"] == 101 and "kind" not in begin
            (end,) = proxy.await_log()
            assert (end["kind"], end["end"]) == ("tunnel", "client")
            assert (end["bytes_in"], end["bytes"]) == (len(frame), len(frame) + 4)
            for name in ("migration", "system", "stage", "revision", "key", "upstream", "path", "host"):
                assert end[name] == begin[name]
            assert end["duration_ms"] >= begin["duration_ms"] and "connect_ms" not in end
            stats = proxy.stats()["legacy"]
            assert stats["bytes_in"] == begin["bytes_in"] + end["bytes_in"]
            assert stats["bytes_out"] == begin["bytes"] + end["bytes"]


def test_any_protocol_and_several_offers():
    with accepts("foo/2") as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Tunnel(proxy, protocol="bar, foo/2") as client:
            assert client.echoes(bytes(range(256)) * 1000)


@pytest.mark.parametrize("protocol", ["h2c", "websocket, h2c", "HTTP/2.0", "TLS/1.2", ","])
def test_http_and_tls_are_not_hidden_in_tunnels(protocol):
    """Requests in there would go past the rules, so the Upgrade stays behind."""
    with says("plain") as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        answer = ask(proxy, Connection="Upgrade", Upgrade=protocol)
        assert (answer.status, answer.body) == (200, b"plain")
        assert origin.requests[0].get("upgrade") is None
        assert origin.requests[0].get("connection") is None


def test_an_old_client_gets_no_upgrade():
    with says("plain") as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            client.send(ASK.format("websocket", "u").replace("HTTP/1.1", "HTTP/1.0"))
            assert client.answer().body == b"plain"
            assert origin.requests[0].get("upgrade") is None


def test_an_origin_may_decline():
    def handler(_):
        return reply(b"no", "426 Upgrade Required", Connection="upgrade", Upgrade="websocket")

    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            client.send(ASK.format("chat", "u"))
            answer = client.answer()
            assert (answer.status, answer.body) == (426, b"no")
            assert (answer.get("connection"), answer.get("upgrade")) == ("upgrade", "websocket")
            assert client.ask().status == 426, "the connection goes on"


@pytest.mark.parametrize(
    "ask_for, answer",
    [
        (None, SWITCH.format("websocket")),
        ("chat", SWITCH.format("websocket")),
        ("websocket", "HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        ("websocket", SWITCH.format("websocket, chat")),
        ("h2c", SWITCH.format("h2c")),
    ],
    ids=["unasked", "another", "no field", "too many", "h2c"],
)
def test_a_switch_that_was_not_asked_for_is_a_failure(ask_for, answer):
    def handler(request):
        request.stream.send(answer.encode() + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        return b""

    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        fields = {"Connection": "upgrade", "Upgrade": ask_for} if ask_for else {}
        assert ask(proxy, **fields).status == 502


def test_a_body_comes_before_the_switch():
    def handler(request):
        request.stream.send(SWITCH.format("foo"))
        return request.body

    def hasty(request):
        request.stream.send(SWITCH.format("foo"))
        request.stream.fill()

    head = ASK.format("foo", "u").replace("GET", "POST").replace("\r\n\r\n", "\r\nContent-Length: 5\r\n\r\n")
    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            client.send(head + "hello")
            assert client.answer().status == 101 and client.exactly(5) == b"hello"
    with Origin(hasty, early=True) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            client.send(head + "he")
            assert client.answer().status == 502


def test_a_switch_falls_back_like_any_get():
    def closes(_):
        return None

    with accepts() as legacy, Origin(closes) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=100) as proxy, Tunnel(proxy) as client:
            assert client.head.system == "legacy" and client.echoes(b"\x81\x00")
            wait_for(lambda: open_tunnels(proxy) == (1, 0), "the count")


def test_halves_close_one_by_one():
    """The client finishes, the origin reads that, says the rest and finishes, too."""
    said = []

    def handler(request):
        request.stream.send(SWITCH.format("foo"))
        said.append(request.stream.to_end())
        request.stream.send(b"y" * 300_000)

    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Tunnel(proxy, "foo") as client:
            client.send(b"x" * 300_000)
            client.sock.shutdown(socket.SHUT_WR)
            assert client.to_end() == b"y" * 300_000
            assert said == [b"x" * 300_000]
        wait_for(lambda: proxy.stats()["clients"] == 0, "the end")

    def finishes_first(request):
        request.stream.send(SWITCH.format("foo") + "bye")
        request.stream.sock.shutdown(socket.SHUT_WR)
        said.append(request.stream.to_end())

    with Origin(finishes_first) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Tunnel(proxy, "foo") as client:
            assert client.to_end() == b"bye"
            client.send(b"z" * 300_000)
            client.sock.shutdown(socket.SHUT_WR)
            wait_for(lambda: said[1:] == [b"z" * 300_000], "what came after the end")
        wait_for(lambda: proxy.stats()["clients"] == 0, "the end")


def test_a_vanished_side_ends_the_other():
    with accepts() as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        client = Tunnel(proxy)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        wait_for(lambda: origin.ended == 1, "the origin's end")
        client = Tunnel(proxy)
        origin.streams[-1].sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        origin.streams[-1].sock.shutdown(socket.SHUT_RDWR)
        assert client.is_closed()
        client.close()
        wait_for(lambda: proxy.stats()["clients"] == 0, "the end")


def test_a_slow_side_costs_two_buffers_and_no_more():
    taken = threading.Event()
    size = 64 << 20

    def handler(request):
        request.stream.send(SWITCH.format("foo"))
        taken.wait(60)
        request.body = request.stream.exactly(size)
        return b"all"

    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Tunnel(proxy, "foo") as client:
            before = proxy.rss_kib()
            client.sock.settimeout(1)
            sent = 0
            block = b"b" * 65536
            with pytest.raises(socket.timeout):
                while sent < size:
                    sent += client.sock.send(block[: size - sent])
            assert sent < size, "nobody reads there"
            client.sock.settimeout(60)
            taken.set()
            while sent < size:
                sent += client.sock.send(block[: size - sent])
            assert client.exactly(3) == b"all"
            assert proxy.rss_kib() - before < 2048


def test_silent_tunnels_end():
    with accepts() as origin, accepts("foo") as other:
        with Proxy(legacy=origin.url, new=other.url, tunnel_idle="1s") as proxy:
            with Tunnel(proxy) as client:
                assert client.echoes(b"\x81\x00")
                assert client.to_end() == GOING_AWAY_TO_CLIENT
            proxy.set(weight=100)
            with Tunnel(proxy, "foo") as client:
                assert client.to_end() == b""


def test_a_half_that_is_left_alone_ends_sooner():
    def handler(request):
        request.stream.send(SWITCH.format("foo"))
        request.stream.sock.shutdown(socket.SHUT_WR)
        threading.Event().wait(5)

    with Origin(handler) as origin:
        with Proxy(legacy=origin.url, new=origin.url, body_timeout="200ms") as proxy:
            with Tunnel(proxy, "foo") as client:
                assert client.to_end() == b""
                wait_for(lambda: proxy.stats()["tunnels"]["legacy"] == 0, "the end")


# ---- leaving -------------------------------------------------------------------------------------


def test_a_rollback_takes_the_tunnels_on_new_and_no_others():
    with accepts() as legacy, accepts() as new:
        words = {"weight": 100, "tunnel_drain": "300ms", "threads": 2}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy:
            moved = [Tunnel(proxy, user=f"u{i}") for i in range(8)]
            assert all(client.echoes(text_frame(b"hello")) for client in moved)
            wait_for(lambda: open_tunnels(proxy) == (0, 8), "the counts")
            proxy.set(weight=0)
            kept = Tunnel(proxy)
            for client in moved:
                assert client.to_end() == GOING_AWAY_TO_CLIENT, "between frames there is a close frame"
                client.close()
            wait_for(lambda: open_tunnels(proxy) == (1, 0), "the counts")
            wait_for(lambda: new.ended == 8, "the origin's ends")
            assert all(r.received.endswith(GOING_AWAY_TO_SERVER) for r in new.requests)
            proxy.set(weight=100)
            assert kept.echoes(text_frame(b"still here")), "legacy's stay while legacy may answer"
            proxy.set(forbid_legacy=1)
            assert kept.to_end() == GOING_AWAY_TO_CLIENT


def test_a_lower_weight_takes_those_whose_requests_move():
    with accepts() as legacy, accepts() as new:
        words = {"weight": 100, "tunnel_drain": "50ms"}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy:
            clients = {f"u{i}": Tunnel(proxy, user=f"u{i}") for i in range(24)}
            proxy.set(weight=50)
            for user, client in clients.items():
                if ask_system(proxy, user) == "new":
                    assert client.echoes(text_frame(b"here"))
                else:
                    assert client.to_end() == GOING_AWAY_TO_CLIENT


def ask_system(proxy, user):
    with Tunnel(proxy, user=user) as client:
        return client.head.system


def test_an_emergency_does_not_wait_and_a_change_of_mind_spares():
    with accepts() as legacy, accepts() as new:
        words = {"weight": 100, "tunnel_drain": "10m"}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy:
            clients = [Tunnel(proxy) for _ in range(4)]
            proxy.set(weight=0)
            proxy.set(weight=100)
            assert all(client.echoes(text_frame(b"here")) for client in clients)
            proxy.set(emergency=1)
            for client in clients:
                assert client.to_end() == GOING_AWAY_TO_CLIENT


def test_a_frame_that_is_under_way_is_finished_or_given_up():
    with accepts() as legacy, accepts() as new:
        words = {"weight": 100, "tunnel_drain": "1ms"}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy:
            frame = text_frame(b"z" * 1000)
            half, never = Tunnel(proxy), Tunnel(proxy)
            assert half.echoes(frame[:500]) and never.echoes(frame[:500])
            proxy.set(weight=0)
            half.send(frame[500:])
            assert half.to_end() == frame[500:] + GOING_AWAY_TO_CLIENT
            assert never.to_end() == b"", "not in the middle of a frame"


def test_other_protocols_are_closed_plainly():
    with accepts("foo") as legacy, accepts("foo") as new:
        words = {"weight": 100, "tunnel_drain": "1ms"}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy, Tunnel(proxy, "foo") as client:
            proxy.set(override="legacy")
            assert client.to_end() == b""


def test_a_switch_that_comes_after_the_rollback_leaves_at_once():
    asked, rolled_back = threading.Event(), threading.Event()

    def handler(request):
        asked.set()
        rolled_back.wait(PATIENCE)
        request.stream.send(SWITCH.format("websocket"))
        request.stream.fill()

    with accepts() as legacy, Origin(handler) as new:
        words = {"weight": 100, "tunnel_drain": "1ms"}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy, Client(proxy) as client:
            client.send(ASK.format("websocket", "u"))
            asked.wait(PATIENCE)
            proxy.set(weight=0)
            rolled_back.set()
            assert client.answer().status == 101
            assert client.to_end() == GOING_AWAY_TO_CLIENT


def test_a_node_that_stops_lets_go_of_its_tunnels():
    with accepts() as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        clients = [Tunnel(proxy) for _ in range(4)]
        proxy.say("drain=20s")
        for client in clients:
            assert client.to_end() == GOING_AWAY_TO_CLIENT
            client.close()
        assert proxy.expect("drained") == "0"


def test_many_tunnels():
    """Bounded memory: a quiet tunnel holds no buffer. TUNNELS=5000 for the long form."""
    count = int(os.environ.get("TUNNELS", "200"))

    with accepts() as origin, Proxy(legacy=origin.url, new=origin.url, threads=2) as proxy:
        Tunnel(proxy).close()
        before = proxy.rss_kib()
        clients = [Tunnel(proxy) for _ in range(count)]
        assert all(client.echoes(text_frame(b"hello")) for client in clients)
        wait_for(lambda: open_tunnels(proxy) == (count, 0), "the count")
        assert proxy.rss_kib() - before < 36 * count, "less than a buffer each"
        for client in clients:
            client.close()
        wait_for(lambda: open_tunnels(proxy) == (0, 0), "the end")
        assert proxy.stats()["legacy"]["tunnels"] == count + 1, "so many were opened"
