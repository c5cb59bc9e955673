# SPDX-License-Identifier: Apache-2.0
"""What is for one hop, what old versions may, and limits."""

from form import CHUNKED, EVIL, Form, GET, HELLO, HOST, LENGTH, POST, one, refused, spell
from framing import chunks

# ---- what is for one hop -------------------------------------------------------------------------


def hops():
    kept = {
        b"Host": b"app",
        b"X-Forwarded-Proto": b"https",
        b"X-Forwarded-Host": b"front",
        b"Forwarded": b"for=10.0.0.1",
        b"Via": b"1.1 front",
        b"Authorization": b"Bearer x",
        b"Cookie": b"a=b",
        b"Cache-Control": b"no-store",
        b"traceparent": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    for field, value in kept.items():
        lines = b"" if field == b"Host" else field + b": " + value + b"\r\n"
        for name, listed in (
            ("", field),
            ("-lower", field.lower()),
            ("-list", b"x, " + field + b" ,close"),
        ):
            expect = "last" if b"close" in listed else "one"
            wire = GET + HOST + lines + b"Connection: " + listed + b"\r\n\r\n"
            why = "9110 7.6.1: such a field is for all recipients"
            has = (field + b": " + value,)
            yield Form(f"hop/kept-{spell(field)}{name}", wire, expect, b"", why, has)
    for field in (b"X-A", b"x-a", b"X-a"):
        wire = GET + HOST + b"X-A: 1\r\nX-A: 2\r\nX-B: 3\r\nConnection: " + field + b"\r\n\r\n"
        yield one(
            f"hop/named-{field.decode()}", wire, "9110 7.6.1", has=(b"X-B: 3",), lacks=(b"x-a",)
        )
    for field in (b"Content-Length", b"content-length"):
        wire = POST + HOST + LENGTH + b"Connection: " + field + b"\r\n\r\nhello"
        yield one(f"hop/length-{spell(field)}", wire, "9110 7.6.1: framing is ours", b"hello")
    for field in (b"Transfer-Encoding", b"transfer-encoding"):
        wire = POST + HOST + CHUNKED + b"Connection: " + field + b"\r\n\r\n" + HELLO
        yield one(f"hop/coding-{spell(field)}", wire, "9110 7.6.1: framing is ours", b"hello")
    for field in (
        b"Keep-Alive: timeout=5",
        b"Proxy-Connection: keep-alive",
        b"TE: gzip",
        b"Trailer: X",
    ):
        name = field.split(b":")[0]
        wire = GET + HOST + field + b"\r\n\r\n"
        yield one(f"hop/dropped-{spell(name)}", wire, "9110 7.6.1", lacks=(name.lower(),))
    for value in (b"trailers", b"Trailers", b"gzip;q=0.5, trailers", b"deflate\r\nTE: trailers"):
        wire = GET + HOST + b"TE: " + value + b"\r\n\r\n"
        has = (b"TE: trailers", b"Connection: TE")
        yield one(f"hop/te-{spell(value)}", wire, "9110 10.1.4: of this we know more", has=has)
    for value in (b"trailers;q=1", b"no-trailers", b"gzip", b"", b"trailers x", b'"trailers"'):
        wire = GET + HOST + b"TE: " + value + b"\r\n\r\n"
        yield one(f"hop/te-not-{spell(value)}", wire, "9110 10.1.4", lacks=(b"te", b"connection"))
    for value in (
        b"close",
        b"Close",
        b"CLOSE",
        b"keep-alive, close",
        b"close, x",
        b",close,",
        b"x\r\nConnection: close",
    ):
        wire = GET + HOST + b"Connection: " + value + b"\r\n\r\n"
        why = "9112 9.6: the last request of the connection"
        yield Form(f"hop/close-{spell(value)}", wire, "last", b"", why, lacks=(b"connection",))
    for value in (
        b"a b",
        b'"close"',
        b"close;q=1",
        b"close/x",
        b"(close)",
        b"a=b",
        b"close\xff",
        b"@",
    ):
        wire = GET + HOST + b"Connection: " + value + b"\r\n\r\n" + EVIL
        yield refused(f"hop/list-{spell(value)}", wire, "9110 7.6.1: a list of tokens")
    many = b"Connection: " + b",".join(b"x%d" % i for i in range(40)) + b"\r\n"
    yield refused("hop/too-many", GET + HOST + many + b"\r\n", "9110 7.6.1: a limit")


def expectations():
    for value in (b"100-continue", b"100-Continue", b"100-CONTINUE "):
        wire = POST + HOST + LENGTH + b"Expect: " + value + b"\r\n\r\nhello"
        yield one(f"expect/{spell(value)}", wire, "9110 10.1.1", b"hello", lacks=(b"expect",))
        wire = GET + HOST + b"Expect: " + value + b"\r\n\r\n"
        yield one(f"expect/no-body-{spell(value)}", wire, "9110 10.1.1", lacks=(b"expect",))
    for value in (
        b"100-continu",
        b"100",
        b"200-ok",
        b"100-continue, x",
        b"x, 100-continue",
        b"100-continue;a",
        b"",
    ):
        wire = POST + HOST + LENGTH + b"Expect: " + value + b"\r\n\r\nhello" + EVIL
        yield refused(f"expect/{spell(value)}-x", wire, "9110 10.1.1: 417")
    wire = POST + HOST + CHUNKED + b"Expect: 100-continue\r\n\r\n" + HELLO
    yield one("expect/chunked", wire, "9110 10.1.1", b"hello", lacks=(b"expect",))


def upgrades():
    for value in (b"h2c", b"TLS/1.0", b"HTTP/2.0", b"h2c, x"):
        for option in (b"", b"Connection: Upgrade\r\n", b"Connection: Upgrade, HTTP2-Settings\r\n"):
            lines = option + b"Upgrade: " + value + b"\r\nHTTP2-Settings: AAMAAABk\r\n"
            lacks = (b"upgrade", b"connection") + (
                (b"http2-settings",) if b"HTTP2" in option else ()
            )
            name = f"upgrade/{spell(value)}-{len(option)}"
            yield one(name, GET + HOST + lines + b"\r\n", "9110 7.8: not for us", lacks=lacks)
    wire = GET + HOST + b"Connection: upgrade\r\nUpgrade: x\r\n\r\n"
    has = (b"Upgrade: x", b"Connection: upgrade")
    yield one("upgrade/asked", wire, "9110 7.8: what both ends may agree on goes on", has=has)
    wire = POST + HOST + LENGTH + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\nhello"
    yield one("upgrade/with-body", wire, "9110 7.8", b"hello", lacks=(b"upgrade", b"connection"))
    wire = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
    why = "9113 3.4, 4.1: from there on it is HTTP/2, and NEXT is no frame"
    yield Form("upgrade/prior-knowledge", wire, "mute", None, why)
    wire = b"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n"
    yield Form("upgrade/prior-knowledge-other", wire, "mute", None, "9113 3.4: no preface")
    for name, line in (
        ("lower", b"pri * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("1.1", b"PRI * HTTP/1.1\r\n\r\nSM\r\n\r\n"),
        ("path", b"PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("blank-before", b"\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("field", b"PRI * HTTP/2.0\r\nHost: app\r\n\r\nSM\r\n\r\n"),
    ):
        yield refused(f"upgrade/prior-knowledge-{name}", line, "9113 3.4: no preface")


# ---- old versions, bodies where none belong, limits ----------------------------------------------


def old_versions():
    old = b"POST /form HTTP/1.0\r\n"
    why = "9112 9.3: an HTTP/1.0 connection ends after its answer"
    yield Form("old/plain", b"GET /form HTTP/1.0\r\n" + HOST + b"\r\n", "last", b"", why)
    yield Form("old/no-host", b"GET /form HTTP/1.0\r\n\r\n", "last", b"", why)
    yield Form("old/length", old + HOST + LENGTH + b"\r\nhello", "last", b"hello", why)
    yield Form(
        "old/expect",
        old + HOST + LENGTH + b"Expect: 100-continue\r\n\r\nhello",
        "last",
        b"hello",
        why,
    )
    keep = b"Connection: keep-alive\r\n"
    yield one("old/keep-alive", b"GET /form HTTP/1.0\r\n" + HOST + keep + b"\r\n", "9112 9.3")
    yield one(
        "old/keep-alive-length", old + HOST + keep + LENGTH + b"\r\nhello", "9112 9.3", b"hello"
    )
    for name, lines in (
        ("chunked", CHUNKED),
        ("chunked-keep", CHUNKED + keep),
        ("both", CHUNKED + LENGTH),
    ):
        wire = old + HOST + lines + b"\r\n" + HELLO + EVIL
        yield refused(f"old/{name}", wire, "9112 6.1: faulty framing")
    yield refused("old/two-hosts", b"GET /form HTTP/1.0\r\n" + HOST + HOST + b"\r\n", "9112 3.2")
    yield refused("old/0.9", b"GET /form\r\n", "9112 2.3")
    yield refused("old/0.9-lf", b"GET /form\n", "9112 2.3")


def bodies():
    for method in (b"GET", b"DELETE", b"OPTIONS", b"PURGE"):
        head = method + b" /form HTTP/1.1\r\n" + HOST
        evil = head + b"Content-Length: %d\r\n\r\n" % len(EVIL) + EVIL
        yield one(f"body/length-{spell(method)}", evil, "9112 6.3: a body is a body", EVIL)
        wire = head + CHUNKED + b"\r\n%x\r\n" % len(EVIL) + EVIL + b"\r\n0\r\n\r\n"
        yield one(f"body/chunked-{spell(method)}", wire, "9112 6.3: a body is a body", EVIL)
    yield one("body/none", POST + HOST + b"\r\n", "9112 6.3: no framing, no body")
    yield one("body/zero", POST + HOST + b"Content-Length: 0\r\n\r\n", "9112 6.3")
    yield one(
        "body/looks-like-chunks",
        POST + HOST + b"Content-Length: 15\r\n\r\n" + HELLO,
        "9112 6.3",
        HELLO,
    )
    yield one(
        "body/binary",
        POST + HOST + b"Content-Length: 256\r\n\r\n" + bytes(range(256)),
        "9112 6.3",
        bytes(range(256)),
    )
    head = POST + HOST + b"Content-Length: 500\r\n\r\n"
    why = "9112 8: incomplete is not complete"
    yield Form("body/cut", head + b"hello", "mute", None, why)
    yield Form("body/cut-chunk", chunks(b"fff\r\nhello"), "mute", None, why)
    yield Form(
        "body/cut-head", POST + HOST + b"X: ", "refused", None, "9112 8: NEXT is no field line"
    )


def limits():
    many = b"".join(b"X-%d: y\r\n" % i for i in range(100))
    yield one("limit/100-fields", GET + HOST + many + b"\r\n", "9110 5.4", has=(b"X-99: y",))
    many = b"".join(b"X-%d: y\r\n" % i for i in range(200))
    yield refused("limit/200-fields", GET + HOST + many + b"\r\n", "9110 5.4: 431")
    yield refused(
        "limit/large-field", GET + HOST + b"X: " + b"a" * 40_000 + b"\r\n\r\n", "9110 5.4: 431"
    )
    yield refused("limit/large-name", GET + HOST + b"a" * 40_000 + b": x\r\n\r\n", "9110 5.4: 431")
    yield refused("limit/no-end", GET + HOST + b"a" * 40_000, "9110 5.4: 431")


GROUPS = (hops, expectations, upgrades, old_versions, bodies, limits)
