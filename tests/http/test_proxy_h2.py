# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 on either side of the proxy: with curl, nghttp, h2load, nghttpd, and python3-h2."""

import json
import os
import shutil
import socket
import subprocess

import h2.events
import pytest
from h2.errors import ErrorCodes
from h2_fixture import H2Client, H2Origin
from proxy_fixture import PATIENCE, Client, Origin, Proxy, ask, free_port, reply, says, wait_for


def curl(proxy, *args):
    argv = ["curl", "-sS", "-i", "--http2-prior-knowledge", "--max-time", str(PATIENCE), *args]
    argv.append(f"http://127.0.0.1:{proxy.port}/")
    return subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout.decode()


def echo(request):
    return reply(f"{request.method} {request.path} ".encode() + request.body)


def test_client_of_http2_and_system_of_http1():
    with Origin(echo) as origin, Proxy(legacy=origin.url) as proxy:
        got = curl(proxy, "-H", "X-User-Id: 7", "-d", "hello")
        assert got.startswith("HTTP/2 200") and got.endswith("POST / hello")
        assert "x-switchyard-system: legacy" in got and "connection" not in got
        request = origin.requests[0]
        assert request.get("host") == f"127.0.0.1:{proxy.port}"
        assert request.get("x-forwarded-for") == "127.0.0.1"
        assert request.get("content-length") == "5"
        assert curl(proxy, "-I").startswith("HTTP/2 200")
        assert proxy.stats()["legacy"]["requests"] == 2


def test_connection_to_the_system_is_kept():
    with says("ok") as origin, Proxy(legacy=origin.url) as proxy, H2Client(proxy) as client:
        for _ in range(20):
            assert client.ask().body == b"ok"
        assert origin.accepted == 1


def test_client_of_http1_and_system_of_http2():
    with H2Origin() as origin, Proxy(legacy=origin.url, h2="legacy") as proxy:
        answer = ask(proxy, method="POST", path="/a?b", body=b"x" * 200000, X_A="1")
        assert answer.status == 200 and answer.body == b"x" * 200000
        fields = origin.requests[0].fields
        assert fields[":path"] == "/a?b" and fields[":authority"] == "app" and fields["x-a"] == "1"
        assert fields[":scheme"] == "http" and "connection" not in fields
        with Client(proxy) as client:
            for _ in range(10):
                assert client.ask().status == 200
        assert origin.accepted == 1


def test_trailers_between_the_two():
    with H2Origin() as origin, Proxy(legacy=origin.url, h2="legacy") as proxy, Client(proxy) as c:
        c.send("POST /trailers HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n")
        c.send("2\r\nhi\r\n0\r\nX-Sum: 5\r\n\r\n")
        assert c.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK")
        assert c.until(b"\r\n\r\n") == b"2\r\nhi\r\n0\r\nx-sum: 5"


def test_trailers_go_before_the_length_that_was_announced():
    """HTTP/2 may have both, HTTP/1.1 may not."""
    promised = [("content-length", "2"), ("trailer", "x-sum")]
    with H2Origin() as origin, Proxy(legacy=origin.url, h2="legacy") as proxy:
        origin.fields, origin.trailers = promised, [("x-sum", "5")]
        with H2Client(proxy) as client:
            stream = client.begin(method="POST", fields=promised, end=False)
            client.h2.send_data(stream, b"hi")
            client.h2.send_headers(stream, [("x-up", "1")], end_stream=True)
            client.flush()
            answer = client.answer(stream)
            # The origin sends the request's trailers back.
            assert (answer.body, answer.trailers) == (b"hi", {"x-up": "1"})
            assert "content-length" not in answer.fields
            assert "content-length" not in origin.requests[0].fields
            assert client.ask(method="HEAD").fields["content-length"] == "2"
        origin.fields = promised[:1]
        assert ask(proxy, method="POST", body=b"hi").get("content-length") == "2"


def test_as_many_fields_as_http1_takes_go_on():
    """Ours come to them on the way."""
    many = [("x-a", "b")] * 120
    with H2Origin() as system, Proxy(legacy=system.url, h2="legacy", via=1) as proxy:
        fields = "X-A: b\r\n" * 127
        with Client(proxy) as client:
            client.send(f"GET / HTTP/1.1\r\nHost: app\r\n{fields}\r\n")
            assert client.answer().status == 200
        with H2Client(proxy) as client:
            assert client.ask(fields=many).status == 200
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + b"X-A: b\r\n" * 127 + b"\r\nok"
    with Origin(lambda _: head) as system, Proxy(legacy=system.url) as proxy:
        assert ask(proxy).body == b"ok"
        with H2Client(proxy) as client:
            assert client.ask().body == b"ok"


def test_breaker_and_fallback_know_nothing_of_it():
    """New breaks off; legacy, which speaks the other protocol, answers instead."""
    with says("saved") as legacy, H2Origin() as new:
        with Proxy(legacy=legacy.url, new=new.url, h2="new", weight=100) as proxy:
            with H2Client(proxy) as client:
                for path in "/reset", "/goaway", "/close":
                    answer = client.ask(path=path)
                    assert (answer.status, answer.body) == (200, b"saved"), path
                assert client.ask(path="/503").body == b"saved"
            assert proxy.stats()["new"]["fallbacks"] == 4


def test_upstream_reset_in_the_middle_reaches_the_client():
    with H2Origin() as origin, Proxy(legacy=origin.url, h2="legacy") as proxy:
        with H2Client(proxy) as client:
            answer = client.ask(path="/half")
            assert answer.reset == ErrorCodes.INTERNAL_ERROR and not answer.ended
            assert client.ask().status == 200
        with Client(proxy) as client:
            client.send("GET /half HTTP/1.1\r\nHost: app\r\n\r\n")
            assert not client.to_end().endswith(b"0\r\n\r\n")


def test_client_reset_reaches_the_upstream():
    with H2Origin() as origin, Proxy(legacy=origin.url, h2="legacy") as proxy:
        with H2Client(proxy) as client:
            stream = client.begin(path="/hang")
            wait_for(lambda: origin.requests, "the request")
            client.h2.reset_stream(stream)
            client.flush()
            wait_for(lambda: origin.resets, "the reset")
            assert client.ask().status == 200


def test_goaway_moves_requests_to_another_connection():
    with H2Origin() as origin, Proxy(legacy=origin.url, h2="legacy") as proxy:
        assert ask(proxy).status == 200
        assert ask(proxy, path="/last").status == 200
        assert ask(proxy).status == 200
        assert origin.accepted == 2


def counts(proxy, system):
    stats = proxy.stats()[system]
    return stats["requests"], stats["errors"], stats["fallbacks"]


@pytest.mark.parametrize("how", ["reset", "goaway"])
def test_request_that_was_not_processed_is_sent_again_whatever_its_method(how):
    with H2Origin() as origin, Proxy(legacy=origin.url, h2="legacy") as proxy, H2Client(proxy) as client:
        assert client.ask().status == 200
        origin.turns_away = [how]
        stream = client.begin(method="POST", end=False)
        client.h2.send_data(stream, b"hello", end_stream=True)
        client.flush()
        assert client.answer(stream).body == b"hello"
        assert [r.body for r in origin.requests] == [b"", b"hello", b"hello"]
        assert origin.accepted == (2 if how == "goaway" else 1)
        assert counts(proxy, "legacy") == (2, 0, 0)


def test_request_that_was_turned_away_twice_goes_to_legacy():
    """No method needs to be listed for it, for nothing was processed; but the plan's say and the budget hold."""
    with says("saved") as legacy, H2Origin() as new:
        with Proxy(legacy=legacy.url, new=new.url, h2="new", weight=100) as proxy:
            new.turns_away = ["reset", "goaway"]
            assert ask(proxy, method="POST", body=b"hello").body == b"saved"
            assert legacy.requests[0].body == b"hello" and len(new.requests) == 2
            proxy.set(budget=1)
            new.turns_away = ["reset"] * 20
            for _ in range(5):
                assert ask(proxy, method="POST", body=b"hello").body == b"saved"
            assert ask(proxy, method="POST", body=b"hello").status == 503
            assert len(new.requests) == 13, "past the budget nothing is sent a second time"
            proxy.set(budget=0, fallback="none")
            answer = ask(proxy, method="POST", body=b"hello")
            assert answer.status == 503 and b"unprocessed" in answer.body
            assert counts(proxy, "new") == (8, 8, 6)


def test_body_that_is_too_long_to_be_kept_is_not_sent_again():
    with H2Origin() as origin, Proxy(legacy=origin.url, h2="legacy") as proxy:
        origin.turns_away = ["reset"]
        assert ask(proxy, method="POST", body=b"x" * 20000).status == 503
        assert ask(proxy, method="POST", body=b"x" * 20000).body == b"x" * 20000
        assert len(origin.requests) == 2


class SilentAtFirst(H2Origin):
    """Takes its first connection and says nothing, as a balancer with nobody behind it."""

    def _serve(self, sock):
        if self.accepted > 1:
            super()._serve(sock)


def test_connection_that_never_speaks_is_left_alone():
    with SilentAtFirst() as system:
        with Proxy(legacy=system.url, h2="legacy", connect_timeout=300) as proxy:
            assert ask(proxy).status == 502
            assert ask(proxy).status == 200
            system.socks[0].settimeout(PATIENCE)
            while system.socks[0].recv(4096):
                pass  # until the proxy has given it up
            assert ask(proxy).status == 200
            assert system.accepted == 2


class CountsPings(H2Origin):
    def __init__(self):
        self.pings = {}
        super().__init__()

    def _take(self, conn, sock, event, *rest):
        if isinstance(event, h2.events.PingReceived):
            self.pings[sock] = self.pings.get(sock, 0) + 1
        super()._take(conn, sock, event, *rest)


def give_up(client, system):
    requests, resets = len(system.requests), len(system.resets)
    stream = client.begin(path="/hang")
    wait_for(lambda: len(system.requests) > requests, "the request")
    client.h2.reset_stream(stream, ErrorCodes.CANCEL)
    client.flush()
    wait_for(lambda: len(system.resets) > resets, "its end")


def test_requests_that_are_given_up_ask_for_few_pings():
    """Servers of gRPC close a connection for the third without a word of theirs: "too_many_pings"."""
    with CountsPings() as system, Proxy(legacy=system.url, h2="legacy") as proxy, H2Client(proxy) as client:
        quiet = client.begin(path="/hang")
        for _ in range(5):
            give_up(client, system)
        assert client.ask().status == 200
        assert list(system.pings.values()) == [2, 2] and system.accepted == 2
        for _ in range(2):
            give_up(client, system)
        assert client.answers[quiet].reset is None
        assert sum(system.pings.values()) == 6
        give_up(client, system)
        wait_for(lambda: system.ended == 1, "the end of the connection with no other stream")


def test_request_that_may_have_been_processed_is_not_sent_again():
    with says("legacy") as legacy, H2Origin() as new:
        with Proxy(legacy=legacy.url, new=new.url, h2="new", weight=100) as proxy:
            assert ask(proxy, method="POST", path="/close", body=b"hello").status == 502
            assert len(new.requests) == 1 and not legacy.requests


def test_full_connection_gets_a_second_one_beside_it():
    with H2Origin(streams=2) as origin, Proxy(legacy=origin.url, h2="legacy") as proxy:
        with H2Client(proxy) as client:
            assert client.ask().status == 200
            streams = [client.begin(path="/hang") for _ in range(4)]
            wait_for(lambda: len(origin.requests) == 5, "all requests")
            assert origin.accepted == 2
            for stream in streams:
                client.h2.reset_stream(stream)
            client.flush()


def test_nghttpd_behind_and_nghttp_in_front(tmp_path):
    (tmp_path / "big").write_bytes(os.urandom(3_000_000))
    port = free_port()
    server = subprocess.Popen(
        ["nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", tmp_path, str(port)],
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "nghttpd")
        with Proxy(legacy=f"http://127.0.0.1:{port}", h2="legacy") as proxy:
            url = f"http://127.0.0.1:{proxy.port}/big"
            got = subprocess.run(["nghttp", url], stdout=subprocess.PIPE, check=True).stdout
            assert got == (tmp_path / "big").read_bytes()
            load = ["h2load", "-n400", "-c4", "-m20", url.replace("big", "none")]
            told = subprocess.run(load, stdout=subprocess.PIPE, check=True).stdout.decode()
            assert "400 done, 0 succeeded, 400 failed, 0 errored" in told  # 404s, all of them
    finally:
        server.terminate()
        server.wait()


@pytest.mark.skipif(not shutil.which("h2load"), reason="h2load is not installed")
def test_load_of_many_streams():
    with says("ok") as origin, Proxy(legacy=origin.url, threads=2) as proxy:
        url = f"http://127.0.0.1:{proxy.port}/"
        told = subprocess.run(
            ["h2load", "-n2000", "-c8", "-m16", url], stdout=subprocess.PIPE, check=True
        ).stdout.decode()
        assert "2000 succeeded, 0 failed, 0 errored" in told
        wait_for(lambda: proxy.stats()["clients"] == 0, "the end of all streams")


def test_preface_counts_at_the_very_beginning_only():
    with says("ok") as origin, Proxy(legacy=origin.url) as proxy, Client(proxy) as client:
        assert client.ask().body == b"ok"
        client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert client.answer().status == 505
    with Proxy() as proxy, Client(proxy) as client:
        client.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")
        assert client.to_end()[3:4] in (b"", b"\x04", b"\x07")  # SETTINGS or GOAWAY at most


def test_preface_byte_by_byte():
    with says("ok") as origin, Proxy(legacy=origin.url) as proxy:
        with H2Client(proxy, drip=True) as client:
            assert client.ask().body == b"ok"


def test_mirror_and_compare_reach_a_system_of_http2():
    with says("ok") as legacy, H2Origin() as new:
        with Proxy(legacy=legacy.url, new=new.url, h2="new", weight=0, mirror="10000") as proxy:
            with H2Client(proxy) as client:
                assert client.ask(path="/copied").body == b"ok"
            wait_for(lambda: proxy.stats()["mirror"]["answered"] == 1, "the copy")
        assert new.requests[0].fields["x-switchyard-mirror"] == "1"


def test_refusals_are_answers():
    with Proxy(max_head=16384) as proxy, H2Client(proxy) as client:
        assert client.ask().status == 503  # no rule set
        assert client.ask(fields=[("x-big", "a" * 17000)]).status == 431
        assert client.ask(path="/" + "a" * 9000).status == 414
        assert client.ask(method="CONNECT").reset is not None  # it has no path
        assert client.ask().status == 503


def test_idle_client_that_does_not_read_holds_up_no_drain():
    with says("ok") as origin, Proxy(legacy=origin.url) as proxy, H2Client(proxy) as client:
        assert client.ask().body == b"ok"
        proxy.say("drain=20s")
        assert proxy.expect("drained") == "0"


def test_each_stream_counts_as_a_client():
    with H2Origin() as origin:
        with Proxy(legacy=origin.url, h2="legacy", max_connections=3) as proxy:
            with H2Client(proxy) as client:
                for _ in range(2):
                    client.begin(path="/hang")
                wait_for(lambda: len(origin.requests) == 2, "both")
                assert client.ask().status == 503
                wait_for(lambda: proxy.stats()["clients"] == 3, "those that are left")
            wait_for(lambda: proxy.stats()["clients"] == 0, "the end of all")


def test_health_checks_and_probes_speak_it_too():
    words = {"h2": "legacy", "health": "/health", "health_interval": 600}
    with H2Origin() as origin, Proxy(legacy=origin.url, **words) as proxy:
        wait_for(lambda: [r.fields[":path"] for r in origin.requests].count("/health") > 2, "checks")
        wait_for(lambda: [e["state"] for e in proxy.endpoints()] == ["healthy"], "it is well")
        proxy.say("probe=legacy,/probed")
        assert json.loads(proxy.expect("probe"))[0]["status"] == 200
