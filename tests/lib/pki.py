# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, made with the openssl program: NAME.crt and NAME.key in a folder."""

import os
import subprocess


def openssl(*args):
    subprocess.run(("openssl",) + args, check=True, capture_output=True)


class Pki:
    """An authority, `ca.crt`, and what it signs."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.ca = self.path("ca.crt")
        self._request("ca")
        self._sign("ca", 30, "basicConstraints=critical,CA:TRUE", "-signkey", self.path("ca.key"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def _request(self, name):
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl("req", *key, "-keyout", self.path(name + ".key"), "-subj", "/CN=" + name,
                "-out", self.path(name + ".csr"))
        os.chmod(self.path(name + ".key"), 0o600)

    def _sign(self, name, days, extension, *by):
        with open(self.path(name + ".ext"), "w", encoding="ascii") as file:
            file.write(extension)
        new = self.path(name + ".new")
        openssl("x509", "-req", "-in", self.path(name + ".csr"), "-days", str(days), "-out", new,
                "-extfile", self.path(name + ".ext"), *by)
        os.rename(new, self.path(name + ".crt"))

    def make(self, name, *names, days=10):
        """`names` as "DNS:example.com". Made anew, the certificate replaces the one before; `days`
        below 0: it has expired."""
        self._request(name)
        self._sign(name, days, "subjectAltName=" + ",".join(names), "-CA", self.ca,
                   "-CAkey", self.path("ca.key"), "-CAcreateserial")
        return self.path(name + ".crt"), self.path(name + ".key")
