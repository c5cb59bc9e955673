# SPDX-License-Identifier: Apache-2.0
"""An origin that keeps every byte it is sent, and a client that keeps every byte it gets.

Who sent a request is told by the address it came from, which the proxy puts last into
X-Forwarded-For: every form has a loopback address of its own."""

import asyncio
import contextlib
import re
from collections import defaultdict, namedtuple

VISIBLE = rb"[\x21-\x7e\x80-\xff]"
TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# What we write: one space where one belongs, values without blanks around them.
VALUE = rb"(?:" + VISIBLE + rb"(?:[\t\x20-\x7e\x80-\xff]*" + VISIBLE + rb")?)?"
HEAD = re.compile(
    TOKEN + rb" [\x21-\x7e]+ HTTP/1\.1\r\n(?:" + TOKEN + rb": " + VALUE + rb"\r\n)*\r\n"
)
TAIL = re.compile(rb"0\r\n(?:" + TOKEN + rb": " + VALUE + rb"\r\n)*\r\n")
CHUNK = re.compile(rb"([0-9a-fA-F]+)(?:;[^\r\n]*)?\r\n")
ONE_HOP = b"connection keep-alive proxy-connection te trailer upgrade expect".split()

# `sent`: the body with its framing; `trailers`: the lines behind it.
Request = namedtuple("Request", "head fields body sent trailers")


class Broken(Exception):
    """Bytes that are no request."""


def fields_of(head):
    lines = head.split(b"\r\n")[1:-2]
    return [(n.lower(), v.strip(b" \t")) for n, _, v in (line.partition(b":") for line in lines)]


def values_of(fields, name):
    return [value for n, value in fields if n == name]


def cut_trailers(data, at):
    end = data.find(b"\r\n", at)
    while end > at:
        at, end = end + 2, data.find(b"\r\n", end + 2)
    return at + 2 if end == at else None


def cut_chunks(data, at):
    """(payload, where it ends, trailer lines); None when more has to come."""
    body = b""
    while True:
        mark = CHUNK.match(data, at)
        if not mark:
            if len(data) - at > 20 or b"\n" in data[at:]:
                raise Broken("a chunk size")
            return None
        size, at = int(mark[1], 16), mark.end()
        if size == 0:
            end = cut_trailers(data, at)
            return end and (body, end, data[at : end - 2])
        if len(data) < at + size + 2:
            return None
        if data[at + size : at + size + 2] != b"\r\n":
            raise Broken("the end of a chunk")
        body += data[at : at + size]
        at += size + 2


def cut_body(data, at, fields):
    """The same, in any framing that is plain to everybody."""
    codings, lengths = values_of(fields, b"transfer-encoding"), values_of(fields, b"content-length")
    if codings:
        if [coding.lower() for coding in codings] != [b"chunked"] or lengths:
            raise Broken("framing")
        return cut_chunks(data, at)
    if not lengths:
        return b"", at, b""
    if len(lengths) > 1 or not re.fullmatch(rb"[0-9]+", lengths[0]):
        raise Broken("Content-Length")
    end = at + int(lengths[0])
    return (data[at:end], end, b"") if len(data) >= end else None


def cut_request(data):
    """(request, bytes used), or None when it is not complete."""
    at = data.find(b"\r\n\r\n") + 4
    if at == 3:
        return None
    fields = fields_of(data[:at])
    cut = cut_body(data, at, fields)
    return cut and (Request(data[:at], fields, cut[0], data[at : cut[1]], cut[2]), cut[1])


def is_plainly_chunked(sent):
    """No extensions, small letters, no zeros in front, trailers in our spelling."""
    at = 0
    while mark := re.compile(rb"([1-9a-f][0-9a-f]*)\r\n").match(sent, at):
        at = mark.end() + int(mark[1], 16) + 2
    return bool(TAIL.fullmatch(sent, at))


def faults_of(request, has=()):
    """What is wrong with a request that a strict proxy has written; it may have the lines `has`."""
    expected = [line.split(b":")[0].lower() for line in has]
    fields = request.fields
    if not HEAD.fullmatch(request.head):
        yield "the head is not what a serialiser writes"
    if request.sent != request.body and not is_plainly_chunked(request.sent):
        yield "the chunks are not what a serialiser writes"
    if values_of(fields, b"transfer-encoding") not in ([], [b"chunked"]):
        yield "Transfer-Encoding is not spelled as we spell it"
    if len(values_of(fields, b"host")) != 1:
        yield "not exactly one Host"
    for name in ONE_HOP:
        if values_of(fields, name) and name not in expected:
            yield f"a field for one hop went on: {name.decode()}"


def whole(wire):
    return [wire]


def in_pieces(wire):
    """Cut in its middle and before its last byte."""
    cuts = sorted({0, len(wire) // 2, len(wire) - 1, len(wire)})
    return [wire[a:b] for a, b in zip(cuts, cuts[1:])]


def send_pieces(transport, pieces, at_end, at=0):
    """A moment apart, so that most are read by themselves; nothing depends on it."""
    if transport.is_closing():
        return
    transport.write(pieces[at])
    if at + 1 == len(pieces):
        at_end()
        return
    loop = asyncio.get_running_loop()
    loop.call_later(0.002, send_pieces, transport, pieces, at_end, at + 1)


class Origin:
    """Requests by the address of their client, in `seen`; what is nobody's, in `strays`. Answers
    are sent as `cut` cuts them."""

    def __init__(self, answers, cut=whole):
        self.answers = answers
        self.cut = cut
        self.seen = defaultdict(list)
        self.strays = []
        self.server = None

    async def start(self):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Served(self), "127.0.0.1", 0, backlog=512)
        return self.server.sockets[0].getsockname()[1]

    def record(self, request, last):
        """Returns the client's address."""
        forwarded = values_of(request.fields, b"x-forwarded-for")
        client = forwarded[-1].split(b",")[-1].strip().decode("latin-1") if forwarded else None
        if client is None:
            self.strays.append((last, request.head))
        self.seen[client or last].append(request)
        return client or last


class Served(asyncio.Protocol):
    def __init__(self, origin):
        self.origin = origin
        self.data = b""
        self.last = None
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.data += data
        try:
            while cut := cut_request(self.data):
                self.data = self.data[cut[1] :]
                self.last = self.origin.record(cut[0], self.last)
                self.answer(cut[0])
        except Broken as broken:
            self.origin.strays.append((self.last, f"{broken}: ".encode() + self.data[:300]))
            self.data = b""
            self.transport.abort()

    def answer(self, request):
        target = request.head.split(b" ")[1]
        if not target.startswith(b"/answer/"):
            name = target.split(b"/")[-1].split(b"?")[0][:20]
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(name) + name
            )
            return
        answer = self.origin.answers[int(target[8:])]
        at_end = self.transport.close if answer.closes else lambda: None
        send_pieces(self.transport, self.origin.cut(answer.wire), at_end)


class Client(asyncio.Protocol):
    """Sends all it has, piece by piece, and waits for the end."""

    def __init__(self, pieces, half_closes):
        self.pieces = pieces
        self.half_closes = half_closes
        self.got = b""
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        def at_end():
            if self.half_closes:
                with contextlib.suppress(OSError):  # it was refused and closed long ago
                    transport.write_eof()

        send_pieces(transport, self.pieces, at_end)

    def data_received(self, data):
        self.got += data

    def connection_lost(self, exc):
        if not self.ended.done():
            self.ended.set_result(None)


def address_of(index):
    return f"127.1.{index // 250}.{index % 250 + 1}"


async def converse(proxy, index, pieces, patience):
    """What came back, and whether the connection was closed in time."""
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_connection(
        lambda: Client(pieces, proxy.half_closes),
        "127.0.0.1",
        proxy.port,
        local_addr=(address_of(index), 0),
    )
    try:
        await asyncio.wait_for(client.ended, patience)
        return client.got, True
    except asyncio.TimeoutError:
        return client.got, False
    finally:
        transport.abort()


Reply = namedtuple("Reply", "status fields body trailers")


def cut_replies(data, methods):
    """The answers to requests with these methods, and whether the last is whole."""
    out = []
    methods = list(methods)
    while data and methods:
        end = data.find(b"\r\n\r\n") + 4
        if end == 3 or not re.match(rb"HTTP/1\.[01] [1-9][0-9]{2}[ \r]", data):
            return out, False
        status, fields = int(data[9:12]), fields_of(data[:end])
        if status < 200:
            out.append(Reply(status, fields, b"", b""))
            data = data[end:]
            continue
        method = methods.pop(0)
        bodiless = method == "HEAD" or status in (204, 304)
        framed = values_of(fields, b"transfer-encoding") or values_of(fields, b"content-length")
        try:
            cut = (
                (b"", end, b"")
                if bodiless
                else cut_body(data, end, fields)
                if framed
                else (data[end:], len(data), b"")
            )
        except Broken:
            cut = None
        out.append(Reply(status, fields, cut[0] if cut else None, cut[2] if cut else b""))
        if not cut:
            return out, False
        data = data[cut[1] :]
    return out, not data
