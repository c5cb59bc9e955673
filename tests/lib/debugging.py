# SPDX-License-Identifier: Apache-2.0
"""`switchyard debug` beside a test."""

import json
import signal
import subprocess

from switchyard import BIN


class Debug:
    """The command, in the background."""

    def __init__(self, yard, *args):
        self.out = yard.folder / f"debug-{next(yard.counter)}"
        with open(self.out, "wb") as out:
            self.popen = subprocess.Popen(
                [BIN / "switchyard", "--endpoints", yard.endpoints, "debug", "app", "--node", "node-1", *args],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def lines(self):
        return [json.loads(line) for line in self.out.read_text().splitlines() if line.startswith("{")]

    def end(self):
        self.popen.send_signal(signal.SIGINT)
        self.popen.wait(timeout=60)
