# SPDX-License-Identifier: Apache-2.0
"""gRPC through the proxy: a real client, two real servers, cleartext HTTP/2 on both sides."""

import os
import socket
import sys
import threading
from concurrent import futures

import grpc
import pytest
from h2_fixture import H2Client, H2Origin
from proxy_fixture import Client as HttpClient
from proxy_fixture import PATIENCE, Origin, Proxy, wait_for

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from pki import Pki  # noqa: E402  pylint: disable=wrong-import-position,wrong-import-order

SERVICE = "test.Echo"


def raw(data):
    return data


class Server:
    """Echoes bytes, with its name in front, and does as the method says."""

    def __init__(self, name, credentials=None):
        self.name = name.encode()
        self.cancelled = threading.Event()
        self.began = threading.Event()
        self.deadlines = []
        self.grpc = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
        self.grpc.add_generic_rpc_handlers(
            [
                grpc.method_handlers_generic_handler(
                    SERVICE,
                    {
                        "Unary": grpc.unary_unary_rpc_method_handler(self.unary, raw, raw),
                        "Fail": grpc.unary_unary_rpc_method_handler(self.fail, raw, raw),
                        "End": grpc.unary_unary_rpc_method_handler(self.end, raw, raw),
                        "Break": grpc.unary_stream_rpc_method_handler(self.break_off, raw, raw),
                        "Hang": grpc.unary_unary_rpc_method_handler(self.hang, raw, raw),
                        "Down": grpc.unary_stream_rpc_method_handler(self.down, raw, raw),
                        "Up": grpc.stream_unary_rpc_method_handler(self.up, raw, raw),
                        "Both": grpc.stream_stream_rpc_method_handler(self.both, raw, raw),
                        "Tail": grpc.unary_stream_rpc_method_handler(self.tail, raw, raw),
                    },
                )
            ]
        )
        if credentials:
            self.port = self.grpc.add_secure_port("127.0.0.1:0", credentials)
        else:
            self.port = self.grpc.add_insecure_port("127.0.0.1:0")
        self.url = f"http{'s' if credentials else ''}://127.0.0.1:{self.port}"
        self.grpc.start()

    def unary(self, request, context):
        self.deadlines.append(context.time_remaining())
        context.send_initial_metadata((("x-first", "1"),))
        context.set_trailing_metadata((("x-last", "2"), ("x-bytes-bin", b"\x00\xff")))
        return self.name + b":" + request

    def fail(self, _, context):
        context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: ä")

    def end(self, request, context):
        """With the status that the request names, or of two the one for legacy or new."""
        status = request.decode().split(",")[-1 if self.name == b"new" else 0]
        if status != "OK":
            context.abort(grpc.StatusCode[status], self.name.decode())
        return self.name

    def break_off(self, request, context):
        """The same, when a message is out already: the status comes in the trailers."""
        yield self.name
        if request != b"OK":
            context.abort(grpc.StatusCode[request.decode()], self.name.decode())

    def hang(self, _, context):
        context.add_callback(self.cancelled.set)
        self.began.set()
        self.cancelled.wait(PATIENCE)
        return b""

    def down(self, request, _):
        for i in range(int(request)):
            yield self.name + b"%d" % i

    def up(self, requests, _):
        return self.name + b":" + b"+".join(requests)

    def both(self, requests, _):
        for request in requests:
            yield self.name + b":" + request

    def tail(self, request, context):
        context.add_callback(self.cancelled.set)
        yield self.name + b":" + request
        self.cancelled.wait(PATIENCE)

    def stop(self):
        self.cancelled.set()
        self.grpc.stop(None)


class Client:
    def __init__(self, proxy, credentials=None):
        options = [("grpc.enable_retries", 0)]
        if credentials:
            to = f"127.0.0.1:{proxy.tls.port}"
            self.channel = grpc.secure_channel(to, credentials, options)
        else:
            self.channel = grpc.insecure_channel(f"127.0.0.1:{proxy.port}", options)

    def unary(self, method="Unary", body=b"hi", **kwargs):
        call = self.channel.unary_unary(f"/{SERVICE}/{method}", raw, raw)
        return call.with_call(body, timeout=kwargs.pop("timeout", PATIENCE), **kwargs)

    def stream(self, kind, method):
        return getattr(self.channel, kind)(f"/{SERVICE}/{method}", raw, raw)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()


@pytest.fixture(scope="module", name="servers")
def start_servers():
    servers = Server("legacy"), Server("new")
    yield servers
    for server in servers:
        server.stop()


@pytest.fixture(name="proxy")
def start_proxy(servers):
    legacy, new = servers
    with Proxy(legacy=legacy.url, new=new.url, h2="legacy,new", weight=100, fallback="none") as p:
        yield p


@pytest.fixture(name="client")
def start_client(proxy):
    with Client(proxy) as client:
        yield client


def test_unary_call_with_metadata_both_ways(client):
    answer, call = client.unary(body=b"x" * 100000)
    assert answer == b"new:" + b"x" * 100000
    assert call.code() == grpc.StatusCode.OK
    assert ("x-first", "1") in [tuple(m) for m in call.initial_metadata()]
    trailing = [tuple(m) for m in call.trailing_metadata()]
    assert ("x-last", "2") in trailing and ("x-bytes-bin", b"\x00\xff") in trailing


def test_status_and_message_arrive(client):
    with pytest.raises(grpc.RpcError) as failed:
        client.unary("Fail")
    assert failed.value.code() == grpc.StatusCode.NOT_FOUND
    assert failed.value.details() == "no such thing: ä"
    with pytest.raises(grpc.RpcError) as failed:
        client.unary("Unknown")
    assert failed.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_streams_in_each_direction(client):
    down = client.stream("unary_stream", "Down")(b"300", timeout=PATIENCE)
    assert list(down) == [b"new%d" % i for i in range(300)]
    up = client.stream("stream_unary", "Up")
    assert up(iter([b"a", b"b" * 70000, b"c"]), timeout=PATIENCE) == b"new:a+" + b"b" * 70000 + b"+c"


def test_each_message_of_a_bidi_stream_passes_at_once(client):
    """The next message is sent only when the answer to the one before is here."""
    answered = threading.Semaphore(1)

    def ask():
        for i in range(50):
            assert answered.acquire(timeout=PATIENCE)
            yield b"%d" % i

    got = []
    for answer in client.stream("stream_stream", "Both")(ask(), timeout=PATIENCE):
        got.append(answer)
        answered.release()
    assert got == [b"new:%d" % i for i in range(50)]


def test_deadline_goes_on_and_cancel_too(client, servers):
    new = servers[1]
    new.deadlines.clear()
    client.unary(timeout=PATIENCE)
    assert 0 < new.deadlines[0] <= PATIENCE + 1  # it travels as few digits, rounded up
    new.cancelled.clear()
    new.began.clear()
    call = client.stream("unary_unary", "Hang").future(b"", timeout=3 * PATIENCE)
    assert new.began.wait(PATIENCE)
    call.cancel()
    assert new.cancelled.wait(PATIENCE)


def test_many_calls_share_connections(proxy, servers, client):
    """Of 200 calls, 20 at once, none needs a connection of its own."""
    with futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda i: client.unary(body=b"%d" % i)[0], range(200)))
    assert answers == [b"new:%d" % i for i in range(200)]
    assert proxy.stats()["new"]["requests"] == 200
    assert servers


def system_of(client, user):
    return client.unary(metadata=(("x-user-id", user),))[0].split(b":")[0]


def test_split_is_sticky_by_metadata(proxy, client):
    proxy.set(weight=50)
    first = {user: system_of(client, user) for user in map(str, range(60))}
    assert set(first.values()) == {b"legacy", b"new"}
    assert all(system_of(client, user) == system for user, system in first.items())
    proxy.set(weight=80)
    assert all(system_of(client, u) == b"new" for u, system in first.items() if system == b"new")


def test_rollback_moves_new_calls_at_once_and_leaves_young_ones(proxy, client):
    go_on = threading.Event()

    def ask():
        yield b"one"
        assert go_on.wait(PATIENCE)
        yield b"two"

    old = client.stream("stream_stream", "Both")(ask(), timeout=PATIENCE)
    assert next(old) == b"new:one"
    proxy.set(weight=0)
    assert client.unary()[0] == b"legacy:hi"
    go_on.set()
    assert list(old) == [b"new:two"]


def ends_unavailable(call, why):
    with pytest.raises(grpc.RpcError) as ended:
        list(call)
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
    assert why in ended.value.details()


def test_rollback_ends_old_calls_as_unavailable_and_says_why(servers):
    """One that only listens, and one whose client is about to say more."""
    legacy, new = servers
    over = threading.Event()

    def ask():
        yield b"one"
        over.wait(PATIENCE)

    words = {"h2": "legacy,new", "weight": 100, "tunnel_drain": "50ms", "response_timeout": 3000}
    with Proxy(legacy=legacy.url, new=new.url, breaker="1/10000/10000/1", **words) as proxy, Client(proxy) as client:
        new.cancelled.clear()
        tail = client.stream("unary_stream", "Tail")(b"hi", timeout=PATIENCE)
        both = client.stream("stream_stream", "Both")(ask(), timeout=PATIENCE)
        assert next(tail) == b"new:hi" and next(both) == b"new:one"
        wait_for(lambda: proxy.stats()["lasting"]["new"] == 2, "the count")
        proxy.set(weight=0)
        ends_unavailable(tail, "another system")
        ends_unavailable(both, "another system")
        over.set()
        assert new.cancelled.wait(PATIENCE)
        assert client.unary()[0] == b"legacy:hi"
        wait_for(lambda: proxy.stats()["lasting"] == {"legacy": 0, "new": 0}, "the end of the count")
        stats = proxy.stats()
        assert (stats["new"]["errors"], stats["breaker"]) == (0, "closed")


def keeps_sending(over, sent):
    """A client that streams up, and waits for no answer."""
    while not over.is_set():
        sent.set()
        yield b"more"
        over.wait(0.01)


def test_rollback_ends_calls_that_stream_up_and_have_no_answer_yet(servers):
    """Their system answers when they are through, which may be never."""
    legacy, new = servers
    over, sent = threading.Event(), threading.Event()
    words = {"h2": "legacy,new", "weight": 100, "tunnel_drain": "50ms", "response_timeout": 1000}
    with Proxy(legacy=legacy.url, new=new.url, breaker="1/10000/10000/1", **words) as proxy, Client(proxy) as client:
        call = client.stream("stream_unary", "Up").future(keeps_sending(over, sent), timeout=PATIENCE)
        assert sent.wait(PATIENCE)
        wait_for(lambda: proxy.stats()["lasting"]["new"] == 1, "the count")
        proxy.set(weight=0)
        assert call.exception(PATIENCE).code() == grpc.StatusCode.UNAVAILABLE
        assert "another system" in call.exception().details()
        over.set()
        wait_for(lambda: proxy.stats()["lasting"] == {"legacy": 0, "new": 0}, "the end of the count")
        stats = proxy.stats()
        assert (stats["new"]["requests"], stats["new"]["errors"], stats["breaker"]) == (1, 0, "closed")
        assert client.unary()[0] == b"legacy:hi"


def test_calls_that_stream_up_stay_while_they_may(servers):
    """And are answered; their count ends with the answer, which is none that lasts."""
    legacy, new = servers
    over, sent = threading.Event(), threading.Event()
    words = {"h2": "legacy,new", "weight": 0, "tunnel_drain": "50ms", "response_timeout": 1000}
    with Proxy(legacy=legacy.url, new=new.url, **words) as proxy, Client(proxy) as client:
        call = client.stream("stream_unary", "Up").future(keeps_sending(over, sent), timeout=PATIENCE)
        assert sent.wait(PATIENCE)
        wait_for(lambda: proxy.stats()["lasting"]["legacy"] == 1, "the count")
        proxy.set(weight=100)
        assert client.unary()[0] == b"new:hi"
        over.set()
        assert call.result(PATIENCE).startswith(b"legacy:more")
        wait_for(lambda: proxy.stats()["lasting"]["legacy"] == 0, "the end of the count")


def test_drain_ends_calls_that_stream_up(servers):
    legacy, new = servers
    over, sent = threading.Event(), threading.Event()
    proxy = Proxy(legacy=legacy.url, new=new.url, h2="legacy,new", weight=100, response_timeout=1000, access=1)
    with Client(proxy) as client:
        call = client.stream("stream_unary", "Up").future(keeps_sending(over, sent), timeout=PATIENCE)
        assert sent.wait(PATIENCE)
        wait_for(lambda: proxy.stats()["lasting"]["new"] == 1, "the count")
        proxy.say("drain=20s")
        assert call.exception(PATIENCE).code() == grpc.StatusCode.UNAVAILABLE
        assert "is stopping" in call.exception().details()
        over.set()
        assert proxy.expect("drained") == "0"
    wait_for(lambda: proxy.process.poll() is not None, "the end")
    assert [(line["end"], line["status"]) for line in proxy.logged()] == [("drain", 200)]


def test_call_that_streams_up_is_rescued_like_any():
    """New breaks off before it has answered; what was sent so far is sent to legacy, and the count goes along."""
    with H2Origin() as legacy, H2Origin() as new:
        words = {"h2": "legacy,new", "weight": 100, "fallback": "connect_error", "methods": "POST"}
        with Proxy(legacy=legacy.url, new=new.url, **words) as proxy, H2Client(proxy) as client:
            stream = client.begin(method="POST", path="/close", fields=[("content-type", "application/grpc")], end=False)
            client.h2.send_data(stream, b"so far")
            client.flush()
            wait_for(lambda: proxy.stats()["lasting"] == {"legacy": 0, "new": 1}, "the count")
            for sock in new.socks:
                sock.shutdown(socket.SHUT_RDWR)
            wait_for(lambda: proxy.stats()["lasting"] == {"legacy": 1, "new": 0}, "the count of legacy")
            client.h2.send_data(stream, b", and the rest", end_stream=True)
            client.flush()
            wait_for(lambda: legacy.requests and legacy.requests[0].body == b"so far, and the rest", "legacy's request")
            wait_for(lambda: proxy.stats()["lasting"] == {"legacy": 0, "new": 0}, "the end of the count")


def test_call_in_the_midst_of_a_message_is_unavailable_too():
    """Towards the system it is plain HTTP/1.1, which lets us say half a message."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"

    def handler(request):
        request.stream.send(head + b"7\r\n\0\0\0\0\2hi\r\n" + b"7\r\n\0\0\0\0\x09ha\r\n")
        request.stream.sock.recv(1)

    words = {"weight": 100, "tunnel_drain": "50ms", "response_timeout": 3000}
    with Origin(handler) as origin, Proxy(legacy=origin.url, new=origin.url, **words) as proxy:
        with Client(proxy) as client:
            call = client.stream("unary_stream", "Tail")(b"", timeout=PATIENCE)
            assert next(call) == b"hi"
            proxy.set(weight=0)
            ends_unavailable(call, "another system")


def test_system_that_is_gone_is_unavailable(proxy, client):
    proxy.set(new="http://127.0.0.1:1", weight=100)
    with pytest.raises(grpc.RpcError) as failed:
        client.unary()
    assert failed.value.code() == grpc.StatusCode.UNAVAILABLE
    proxy.set(fallback="connect_error")
    assert client.unary()[0] == b"legacy:hi"


def test_drain_lets_open_calls_end(servers):
    legacy, new = servers
    proxy = Proxy(legacy=legacy.url, new=new.url, h2="legacy,new", weight=100)
    go_on = threading.Event()

    def ask():
        yield b"one"
        assert go_on.wait(PATIENCE)
        yield b"two"

    with Client(proxy) as client:
        call = client.stream("stream_stream", "Both")(ask(), timeout=PATIENCE)
        assert next(call) == b"new:one"
        proxy.say("drain=20s")
        go_on.set()
        assert list(call) == [b"new:two"]
        assert proxy.expect("drained") == "0"
    wait_for(lambda: proxy.process.poll() is not None, "the end")
    assert proxy.process.returncode == 0


FAILURES = ["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"]
ANSWERS = ["OK", "CANCELLED", "NOT_FOUND", "RESOURCE_EXHAUSTED", "PERMISSION_DENIED", "ABORTED"]
FIVE_ERRORS = "5/60000/300000/2/0/0/0/0/0/0/0/0"


def status_of(call):
    try:
        call()
    except grpc.RpcError as e:
        return e.code().name
    return "OK"


@pytest.mark.parametrize("method", ["End", "Break"])
def test_failed_call_is_an_error_and_an_answer_of_the_application_is_none(proxy, client, method):
    kind = "unary_unary" if method == "End" else "unary_stream"
    call = client.stream(kind, method)
    for status in FAILURES + ANSWERS:
        assert status_of(lambda s=status: list(call(s.encode(), timeout=PATIENCE))) == status
    stats = proxy.stats()
    assert (stats["new"]["requests"], stats["new"]["errors"]) == (12, 6)
    assert stats["new"]["answered"] == 12 and stats["legacy"]["requests"] == 0


@pytest.mark.parametrize("method", ["End", "Break"])
def test_fifth_failed_call_opens_the_breaker(proxy, client, method):
    call = client.stream("unary_stream", method)
    proxy.set(breaker=FIVE_ERRORS)
    for i in range(30):
        assert status_of(lambda i=i: list(call(ANSWERS[i % 6].encode(), timeout=PATIENCE))) == ANSWERS[i % 6]
    for _ in range(4):
        assert status_of(lambda: list(call(b"INTERNAL", timeout=PATIENCE))) == "INTERNAL"
    assert list(call(b"OK", timeout=PATIENCE)) == [b"new"]
    assert status_of(lambda: list(call(b"INTERNAL", timeout=PATIENCE))) == "INTERNAL"
    assert list(call(b"OK", timeout=PATIENCE)) == [b"legacy"]
    assert proxy.stats()["breaker"] == "open"


def test_probe_that_streams_is_a_good_one_with_its_first_message():
    server = Server("new")
    words = {"h2": "legacy,new", "weight": 100, "fallback": "none", "breaker": FIVE_ERRORS}
    with Proxy(legacy=server.url, new=server.url, **words) as proxy, Client(proxy) as client:
        for number, order in enumerate([1, 3], 2):
            proxy.set(breaker=f"{FIVE_ERRORS[:-3]}{order}/{number}")
        assert proxy.stats()["breaker"] == "half_open"
        call = client.stream("unary_stream", "Tail")(b"x", timeout=PATIENCE)
        assert next(call) == b"new:x"
        wait_for(lambda: proxy.stats()["breaker"] == "closed", "the probe's success")
        assert proxy.stats()["new"]["answered"] == 0, "it goes on"
        call.cancel()
    server.stop()


def test_call_that_failed_without_a_message_is_rescued_as_a_503_is(proxy, client):
    """The route has to list POST; a call whose messages have begun is too late for it."""
    assert status_of(lambda: client.unary("End", b"UNAVAILABLE")) == "UNAVAILABLE"
    proxy.set(fallback="5xx", methods="GET")
    assert status_of(lambda: client.unary("End", b"UNAVAILABLE")) == "UNAVAILABLE"
    proxy.set(methods="GET,POST")
    with pytest.raises(grpc.RpcError) as failed:
        client.unary("End", b"UNAVAILABLE")
    assert failed.value.details() == "legacy"
    stats = proxy.stats()
    assert (stats["new"]["errors"], stats["new"]["fallbacks"], stats["legacy"]["errors"]) == (3, 1, 1)
    with pytest.raises(grpc.RpcError) as failed:
        client.unary("End", b"NOT_FOUND")
    assert failed.value.details() == "new"
    down = client.stream("unary_stream", "Break")(b"UNAVAILABLE", timeout=PATIENCE)
    assert next(down) == b"new" and down.details() == "new"
    assert proxy.stats()["legacy"]["requests"] == 1


def test_method_that_new_lacks_is_answered_by_legacy(servers):
    """What a migration has to notice, and can do without hurting anybody."""
    legacy, _ = servers
    bare = grpc.server(futures.ThreadPoolExecutor(1))
    port = bare.add_insecure_port("127.0.0.1:0")
    bare.start()
    words = {"h2": "legacy,new", "weight": 100, "fallback": "5xx", "methods": "POST"}
    with Proxy(legacy=legacy.url, new=f"http://127.0.0.1:{port}", **words) as proxy:
        with Client(proxy) as client:
            assert client.unary()[0] == b"legacy:hi"
        assert proxy.stats()["new"]["errors"] == 1
    bare.stop(None)


def test_copy_of_a_call_that_fails_is_a_failed_copy(proxy, client):
    proxy.set(weight=0, mirror="10000", mirror_methods="POST")
    assert client.unary("End", b"OK")[0] == b"legacy"
    for status in ("INTERNAL", "NOT_FOUND"):
        assert status_of(lambda s=status: client.unary("End", s.encode())) == status
    wait_for(lambda: proxy.stats()["mirror"]["sent"] == 3, "copies")
    mirror = proxy.stats()["mirror"]
    assert (mirror["answered_2xx"], mirror["errors"], mirror["failed"]) == (2, 1, 0)


def test_statuses_of_calls_are_compared(proxy, client):
    proxy.set(weight=0, compare="10000", mirror_methods="POST")
    for status in "NOT_FOUND", "NOT_FOUND,UNAVAILABLE", "OK,INTERNAL":
        assert status_of(lambda s=status: client.unary("End", s.encode())) == status.split(",", maxsplit=1)[0]
    wait_for(lambda: proxy.stats()["compare"]["compared"] == 3, "the comparison")
    stats = proxy.stats()
    assert (stats["compare"]["equal"], stats["compare"]["critical"]) == (1, 2)
    call = f"POST /{SERVICE}/End"
    assert sorted(stats["discrepancies"]) == [
        [True, call, "grpc-status", "NOT_FOUND", "UNAVAILABLE"],
        [True, call, "grpc-status", "OK", "INTERNAL"],
    ]


def test_call_without_a_status_is_a_failure():
    with H2Origin() as origin, Proxy(legacy=origin.url, h2="legacy") as proxy, H2Client(proxy) as client:
        origin.fields = [("content-type", "application/grpc")]
        for trailers in [], [("grpc-status", "ok")], [("grpc-status", "17")]:
            origin.trailers = trailers
            assert client.ask(method="POST").status == 200
        assert client.ask(method="GET").status == 200, "which is no call"
        origin.trailers = [("grpc-status", "0")]
        assert client.ask(method="POST").trailers == {"grpc-status": "0"}
        origin.fields = [("content-type", "application/grpc-web")]
        origin.trailers = []
        assert client.ask(method="POST").status == 200
        stats = proxy.stats()["legacy"]
        assert (stats["requests"], stats["errors"]) == (6, 3)


def test_status_of_a_call_with_a_length():
    """Some servers announce it; the status behind it is what the client waits for."""
    with H2Origin() as origin, Proxy(legacy=origin.url, h2="legacy") as proxy, H2Client(proxy) as client:
        origin.fields = [("content-length", "0"), ("content-type", "application/grpc+proto")]
        origin.trailers = [("grpc-status", "0")]
        assert client.ask(method="POST").trailers == {"grpc-status": "0"}
        stats = proxy.stats()["legacy"]
        assert (stats["requests"], stats["errors"]) == (1, 0)


def test_client_that_cannot_take_trailers_makes_no_system_look_ill():
    with H2Origin() as origin, Proxy(legacy=origin.url, h2="legacy") as proxy:
        origin.fields = [("content-type", "application/grpc")]
        origin.trailers = [("grpc-status", "0")]
        with HttpClient(proxy) as client:
            client.send("POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
            assert client.answer().body == b"hi"
        stats = proxy.stats()["legacy"]
        assert (stats["requests"], stats["errors"]) == (1, 0)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def test_calls_over_tls_on_both_sides(tmp_path):
    """ALPN on the door and towards the system; neither is spoken to without."""
    pki = Pki(tmp_path)
    pki.make("here", "IP:127.0.0.1")
    pair = read(pki.path("here.key")), read(pki.path("here.crt"))
    server = Server("new", grpc.ssl_server_credentials([pair]))
    words = {"tls": "127.0.0.1:0", "tls_alpn": "h2,http/1.1", "tls_cert": pki.path("here.crt"),
             "tls_key": pki.path("here.key"), "h2": "legacy", "legacy": server.url}  # fmt: skip
    with Proxy(**words, known=pki.ca) as proxy:
        with Client(proxy, grpc.ssl_channel_credentials(read(pki.ca))) as client:
            assert client.unary(body=b"x" * 100000)[0] == b"new:" + b"x" * 100000
            down = client.stream("unary_stream", "Down")(b"300", timeout=PATIENCE)
            assert list(down) == [b"new%d" % i for i in range(300)]
            with pytest.raises(grpc.RpcError) as failed:
                client.unary("Fail")
            assert failed.value.code() == grpc.StatusCode.NOT_FOUND
    server.stop()
