# SPDX-License-Identifier: Apache-2.0
"""A receiver of webhooks that can be slow, broken or away."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """Keeps what it has taken, in order, with its headers and bodies."""

    def __init__(self, port=0):
        self.status, self.delay, self.taken, self.refused = 200, 0.0, [], 0
        self.port, self.server = port, None

    def start(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(receiver.delay)
                if receiver.status == 200:
                    receiver.taken.append((dict(self.headers), body))
                else:
                    receiver.refused += 1
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"http://hook:hidden@127.0.0.1:{self.port}/switchyard?token=hidden"

    def events(self):
        return [json.loads(body) for _, body in self.taken]

    def deliveries(self):
        return [headers["X-Switchyard-Delivery"] for headers, _ in self.taken]
