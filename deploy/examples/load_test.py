#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Requests at a steady rate for a while, as a hook of a stage: exit status 0 when the system kept up, else 1.

    after: [{name: load, command: [/opt/load_test.py, --url, "http://10.0.0.31:8080/", --rps, "1000"], timeout: 10m}]

A request that is late is sent all the same and measured from when it was due, so a system that stalls cannot hide it.
"""

import argparse
import http.client
import random
import sys
import threading
import time
import urllib.parse


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True, help="what is asked for; a sidecar's address")
    parser.add_argument("--rps", type=float, default=100, help="requests per second (100)")
    parser.add_argument("--duration", type=float, default=60, help="seconds (60)")
    parser.add_argument("--connections", type=int, default=16, help="kept open (16)")
    parser.add_argument("--header", default="X-User-Id", help="gets a user of its own in each request (X-User-Id)")
    parser.add_argument("--max-errors", type=float, default=0.1, help="percent of requests (0.1)")
    parser.add_argument("--max-p99", type=float, default=500, help="milliseconds (500)")
    return parser.parse_args()


class Worker(threading.Thread):
    """One connection; takes every n-th of the moments at which a request is due."""

    def __init__(self, args, first, begin):
        super().__init__(daemon=True)
        self.args, self.first, self.begin = args, first, begin
        self.url = urllib.parse.urlsplit(args.url)
        self.took, self.errors, self.connection = [], 0, None

    def ask(self):
        if not self.connection:
            self.connection = http.client.HTTPConnection(self.url.netloc, timeout=10)
        user = f"load-{random.randrange(10000)}"
        self.connection.request("GET", self.url.path or "/", headers={self.args.header: user})
        answer = self.connection.getresponse()
        answer.read()
        return answer.status < 500

    def run(self):
        for i in range(self.first, int(self.args.rps * self.args.duration), self.args.connections):
            due = self.begin + i / self.args.rps
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                good = self.ask()
            except (OSError, http.client.HTTPException):
                good, self.connection = False, None
            self.errors += not good
            self.took.append(1000 * (time.monotonic() - due))


def main():
    args = arguments()
    begin = time.monotonic()
    workers = [Worker(args, i, begin) for i in range(args.connections)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took = sorted(ms for worker in workers for ms in worker.took)
    if not took:
        sys.exit("load: no request is due at that rate in that time")
    errors = 100 * sum(worker.errors for worker in workers) / len(took)
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    print(f"{len(took)} requests in {time.monotonic() - begin:.1f} s, {errors:.2f} % errors, p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    sys.exit(int(errors > args.max_errors or p99 > args.max_p99))


if __name__ == "__main__":
    main()
