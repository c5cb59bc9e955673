# SPDX-License-Identifier: Apache-2.0
"""Systems that fail: fallback in the same request, retries, the breaker, timeouts, dying peers."""

import os
import shutil
import signal
import subprocess
import threading

import pytest
from proxy_fixture import (
    Client,
    Origin,
    Proxy,
    accepts_nobody,
    ask,
    free_port,
    heard,
    refused_url,
    reply,
    says,
    take_until_answered,
    url_of,
    wait_for,
)


def hangs(request):
    request.stream.fill()


def fails(_):
    return reply(b"broken", "500 Internal Server Error")


def closes(_):
    return None


FAULTS = {"hang": hangs, "500": fails, "close": closes}


def patience(fault):
    """Milliseconds, which are legacy's, too."""
    return 1000 if fault == "hang" else 15000


@pytest.mark.parametrize("fault", ["refused", *FAULTS])
def test_get_falls_back_to_legacy_in_the_same_request(fault):
    with says("legacy") as legacy, Origin(FAULTS.get(fault, closes)) as new:
        url = refused_url() if fault == "refused" else new.url
        with Proxy(legacy=legacy.url, new=url, weight=100, response_timeout=patience(fault)) as proxy:
            with Client(proxy) as client:
                for _ in range(3):
                    answer = client.ask()
                    assert (answer.status, answer.body) == (200, b"legacy")
                    assert answer.system == "legacy"
            stats = proxy.stats()
            assert stats["new"]["requests"] == stats["new"]["errors"] == 3
            assert stats["new"]["fallbacks"] == stats["legacy"]["requests"] == 3
            assert stats["new"]["timeouts"] == (3 if fault == "hang" else 0)
            assert stats["new"]["connect_errors"] == (3 if fault == "refused" else 0)
            assert stats["legacy"]["errors"] == 0


@pytest.mark.parametrize("fault, status", [("hang", 504), ("500", 500), ("close", 502)])
def test_post_that_may_have_acted_is_never_tried_twice(fault, status):
    with says("legacy") as legacy, Origin(FAULTS[fault]) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=100, response_timeout=patience(fault)) as proxy:
            answer = ask(proxy, method="POST", body=b"pay")
            assert answer.status == status and answer.system == "new"
            assert len(new.requests) == 1 and not legacy.requests
            assert proxy.stats()["new"]["errors"] == 1


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_post_that_was_not_sent_goes_to_legacy(size):
    with Origin(lambda r: reply(b"%d" % len(r.body))) as legacy:
        with Proxy(legacy=legacy.url, new=refused_url(), weight=100) as proxy:
            answer = ask(proxy, method="POST", body=b"x" * size)
            assert (answer.status, answer.system, answer.body) == (200, "legacy", b"%d" % size)
            assert proxy.stats()["new"]["fallbacks"] == 1
            proxy.set(forbid_legacy=1)
            assert ask(proxy, method="POST", body=b"x").status == 502
            proxy.set(forbid_legacy=0, fallback="5xx,timeout")
            assert ask(proxy, method="POST", body=b"x").status == 502
        assert len(legacy.requests) == 1


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_fits_is_sent_again(chunked):
    body = bytes(range(256)) * 100

    with Origin(lambda r: reply(r.body)) as legacy, Origin(fails) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=100, methods="PUT") as proxy:
            with Client(proxy) as client:
                if chunked:
                    client.send("PUT / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n")
                    for at in range(0, len(body), 1000):
                        client.send(b"%x\r\n%s\r\n" % (1000, body[at : at + 1000].ljust(1000)))
                    client.send("0\r\n\r\n")
                    answer = client.answer()
                else:
                    answer = client.ask("PUT", body=body)
                assert answer.status == 200 and answer.body[: len(body)] == body
                assert answer.system == "legacy"


def test_a_body_that_is_too_big_for_a_second_try_gets_the_error():
    with says("legacy") as legacy, Origin(fails) as new:
        words = {"methods": "PUT", "fallback_body": 1000}
        with Proxy(legacy=legacy.url, new=new.url, weight=100, **words) as proxy:
            assert ask(proxy, method="PUT", body=b"x" * 1000).system == "legacy"
            assert ask(proxy, method="PUT", body=b"x" * 1001).status == 500


def test_fallback_only_on_what_the_route_lists():
    with says("legacy") as legacy, Origin(fails) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=100, fallback="timeout") as proxy:
            assert ask(proxy).status == 500


def test_a_dead_legacy_is_said_in_words():
    with Origin(hangs) as slow:
        url = refused_url()
        with Proxy(legacy=url, new=url, response_timeout=200) as proxy:
            answer = ask(proxy)
            assert answer.status == 502 and b"no connection to the legacy system" in answer.body
            proxy.set(legacy=slow.url)
            answer = ask(proxy)
            assert answer.status == 504 and b"in time" in answer.body
            stats = proxy.stats()["legacy"]
            assert (stats["errors"], stats["timeouts"], stats["connect_errors"]) == (2, 1, 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"NONSENSE\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200",
    ],
    ids=["nonsense", "two lengths", "unasked upgrade", "endless head", "cut"],
)
def test_an_answer_that_cannot_be_trusted_is_a_502(answer):
    def handler(request):
        request.stream.send(answer)

    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        assert ask(proxy).status == 502


def test_an_answer_that_cannot_be_read_is_said_in_words():
    two = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"
    with Origin(lambda _: two) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        why = b"the legacy system's answer cannot be read: more than one Content-Length field"
        assert why in ask(proxy).body


def test_an_answer_with_a_body_that_breaks_at_once_is_a_502_or_rescued():
    broken = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"
    with says("legacy") as legacy, Origin(lambda _: broken) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=100) as proxy:
            assert ask(proxy).body == b"legacy"
            assert ask(proxy, method="POST").status == 502


def test_a_connection_is_not_used_again_behind_a_204_that_announces_a_body():
    odd = b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"
    with Origin(lambda _: odd) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            assert [client.ask().status for _ in range(2)] == [204, 204]
            assert origin.accepted == 2


def test_a_cut_answer_cuts_the_client():
    def handler(request):
        request.stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")

    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            with pytest.raises(EOFError):
                client.ask()
        assert proxy.stats()["legacy"]["errors"] == 1


def test_a_pooled_connection_that_died_is_nobodys_error():
    """The origin closes after each answer without a word, as restarts and idle timeouts do."""

    def handler(request):
        request.stream.send(reply(b"bye"))

    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            for i in range(50):
                assert client.ask(path=f"/{i}").body == b"bye"
                # Nothing may be sent twice here, so the end must have come before.
                wait_for(lambda: origin.ended == origin.accepted, "the origin's close")
                assert client.ask("POST", body=b"x").body == b"bye"
        assert proxy.stats()["legacy"]["errors"] == 0
        assert len(origin.requests) == 100


def test_a_pooled_connection_that_dies_under_a_request_is_retried_once():
    def once(request):
        seen = getattr(request.stream, "seen", 0)
        request.stream.seen = seen + 1
        return None if seen else reply(b"ok")

    with Origin(once) as origin, Proxy(legacy=origin.url, new=origin.url) as proxy:
        with Client(proxy) as client:
            for _ in range(10):
                assert client.ask().body == b"ok"
        stats = proxy.stats()["legacy"]
        assert (stats["requests"], stats["errors"]) == (10, 0)


def test_the_breaker_opens_probes_and_closes():
    sick = threading.Event()
    sick.set()

    def handler(_):
        return reply(b"", "503 Service Unavailable") if sick.is_set() else reply(b"new")

    with says("legacy") as legacy, Origin(handler) as new:
        words = {"weight": 100, "breaker": "3/60000/600000/1", "threads": 2}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy:
            for _ in range(3):
                assert ask(proxy).system == "legacy"
            before = len(new.requests)
            for _ in range(20):
                assert ask(proxy).body == b"legacy"
            assert len(new.requests) == before == 3, "open: nothing goes to new"
            assert proxy.stats()["breaker"] == "open"
            proxy.set(breaker="3/60000/1/1")
            wait_for(lambda: ask(proxy) and len(new.requests) > before, "a probe")
            proxy.set(breaker="3/60000/600000/1")
            wait_for(lambda: ask(proxy) and proxy.stats()["breaker"] == "open", "the probe failed: open again")
            before = len(new.requests)
            ask(proxy)
            assert len(new.requests) == before
            proxy.set(breaker="3/60000/1/1")
            sick.clear()
            wait_for(lambda: ask(proxy).body == b"new", "recovery")
            assert proxy.stats()["breaker"] == "closed"
            assert ask(proxy).body == b"new"


def test_where_legacy_is_forbidden_only_an_emergency_goes_there():
    sick = threading.Event()

    def handler(_):
        return reply(b"", "503 Service Unavailable") if sick.is_set() else reply(b"new")

    with says("legacy") as legacy, Origin(handler) as new:
        words = {"weight": 0, "forbid_legacy": 1, "breaker": "3/60000/60000/1"}
        with Proxy(legacy=legacy.url, new=new.url, fallback="5xx,connect_error", methods="GET", **words) as proxy:
            assert ask(proxy).body == b"new"
            proxy.set(override="legacy")
            assert ask(proxy).body == b"new"
            sick.set()
            for _ in range(3):
                answer = ask(proxy)
                assert (answer.status, answer.system) == (503, "new"), "no fallback"
            before = len(new.requests)
            with Client(proxy) as client:
                for _ in range(3):
                    answer = client.ask()
                    assert answer.status == 503 and b"legacy is forbidden" in answer.body
            assert len(new.requests) == before and not legacy.requests
            stats = proxy.stats()
            assert stats["breaker"] == "open"
            assert (stats["new"]["requests"], stats["new"]["errors"]) == (before + 3, 6), "triggers see it"
            proxy.set(emergency=1)
            assert ask(proxy).body == b"legacy"


def test_nor_goes_what_new_had_before_that():
    forbidden = threading.Event()

    def handler(_):
        forbidden.wait(10)
        return fails(_)

    with says("legacy") as legacy, Origin(handler) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=100) as proxy, Client(proxy) as client:
            client.send("GET / HTTP/1.1\r\nHost: app\r\n\r\n")
            wait_for(lambda: new.requests, "the request")
            proxy.set(forbid_legacy=1)
            forbidden.set()
            answer = client.answer()
            assert (answer.status, answer.system) == (500, "new")
            assert not legacy.requests and proxy.stats()["new"]["fallbacks"] == 0
            proxy.set(emergency=1)
            assert client.ask().body == b"legacy"


@pytest.mark.parametrize("methods, status, body", [("GET", 502, None), ("PUT", 200, b"legacy")])
def test_a_second_try_does_not_go_to_new_after_a_rollback(methods, status, body):
    arrived, rolled_back = threading.Event(), threading.Event()

    def once(request):
        if request.path == "/":
            return reply(b"new")
        arrived.set()
        rolled_back.wait(10)
        return None

    with says("legacy") as legacy, Origin(once) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=100, methods=methods) as proxy, Client(proxy) as client:
            assert client.ask().body == b"new"
            client.send("PUT /again HTTP/1.1\r\nHost: app\r\nContent-Length: 2\r\n\r\nhi")
            assert arrived.wait(10)
            proxy.set(emergency=1)
            rolled_back.set()
            answer = client.answer()
            assert answer.status == status and body in (None, answer.body)
            assert [r.path for r in new.requests] == ["/", "/again"]
            stats = proxy.stats()["new"]
            assert (stats["requests"], stats["errors"]) == (2, 1)


def test_nor_does_legacy_get_one_that_it_was_to_rescue():
    with accepts_nobody() as legacy, Origin(fails) as new:
        words = {"weight": 100, "connect_timeout": 60000}
        with Proxy(legacy=url_of(legacy), new=new.url, **words) as proxy, Client(proxy) as client:
            client.send("GET / HTTP/1.1\r\nHost: app\r\n\r\n")
            wait_for(lambda: proxy.stats()["new"]["errors"] == 1, "the failure of new")
            proxy.set(forbid_legacy=1)
            came = take_until_answered(legacy, client)
            answer = client.answer()
            assert answer.status == 503 and b"legacy is forbidden" in answer.body
            assert not any(heard(sock) for sock in came)
            stats = proxy.stats()
            assert (stats["legacy"]["requests"], stats["new"]["fallbacks"]) == (0, 0)


def test_probes_are_capped_and_their_slots_come_back():
    answering = threading.Event()
    waiting = []

    def handler(request):
        if not waiting:
            waiting.append(0)
            return reply(b"", "500 Internal Server Error")
        waiting.append(request)
        answering.wait(10)
        return reply(b"new")

    with says("legacy") as legacy, Origin(handler) as new:
        words = {"weight": 100, "breaker": "1/60000/1/2"}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy:
            assert ask(proxy).body == b"legacy"
            wait_for(lambda: proxy.stats()["breaker"] == "half_open", "the end of open_for")
            for left in (False, True):
                probes = [Client(proxy), Client(proxy)]
                for client in probes:
                    client.send("GET / HTTP/1.1\r\nHost: app\r\n\r\n")
                wait_for(lambda: len(waiting) == (5 if left else 3), "two probes")
                assert ask(proxy).body == b"legacy", "no slot is left"
                if not left:
                    for client in probes:
                        # A reset: the client is gone for good, not half-closed.
                        client.sock.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")
                        client.close()
                    wait_for(lambda: proxy.stats()["clients"] == 0, "the clients' end")
            answering.set()
            assert probes[0].answer().body == b"new"
            assert ask(proxy).body == b"new"
            assert proxy.stats()["breaker"] == "closed"


NGINX = """
worker_processes 1; daemon off; pid {dir}/{name}.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 1000000;
  client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;
  uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "{name}\\n"; }} }} }}
"""


def start_nginx(folder, name):
    port = free_port()
    (folder / f"{name}.conf").write_text(NGINX.format(dir=folder, name=name, port=port))
    argv = ["nginx", "-c", str(folder / f"{name}.conf"), "-e", "stderr"]
    return subprocess.Popen(argv), f"http://127.0.0.1:{port}"


def kill_tree(parent):
    if parent.poll() is None:
        with open(f"/proc/{parent.pid}/task/{parent.pid}/children", encoding="ascii") as children:
            pids = [int(pid) for pid in children.read().split()]
        for pid in [parent.pid] + pids:
            os.kill(pid, signal.SIGKILL)


@pytest.mark.skipif(not (shutil.which("wrk") and shutil.which("nginx")), reason="wrk or nginx")
def test_new_killed_under_load_costs_no_client_an_error(tmp_path):
    legacy, legacy_url = start_nginx(tmp_path, "legacy")
    new, new_url = start_nginx(tmp_path, "new")
    try:
        with Proxy(legacy=legacy_url, new=new_url, weight=100, threads=2) as proxy:
            wait_for(lambda: ask(proxy).system == "new", "nginx")
            url = f"http://127.0.0.1:{proxy.port}/"
            wrk = subprocess.Popen(
                ["wrk", "-t1", "-c32", "-d120s", "--timeout", "30s", url], stdout=subprocess.PIPE, text=True
            )
            wait_for(lambda: proxy.stats()["new"]["requests"] > 1000, "load")
            # Parent and worker at once, as a crash would: connections are reset under requests.
            kill_tree(new)
            wait_for(lambda: proxy.stats()["legacy"]["requests"] > 1000, "load on legacy")
            wrk.send_signal(signal.SIGINT)
            out = wrk.communicate()[0]
            assert " requests in " in out and "Non-2xx" not in out and "Socket errors" not in out, out
            stats = proxy.stats()
            assert stats["new"]["errors"] > 0
            assert ask(proxy).body == b"legacy\n"
    finally:
        kill_tree(new)
        legacy.terminate()
        legacy.wait()
        new.wait()
