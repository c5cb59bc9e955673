# SPDX-License-Identifier: Apache-2.0
"""TLS towards systems: who is trusted, what is shown, and what a handshake that fails does."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading

import pytest
from h2_fixture import H2Client, H2Origin
from proxy_fixture import Client, Origin, Proxy, ask, reply, says, wait_for

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from pki import Pki  # noqa: E402  pylint: disable=wrong-import-position,wrong-import-order

USERS = {"X_User_Id": "1"}


@pytest.fixture(scope="module", name="pki")
def make_pki(tmp_path_factory):
    pki = Pki(tmp_path_factory.mktemp("pki"))
    pki.make("system", "DNS:system.test", "IP:127.0.0.1")
    pki.make("node", "DNS:node.test")
    return pki


class TlsOrigin(Origin):
    """An origin behind a certificate."""

    def __init__(self, handler, pki, cert="system", client_ca=None, version=None, alpn=()):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pki.path(cert + ".crt"), pki.path(cert + ".key"))
        if client_ca:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(client_ca)
        if version:
            self.context.minimum_version = self.context.maximum_version = version
        if alpn:
            self.context.set_alpn_protocols(alpn)
        self.context.sni_callback = lambda sock, name, context: self.names.append(name)
        self.names, self.resumed, self.shown = [], [], []
        super().__init__(handler)
        self.url = f"https://127.0.0.1:{self.port}"

    def _serve(self, stream):
        try:
            stream.sock = self.context.wrap_socket(stream.sock, server_side=True)
        except OSError:
            stream.sock.close()
            return
        self.resumed.append(stream.sock.session_reused)
        self.shown.append(stream.sock.getpeercert())
        super()._serve(stream)


def tls_says(text, pki, **how):
    return TlsOrigin(lambda _: reply(text.encode()), pki, **how)


def server_context(pki, cert="system", client_ca=None, alpn=("h2",)):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.path(cert + ".crt"), pki.path(cert + ".key"))
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    context.set_alpn_protocols(alpn)
    return context


def probe(proxy, path="/"):
    proxy.say(f"probe=both,{path}")
    return json.loads(proxy.expect("probe"))


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_system_is_asked_by_tls(pki, version):
    with tls_says("hello", pki, version=version) as origin:
        with Proxy(known=f"{pki.ca},system.test", legacy=origin.url, weight=0) as proxy:
            for _ in range(3):
                assert ask(proxy).body == b"hello"
        assert origin.names == ["system.test"]
        assert origin.accepted == 1


def test_an_address_is_known_by_its_certificate(pki):
    with tls_says("hello", pki) as origin:
        with Proxy(known=pki.ca, legacy=origin.url, weight=0) as proxy:
            assert ask(proxy).body == b"hello"
        assert origin.names == [None]


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_are_resumed(pki, version):
    """Each answer ends its connection: the next one costs no key exchange by certificate."""
    with TlsOrigin(lambda _: reply(b"x", Connection="close"), pki, version=version) as origin:
        with Proxy(known=pki.ca, legacy=origin.url, weight=0) as proxy:
            for _ in range(4):
                assert ask(proxy).body == b"x"
        assert origin.resumed == [False, True, True, True]


@pytest.mark.parametrize("version", VERSIONS)
def test_large_bodies_go_both_ways(pki, version):
    big = os.urandom(2_000_000)
    with TlsOrigin(lambda r: reply(r.body), pki, version=version) as origin:
        with Proxy(known=pki.ca, legacy=origin.url, weight=0) as proxy, Client(proxy) as client:
            for _ in range(2):
                assert client.ask("POST", body=big).body == big


def test_what_cannot_be_trusted_is_not_used(pki):
    """A system that is not known fails to connect: legacy answers, and a probe says why."""
    pki.make("expired", "IP:127.0.0.1", days=-1)
    pki.make("other", "DNS:other.test")
    cases = [
        (pki.ca, "other", "the certificate is for other names than 127.0.0.1"),
        (pki.ca, "expired", "the certificate has expired"),
        (pki.path("node.crt"), "system", "signed by an authority that is not known here"),
        ("/nowhere", "system", "open /nowhere: No such file or directory"),
    ]
    for ca, cert, why in cases:
        with tls_says("new", pki, cert=cert) as new, says("legacy") as legacy:
            with Proxy(known=ca, new=new.url, legacy=legacy.url, weight="100") as proxy:
                assert ask(proxy, **USERS).body == b"legacy"
                wait_for(lambda: proxy.stats()["new"]["connect_errors"] == 1, "a connect error")
                assert new.requests == []
                answers = {a["system"]: a for a in probe(proxy)}
                assert answers["new"]["error"].startswith("no connection: ")
                assert why in answers["new"]["error"]
                assert answers["legacy"]["status"] == 200


def test_whoever_is_there_may_be_trusted(pki):
    with tls_says("hello", pki, cert="node") as origin:
        with Proxy(known="any", legacy=origin.url, weight=0) as proxy:
            assert ask(proxy).body == b"hello"


def test_a_system_without_tls_is_no_connection(pki):
    with socket.create_server(("127.0.0.1", 0)) as server, says("legacy") as legacy:
        threading.Thread(target=refuse, args=(server,), daemon=True).start()
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        with Proxy(known=pki.ca, new=url, legacy=legacy.url, weight="100") as proxy:
            assert ask(proxy, **USERS).body == b"legacy"
            answers = {a["system"]: a for a in probe(proxy)}
            assert "the peer does not speak TLS" in answers["new"]["error"]


def refuse(server):
    """As a server of plain HTTP does with a handshake."""
    while True:
        try:
            sock, _ = server.accept()
        except OSError:
            return
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        sock.recv(65536)
        sock.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_node_shows_its_certificate(pki, version):
    cert, key = pki.path("node.crt"), pki.path("node.key")
    with tls_says("hello", pki, client_ca=pki.ca, version=version) as origin:
        with Proxy(known=f"{pki.ca},,{cert},{key}", legacy=origin.url, weight=0) as proxy:
            assert ask(proxy).body == b"hello"
        assert origin.shown[0]["subjectAltName"] == (("DNS", "node.test"),)
        with Proxy(known=pki.ca, legacy=origin.url, weight=0) as proxy:
            assert ask(proxy).status in (502, 503)
            assert "wants a client certificate" in probe(proxy)[0]["error"]


def test_an_answer_that_was_cut_off_is_broken(pki):
    """Without a length the end is the connection's, and only close_notify makes it one."""

    def end(request):
        request.stream.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npart of it")
        if request.path == "/whole":
            request.stream.sock = request.stream.sock.unwrap()

    with TlsOrigin(end, pki) as origin:
        with Proxy(known=pki.ca, legacy=origin.url, weight=0) as proxy:
            assert ask(proxy, path="/whole").body == b"part of it"
            with Client(proxy) as client:
                client.send("GET /cut HTTP/1.1\r\nHost: a\r\n\r\n")
                with pytest.raises((EOFError, ConnectionResetError)):
                    client.answer()
            wait_for(lambda: proxy.stats()["legacy"]["errors"] == 1, "the error is counted")


def test_copies_and_checks_go_by_tls(pki):
    with tls_says("legacy", pki) as legacy, tls_says("new", pki) as new:
        with Proxy(known=pki.ca, legacy=legacy.url, new=new.url, weight=0, mirror="10000",
                   health="/health", health_interval=400) as proxy:
            for _ in range(3):
                assert ask(proxy, **USERS).body == b"legacy"
            wait_for(lambda: len([r for r in new.requests if r.path == "/"]) == 3, "copies")
            wait_for(lambda: len([r for r in new.requests if r.path == "/health"]) >= 3, "checks")
            wait_for(lambda: {e["state"] for e in proxy.endpoints()} <= {"warming", "healthy"}, "they are well")
            assert True in new.resumed


def test_a_new_authority_is_taken_while_it_runs(pki, tmp_path):
    ca = tmp_path / "ca.crt"
    other = tmp_path / "other"
    other.mkdir()
    strangers = Pki(other)
    strangers.make("system", "IP:127.0.0.1")
    ca.write_text(open(pki.ca, encoding="ascii").read())
    with tls_says("old", pki) as old, tls_says("fresh", strangers) as fresh:
        with Proxy(known=str(ca), legacy=old.url, new=fresh.url, weight="0") as proxy:
            assert ask(proxy).body == b"old"
            ca.write_text("in the middle of a change")
            proxy.set(weight=0)
            assert ask(proxy).body == b"old", "the one before goes on"
            ca.write_text(open(strangers.ca, encoding="ascii").read())
            wait_for(lambda: ask(proxy).status != 200, "the change is taken")
            assert proxy.expect("serving") == "2"
            proxy.set(weight=100)
            assert ask(proxy, **USERS).body == b"fresh"


# ---- HTTP/2 ----------------------------------------------------------------------------------------------------------


def h2_says(pki, **how):
    return H2Origin(context=server_context(pki, **how))


def expect_refusal(proxy, *why):
    """New cannot be reached: legacy answers, the failure is counted as one to connect, and a probe says why."""
    assert ask(proxy, **USERS).body == b"legacy"
    wait_for(lambda: proxy.stats()["new"]["connect_errors"] == 1, "a connect error")
    answers = {a["system"]: a for a in probe(proxy)}
    for words in why:
        assert words in answers["new"]["error"]


def test_http2_goes_by_tls(pki):
    """One connection for all, and a body that is larger than windows and records."""
    big = os.urandom(1_000_000)
    with h2_says(pki) as origin, Proxy(known=pki.ca, legacy=origin.url, h2="legacy", weight=0) as proxy:
        with Client(proxy) as client:
            for _ in range(2):
                assert client.ask("POST", body=big).body == big
        with H2Client(proxy) as client:
            streams = [client.begin(path=f"/{i}") for i in range(20)]
            assert [client.answer(stream).status for stream in streams] == [200] * 20
        assert origin.spoken == ["h2"]
        assert {r.fields[":scheme"] for r in origin.requests} == {"https"}


NO_H2 = "the peer does not speak h2 by TLS (ALPN)"


def test_a_system_that_goes_on_without_http2_is_not_used(pki):
    """As servers do whose TLS knows no ALPN, or ignores what it does not know."""
    with tls_says("new", pki, alpn=("http/1.1",)) as new, says("legacy") as legacy:
        with Proxy(known=pki.ca, new=new.url, legacy=legacy.url, h2="new", weight="100") as proxy:
            expect_refusal(proxy, NO_H2, "write protocol: http1")
            proxy.set(h2="none")
            assert ask(proxy, **USERS).body == b"new"


def test_a_certificate_for_a_wrong_name_is_not_used_by_http2(pki):
    pki.make("other", "DNS:other.test")
    with h2_says(pki, cert="other") as new, says("legacy") as legacy:
        with Proxy(known=pki.ca, new=new.url, legacy=legacy.url, h2="new", weight="100") as proxy:
            expect_refusal(proxy, "the certificate is for other names than 127.0.0.1")
        assert new.requests == []


def test_a_node_shows_its_certificate_by_http2(pki):
    cert, key = pki.path("node.crt"), pki.path("node.key")
    with h2_says(pki, client_ca=pki.ca) as new, says("legacy") as legacy:
        with Proxy(known=f"{pki.ca},,{cert},{key}", new=new.url, legacy=legacy.url, h2="new", weight="100") as proxy:
            assert ask(proxy, **USERS).status == 200
        assert new.shown[0]["subjectAltName"] == (("DNS", "node.test"),)
        with Proxy(known=pki.ca, new=new.url, legacy=legacy.url, h2="new", weight="100") as proxy:
            expect_refusal(proxy, "the peer wants a client certificate")


def test_sessions_are_resumed_with_http2(pki):
    """Each answer comes with a GOAWAY, so that the next request needs another connection."""
    with h2_says(pki) as origin, Proxy(known=pki.ca, legacy=origin.url, h2="legacy", weight=0) as proxy:
        for i in range(4):
            assert ask(proxy, path="/last").status == 200
            wait_for(lambda n=i + 1: origin.ended == n, "the end of the connection")
        assert origin.resumed == [False, True, True, True]


def test_an_answer_goes_on_behind_goaway(pki):
    with h2_says(pki) as origin, Proxy(known=pki.ca, legacy=origin.url, h2="legacy", weight=0) as proxy:
        with Client(proxy) as first, Client(proxy) as second:
            first.send("POST /leaving HTTP/1.1\r\nHost: app\r\nContent-Length: 11\r\n\r\nand it all.")
            first.until(b"half of it, ")
            assert second.ask(path="/other").status == 200
            assert origin.accepted == 2, "the first connection takes nothing more"
            origin.go_on.set()
            first.until(b"and it all.")
        wait_for(lambda: origin.ended >= 1, "the first connection ends")


def test_what_was_not_taken_is_sent_again_by_tls(pki):
    with h2_says(pki) as origin, Proxy(known=pki.ca, legacy=origin.url, h2="legacy", weight=0) as proxy:
        origin.turns_away.append("goaway")
        assert ask(proxy, method="POST", body=b"once").body == b"once"
        assert origin.accepted == 2
        assert origin.resumed == [False, True]


class Nginx:
    """A real server of files by TLS, with HTTP/2 or without."""

    def __init__(self, pki, folder, http2):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        places = "".join(f"{name}_temp_path {folder}/{name}; " for name in
                         ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(f"""
            daemon off; master_process off; pid {folder}/pid; error_log {folder}/error;
            events {{ worker_connections 64; }}
            http {{
                access_log off; {places}
                server {{
                    listen 127.0.0.1:{self.port} ssl {"http2" if http2 else ""};
                    ssl_certificate {pki.path("system.crt")}; ssl_certificate_key {pki.path("system.key")};
                    location / {{ root {folder}; }}
                    location /how {{ return 200 "$server_protocol"; }}
                }}
            }}""")
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        self.process = subprocess.Popen([program, "-e", folder / "error", "-c", folder / "nginx.conf"])
        self.url = f"https://127.0.0.1:{self.port}"
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0, "nginx")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def test_nginx_speaks_http2_by_tls(pki, tmp_path):
    (tmp_path / "big").write_bytes(os.urandom(2_000_000))
    with Nginx(pki, tmp_path, http2=True) as nginx:
        with Proxy(known=pki.ca, legacy=nginx.url, h2="legacy", weight=0) as proxy:
            assert ask(proxy, path="/how").body == b"HTTP/2.0"
            assert ask(proxy, path="/big").body == (tmp_path / "big").read_bytes()
            assert ask(proxy, path="/none").status == 404


def test_nginx_without_http2_says_so(pki, tmp_path):
    """It ends the handshake with an alert; in HTTP/1.1 the same server is fine."""
    with Nginx(pki, tmp_path, http2=False) as nginx, says("legacy") as legacy:
        with Proxy(known=pki.ca, new=nginx.url, legacy=legacy.url, h2="new", weight="100") as proxy:
            expect_refusal(proxy, NO_H2, "write protocol: http1")
            proxy.set(h2="none")
            assert ask(proxy, path="/how", **USERS).body == b"HTTP/1.1"
