# SPDX-License-Identifier: Apache-2.0
"""Answers of both systems are compared: what counts as what, what is told of it, and that no user
notices."""

import gzip
import itertools
import json
import threading

import pytest
from proxy_fixture import Client, Origin, Proxy, ask, refused_url, reply, wait_for

ALL = "10000"
RULES = "ignore=$.at,header=ETag,cosmetic=$.note,unordered=$.tags,tolerance=$.price=0.01"


def compared(proxy):
    return proxy.stats()["compare"]


def wait_for_compared(proxy, what, **counts):
    def come_about():
        now = compared(proxy)
        return all(now[name] == count for name, count in counts.items())

    wait_for(come_about, f"{what} {counts}")


def answers(body, kind="application/json", **fields):
    return Origin(lambda r: reply(body, Content_Type=kind, **fields))


def judged(cases, **words):
    """Pairs of answers by path: how many are equal, cosmetic, critical; and what is told."""

    def system(side):
        def answer(r):
            kind, *bodies, fields = cases[r.path.partition("?")[0]]
            return reply(bodies[side], Content_Type=kind, **fields)

        return Origin(answer)

    with system(0) as legacy, system(1) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, compare=ALL, **words) as proxy:
            with Client(proxy) as client:
                for path, case in cases.items():
                    assert client.ask(path=f"{path}?key=1").body == case[1]
            wait_for(lambda: compared(proxy)["compared"] == len(cases), "the comparison")
            stats = proxy.stats()
    counts = tuple(stats["compare"][name] for name in ("equal", "cosmetic", "critical"))
    return counts, sorted(stats["discrepancies"])


def test_answers_are_classed_by_the_rules():
    order = {"id": 7, "at": 1, "note": "a", "tags": ["x", "y"], "price": 9.99}

    def against(**changes):
        new = json.dumps({**order, **changes}, indent=1, sort_keys=True).encode()
        return "application/json", json.dumps(order).encode(), new, {}

    cases = {
        "/spelled": against(),
        "/ignored": against(at=2, tags=["y", "x"], price=9.992),
        "/cosmetic": against(note="b"),
        "/critical": against(note="b", id=8),
    }
    assert judged(cases, compare_rules=RULES) == (
        (2, 1, 1),
        [
            [False, "GET /cosmetic", "$.note", '"a"', '"b"'],
            [True, "GET /critical", "$.id", "7", "8"],
        ],
    )


def test_text_and_bytes_are_compared_too():
    squeezed = [gzip.compress(b'{"at": %d}' % n, mtime=0) for n in (1, 2)]
    gzipped = {"Content_Encoding": "gzip"}
    counts, told = judged(
        {
            "/lines": ("text/plain", b"a\r\nb\r\n", b"a\nb", {}),
            "/text": ("text/plain", b"a\nb", b"a\nc", {}),
            "/bytes": ("image/png", b"\x00\x01", b"\x00\x02", {}),
            "/same": ("application/json", squeezed[0], squeezed[0], gzipped),
            "/gzip": ("application/json", *squeezed, gzipped),
        }
    )
    assert counts == (2, 0, 3)
    assert [d[1:3] for d in told] == [
        ["GET /bytes", "body"],
        ["GET /gzip", "$.at"],
        ["GET /text", "line 2"],
    ]
    assert told[1][3:] == ["1", "2"]
    assert told[2][3:] == ["b", "c"]


def test_status_and_secrets():
    with Origin(lambda r: reply(b"{}", Set_Cookie="sid=1")) as legacy:
        with Origin(lambda r: reply(b"{}", status="404 Not Found", Set_Cookie="sid=2")) as new:
            with Proxy(
                legacy=legacy.url,
                new=new.url,
                weight=0,
                compare=ALL,
                compare_rules="header=Set-Cookie",
            ) as proxy:
                assert ask(proxy).status == 200
                wait_for_compared(proxy, "the difference", compared=1, critical=1)
                told = sorted(d[2:] for d in proxy.stats()["discrepancies"])
    assert told == [
        ["header Set-Cookie", "(left out)", "(left out)"],
        ["status", "200", "404"],
    ]


def test_users_of_new_are_compared_with_legacy():
    with answers(b'{"a":1}') as legacy, answers(b'{"a":2}') as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=100, compare=ALL) as proxy:
            assert ask(proxy).body == b'{"a":2}'
            wait_for_compared(proxy, "the difference", compared=1, critical=1)
            assert proxy.stats()["discrepancies"][0][2:] == ["$.a", "1", "2"]
            assert proxy.stats()["legacy"]["requests"] == 0
        assert legacy.requests[0].get("x-switchyard-mirror") == "1"


def test_a_sample_is_a_sample_and_ends_above_a_weight():
    with answers(b"{}") as legacy, answers(b"{}") as new:
        with Proxy(
            legacy=legacy.url, new=new.url, weight=50, compare="5000", compare_above=5000
        ) as proxy:
            with Client(proxy) as client:
                for _ in range(400):
                    assert client.ask().body == b"{}"
            wait_for(lambda: 120 < compared(proxy)["equal"] < 280, "half of the comparisons")
            wait_for(
                lambda: compared(proxy)["compared"]
                == len(legacy.requests) + len(new.requests) - 400,
                "the rest",
            )
            proxy.set(weight=51)
            before = compared(proxy)["compared"]
            with Client(proxy) as client:
                for _ in range(20):
                    client.ask()
            assert len(legacy.requests) + len(new.requests) == 420 + before


def test_only_what_may_be_copied_is_compared():
    with answers(b"{}") as legacy, answers(b"{}") as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, compare=ALL) as proxy:
            for fields in (
                {"method": "POST", "body": b"pay"},
                {"If_None_Match": '"1"'},
                {"Range": "bytes=0-1"},
                {"X_Switchyard_Mirror": "1"},
            ):
                assert ask(proxy, **fields).status == 200
            proxy.set(emergency=1)
            ask(proxy)
            proxy.set(emergency=2)
            ask(proxy, method="HEAD")
            wait_for_compared(proxy, "HEAD alone", compared=1)
            assert [r.method for r in new.requests] == ["HEAD"]


def test_what_legacy_does_by_itself_is_noise():
    numbers = itertools.count()
    lock = threading.Lock()

    def differs(_):
        with lock:
            n = next(numbers)
        return reply(
            b'{"items":[{"at":%d},{"at":%d}],"total":1}' % (n, -n), Content_Type="application/json"
        )

    with Origin(differs) as legacy, Origin(differs) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, compare=ALL) as proxy:
            ask(proxy)
            wait_for_compared(proxy, "a difference", compared=1, critical=1, noise_compared=0)
            proxy.set(compare="10000/10000")
            with Client(proxy) as client:
                for n in range(1, 4):
                    client.ask()
                    wait_for_compared(proxy, "noise", noise_compared=n, noise_differed=n)
            wait_for_compared(proxy, "noise", compared=4, critical=1, cosmetic=3)
    with Origin(differs) as legacy, answers(b'{"items":[],"total":2}') as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=100, compare="10000/10000") as proxy:
            for _ in range(2):
                ask(proxy)
            wait_for_compared(proxy, "new is wrong all the same", noise_differed=2, critical=2)


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_longer_than_is_kept_are_compared_by_their_hash(chunked):
    bodies = {"/a": b"x" * 300_000, "/b": b"x" * 300_000 + b"y"}

    def send(name):
        def answer(r):
            body = bodies[name if r.path == "/differs" else "/a"]
            if not chunked:
                return reply(body)
            return (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:7], body[7:]))
                + b"0\r\n\r\n"
            )

        return answer

    with Origin(send("/a")) as legacy, Origin(send("/b")) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, compare="10000/0/4096") as proxy:
            assert ask(proxy, path="/same").body == bodies["/a"]
            wait_for_compared(proxy, "the hash", compared=1, equal=1)
            assert ask(proxy, path="/differs").body == bodies["/a"]
            wait_for_compared(proxy, "the other hash", compared=2, critical=1)
            assert proxy.stats()["discrepancies"][0][2] == "body"


def test_mirrored_requests_are_copied_once():
    with answers(b"{}") as legacy, answers(b"{}") as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, compare=ALL, mirror=ALL) as proxy:
            with Client(proxy) as client:
                for _ in range(5):
                    client.ask()
            wait_for_compared(proxy, "all", compared=5)
            assert proxy.stats()["mirror"]["sent"] == 5
            assert len(new.requests) == 5


def test_a_new_system_that_hangs_or_is_gone_costs_users_nothing():
    release = threading.Event()

    def hang(_):
        release.wait(30)
        return reply(b"late")

    with answers(b"{}") as legacy, Origin(hang) as new:
        try:
            with Proxy(
                legacy=legacy.url, new=new.url, weight=0, compare=ALL, mirror="0/200/65536/8"
            ) as proxy:
                with Client(proxy) as client:
                    for _ in range(50):
                        assert client.ask().body == b"{}"
                wait_for_compared(proxy, "all given up", skipped=50)
                proxy.set(new=refused_url())
                assert ask(proxy).body == b"{}"
                wait_for_compared(proxy, "refused", skipped=51, compared=0)
        finally:
            release.set()


def test_a_client_that_leaves_takes_its_sample_along():
    with Origin(lambda r: reply(b"x" * 8_000_000)) as legacy, answers(b"{}") as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=0, compare=ALL) as proxy:
            client = Client(proxy, rcvbuf=4096)
            client.send(b"GET / HTTP/1.1\r\nHost: app\r\n\r\n")
            client.fill()
            client.close()
            wait_for_compared(proxy, "it is given up", skipped=1, compared=0)


def test_no_more_is_held_than_there_is_room_for():
    """Each request sets 3 x 2 MiB aside of 16 MiB: the third at a time is not sampled."""
    everybody = threading.Barrier(4)

    def together(_):
        everybody.wait(30)
        return reply(b"{}")

    with Origin(together) as legacy, answers(b"{}") as new:
        with Proxy(
            legacy=legacy.url, new=new.url, weight=0, compare=f"10000/0/{2 << 20}", threads=1
        ) as proxy:
            threads = [threading.Thread(target=ask, args=(proxy,)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            wait_for_compared(proxy, "two of four", compared=2, skipped=2)
