# SPDX-License-Identifier: Apache-2.0
"""The breaker of a node: what opens it, how new comes back, orders, and what its clients notice."""

import threading

from proxy_fixture import Client, Origin, Proxy, ask, refused_url, reply, says, wait_for

PROBE, RESET, OPEN, CLOSE = 3, 4, 1, 2
FOREVER = 3_600_000


def breaker(errors=5, window=60_000, open_for=300, probes=2, **more):
    """As proxy_main wants to have it."""
    rest = ("error_rate", "slow", "slow_rate", "min_requests", "re_ramp", "mode", "order", "number")
    assert set(more) <= set(rest)
    return "/".join(str(n) for n in [errors, window, open_for, probes] + [more.get(name, 0) for name in rest])


def fails(_):
    return reply(b"", "503 Service Unavailable")


def stats_of(proxy, errors):
    """Once so many requests to new have failed."""
    stats = []
    wait_for(lambda: stats.append(proxy.stats()) or stats[-1]["new"]["errors"] == errors, f"{errors} failures")
    return stats[-1]


class Load:
    """Clients that ask without a pause, each with its own key, and keep what went wrong."""

    def __init__(self, proxy, clients):
        self.proxy, self.bad, self.asked = proxy, [], 0
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._ask, args=(i,)) for i in range(clients)]

    def _ask(self, number):
        try:
            with Client(self.proxy) as client:
                while not self.over.is_set():
                    answer = client.ask(X_User_Id=f"u{number}")
                    self.asked += 1
                    if answer.status != 200:
                        self.bad.append(answer.status)
        except (OSError, EOFError) as e:
            self.bad.append(e)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(30)


def test_new_dies_at_full_weight_and_comes_back_and_no_client_notices():
    clients = 6
    with says("legacy") as legacy:
        new = says("new")
        words = {"weight": 100, "threads": 2, "breaker": breaker(re_ramp=700)}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy, Load(proxy, clients) as load:
            wait_for(lambda: load.asked > 500, "requests")
            new.stop()
            wait_for(lambda: proxy.stats()["seen"]["opened"] >= 1, "the breaker's opening")
            stats = proxy.stats()
            wait_for(lambda: proxy.stats()["seen"]["opened"] > stats["seen"]["opened"], "a probe that fails")
            # What opened it, what was under way just then, and two probes at a time.
            stats = proxy.stats()
            assert stats["new"]["errors"] <= 5 + clients + 2 * stats["seen"]["opened"]
            with Origin(lambda _: reply(b"new"), port=new.port):
                wait_for(lambda: proxy.stats()["seen"]["share"] > 0, "a probe that succeeds")
                opened = proxy.stats()["seen"]["opened"]
                wait_for(lambda: proxy.stats()["breaker"] == "closed", "the end of the re-ramp")
                assert proxy.stats()["seen"]["opened"] == opened, "no second trip"
                asked = load.asked
                wait_for(lambda: load.asked > asked + 500, "requests")
                assert not load.bad


def test_the_fifth_failure_opens_it_however_many_are_under_way():
    clients, end = 20, threading.Semaphore(0)

    def fails_when_told(_):
        end.acquire()
        return fails(_)

    with says("legacy") as legacy, Origin(fails_when_told) as new:
        words = {"weight": 100, "threads": 2, "breaker": breaker(errors=5, open_for=FOREVER)}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy:
            answers = []
            threads = [threading.Thread(target=lambda: answers.append(ask(proxy).system)) for _ in range(clients)]
            for thread in threads:
                thread.start()
            wait_for(lambda: len(new.requests) == clients, "all of them to be under way")
            for _ in range(4):
                end.release()
            assert stats_of(proxy, errors=4)["breaker"] == "closed"
            end.release()
            stats = stats_of(proxy, errors=5)
            seen = stats["seen"]
            assert stats["breaker"] == "open"
            assert (seen["errors"], seen["opened"], seen["cause"]) == (5, 1, "errors")

            assert [ask(proxy).system for _ in range(10)] == ["legacy"] * 10
            assert len(new.requests) == clients, "nobody is sent to new any more"

            for _ in range(clients - 5):
                end.release()
            for thread in threads:
                thread.join(30)
            seen = stats_of(proxy, errors=clients)["seen"]
            assert (seen["errors"], seen["opened"]) == (5, 1), "they say nothing about what comes after"
            assert answers == ["legacy"] * clients, "and no client noticed"


def test_while_the_share_rises_the_same_users_come_first():
    sick = threading.Event()
    sick.set()
    users = [f"u{i}" for i in range(300)]

    def sides(client):
        return [client.ask(X_User_Id=u).system for u in users]

    with says("legacy") as legacy, Origin(lambda r: fails(r) if sick.is_set() else reply(b"new")) as new:
        words = {"weight": 50, "breaker": breaker(errors=1, open_for=1)}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy, Client(proxy) as client:
            wait_for(lambda: sides(client) and proxy.stats()["seen"]["opened"] > 0, "the breaker's opening")
            sick.clear()
            proxy.set(breaker=breaker(errors=1, open_for=1, re_ramp=FOREVER))
            wait_for(lambda: sides(client) and proxy.stats()["seen"]["share"] > 0, "the re-ramp")
            seen = [sides(client)]
            assert 0 < seen[0].count("new") < 30, "a few percent of the half"
            assert proxy.stats()["breaker"] == "half_open"
            for ramp in (60_000, 20_000, 8_000, 4_000, 1):
                proxy.set(breaker=breaker(errors=1, open_for=1, re_ramp=ramp))
                seen.append(sides(client))
            for before, after in zip(seen, seen[1:]):
                assert all(b == "legacy" or a == "new" for b, a in zip(before, after)), "nobody goes back"
            assert 100 < seen[-1].count("new") < 200
            wait_for(lambda: proxy.stats()["breaker"] == "closed", "the end of the re-ramp")


def test_a_rate_opens_it_where_the_number_of_errors_does_not():
    with says("legacy") as legacy, Origin(lambda r: fails(r) if b"bad" in r.body else reply(b"new")) as new:
        words = {"weight": 100, "breaker": breaker(errors=0, error_rate=2000, min_requests=50, open_for=FOREVER)}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy, Client(proxy) as client:
            for i in range(100):
                assert client.ask("GET", body=b"bad" if i % 10 == 9 else b"").status == 200
            stats = proxy.stats()
            assert (stats["breaker"], stats["seen"]["requests"], stats["seen"]["errors"]) == ("closed", 100, 10)
            for _ in range(13):
                client.ask("GET", body=b"bad")
            stats = proxy.stats()
            assert (stats["breaker"], stats["seen"]["cause"]) == ("open", "error_rate")
            assert stats["new"]["requests"] == 113, "23 of 113"
            assert client.ask().system == "legacy"


def test_slow_answers_open_it():
    pause = threading.Event()

    def slow(_):
        pause.wait(0.06)  # what is measured here is time
        return reply(b"new")

    with says("legacy") as legacy, Origin(slow) as new:
        limits = {"errors": 0, "slow_rate": 5000, "min_requests": 5, "open_for": FOREVER}
        words = {"weight": 100, "breaker": breaker(slow=60_000, **limits)}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy, Client(proxy) as client:
            for _ in range(6):
                assert client.ask().system == "new"
            assert proxy.stats()["breaker"] == "closed"
            proxy.set(breaker=breaker(slow=20, **limits))
            for _ in range(6):
                assert client.ask().system == "new"
            stats = proxy.stats()
            assert (stats["breaker"], stats["seen"]["cause"], stats["seen"]["slow"]) == ("open", "slow_rate", 6)
            assert client.ask().system == "legacy"


def test_so_do_slow_switches_of_protocols():
    pause = threading.Event()

    def slow(_):
        pause.wait(0.06)
        return b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"

    with says("legacy") as legacy, Origin(slow) as new:
        limits = {"errors": 0, "slow_rate": 5000, "min_requests": 5, "open_for": FOREVER}
        with Proxy(legacy=legacy.url, new=new.url, weight=100, breaker=breaker(slow=20, **limits)) as proxy:
            for _ in range(5):
                assert ask(proxy, Connection="upgrade", Upgrade="echo").status == 101
            stats = proxy.stats()
            assert (stats["breaker"], stats["seen"]["cause"]) == ("open", "slow_rate")


def test_one_that_watches_tells_and_diverts_nobody():
    with says("legacy") as legacy, Origin(fails) as new:
        words = {"weight": 100, "fallback": "timeout", "breaker": breaker(open_for=FOREVER, mode=1)}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy, Client(proxy) as client:
            for _ in range(20):
                assert client.ask().status == 503
            assert proxy.stats()["breaker"] == "open"
            proxy.set(breaker=breaker(open_for=FOREVER, mode=0))
            assert client.ask().body == b"legacy", "what it found out holds once it is enforced"
            proxy.set(breaker=breaker(open_for=FOREVER, mode=2))
            assert client.ask().status == 503
            assert proxy.stats()["breaker"] == "disabled"


def test_orders_are_obeyed_once():
    def side_after(kind, number):
        proxy.set(breaker=breaker(open_for=FOREVER, order=kind, number=number))
        return client.ask().system

    with says("legacy") as legacy, Origin(lambda r: fails(r) if b"bad" in r.body else reply(b"new")) as new:
        words = {"weight": 100, "breaker": breaker(open_for=FOREVER), "methods": "GET"}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy, Client(proxy) as client:
            assert side_after(OPEN, 5) == "legacy"
            stats = proxy.stats()
            assert (stats["breaker"], stats["seen"]["held"]) == ("open", 1)
            assert (stats["seen"]["cause"], stats["seen"]["order"]) == ("order", 5)
            assert side_after(RESET, 5) == "legacy", "the number was obeyed"
            assert side_after(PROBE, 6) == "new"
            assert side_after(CLOSE, 7) == "new"
            for _ in range(10):
                client.ask(body=b"bad")
            assert client.ask().system == "new"
            assert proxy.stats()["breaker"] == "closed"
            assert side_after(RESET, 8) == "new"
            for _ in range(5):
                client.ask(body=b"bad")
            assert side_after(CLOSE, 8) == "legacy"
            assert side_after(RESET, 9) == "new"
            seen = proxy.stats()["seen"]
            assert (seen["errors"], seen["opened"], seen["held"]) == (0, 2, 0)


def test_a_probe_is_a_request_that_legacy_can_rescue():
    with says("legacy") as legacy, Origin(fails) as new:
        words = {"weight": 100, "breaker": breaker(errors=1, open_for=1, probes=1)}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy, Client(proxy) as client:
            assert client.ask().system == "legacy"
            wait_for(lambda: proxy.stats()["breaker"] == "half_open", "the end of open_for")
            asked = len(new.requests)
            assert client.ask("POST", body=b"x").system == "legacy" and len(new.requests) == asked
            assert client.ask().system == "legacy" and len(new.requests) == asked + 1, "a probe that failed"


def test_a_probe_that_lasts_is_a_good_one_when_it_has_begun():
    """Nobody waits for the end of a stream of events: its client is the one to end it, after hours."""

    def streams(request):
        request.stream.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n")
        request.stream.fill()

    with says("legacy") as legacy, Origin(streams) as new:
        words = {"weight": 100, "breaker": breaker(probes=1, order=OPEN, number=1)}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy, Client(proxy) as client:
            proxy.set(breaker=breaker(probes=1, order=PROBE, number=2))
            assert proxy.stats()["breaker"] == "half_open"
            client.send("GET / HTTP/1.1\r\nHost: app\r\n\r\n")
            client.until(b"data: x\n\n")
            wait_for(lambda: proxy.stats()["breaker"] == "closed", "the probe's success")
            assert proxy.stats()["new"]["answered"] == 0, "it goes on"


def test_second_tries_have_a_budget():
    with says("legacy") as legacy, Origin(fails) as new:
        with Proxy(legacy=legacy.url, new=new.url, weight=100, budget=100) as proxy, Client(proxy) as client:
            answers = [client.ask().status for _ in range(30)]
            assert answers[:10] == [200] * 10, "some are free"
            spent = 30 - answers.count(200)
            assert spent > 0, "past the budget clients get the answer of new"
            stats = proxy.stats()
            assert stats["over_budget"] == spent == len(new.requests) - len(legacy.requests)
            proxy.set(budget=0)
            assert client.ask().status == 200


def test_nobody_listens_and_the_budget_is_spent():
    with says("legacy") as legacy:
        with Proxy(legacy=legacy.url, new=refused_url(), weight=100, budget=1) as proxy:
            statuses = [ask(proxy).status for _ in range(20)]
            assert set(statuses) == {200, 502}
            assert proxy.stats()["over_budget"] == statuses.count(502)
