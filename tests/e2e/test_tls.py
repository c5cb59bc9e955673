# SPDX-License-Identifier: Apache-2.0
"""TLS at a sidecar's door: certificates by name, replaced while it runs, and told to whoever watches."""

import json
import signal
import socket
import ssl
import subprocess
import urllib.request

from pki import Pki
from switchyard import BIN, free_port, wait_for


def names_served(port, pki, name):
    """The names of the certificate that a client gets who asks for `name`."""
    context = ssl.create_default_context(cafile=pki.ca)
    context.check_hostname = False
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname=name) as sock:
            return [value for _, value in sock.getpeercert()["subjectAltName"]]


def page(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return answer.read().decode()


def get(url, pki, name, port):
    done = subprocess.run(["curl", "-sS", "--cacert", pki.ca, "--resolve", f"{name}:{port}:127.0.0.1",
                           "-H", "X-User-Id: 1", url], capture_output=True, check=True, timeout=20, text=True)
    return done.stdout


def test_a_door_with_certificates_that_change(yard):
    folder = yard.folder / "certs"
    folder.mkdir()
    elsewhere = yard.folder / "pki"
    elsewhere.mkdir()
    pki = Pki(elsewhere)

    def put(name, *names, **how):
        cert, key = pki.make(name, *names, **how)
        subprocess.run(["cp", "-p", key, cert, folder], check=True)

    put("a", "DNS:a.test")
    put("b", "DNS:b.test", "DNS:*.b.test")
    port, admin = free_port(), free_port()
    yard.services()
    yard.coordinator.start()
    node = yard.sidecar("node-1", options=["--tls-listen", f"127.0.0.1:{port}", "--tls-certs", folder,
                                           "--admin", f"127.0.0.1:{admin}"])
    yard.wait_nodes(1)
    yard.apply(stages=(100,))
    yard.cli("start", "app")
    yard.wait_status("everything is on new", weight=100)
    assert get(f"https://a.test:{port}/", pki, "a.test", port) == "new\n"
    assert get(f"https://x.b.test:{port}/", pki, "x.b.test", port) == "new\n"
    assert node.client().ask(user=1) == "new", "the plain door is open as before"
    assert names_served(port, pki, "other.test") == ["a.test"]

    put("a", "DNS:fresh.test")
    wait_for(lambda: names_served(port, pki, "fresh.test") == ["fresh.test"], "the new file is served")
    put("a", "DNS:old.test", days=-1)
    wait_for(lambda: "has expired at" in node.process.text(), "the expired one is refused")
    assert names_served(port, pki, "other.test") == ["fresh.test"]
    put("a", "DNS:again.test")
    node.process.popen.send_signal(signal.SIGHUP)
    wait_for(lambda: names_served(port, pki, "again.test") == ["again.test"], "a signal suffices")

    tls = json.loads(page(admin, "/status"))["tls"]
    assert [c["names"] for c in tls["certificates"]] == ["again.test", "b.test, *.b.test"]
    assert tls["handshakes"] > 4 and tls["warning"] == ""
    metrics = page(admin, "/metrics")
    assert f'switchyard_tls_certificate_expiry_timestamp_seconds{{file="{folder}/b.crt"}} ' in metrics
    assert 'switchyard_tls_reloads_total{result="refused"} 1' in metrics
    assert 'switchyard_tls_handshake_failures_total{reason="timeout"} 0' in metrics


def test_what_cannot_be_served_is_said_at_the_start(tmp_path):
    pki = Pki(tmp_path)
    cert, key = pki.make("a", "DNS:a.test")
    _, other = pki.make("b", "DNS:b.test")

    def start(*options):
        done = subprocess.run([BIN / "switchyard-sidecar", "--node", "n", "--data", tmp_path / "data",
                               "--listen", "127.0.0.1:0", *options], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        return done.stderr

    door = ("--tls-listen", "127.0.0.1:0")
    assert "--tls-listen needs --tls-cert or --tls-certs" in start(*door)
    assert "certificates need --tls-listen" in start("--tls-cert", cert)
    assert "a key follows its --tls-cert" in start("--tls-key", key)
    assert "exclude each other" in start(*door, "--tls-cert", cert, "--tls-certs", str(tmp_path))
    assert "does not belong to the certificate" in start(*door, "--tls-cert", cert, "--tls-key", other)
    assert "No such file" in start(*door, "--tls-cert", cert, "--tls-key", str(tmp_path / "none"))


def told(node, event, *facts):
    """The lines of a node's log about such an event that hold all of these."""
    lines = [line for line in node.process.text().splitlines() if f"event={event} " in line]
    return [line for line in lines if all(fact in line for fact in facts)]


def knock(port, pki, name, **how):
    """A client that shows a certificate or none; whether it gets through does not matter here."""
    context = ssl.create_default_context(cafile=pki.ca)
    if "ciphers" in how:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(how["ciphers"])
    if "shows" in how:
        context.load_cert_chain(*how["shows"])
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname=name) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                sock.recv(1)
    except (OSError, ssl.SSLError):
        pass


def test_the_log_says_why_clients_fail(yard):
    """Who, which name, why and what to do: a line of each reason, however many there are."""
    folder = yard.folder / "pki"
    folder.mkdir()
    pki = Pki(folder)
    cert, key = pki.make("door", "DNS:door.test")
    expired = pki.make("expired", "DNS:client.test", days=-1)
    port = free_port()
    node = yard.sidecar("node-1", options=["--tls-listen", f"127.0.0.1:{port}", "--tls-cert", cert, "--tls-key", key,
                                           "--tls-client-ca", pki.ca])
    for _ in range(20):
        knock(port, pki, "door.test", shows=expired)
    knock(port, pki, "door.test", ciphers="AES128-SHA")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: door.test\r\nCookie: session=secret\r\n\r\n")
        assert b"use https://" in sock.recv(4096)
    with socket.create_connection(("127.0.0.1", port), timeout=10):
        pass
    wait_for(lambda: told(node, "tls.client", "reason=plain_http", "peer=127.0.0.1:", "write https://"), "plain HTTP")
    wait_for(lambda: told(node, "tls.client", "reason=cipher", "name=door.test", "no cipher in common"), "a cipher")
    lines = told(node, "tls.client", "reason=certificate")
    assert len(lines) == 1 and "level=warn" in lines[0]
    assert all(word in lines[0] for word in ("peer=127.0.0.1:", "name=door.test", "the certificate has expired",
                                             "--tls-client-ca"))
    assert not told(node, "tls.client", "reason=silent"), "checks of the port are no news"
    assert "secret" not in node.process.text()


def test_systems_behind_certificates(yard):
    """legacy in plain text, new by TLS with client certificates: a whole rollout, and what a wrong name does."""
    folder = yard.folder / "pki"
    folder.mkdir()
    pki = Pki(folder)
    cert, key = pki.make("new", "DNS:new.test")
    shown = dict(zip(("certFile", "keyFile"), pki.make("node", "DNS:node.test")))
    yard.services()
    url = yard.new.open_tls(cert, key, f"ssl_verify_client on; ssl_client_certificate {pki.ca};")
    yard.new.become(200)
    yard.coordinator.start()
    node = yard.sidecar("node-1")
    yard.wait_nodes(1)

    def apply(name):
        plan = yard.plan(stages=(40, 100))
        plan["spec"]["systems"]["new"] = {"endpoints": [url], "tls": {"serverName": name, "caFile": pki.ca, **shown}}
        return yard.apply(plan)

    apply("new.test")
    yard.cli("start", "app")
    yard.wait_status("the first stage serves", phase="ready")
    sides = node.client().sides(range(40))
    assert set(sides.values()) == {"legacy", "new"}
    probe = yard.cli("probe", "app", "-o", "json", status=None).json
    assert "200" in json.dumps(probe)

    apply("other.test")
    wait_for(lambda: "the certificate is for other names than other.test" in
              json.dumps(yard.cli("probe", "app", "-o", "json", status=None).json), "the probe says why")
    wait_for(lambda: told(node, "tls.system", "migration=app system=new", "name=other.test", "reason=certificate",
                          "tls.serverName"), "and so does the log")
