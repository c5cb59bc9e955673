# SPDX-License-Identifier: Apache-2.0
"""Lines, request lines, hosts and targets."""

from form import CONTROLS, EVIL, GET, HIGH, HOST, POST, one, refused, spell

# ---- lines ---------------------------------------------------------------------------------------


def line_ends():
    ends = {"lf": b"\n", "cr": b"\r", "cr-cr-lf": b"\r\r\n", "lf-cr": b"\n\r", "nul-lf": b"\0\n"}
    ends |= {
        "space-lf": b" \n",
        "cr-space-lf": b"\r \n",
        "vt": b"\x0b",
        "ff": b"\x0c",
        "nel": b"\x85",
    }
    for name, end in ends.items():
        for place in range(3):
            lines = [GET[:-2], b"Host: app", b"X: y"]
            wire = b"".join(line + (end if i == place else b"\r\n") for i, line in enumerate(lines))
            where = ("request", "host", "field")[place]
            yield refused(f"line-end/{where}-{name}", wire + b"\r\n" + EVIL, "9112 2.2: CR LF only")
        if name not in ("vt", "ff", "nel"):
            wire = GET + HOST + end + EVIL
            yield refused(f"line-end/last-{name}", wire, "9112 2.2: CR LF only")
    yield refused("line-end/all-lf", (GET + HOST + b"\r\n").replace(b"\r\n", b"\n"), "9112 2.2")
    yield refused("line-end/all-cr", (GET + HOST + b"\r\n").replace(b"\r\n", b"\r"), "9112 2.2")
    for byte in CONTROLS:
        name = f"line-byte/value-{spell(byte)}"
        yield refused(name, GET + HOST + b"X: a" + byte + b"b\r\n\r\n", "9110 5.5")
        name = f"line-byte/name-{spell(byte)}"
        yield refused(name, GET + HOST + b"X" + byte + b"Y: b\r\n\r\n", "9110 5.1")
    for byte in b'"(),/:;<=>?@[\\]{} \t':
        if byte == ord(":"):
            continue
        wire = GET + HOST + b"X" + bytes([byte]) + b"Y: b\r\n\r\n"
        yield refused(f"line-byte/name-{spell(bytes([byte]))}", wire, "9110 5.6.2: tokens")
    for byte in HIGH:
        wire = GET + HOST + b"X" + byte + b": b\r\n\r\n"
        yield refused(f"line-byte/name-{spell(byte)}", wire, "9110 5.6.2: tokens")
        value = b"X: a" + byte + b"b"
        yield one(
            f"line-byte/value-{spell(byte)}",
            GET + HOST + value + b"\r\n\r\n",
            "9110 5.5",
            has=(value,),
        )
    for name in (b"X", b"!#$%&'*+-.^_`|~09azAZ", b"x_y", b"X-" + b"a" * 500):
        wire = GET + HOST + name + b": b\r\n\r\n"
        yield one(f"line-byte/name-{spell(name)}-ok", wire, "9110 5.6.2", has=(name + b": b",))
    yield one(
        "line-end/odd-space",
        GET + HOST + b"X:y\r\nZ:\t y \t\r\n\r\n",
        "9112 5",
        has=(b"X: y", b"Z: y"),
    )
    yield one("line-end/blank-before", b"\r\n" + GET + HOST + b"\r\n", "9112 2.2: one empty line")
    yield refused(
        "line-end/blanks-before", b"\r\n\r\n" + GET + HOST + b"\r\n", "9112 2.2: one at most"
    )
    yield refused("line-end/lf-before", b"\n" + GET + HOST + b"\r\n", "9112 2.2")
    yield refused("line-end/space-before", b" " + GET + HOST + b"\r\n", "9112 2.2")
    yield refused("line-end/nul-before", b"\0" + GET + HOST + b"\r\n", "9112 2.2")
    yield refused("line-end/bom-before", b"\xef\xbb\xbf" + GET + HOST + b"\r\n", "9112 2.2")


def folding():
    for kind, blank in (("space", b" "), ("tab", b"\t"), ("both", b" \t")):
        cases = {
            "first-field": GET + blank + HOST,
            "host": GET + b"Host: a\r\n" + blank + b"pp\r\n",
            "host-value": GET + b"Host:\r\n" + blank + b"app\r\n",
            "field": GET + HOST + b"X: a\r\n" + blank + b"b\r\n",
            "field-empty": GET + HOST + b"X: a\r\n" + blank + b"\r\n",
            "last-empty": GET + HOST + blank + b"\r\n",
            "smuggled-field": GET + HOST + b"X: a\r\n" + blank + b"Content-Length: 5\r\n",
            "lf": GET + HOST + b"X: a\n" + blank + b"b\r\n",
            "connection": GET + HOST + b"Connection: close,\r\n" + blank + b"x\r\n",
        }
        for name, head in cases.items():
            yield refused(f"fold/{name}-{kind}", head + b"\r\n" + EVIL, "9112 5.2: no folding")


# ---- the request line ----------------------------------------------------------------------------


def request_lines():
    wrong = {
        "no-version": b"GET /form",
        "no-target": b"GET HTTP/1.1",
        "only-method": b"GET",
        "only-target": b"/form HTTP/1.1",
        "two-spaces-first": b"GET  /form HTTP/1.1",
        "two-spaces-last": b"GET /form  HTTP/1.1",
        "space-after": b"GET /form HTTP/1.1 ",
        "tab-after": b"GET /form HTTP/1.1\t",
        "space-in-target": b"GET /fo rm HTTP/1.1",
        "tab-first": b"GET\t/form HTTP/1.1",
        "tab-last": b"GET /form\tHTTP/1.1",
        "vt": b"GET\x0b/form HTTP/1.1",
        "ff": b"GET\x0c/form HTTP/1.1",
        "nbsp": b"GET\xa0/form HTTP/1.1",
        "cr": b"GET\r/form HTTP/1.1",
        "nul": b"GET /fo\0rm HTTP/1.1",
        "third": b"GET /form HTTP/1.1 HTTP/1.1",
        "smuggled": b"GET /form HTTP/1.1\rX: y",
        "fragment": b"GET /form#x HTTP/1.1",
        "quote": b'GET /fo"rm HTTP/1.1',
        "less": b"GET /fo<rm HTTP/1.1",
        "greater": b"GET /fo>rm HTTP/1.1",
        "high": b"GET /f\xf6rm HTTP/1.1",
        "utf8": "GET /förm HTTP/1.1".encode(),
        "del": b"GET /fo\x7frm HTTP/1.1",
        "no-slash": b"GET form HTTP/1.1",
        "query-only": b"GET ?a HTTP/1.1",
        "asterisk": b"GET * HTTP/1.1",
        "asterisk-path": b"OPTIONS *a HTTP/1.1",
        "dot": b"GET ./form HTTP/1.1",
        "colon": b"GET :80 HTTP/1.1",
        "authority": b"GET app:80 HTTP/1.1",
        "connect": b"CONNECT app:80 HTTP/1.1",
        "connect-path": b"CONNECT /form HTTP/1.1",
        "connect-url": b"CONNECT http://app/ HTTP/1.1",
        "connect-no-port": b"CONNECT app HTTP/1.1",
        "method-space": b" GET /form HTTP/1.1",
        "method-empty": b" /form HTTP/1.1",
        "method-paren": b"G(T /form HTTP/1.1",
        "method-colon": b"GET: /form HTTP/1.1",
        "method-slash": b"GE/T /form HTTP/1.1",
        "method-comma": b"GET,POST /form HTTP/1.1",
        "method-quote": b'"GET" /form HTTP/1.1',
        "method-high": b"G\xcbT /form HTTP/1.1",
        "method-lower": b"get /form HTTP/1.1",
        "method-mixed": b"Get /form HTTP/1.1",
        "method-head-lower": b"head /form HTTP/1.1",
        "method-post-mixed": b"pOST /form HTTP/1.1",
        "smtp": b"EHLO app",
        "http2": b"PRI * HTTP/2.0",
    }
    for name, line in wrong.items():
        yield refused(f"line/{name}", line + b"\r\n" + HOST + b"\r\n" + EVIL, "9112 3, 3.2")
    versions = """
        HTTP/0.9 HTTP/1.2 HTTP/1.9 HTTP/2 HTTP/2.0 HTTP/3 HTTP/3.0 HTTP/9.9 HTTP/1 HTTP/1.
        HTTP/.1 HTTP/11 HTTP/1.10 HTTP/1.01 HTTP/01.1 HTTP/1,1 HTTP/1_1 HTTP/1:1 HTTP/a.b
        HTTP/-1.1 HTTP/+1.1 HTTP/1.1a HTTP/1.1.1 HTTP/1.1; HTTP1.1 HTTP//1.1 HTTP\\1.1 http/1.1
        Http/1.1 hTTP/1.1 HTTPS/1.1 HTCPCP/1.0 XHTTP/1.1 ICY SIP/2.0 RTSP/1.0 HTTP/0x1.1
        HTTP/1.１ /1.1 1.1 HTTP HTTP/
    """.split()
    for version in versions:
        wire = b"GET /form " + version.encode() + b"\r\n" + HOST + b"\r\n" + EVIL
        yield refused(f"version/{spell(version.encode())}", wire, "9112 2.3")
    targets = """
        /form?a=b /form?a?b /form?? /form/ //form /form//x /form;x=y /form:80 /form@x /form/~x
        /form?x=[1] /form%20x /form%2f /form%0d%0a /form?%00 /form,x /form?a=http://evil/
        /form'x /form!x /form* /form|x /form^x /form`x /form{x} /form\\x
    """.split()
    for target in targets:
        line = b"GET " + target.encode() + b" HTTP/1.1"
        wire = line + b"\r\n" + HOST + b"\r\n"
        yield one(
            f"target/{spell(target.encode())}", wire, "9112 3.2.1: passed as it is", has=(line,)
        )
    for method in (b"PUT", b"DELETE", b"PATCH", b"PROPFIND", b"M-SEARCH", b"X", b"PURGE_ALL"):
        line = method + b" /form HTTP/1.1"
        yield one(
            f"line/method-{spell(method)}", line + b"\r\n" + HOST + b"\r\n", "9110 9.1", has=(line,)
        )
    line = b"OPTIONS * HTTP/1.1"
    yield one("line/options-asterisk", line + b"\r\n" + HOST + b"\r\n", "9112 3.2.4", has=(line,))
    long = b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n"
    yield refused("line/too-long", long + HOST + b"\r\n", "9112 3: 414")


# ---- Host and the absolute form ------------------------------------------------------------------


def hosts():
    good = """
        app app:80 app:8080 APP app.example app.example. 127.0.0.1 127.0.0.1:80 [::1] [::1]:80
        a-b.c a_b xn--bcher-kva.example 1 app:0 app:65535
    """.split()
    for host in good:
        raw = host.encode()
        wire = GET + b"Host: " + raw + b"\r\n\r\n"
        yield one(f"host/{spell(raw)}", wire, "9110 7.2", has=(b"Host: " + raw,))
    wrong = """
        app,evil app;evil,x app/evil app/ /app http://app //app app?x app#x app@evil u@app
        u:p@app app\\evil app"x" <app> {app} app|x app^x app`x app:80:80 app:x app:-1 app:+80
        app:8o app:65536 app:99999 app:123456 app:080808 :80 : [] [::1 ::1 [::1]x [::1]:x
        [::1]80 [g::1] [::1]@evil [app] [::1%25eth0] app%2 app%zz app% %
    """.split()
    for host in wrong + ["app evil", "app, evil", "app\tevil", "app :80", "", " "]:
        raw = host.encode()
        wire = GET + b"Host: " + raw + b"\r\n\r\n" + EVIL
        yield refused(f"host/{spell(raw)}", wire, "9112 3.2: an invalid Host")
    for byte in CONTROLS + HIGH:
        for place, host in (("before", byte + b"app"), ("after", b"app" + byte)):
            wire = GET + b"Host: " + host + b"\r\n\r\n" + EVIL
            yield refused(f"host-byte/{place}-{spell(byte)}", wire, "9112 3.2, 9110 5.5")
    fields = {
        "none": b"",
        "other-field": b"X: y\r\n",
        "twice-same": HOST + HOST,
        "twice-other": HOST + b"Host: evil\r\n",
        "twice-apart": HOST + b"X: y\r\nhost: evil\r\n",
        "twice-empty": HOST + b"Host:\r\n",
        "twice-empty-first": b"Host:\r\n" + HOST,
        "thrice": HOST * 3,
        "space-name": b"Host : app\r\n",
        "tab-name": b"Host\t: app\r\n",
        "nul-name": b"Host\0: app\r\n",
        "good-and-space": HOST + b"Host : evil\r\n",
        "good-and-folded": HOST + b" Host: evil\r\n",
        "bad-case-twice": b"hOST: app\r\nHOST: evil\r\n",
    }
    for name, lines in fields.items():
        yield refused(f"host-field/{name}", GET + lines + b"\r\n" + EVIL, "9112 3.2: exactly one")
    yield one("host-field/lower", GET + b"host:app\r\n\r\n", "9110 5.1", has=(b"host: app",))


def absolute_form():
    good = {
        "plain": (b"http://app/form", b"app"),
        "upper-scheme": (b"HTTP://app/form", b"app"),
        "upper-host": (b"http://APP/form", b"app"),
        "port": (b"http://app:8080/form", b"app:8080"),
        "default-port": (b"http://app:80/form", b"app"),
        "default-port-host": (b"http://app/form", b"app:80"),
        "query": (b"http://app/form?x=http://evil/", b"app"),
        "ipv6": (b"http://[::1]/form", b"[::1]"),
    }
    for name, (target, host) in good.items():
        wire = b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
        yield one(f"absolute/{name}", wire, "9112 3.2.2", has=(b"Host: " + host,))
    wrong = {
        "other-host": (b"http://evil/form", b"app"),
        "other-port": (b"http://app:81/form", b"app"),
        "other-host-port": (b"http://app/form", b"app:81"),
        "https-port": (b"http://app:443/form", b"app"),
        "suffix": (b"http://app.evil/form", b"app"),
        "prefix": (b"http://xapp/form", b"app"),
        "trailing-dot": (b"http://app./form", b"app"),
        "user": (b"http://u@app/form", b"app"),
        "user-password": (b"http://u:p@app/form", b"app"),
        "user-evil": (b"http://app@evil/form", b"app"),
        "backslash": (b"http://app\\@evil/form", b"app"),
        "no-host": (b"http:///form", b"app"),
        "no-host-empty": (b"http:///form", b""),
        "no-slashes": (b"http:app/form", b"app"),
        "one-slash": (b"http:/app/form", b"app"),
        "no-authority": (b"http://", b"app"),
        "query-no-path": (b"http://app?x", b"app"),
        "fragment": (b"http://app/#x", b"app"),
        "ftp": (b"ftp://app/form", b"app"),
        "file": (b"file:///form", b"app"),
        "ws": (b"ws://app/form", b"app"),
        "scheme-space": (b"http ://app/form", b"app"),
        "bad-port": (b"http://app:x/form", b"app"),
        "port-too-large": (b"http://app:65536/form", b"app"),
        "empty-port-number": (b"http://app:-1/form", b"app"),
        "percent": (b"http://app%zz/form", b"app%zz"),
        "comma": (b"http://app,evil/form", b"app"),
        "empty-host": (b"http://app/form", b""),
    }
    for name, (target, host) in wrong.items():
        wire = b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n" + EVIL
        yield refused(f"absolute/{name}", wire, "9112 3.2.2, 9110 4.2")
    wire = b"GET http://app/form HTTP/1.1\r\n\r\n" + EVIL
    yield refused("absolute/no-host-field", wire, "9112 3.2")
    wire = b"GET http://app/form HTTP/1.1\r\n" + HOST + b"Host: evil\r\n\r\n" + EVIL
    yield refused("absolute/two-hosts", wire, "9112 3.2")


GROUPS = (line_ends, folding, request_lines, hosts, absolute_form)
