# SPDX-License-Identifier: Apache-2.0
"""The proxies that a form is shown to: ours, HAProxy and nginx as processes, h11 as a library."""

import os
import socket
import subprocess
import tempfile

import h11

BIN = os.environ.get("SWITCHYARD_BIN", "build/dev/bin")

HAPROXY = """
global
    nbthread 1
    log /dev/null local0
defaults
    mode http
    option forwardfor
    timeout connect 5s
    timeout client {wait}ms
    timeout server {wait}ms
    timeout http-request {wait}ms
    timeout http-keep-alive {wait}ms
frontend in
    bind fd@{fd}
    default_backend out
backend out
    server origin 127.0.0.1:{origin}
"""

NGINX = """
daemon off; worker_processes 1; user root; pid {dir}/pid; error_log /dev/null crit;
events {{ worker_connections 2000; }}
http {{
    access_log off; server_tokens off; keepalive_requests 100000; lingering_close off;
    client_header_timeout {wait}ms; client_body_timeout {wait}ms; keepalive_timeout {wait}ms;
    proxy_read_timeout {wait}ms;
    large_client_header_buffers 8 64k;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    upstream origin {{ server 127.0.0.1:{origin}; keepalive 16; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
            proxy_next_upstream off; proxy_pass http://origin;
        }}
    }}
}}
"""


class Process:
    """A proxy on a port of the system's choice, in front of the origin on port `origin`."""

    # Ours answers a client that has closed its half; the others would take it for gone.
    half_closes = False

    def __init__(self, origin, wait=400):
        """`wait`: how long it waits for more of a message, in milliseconds."""
        self.dir = tempfile.TemporaryDirectory(prefix="smuggle-")
        # The socket is bound here and inherited, so nobody can take the port meanwhile.
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(512)
        self.port = self.listener.getsockname()[1]
        self.process = self.launch({"origin": origin, "wait": wait})
        self.listener.close()

    def launch(self, words):
        raise NotImplementedError

    def run(self, argv, config, environment=None):
        path = os.path.join(self.dir.name, "config")
        with open(path, "w", encoding="ascii") as file:
            file.write(config)
        return subprocess.Popen(
            [*argv, path],
            pass_fds=[self.listener.fileno()],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def stop(self):
        self.process.terminate()  # so that nginx takes its worker with it
        self.process.wait(timeout=30)
        self.dir.cleanup()


class Haproxy(Process):
    name = "haproxy"

    def launch(self, words):
        config = HAPROXY.format(fd=self.listener.fileno(), **words)
        return self.run(["haproxy", "-db", "-f"], config)


class Nginx(Process):
    name = "nginx"

    def launch(self, words):
        config = NGINX.format(dir=self.dir.name, port=self.port, **words)
        inherit = {"NGINX": f"{self.listener.fileno()};"}
        return self.run(["nginx", "-p", self.dir.name, "-c"], config, inherit)


class Ours:
    name = "ours"
    half_closes = True

    def __init__(self, origin):
        url = f"http://127.0.0.1:{origin}"
        argv = [os.path.join(BIN, "proxy_main"), "listen=127.0.0.1:0", "threads=1"]
        self.process = subprocess.Popen(
            [*argv, f"legacy={url}", f"new={url}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self.process.stdout.readline().split()[1])
        assert self.process.stdout.readline().startswith("serving")

    def stop(self):
        self.process.stdin.close()
        self.process.terminate()
        assert self.process.wait(timeout=30) == 0, "the proxy ended badly"


def ends_well(conn):
    """Whether h11 comes to the end of a message with what it has."""
    try:
        while True:
            event = conn.next_event()
            if isinstance(event, h11.EndOfMessage):
                return True
            if event is h11.NEED_DATA or isinstance(event, h11.ConnectionClosed):
                return False
    except h11.RemoteProtocolError:
        return False


def h11_request(wire):
    """Whether h11 reads a whole request at the front of this."""
    conn = h11.Connection(h11.SERVER)
    conn.receive_data(wire)
    return ends_well(conn)


def h11_answer(answer):
    """Whether h11 takes this as a whole answer."""
    conn = h11.Connection(h11.CLIENT)
    conn.send(h11.Request(method=answer.method, target="/", headers=[("Host", "app")]))
    conn.send(h11.EndOfMessage())
    conn.receive_data(answer.wire)
    if answer.closes:
        conn.receive_data(b"")
    return ends_well(conn)
