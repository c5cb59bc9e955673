# SPDX-License-Identifier: Apache-2.0
"""Copies of requests to new: what is copied, what is not, and a target that misbehaves in every way
while no client notices."""

import contextlib
import socket
import threading

import pytest
from proxy_fixture import Client, Origin, Proxy, ask, refused_url, reply, says, wait_for

ALL = "10000"


def mirror(proxy):
    return proxy.stats()["mirror"]


def wait_for_mirror(proxy, what, **counts):
    def come_about():
        now = mirror(proxy)
        return all(now[name] == count for name, count in counts.items())

    wait_for(come_about, f"{what} {counts}")


def test_get_is_copied_to_new_and_answered_by_legacy_alone():
    with says("legacy") as legacy, says("new") as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, mirror=ALL) as proxy:
            with Client(proxy) as client:
                for _ in range(5):
                    answer = client.ask(path="/a?b=c", X_User_Id="u", X_Forwarded_For="1.2.3.4")
                    assert (answer.status, answer.body, answer.system) == (200, b"legacy", "legacy")
            wait_for_mirror(proxy, "copies", sent=5, answered=5)
            stats = proxy.stats()
            assert stats["mirror"]["failed"] == stats["mirror"]["dropped"] == 0
            assert stats["legacy"]["requests"] == 5 and stats["new"]["requests"] == 0
        copy = new.requests[0]
        assert (copy.method, copy.path, copy.get("host")) == ("GET", "/a?b=c", "app")
        assert copy.get("x-switchyard-mirror") == "1"
        assert copy.get("x-user-id") == "u"
        assert copy.get("x-forwarded-for") == "1.2.3.4, 127.0.0.1"
        assert legacy.requests[0].get("x-switchyard-mirror") is None


def test_copies_are_kept_apart_from_users_connections():
    """Copies share one connection of their own, clients keep theirs to legacy."""
    with says("legacy") as legacy, says("new") as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, mirror=ALL) as proxy:
            with Client(proxy) as client:
                for n in range(1, 6):
                    assert client.ask().body == b"legacy"
                    wait_for(lambda n=n: mirror(proxy)["answered"] == n, "the copy")
            assert legacy.accepted == 1 and new.accepted == 1
            proxy.set(weight=100)
            assert ask(proxy).body == b"new"
            assert new.accepted == 2


def test_a_share_is_a_share():
    with says("legacy") as legacy, says("new") as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, mirror="5000") as proxy:
            with Client(proxy) as client:
                for _ in range(400):
                    client.ask()
            wait_for(lambda: 120 < mirror(proxy)["answered"] < 280, "half of the copies")
            proxy.set(mirror="0")
            before = len(new.requests)
            for _ in range(20):
                ask(proxy)
            assert len(new.requests) == before


def test_only_safe_methods_unless_told():
    with Origin(lambda r: reply(r.body)) as legacy, Origin(lambda r: reply(r.body)) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, mirror=ALL) as proxy:
            assert ask(proxy, method="POST", body=b"pay").body == b"pay"
            assert ask(proxy, method="HEAD").status == 200
            wait_for_mirror(proxy, "the copy of HEAD", answered=1, unsuited=1)
            assert [r.method for r in new.requests] == ["HEAD"]
            proxy.set(mirror_methods="POST")
            assert ask(proxy, method="POST", body=b"pay").body == b"pay"
            ask(proxy)
            wait_for_mirror(proxy, "the copy of POST", answered=2, unsuited=2)
            assert new.requests[1].body == b"pay"


def ask_with_body(proxy, body, chunked):
    with Client(proxy) as client:
        if not chunked:
            return client.ask("POST", body=body)
        client.send("POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(body), 9000):
            piece = body[at : at + 9000]
            client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        client.send("0\r\n\r\n")
        return client.answer("POST")


def test_bodies_up_to_the_limit_are_copied_whole():
    with Origin(lambda r: reply(b"%d" % len(r.body))) as legacy, says("new") as new:
        words = {"mirror": ALL, "mirror_methods": "POST"}
        with Proxy(legacy=legacy.url, new=new.url, weight=0, **words) as proxy:
            for chunked in False, True:
                for size in 0, 40000, 65536, 65537:
                    body = bytes(i % 251 for i in range(size))
                    before = len(new.requests)
                    assert ask_with_body(proxy, body, chunked).body == b"%d" % size
                    if size > 65536:
                        continue
                    wait_for(lambda n=before: len(new.requests) == n + 1, "the copy")
                    assert new.requests[-1].body == body
                    assert new.requests[-1].get("content-length") == str(size)
            wait_for_mirror(proxy, "the copies", answered=6, answered_2xx=6, unsuited=2)
            assert all(mirror(proxy)[way] > 6 * 20 for way in ("sent_bytes", "received_bytes"))


@pytest.mark.parametrize("framing", ["Content-Length: 5000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("sample", ["mirror", "compare"])
def test_a_body_that_never_came_whole_is_not_copied(framing, sample):
    """Legacy answers before it has read the body, and the client sends no more of it."""
    with Origin(lambda _: reply(b"no"), early=True) as legacy, says("new") as new:
        words = {"mirror": ALL, "compare": ALL if sample == "compare" else 0, "mirror_methods": "POST"}
        with Proxy(legacy=legacy.url, new=new.url, weight=0, **words) as proxy:
            with Client(proxy) as client:
                client.send(f"POST / HTTP/1.1\r\nHost: app\r\n{framing}\r\n\r\n")
                client.send(b"%x\r\n%s\r\n" % (100, bytes(100)))
                assert client.answer("POST").body == b"no"
            ask(proxy, method="POST", body=b"whole")
            wait_for_mirror(proxy, "the whole one", answered=1, unsuited=1)
        assert [r.body for r in new.requests] == [b"whole"]


def test_a_copy_is_never_copied_again():
    with says("legacy") as legacy, says("new") as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, mirror=ALL) as proxy:
            assert ask(proxy, x_switchyard_MIRROR="1").body == b"legacy"
            wait_for_mirror(proxy, "the refusal", unsuited=1, sent=0)
            assert not new.requests


def test_a_node_that_mirrors_to_itself_makes_one_copy():
    with says("legacy") as legacy, says("new") as first:
        with Proxy(legacy=legacy.url, new=first.url, weight=0, mirror=ALL) as proxy:
            proxy.set(new=f"http://127.0.0.1:{proxy.port}")
            assert ask(proxy).body == b"legacy"
            wait_for_mirror(proxy, "one copy", answered=1, unsuited=1)
            assert len(legacy.requests) == 2


def test_nothing_is_copied_above_a_weight_nor_from_new():
    with says("legacy") as legacy, says("new") as new:
        words = {"mirror": ALL, "mirror_above": 1000, "key": "random"}
        with Proxy(legacy=legacy.url, new=new.url, weight=20, **words) as proxy:
            systems = [ask(proxy).system for _ in range(60)]
            assert systems.count("new") == len(new.requests)
            proxy.set(weight=100, mirror_above=10000)
            before = len(new.requests)
            for _ in range(5):
                ask(proxy)
            assert len(new.requests) == before + 5 and mirror(proxy)["sent"] == 0


@pytest.mark.parametrize("order", [{"emergency": 1}, {"override": "legacy"}])
def test_orders_to_keep_to_legacy_end_the_copies(order):
    release = threading.Event()

    def hold(_):
        release.wait(10)
        return reply(b"new")

    with says("legacy") as legacy, Origin(hold) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, mirror=ALL) as proxy:
            ask(proxy)
            wait_for(lambda: len(new.requests) == 1, "the copy")
            proxy.set(**order)
            for _ in range(5):
                assert ask(proxy).body == b"legacy"
            release.set()
            wait_for_mirror(proxy, "the copy before the order", answered=1)
            assert len(new.requests) == 1


def test_a_request_that_new_failed_is_not_copied_to_it():
    with says("legacy") as legacy:
        words = {"mirror": ALL, "weight": 100}
        with Proxy(legacy=legacy.url, new=refused_url(), **words) as proxy:
            assert ask(proxy).body == b"legacy"
            stats = proxy.stats()
            assert stats["new"]["fallbacks"] == 1 and stats["mirror"]["sent"] == 0


# ---- a target that misbehaves ---------------------------------------------------------------------


def hangs(request):
    request.stream.fill()


def floods(request):
    request.stream.send("HTTP/1.1 200 OK\r\n\r\n")
    while True:
        request.stream.send(bytes(65536))


def floods_interim(request):
    while True:
        request.stream.send("HTTP/1.1 103 Early Hints\r\n\r\n" * 100)


def resets(request):
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    request.stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


@contextlib.contextmanager
def deaf():
    """The URL of a service that takes connections and never reads."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


TARGETS = {
    "hangs": hangs,
    "closes": lambda _: None,
    "resets": resets,
    "garbage": lambda _: b"SSH-2.0-OpenSSH\r\n" * 4,
    "endless head": lambda _: b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100000,
    "cut body": lambda r: r.stream.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
    "bad chunks": lambda _: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "switches": lambda _: b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "floods": floods,
    "floods interim": floods_interim,
}


def test_no_client_notices_a_target_that_misbehaves():
    with says("legacy") as legacy:
        with Proxy(legacy=legacy.url, new=refused_url(), weight=0, mirror=f"{ALL}/300") as proxy:
            with Client(proxy) as client:
                for n, target in enumerate(["refused", *TARGETS]):
                    with Origin(TARGETS.get(target, hangs)) as new:
                        if target in TARGETS:
                            proxy.set(new=new.url)
                        for _ in range(20):
                            assert client.ask().body == b"legacy"
                        sent = 20 * (n + 1)
                        wait_for_mirror(proxy, target, sent=sent, failed=sent, answered=0)
            stats = proxy.stats()
            assert legacy.accepted == 1
            assert stats["legacy"]["errors"] == stats["new"]["errors"] == 0
            assert proxy.rss_kib() < 300_000


def breaks_off(then):
    def in_the_middle(request):
        request.stream.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        threading.Event().wait(0.0005)
        then(request)

    return in_the_middle


def test_a_reset_costs_not_much_more_than_an_end():
    """It comes again every turn until it is seen to; a copy that waited for quiet with it would keep the thread busy, at
    nearly twice the cost. A busy machine may look like that once, not each time."""
    with says("legacy") as legacy, Proxy(legacy=legacy.url, new=refused_url(), weight=0, mirror=ALL) as proxy:

        def cost(then):
            with Origin(breaks_off(then)) as new, Client(proxy) as client:
                proxy.set(new=new.url)
                failed = mirror(proxy)["failed"]
                before = proxy.cpu_seconds()
                for _ in range(250):
                    assert client.ask().body == b"legacy"
                    threading.Event().wait(0.001)
                wait_for(lambda: mirror(proxy)["failed"] == failed + 250, "the copies")
                return proxy.cpu_seconds() - before

        assert any(cost(resets) < 1.5 * cost(lambda _: None) for _ in range(5))


def test_a_hanging_target_costs_no_more_than_its_copies_and_the_rest_is_dropped():
    with says("legacy") as legacy, Origin(hangs) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, mirror=f"{ALL}/60000/0/8") as proxy:
            with Client(proxy) as client:
                for _ in range(50):
                    assert client.ask().body == b"legacy"
            wait_for_mirror(proxy, "dropped copies", dropped=42, dropped_pending=42, sent=0)
            assert new.accepted <= 8
            proxy.say("drain=20s")
            assert proxy.expect("drained") == "0"


def test_a_target_that_hangs_gets_one_copy_at_a_time_until_it_answers():
    well = threading.Event()

    def hangs_at_first(request):
        if well.is_set():
            return reply(b"new")
        return hangs(request)

    with says("legacy") as legacy, Origin(hangs_at_first) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, mirror=f"{ALL}/2000/0/8") as proxy:
            with Client(proxy) as client:

                def send_and_wait(count, **expected):
                    for _ in range(count):
                        assert client.ask().body == b"legacy"
                    wait_for_mirror(proxy, "copies", **expected)

                send_and_wait(20, timeouts=8, dropped_pending=12)
                send_and_wait(5, timeouts=9, dropped_pending=12, dropped_late=4)
                send_and_wait(5, timeouts=10, dropped_pending=12, dropped_late=8)
                well.set()
                for answered in range(1, 8):
                    send_and_wait(1, answered=answered, dropped_late=8)
                well.clear()
                send_and_wait(20, timeouts=18, answered=7, dropped_pending=24)


def test_time_is_capped_for_a_target_that_never_reads():
    """Nor answers: the copy's body fills what the system takes for it, and waits there."""
    words = {"mirror": f"{ALL}/400/1000000", "mirror_methods": "POST"}

    with says("legacy") as legacy, deaf() as new:
        with Proxy(legacy=legacy.url, new=new, weight=0, **words) as proxy:
            with Client(proxy) as client:
                for _ in range(4):
                    assert client.ask("POST", body=bytes(900_000)).body == b"legacy"
            wait_for_mirror(proxy, "late copies", sent=4, failed=4, timeouts=4)
            assert 0 < mirror(proxy)["sent_bytes"] and mirror(proxy)["received_bytes"] == 0


def test_an_answer_that_never_ends_is_broken_off():
    with says("legacy") as legacy, Origin(floods) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, mirror=f"{ALL}/60000") as proxy:
            assert ask(proxy).body == b"legacy"
            wait_for_mirror(proxy, "the copy", sent=1, failed=1, timeouts=0)
            assert 16 << 20 < mirror(proxy)["received_bytes"] < 20 << 20


def test_copies_take_no_more_connections_than_an_endpoint_may_have():
    with says("legacy") as legacy, Origin(hangs) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, mirror=f"{ALL}/60000", limit=2) as proxy:
            with Client(proxy) as client:
                for _ in range(10):
                    assert client.ask().body == b"legacy"
            wait_for_mirror(proxy, "dropped copies", dropped=8, dropped_pending=8, sent=0)
            assert new.accepted == 2
            proxy.say("drain=20s")
            assert proxy.expect("drained") == "0"


def test_bytes_per_second_are_capped_and_answers_count():
    big = bytes(200_000)

    with says("legacy") as legacy, Origin(lambda _: reply(big)) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, mirror=f"{ALL}/5000/0/256/1000") as proxy:
            ask(proxy)
            wait_for_mirror(proxy, "the first copy", answered=1)
            for _ in range(10):
                assert ask(proxy).body == b"legacy"
            wait_for_mirror(proxy, "dropped copies", answered=1, dropped=10, dropped_bytes=10)


def test_errors_of_the_target_are_counted_apart():
    with says("legacy") as legacy, Origin(lambda _: reply(b"", "503 No")) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, mirror=ALL) as proxy:
            assert ask(proxy).body == b"legacy"
            wait_for_mirror(proxy, "the error", sent=1, errors=1, failed=0, answered=1, answered_2xx=0)


def test_a_connection_that_died_while_idle_is_no_failure():
    """The target closes after each answer without saying so: the copy goes over another one."""

    def says_and_closes(request):
        request.stream.send(reply(b"new"))

    with says("legacy") as legacy, Origin(says_and_closes) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, mirror=ALL) as proxy:
            with Client(proxy) as client:
                for _ in range(100):
                    assert client.ask().body == b"legacy"
            wait_for_mirror(proxy, "all copies", answered=100, failed=0)


def test_pipelined_requests_and_a_client_that_closes_are_copied_too():
    with says("legacy") as legacy, says("new") as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, mirror=ALL) as proxy:
            with Client(proxy) as client:
                one = "GET /{} HTTP/1.1\r\nHost: app\r\n\r\n"
                last = "GET /3 HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n"
                client.send(one.format(1) + one.format(2) + last)
                for _ in range(3):
                    assert client.answer().body == b"legacy"
            wait_for_mirror(proxy, "the copies", answered=3)
            assert sorted(r.path for r in new.requests) == ["/1", "/2", "/3"]


def test_many_clients_and_a_target_that_comes_and_goes():
    """Under load with threads: every request is answered by legacy, every copy is accounted for."""
    count, clients = 100, 8

    def moody(request):
        n = len(request.stream.rest) + len(new.requests)
        if n % 7 == 0:
            return None
        return reply(b"n" * (n % 5000), "500 Oh" if n % 11 == 0 else "200 OK")

    def run():
        with Client(proxy) as client:
            for _ in range(count):
                assert client.ask().body == b"legacy"
            done.append(1)

    done = []
    with says("legacy") as legacy, Origin(moody) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, mirror=ALL, threads=2) as proxy:
            threads = [threading.Thread(target=run) for _ in range(clients)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(done) == clients

            def all_accounted():
                m = mirror(proxy)
                return m["sent"] + m["dropped"] == count * clients

            wait_for(all_accounted, "the end of all copies")
            m = mirror(proxy)
            assert m["sent"] == m["answered"] + m["failed"]
