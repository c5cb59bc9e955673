# SPDX-License-Identifier: Apache-2.0
"""Several endpoints of one system: who is asked, who is left out, who comes back."""

import contextlib
import json
import select
import socket
import threading

from proxy_fixture import PATIENCE, Client, Origin, Proxy, ask, refused_url, reply, says, wait_for


@contextlib.contextmanager
def three():
    with says("0") as a, says("1") as b, says("2") as c:
        yield [a, b, c]


def urls(origins):
    return ",".join(origin.url for origin in origins)


class Load:
    """Clients that ask again and again, each over one connection, until the end of the block."""

    def __init__(self, proxy, clients=6, method="GET"):
        self.proxy = proxy
        self.method = method
        self.bad = []
        self.asked = 0
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def _run(self):
        with Client(self.proxy) as client:
            while not self.over.is_set():
                try:
                    status = client.ask(self.method, body=b"x" if self.method == "POST" else None).status
                except (EOFError, OSError) as error:
                    self.bad.append(repr(error))
                    return
                self.asked += 1
                if status != 200:
                    self.bad.append(status)

    def more(self, count):
        goal = self.asked + count
        wait_for(lambda: self.asked >= goal or self.bad, f"{count} more answers")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(timeout=PATIENCE)


def test_idle_endpoints_take_turns():
    with three() as origins, Proxy(legacy=urls(origins), new=refused_url(), weight=0) as proxy:
        with Client(proxy) as client:
            for _ in range(30):
                assert client.ask().status == 200
        assert [len(origin.requests) for origin in origins] == [10, 10, 10]


def is_answered(client):
    return select.select([client.sock], [], [], 0)[0]


def test_the_endpoint_with_fewer_requests_under_way_is_asked():
    gate = threading.Event()

    def slow(_):
        gate.wait(PATIENCE)
        return reply(b"slow")

    with Origin(slow) as a, says("quick") as b:
        with Proxy(legacy=f"{a.url},{b.url}", new=refused_url(), weight=0) as proxy:
            waiting = []
            while not a.requests:
                waiting.append(Client(proxy))
                waiting[-1].send("GET / HTTP/1.1\r\nHost: app\r\n\r\n")
                wait_for(lambda: a.requests or is_answered(waiting[-1]), "one of them has it")
            for _ in range(10):
                assert ask(proxy).body == b"quick"
            gate.set()
            for client in waiting:
                assert client.answer().status == 200
                client.close()
            assert len(a.requests) == 1


def test_one_of_three_dies_under_load_and_no_client_notices():
    with three() as origins, Proxy(legacy=urls(origins), new=refused_url(), weight=0, threads=2) as proxy:
        with Load(proxy) as load:
            load.more(300)
            origins[1].stop()
            load.more(600)
        assert not load.bad
        assert proxy.stats()["legacy"]["errors"] == 0


def test_one_that_was_never_there_takes_no_request_that_must_not_be_repeated():
    with says("here") as here:
        system = f"{refused_url()},{here.url},{refused_url()}"
        with Proxy(legacy=system, new=refused_url(), weight=0) as proxy, Load(proxy, method="POST") as load:
            load.more(100)
        assert not load.bad


def test_one_that_comes_back_gets_a_growing_share():
    with three() as origins, Proxy(legacy=urls(origins), new=refused_url(), weight=0) as proxy:
        with Client(proxy) as client:
            origins[2].stop()
            for _ in range(60):
                assert client.ask().status == 200
            with Origin(lambda _: reply(b"back"), port=origins[2].port) as back:
                wait_for(lambda: client.ask().body == b"back", "it is asked again")
                others = len(origins[0].requests) + len(origins[1].requests)
                while len(back.requests) < 6:
                    assert client.ask().status == 200
                others = len(origins[0].requests) + len(origins[1].requests) - others
        assert others > 4 * 5, "twice as many would be an even share"


def test_one_that_joins_gets_a_growing_share_also_beside_a_lone_one():
    def states():
        return {e["address"].split(":")[-1]: e["state"] for e in proxy.endpoints() if e["system"] == "legacy"}

    with three() as (a, b, c), Proxy(legacy=a.url, new=refused_url(), weight=0) as proxy:
        assert states() == {str(a.port): "healthy"}
        proxy.set(legacy=urls([a, b]))
        assert states() == {str(a.port): "healthy", str(b.port): "warming"}
        proxy.set(legacy=a.url)
        assert states() == {str(a.port): "healthy"}
        proxy.set(legacy=urls([b, c]))
        assert states() == {str(b.port): "healthy", str(c.port): "healthy"}, "nobody else is there"


def test_one_that_only_fails_is_left_out():
    with three() as origins, Origin(lambda _: reply(b"", "500 Oh")) as bad:
        with Proxy(legacy=urls([bad, *origins]), new=refused_url(), weight=0) as proxy, Client(proxy) as client:
            statuses = [client.ask().status for _ in range(60)]
    assert statuses.count(500) == 5 and statuses[30:] == [200] * 30


def test_one_that_hangs_is_left_out():
    with says("well") as well, Origin(lambda r: r.stream.fill()) as hangs:
        words = {"weight": 0, "response_timeout": 100}
        with Proxy(legacy=f"{well.url},{hangs.url}", new=refused_url(), **words) as proxy:
            with Client(proxy) as client:
                statuses = [client.ask().status for _ in range(30)]
    assert statuses.count(504) == 5 and statuses[-10:] == [200] * 10


@contextlib.contextmanager
def black_hole():
    """An address that lets who connects wait: its queue of connections is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_one_that_takes_no_connection_in_time_holds_up_one_request():
    with says("well") as well, black_hole() as hole:
        words = {"legacy": f"{hole},{well.url}", "new": refused_url(), "weight": 0, "connect_timeout": 500}
        with Proxy(**words) as proxy, Client(proxy) as client:
            asked = 0
            while "ejected" not in {e["state"] for e in proxy.endpoints()}:
                assert client.ask().body == b"well"
                asked += 1
            assert asked <= 2, "each is asked in its turn"
            assert client.ask().body == b"well"


def test_probes_ask_first_who_is_well():
    with Origin(lambda _: reply(b"", "500 Oh")) as bad, says("well") as well:
        with Proxy(legacy=urls([bad, well]), new=refused_url(), weight=0) as proxy, Client(proxy) as client:
            assert probed(proxy) == bad.url, "as the plan has them"
            wait_for(lambda: client.ask().status and "ejected" in str(proxy.endpoints()), "one is left out")
            assert probed(proxy) == well.url


def probed(proxy):
    proxy.say("probe=legacy,/")
    (answer,) = json.loads(proxy.expect("probe"))
    return f"http://{answer['endpoint']}"


def test_with_all_of_new_down_fallback_decides_and_new_is_not_forgotten():
    with says("legacy") as legacy, three() as origins:
        with Proxy(legacy=legacy.url, new=urls(origins), weight=100) as proxy, Client(proxy) as client:
            assert client.ask().system == "new"
            for origin in origins:
                origin.stop()
            for _ in range(40):
                assert client.ask().system == "legacy"
            with contextlib.ExitStack() as stack:
                for origin in origins:
                    stack.enter_context(Origin(lambda _: reply(b"back"), port=origin.port))
                assert client.ask().body == b"back", "it is asked at once: nobody else of new is better"


def test_without_fallback_all_down_is_an_error_of_the_system():
    system = ",".join(refused_url() for _ in range(3))
    with Proxy(legacy=system, new=system, weight=0) as proxy:
        for _ in range(20):
            assert ask(proxy).status == 502
        assert proxy.stats()["legacy"]["connect_errors"] == 20


# ---- checks of their own


class Patient(Origin):
    """Answers requests with 200, and checks as it is told."""

    def __init__(self, port=0):
        self.health = "200 OK"
        self.checks = []
        super().__init__(self._handle, port=port)

    def _handle(self, request):
        if request.path != "/healthz":
            return reply(b"served")
        self.checks.append(request)
        return None if self.health is None else reply(b"", self.health)

    def served(self):
        return len(self.requests) - len(self.checks)


def failing(proxy, system="legacy"):
    """Which endpoints fail their checks, in the order of the plan."""
    return [e["state"] == "failing" for e in proxy.endpoints() if e["system"] == system]


CHECKED = {"health": "/healthz", "health_interval": 500, "weight": 0}


def test_an_endpoint_whose_checks_fail_gets_no_request_until_they_pass():
    with Patient() as a, Patient() as b, Proxy(legacy=urls([a, b]), new=refused_url(), **CHECKED) as proxy:
        for health in ("503 No", "404 Not Here", None):
            b.health = health
            wait_for(lambda: failing(proxy) == [False, True], f"{health} leaves it out")
            before = b.served()
            for _ in range(20):
                assert ask(proxy).status == 200
            assert b.served() == before
            b.health = "302 Elsewhere"
            wait_for(lambda: failing(proxy) == [False, False], "it is back")
        wait_for(lambda: ask(proxy).status == 200 and b.served() > before, "it is asked again")


def test_checks_say_who_they_are_and_are_no_traffic():
    with Patient() as a, says("new") as new:
        with Proxy(legacy=a.url, new=new.url, host="shop.example", **CHECKED) as proxy:
            wait_for(lambda: len(a.checks) >= 3, "some checks")
            check = a.checks[0]
            assert check.method == "GET" and check.get("host") == "shop.example"
            assert check.get("x-switchyard-probe") == "1"
            assert check.get("user-agent") == "switchyard-health"
            stats = proxy.stats()
            assert stats["legacy"]["requests"] == stats["new"]["requests"] == 0
            wait_for(lambda: failing(proxy) == [False], "it is well")


def test_one_that_takes_connections_and_says_nothing_fails_its_checks():
    with Patient() as a, Origin(lambda r: r.stream.fill()) as mute:
        with Proxy(legacy=urls([a, mute]), new=refused_url(), **CHECKED) as proxy:
            wait_for(lambda: failing(proxy) == [False, True], "silence is no answer")


def test_answers_that_are_none_fail_checks_and_harm_nobody():
    words = [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 9000, b"HTTP/1.1 101 S\r\n\r\n", b"HTTP/1.1 2"]
    with contextlib.ExitStack() as stack:
        bad = [stack.enter_context(Origin(lambda _, w=word: w)) for word in words]
        good = stack.enter_context(Patient())
        system = urls([good, *bad])
        proxy = stack.enter_context(Proxy(legacy=system, new=refused_url(), **CHECKED))
        wait_for(lambda: failing(proxy) == [False] + [True] * 4, "only the good one passes")
        for _ in range(10):
            assert ask(proxy).body == b"served"


def test_when_every_check_fails_requests_go_all_the_same():
    with Patient() as a, Patient() as b, says("legacy") as legacy:
        a.health = b.health = "500 Sick"
        words = {**CHECKED, "weight": 100, "health": ""}
        with Proxy(legacy=legacy.url, new=urls([a, b]), **words) as proxy:
            assert failing(proxy, "new") == [False, False]
            proxy.set(health="/healthz")
            wait_for(lambda: failing(proxy, "new") == [True, True], "nobody is well")
            for _ in range(6):
                answer = ask(proxy)
                assert (answer.system, answer.body) == ("new", b"served")
            proxy.set(health="")
            assert failing(proxy, "new") == [False, False], "nobody checks them any more"


def test_checks_follow_the_rule_set():
    with Patient() as a, Patient() as b:
        with Proxy(legacy=a.url, new=refused_url(), **CHECKED) as proxy:
            wait_for(lambda: len(a.checks) >= 2, "the first is checked")
            proxy.set(legacy=b.url)
            wait_for(lambda: len(b.checks) >= 2, "then the other one")
            ended = len(a.checks)
            wait_for(lambda: len(b.checks) >= 6, "and a while later")
            assert len(a.checks) <= ended + 1


# ---- limits


def test_an_endpoint_has_no_more_connections_than_it_may():
    gate = threading.Event()

    def slow(_):
        gate.wait(PATIENCE)
        return reply(b"slow")

    with Origin(slow) as a, Origin(slow) as b:
        with Proxy(legacy=urls([a, b]), new=refused_url(), weight=0, limit=2, connect_timeout=100) as proxy:
            waiting = [Client(proxy) for _ in range(4)]
            for client in waiting:
                client.send("GET / HTTP/1.1\r\nHost: app\r\n\r\n")
            wait_for(lambda: len(a.requests) == len(b.requests) == 2, "both are full")
            assert ask(proxy).status == 503
            gate.set()
            for client in waiting:
                assert client.answer().status == 200
                client.close()
            for _ in range(10):
                assert ask(proxy).status == 200
            assert a.accepted <= 2 and b.accepted <= 2
