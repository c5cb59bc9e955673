# SPDX-License-Identifier: Apache-2.0
"""Peers that abuse HTTP/2: floods, windows that never open, sections that are malformed or huge.

The frames are made by hand where python3-h2 would not send them.
"""

import struct
import time

import pytest
from h2.errors import ErrorCodes
from h2_fixture import H2Client, H2Origin
from hpack import Encoder
from proxy_fixture import Origin, Proxy, reply, says, wait_for

DATA, HEADERS, PRIORITY, RST, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = (
    0, 1, 2, 3, 4, 6, 7, 8, 9)  # fmt: skip
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def head(*extra, path="/", method="GET"):
    fields = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "app")]
    return Encoder().encode(fields + list(extra))


@pytest.fixture(name="proxy", scope="module")
def start_proxy():
    with says("ok") as origin, Proxy(legacy=origin.url) as proxy:
        yield proxy


def still_serves(proxy):
    with H2Client(proxy) as client:
        assert client.ask().body == b"ok"


def frames(client):
    """What comes, as (kind, stream, payload), for streams that python3-h2 does not know of."""
    rest = b""
    while True:
        try:
            data = client.sock.recv(65536)
        except ConnectionError:
            return
        if not data:
            return
        rest += data
        while len(rest) >= 9 and len(rest) >= 9 + (size := int.from_bytes(rest[:3], "big")):
            yield rest[3], int.from_bytes(rest[5:9], "big"), rest[9 : 9 + size]
            rest = rest[9 + size :]


def last_words(client):
    """The error code of the GOAWAY before the end, or None when a reset took it away."""
    code = None
    for kind, _, payload in frames(client):
        if kind == GOAWAY:
            code = int.from_bytes(payload[4:8], "big")
    return code


def send_all(client, data):
    """As far as the proxy takes it: it may have closed."""
    try:
        client.raw(data)
    except OSError:
        pass


FLOODS = {
    "ping": frame(PING, 0, 0, b"8 bytes!"),
    "ping-ack": frame(PING, 1, 0, b"8 bytes!"),
    "settings": frame(SETTINGS, 0, 0),
    "priority": frame(PRIORITY, 0, 1, struct.pack(">IB", 0, 15)),
    "window-update": frame(WINDOW, 0, 0, struct.pack(">I", 1)),
}


@pytest.mark.parametrize("name", FLOODS)
def test_flood_of_frames_without_a_message(proxy, name):
    with H2Client(proxy) as client:
        send_all(client, FLOODS[name] * 20000)
        assert client.until_closed() in (ErrorCodes.ENHANCE_YOUR_CALM, None)
    still_serves(proxy)


def test_flood_is_told_why(proxy):
    """A little over the budget, so that the answer is not lost to a reset."""
    with H2Client(proxy) as client:
        client.raw(FLOODS["priority"] * 1100)
        assert client.until_closed() == ErrorCodes.ENHANCE_YOUR_CALM


def update(stream, size):
    return frame(WINDOW, 0, stream, struct.pack(">I", size))


def payload_of(client, size):
    """Each DATA frame, as (stream, how much), until so much is here."""
    for kind, stream, payload in frames(client):
        assert kind not in (RST, GOAWAY), payload
        if kind == DATA:
            size -= len(payload)
            yield stream, len(payload)
            if size == 0:
                return
    raise AssertionError("the connection ended")


def test_giving_back_each_piece_is_no_flood():
    """As Go's clients do: their users read 4 KiB at a time, and each is said of stream and connection."""
    size = 8 << 20
    with says("x" * size) as origin, Proxy(legacy=origin.url) as proxy:
        with H2Client(proxy, window=1 << 22) as client:
            client.raw(update(0, 1 << 29))
            client.raw(frame(HEADERS, END_HEADERS | END_STREAM, 1, head()))
            owed = 0
            for _, n in payload_of(client, size):
                owed += n
                client.raw((update(0, 4096) + update(1, 4096)) * (owed // 4096))
                owed %= 4096


def test_giving_back_late_is_no_flood():
    """Ten answers are here whole when their user begins to read them."""
    size = 4000000
    with says("x" * size) as origin, Proxy(legacy=origin.url) as proxy:
        with H2Client(proxy, window=1 << 22) as client:
            client.raw(update(0, 1 << 29))
            for i in range(10):
                client.raw(frame(HEADERS, END_HEADERS | END_STREAM, 1 + 2 * i, head()))
            got = list(payload_of(client, 10 * size))
            client.raw(b"".join(update(0, n) for _, n in got if n > 0))
            client.raw(frame(HEADERS, END_HEADERS | END_STREAM, 21, head(method="HEAD")))
            assert next(kind for kind, stream, _ in frames(client) if stream == 21) == HEADERS


def test_flood_of_empty_data(proxy):
    with H2Client(proxy) as client:
        client.begin(method="POST", end=False)
        client.raw(frame(DATA, 0, 1) * 1100)
        assert client.until_closed() == ErrorCodes.ENHANCE_YOUR_CALM
    still_serves(proxy)


def rapid_reset(stream):
    reset = frame(RST, 0, stream, struct.pack(">I", ErrorCodes.CANCEL))
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, head()) + reset


def test_rapid_reset(proxy):
    """CVE-2023-44487."""
    with H2Client(proxy) as client:
        send_all(client, b"".join(rapid_reset(1 + 2 * i) for i in range(5000)))
        assert client.until_closed() in (ErrorCodes.ENHANCE_YOUR_CALM, None)
    assert proxy.stats()["legacy"]["requests"] < 2000
    still_serves(proxy)


def test_resets_that_the_peer_provokes(proxy):
    """CVE-2025-8671: it makes us reset its streams, which then count no more among the open."""
    bad = head(("connection", "close"))
    with H2Client(proxy) as client:
        sent = [frame(HEADERS, END_HEADERS | END_STREAM, 1 + 2 * i, bad) for i in range(5000)]
        send_all(client, b"".join(sent))
        assert last_words(client) in (ErrorCodes.ENHANCE_YOUR_CALM, None)
    still_serves(proxy)


def test_canceling_now_and_then_is_fine(proxy):
    with H2Client(proxy) as client:
        for i in range(200):
            client.raw(rapid_reset(1 + 2 * i))
        client.h2.highest_outbound_stream_id = 2 * 200 + 1
        assert client.ask().body == b"ok"


def test_flood_of_continuations(proxy):
    with H2Client(proxy) as client:
        client.raw(frame(HEADERS, END_STREAM, 1, head()))
        send_all(client, frame(CONTINUATION, 0, 1, b"") * 20000)
        assert client.until_closed() in (ErrorCodes.ENHANCE_YOUR_CALM, None)
    still_serves(proxy)


def test_bomb_of_compressed_fields(proxy):
    """One field of 4 KB in the table, named 4000 times: 16 MB from 8 KB."""
    encoder = Encoder()
    block = encoder.encode([(":method", "GET"), (":scheme", "http"), (":path", "/"),
                            (":authority", "app"), ("x-bomb", "a" * 4000)])  # fmt: skip
    block += encoder.encode([("x-bomb", "a" * 4000)]) * 4000
    before = proxy.rss_kib()
    with H2Client(proxy) as client:
        client.raw(frame(HEADERS, END_HEADERS | END_STREAM, 1, block))
        assert any(kind in (HEADERS, RST, GOAWAY) for kind, _, _ in frames(client))
    assert proxy.rss_kib() - before < 8192
    still_serves(proxy)


@pytest.mark.parametrize(
    "field",
    [
        ("connection", "x"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("Upper", "1"),
        ("a b", "1"),
        ("x", "a\r\nEvil: 1"),
        ("x", "a\0b"),
        (":path", "/again"),
        (":new", "1"),
        ("host", "other"),
    ],
    ids=lambda f: repr(f[0]),
)
def test_malformed_requests_are_reset_alone(proxy, field):
    with H2Client(proxy) as client:
        client.raw(frame(HEADERS, END_HEADERS | END_STREAM, 1, head(field)))
        client.raw(frame(HEADERS, END_HEADERS | END_STREAM, 3, head()))
        reset = answered = False
        for kind, stream, _ in frames(client):
            assert kind != GOAWAY and (kind, stream) != (HEADERS, 1)
            reset |= (kind, stream) == (RST, 1)
            answered |= (kind, stream) == (DATA, 3)
            if reset and answered:
                return
        raise AssertionError("the connection ended")


TOO_MUCH = {
    "count": [("x", "")] * 129,
    "bytes": [("x", "a" * 9000)],
    "more than a head may have": [("x", "a" * 40000)],
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_trailers_past_what_http1_takes_are_reset_alone(name):
    """They would be read as HTTP/1.1's, which has limits, or be lost on the way without a word."""
    with H2Origin() as origin, Proxy(legacy=origin.url, h2="legacy") as proxy:
        with H2Client(proxy) as client:
            stream = client.begin(method="POST", end=False)
            client.h2.send_data(stream, b"body")
            client.h2.send_headers(stream, TOO_MUCH[name], end_stream=True)
            client.flush()
            assert client.answer(stream).reset == ErrorCodes.PROTOCOL_ERROR
            assert not any(r.trailers for r in origin.requests)
            origin.trailers = TOO_MUCH[name]
            answer = client.ask()
            assert answer.reset == ErrorCodes.INTERNAL_ERROR and answer.trailers is None
            origin.trailers = [("x-sum", "1")]
            assert client.ask().trailers == {"x-sum": "1"}


def test_paths_that_would_split_a_request(proxy):
    for path in "/a b", "/ HTTP/1.1\r\nEvil: 1\r\n", "", "/\0":
        with H2Client(proxy) as client:
            client.raw(frame(HEADERS, END_HEADERS | END_STREAM, 1, head(path=path)))
            first = next(f for f in frames(client) if f[1] == 1)
            assert first[0] == RST, path


def test_length_that_data_contradicts(proxy):
    with H2Client(proxy) as client:
        stream = client.begin(method="POST", fields=[("content-length", "5")], end=False)
        client.h2.send_data(stream, b"four", end_stream=True)
        client.flush()
        assert client.answer(stream).reset == ErrorCodes.PROTOCOL_ERROR
        assert client.ask().body == b"ok"


def test_window_past_its_maximum(proxy):
    with H2Client(proxy) as client:
        client.raw(frame(WINDOW, 0, 0, struct.pack(">I", 0x7FFFFFFF)) * 2)
        assert client.until_closed() == ErrorCodes.FLOW_CONTROL_ERROR


def test_streams_past_the_limit_end_the_connection():
    """A client that has acknowledged the limit knows it."""
    with H2Origin() as origin, Proxy(legacy=origin.url, h2="legacy") as proxy:
        with H2Client(proxy) as client:
            while client.h2.remote_settings.max_concurrent_streams > 100:
                client.turn()
            for i in range(101):
                client.raw(frame(HEADERS, END_HEADERS | END_STREAM, 1 + 2 * i, head(path="/hang")))
            assert last_words(client) == ErrorCodes.PROTOCOL_ERROR
        wait_for(lambda: proxy.stats()["clients"] == 0, "the end of all")


def test_client_that_never_reads_is_bounded_in_memory_and_time():
    """Twenty streams of 4 MB each, whose windows stay shut, on a connection that is not read."""
    with H2Origin() as origin:
        with Proxy(legacy=origin.url, h2="legacy", body_timeout="2s") as proxy:
            before = proxy.rss_kib()
            with H2Client(proxy, window=0) as client:
                for _ in range(20):
                    stream = client.begin(method="POST", end=False)
                    client.h2.send_data(stream, b"x" * 3000, end_stream=True)
                    client.flush()
                wait_for(lambda: len(origin.requests) == 20, "the requests")
                wait_for(lambda: proxy.stats()["clients"] == 1, "the end of their patience")
                assert proxy.rss_kib() - before < 32768


def test_answers_that_nobody_reads_do_not_pile_up():
    """Each request is given up when it is answered, which costs little by itself (rapid reset)."""

    def say(request):
        if request.path == "/first":
            return reply(b"x" * (16 << 20))  # fills the way to the client
        return reply(b"", X_Large="x" * 8000)

    with Origin(say) as origin, Proxy(legacy=origin.url) as proxy:
        with H2Client(proxy, window=1 << 30) as client, pytest.raises(OSError):
            client.raw(update(0, 1 << 30))
            client.raw(frame(HEADERS, END_HEADERS | END_STREAM, 1, head(path="/first")))
            for i in range(900):
                stream = 3 + 2 * i
                client.raw(frame(HEADERS, END_HEADERS | END_STREAM, stream, head()))
                wait_for(lambda i=i: len(origin.requests) >= i + 2, "the request")
                time.sleep(0.003)  # so that it has its answer
                client.raw(frame(RST, 0, stream, struct.pack(">I", ErrorCodes.CANCEL)))
        with H2Client(proxy) as client:
            assert client.ask().status == 200


def test_upload_that_nobody_reads_stops_at_the_window():
    with says("ok") as origin:
        origin.early = True
        with Proxy(legacy=origin.url, body_timeout="20s") as proxy, H2Client(proxy) as client:
            stream = client.begin(method="POST", end=False)
            sent = 0
            while (window := client.h2.local_flow_control_window(stream)) > 0 and sent < 1 << 24:
                client.h2.send_data(stream, b"x" * min(window, 16384))
                sent += min(window, 16384)
                client.flush()
            assert sent < 1 << 24


def test_goaway_of_the_client_in_the_middle():
    with H2Origin() as origin, Proxy(legacy=origin.url, h2="legacy") as proxy:
        with H2Client(proxy) as client:
            stream = client.begin(method="POST", end=False)
            client.raw(frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0)))
            client.raw(frame(DATA, END_STREAM, stream, b"late"))
            assert client.answer(stream).body == b"late"


def test_answer_that_is_taken_slowly_is_not_idle():
    """The proxy has all of it, and nobody but the client to wait for."""
    with says("x" * 15000) as origin, Proxy(legacy=origin.url, idle_timeout="1s") as proxy:
        with H2Client(proxy, window=1000) as client:
            client.reads = False
            stream = client.begin()
            answer = client.answers[stream]
            for piece in range(14):
                while len(answer.body) < 1000 * (piece + 1):
                    assert client.turn()
                time.sleep(0.15)
                client.h2.increment_flow_control_window(1000, stream)
                client.flush()
            assert client.answer(stream).ended and client.goaway is None


def test_rest_of_an_answer_is_not_taken_a_byte_at_a_time():
    with says("x" * 15000) as origin, Proxy(legacy=origin.url, idle_timeout="1s", min_rate=1000) as proxy:
        with H2Client(proxy, window=0) as client:
            client.raw(frame(HEADERS, END_HEADERS | END_STREAM, 1, head()))
            client.raw(update(1, 1))
            for kind, _, _ in frames(client):
                if kind == GOAWAY:
                    return
                if kind == DATA:
                    time.sleep(0.02)
                    client.raw(update(1, 1))
            raise AssertionError("no goodbye")


def test_connection_that_is_idle_hears_goodbye():
    with says("ok") as origin, Proxy(legacy=origin.url, idle_timeout="500ms") as proxy:
        with H2Client(proxy) as client:
            assert client.ask().body == b"ok"
            assert client.until_closed() == ErrorCodes.NO_ERROR
