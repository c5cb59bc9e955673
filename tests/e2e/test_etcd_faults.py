# SPDX-License-Identifier: Apache-2.0
"""What etcd and what stands before it can do to a coordinator: each is said with the endpoint or the key and the
way out, nodes keep serving, nothing is lost, and it goes on by itself when the cause is gone."""

import base64
import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest

from etcd import Etcd, Gateway
from switchyard import wait_for

pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="etcd is not installed")

USERS = [f"user-{i}" for i in range(100)]
ROLLOUT = "/switchyard/v1/rollouts/app"
PLAN = "/switchyard/v1/plans/app"
INCARNATION = "/switchyard/v1/meta/incarnation"


def open_on(yard, store, options=()):
    """One coordinator on this etcd, one node, a rollout at 10 %."""
    yard.services()
    yard.coordinator.store = store
    yard.coordinator.start(options=options)
    yard.sidecar("node-1")
    yard.wait_nodes(1)
    yard.apply(stages=(0, 10, 50, 100))
    yard.cli("start", "app")
    set_weight(yard, 10)
    return yard


def set_weight(yard, weight, status=0):
    patience = "10s" if status == 0 else "2s"
    return yard.cli("set", "weight", "app", weight, "--reason", f"w-{weight}", "--timeout", patience, status=status)


def share_on_new(yard):
    sides = list(yard.sidecars[0].client().sides(USERS).values())
    return 100 * sides.count("new") // len(sides)


def assert_refused(yard, *words, weight=50):
    """A change is refused with these words, health says the same, and nothing else has changed."""
    before = share_on_new(yard)

    def refused():
        answer = set_weight(yard, weight, status=None)
        assert answer.status in (1, 2) and answer.err.startswith("error: "), answer
        return all(re.search(word, answer.err) for word in words) or said.append(answer)
    said = []
    try:
        wait_for(refused, f"a change is refused with {words}")
    except AssertionError as timeout:
        raise AssertionError(said[-1]) from timeout
    health = yard.cli("health", status=1)
    assert "store" in health.out and "unhealthy" in health.out, health
    assert share_on_new(yard) == before
    assert yard.coordinator.process.alive()


def assert_goes_on(yard, weight=20, history=()):
    """Without a restart: a change is taken, nodes serve it, and nothing that was acknowledged is missing."""
    before = [e["reason"] for e in yard.history()] if not history else history
    wait_for(lambda: set_weight(yard, weight, status=None).status == 0, "a change is taken")
    reasons = [e["reason"] for e in yard.history()]
    assert f"w-{weight}" in reasons and "w-10" in reasons and set(before) <= set(reasons)
    assert yard.status()["weight"] == weight
    assert abs(share_on_new(yard) - weight) < 15
    wait_for(lambda: yard.cli("health", status=None).status == 0, "healthy again")


def put(etcd, key, value):
    """Through the gateway of etcd itself, because a command line has no room. The HTTP status."""
    def encode(data):
        return base64.b64encode(data).decode()
    body = json.dumps({"key": encode(key.encode()), "value": encode(value)}).encode()
    try:
        return urllib.request.urlopen(etcd.members[0].client_url + "/v3/kv/put", body, timeout=10).status
    except urllib.error.HTTPError as refused:
        return refused.code


# ---- etcd itself

def test_a_full_etcd_is_emptied_as_the_error_says(yard):
    etcd = Etcd(yard, options=["--quota-backend-bytes=6000000"]).start()
    open_on(yard, etcd)
    for i in range(200):
        if put(etcd, f"/others/{i % 2}", os.urandom(300000)) != 200:
            break

    assert_refused(yard, "database space exceeded", etcd.members[0].client_url, "compact", "defrag", "alarm disarm")
    assert "alarm disarm" in yard.cli("health", status=1).out

    status = json.loads(etcd.ctl("endpoint", "status", "-w", "json").stdout)
    etcd.ctl("compact", "--physical", status[0]["Status"]["header"]["revision"])
    etcd.ctl("defrag")
    etcd.ctl("alarm", "disarm")
    assert_goes_on(yard)


def add_user(etcd, password="secret"):
    for words in ("user add root:root", "role add root", "user grant-role root root", f"user add yard:{password}",
                  "role add ours", "role grant-permission --prefix ours readwrite /switchyard/",
                  "user grant-role yard ours", "auth enable"):
        etcd.ctl(*words.split())


def with_password(yard, password="secret"):
    return ["--etcd-user", "yard", "--etcd-password-file", yard.write(f"{password}\n")]


def test_a_token_that_etcd_forgot_is_replaced_unseen(yard):
    etcd = Etcd(yard, options=["--auth-token-ttl=1"]).start()
    add_user(etcd)
    open_on(yard, etcd, with_password(yard))
    since = time.monotonic()
    wait_for(lambda: time.monotonic() - since > 2.5, "the token has expired")
    set_weight(yard, 15)

    etcd.kill()  # it keeps tokens in memory only
    etcd.start()
    assert_goes_on(yard)
    assert "authenticate" not in yard.coordinator.process.text()


def test_a_password_that_was_changed_is_named(yard):
    etcd = Etcd(yard).start()
    add_user(etcd)
    open_on(yard, etcd, with_password(yard))
    root = ("--user", "root:root")
    history = [e["reason"] for e in yard.history()]
    yard.tool("sh", "-c", f"echo other | etcdctl --endpoints {etcd.endpoints} --user root:root "
              "user passwd yard --interactive=false", env={"ETCDCTL_API": "3"})
    etcd.kill()
    etcd.start()

    assert_refused(yard, "authenticate as yard", "--etcd-password-file", etcd.members[0].client_url)

    yard.tool("sh", "-c", f"echo secret | etcdctl --endpoints {etcd.endpoints} --user root:root "
              "user passwd yard --interactive=false", env={"ETCDCTL_API": "3"})
    assert_goes_on(yard, history=history)

    etcd.ctl(*root, "role", "revoke-permission", "--prefix", "ours", "/switchyard/")
    assert_refused(yard, "permission denied", "grant-permission")
    etcd.ctl(*root, "role", "grant-permission", "--prefix", "ours", "readwrite", "/switchyard/")
    assert_goes_on(yard, weight=30)


# ---- certificates

def make_certificates(folder):
    """ca.crt; good.crt and expired.crt, signed by it for the same key; other.crt, by nobody we know."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    lines = [
        ["req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca", "-days", "2"],
        ["req", *key, "-keyout", "key", "-out", "csr", "-subj", "/CN=etcd", "-addext", "subjectAltName=IP:127.0.0.1"],
        ["req", "-x509", "-key", "key", "-out", "other.crt", "-subj", "/CN=x", "-addext", "subjectAltName=IP:127.0.0.1"],
    ]
    lines += [["x509", "-req", "-in", "csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
               "-copy_extensions", "copy", "-days", days, "-out", name]
              for name, days in (("good.crt", "2"), ("expired.crt", "-1"))]
    folder.mkdir()
    for line in lines:
        subprocess.run(["openssl", *line], cwd=folder, check=True, capture_output=True)
    return folder


def test_certificates_that_expire_or_are_not_trusted(yard):
    tls = make_certificates(yard.folder / "tls")
    served = tls / "served.crt"

    def restart_with(name):
        etcd.kill()
        shutil.copy(tls / name, served)
        etcd.start()

    etcd = Etcd(yard, scheme="https", options=["--cert-file", served, "--key-file", tls / "key"])
    shutil.copy(tls / "good.crt", served)
    etcd.start()
    open_on(yard, etcd, ["--etcd-ca", tls / "ca.crt"])

    history = [e["reason"] for e in yard.history()]
    restart_with("expired.crt")
    assert_refused(yard, "expired", etcd.endpoints, str(tls / "ca.crt"))
    restart_with("other.crt")
    assert_refused(yard, "certificate", etcd.endpoints, str(tls / "ca.crt"))
    restart_with("good.crt")
    assert_goes_on(yard, history=history)


# ---- what is not etcd

def refuses_to_start(yard, endpoints, options=()):
    yard.coordinator.store = SimpleNamespace(endpoints=endpoints)
    process = yard.coordinator.start(wait=False, options=options).process
    process.expected = {2}
    assert process.popen.wait(60) == 2
    return process.text()


def test_an_endpoint_that_is_not_etcd_is_refused_at_the_start(yard):
    yard.services()
    said = refuses_to_start(yard, yard.legacy.url)
    assert yard.legacy.url in said and "is that etcd?" in said
    yard.legacy.become(404)
    said = refuses_to_start(yard, yard.legacy.url)
    assert yard.legacy.url in said and "is not etcd" in said and "--etcd-endpoints" in said
    yard.legacy.kill()
    said = refuses_to_start(yard, yard.legacy.url)
    assert yard.legacy.url in said and "endpoint status" in said


@pytest.mark.parametrize("fault,words", [
    ("babble / 200", ["its answer to /v3/", "cannot be read"]),
    ("refuse / 200", ["HTTP status 503"]),
    ("cut-json / 200", ["cannot be read"]),
    ("drop-request / 200", ["connection broke|Empty reply"]),
])
def test_something_between_us_and_etcd_garbles(yard, fault, words):
    gateway = Gateway(yard, Etcd(yard).start().members[0])
    open_on(yard, gateway)
    history = [e["reason"] for e in yard.history()]
    gateway.tell(fault)
    assert_refused(yard, gateway.endpoints, *words)
    gateway.tell("fine / 0")
    assert_goes_on(yard, history=history)


def test_an_answer_that_was_cut_short_is_found_out(yard):
    """The change was stored and only its answer lost: the operator hears the truth."""
    gateway = Gateway(yard, Etcd(yard).start().members[0])
    open_on(yard, gateway)
    gateway.tell("cut-json txn 1")
    set_weight(yard, 20)
    assert_goes_on(yard, weight=30)


# ---- keys

def test_what_a_newer_version_added_stays(yard):
    etcd = Etcd(yard).start()
    open_on(yard, etcd)
    value = json.loads(etcd.get(ROLLOUT)[ROLLOUT])
    etcd.ctl("put", ROLLOUT, json.dumps({**value, "fromTheFuture": {"a": [1]}}))
    assert_goes_on(yard)
    assert json.loads(etcd.get(ROLLOUT)[ROLLOUT])["fromTheFuture"] == {"a": [1]}


@pytest.mark.parametrize("key,change,words", [
    (ROLLOUT, lambda v: json.dumps({**json.loads(v), "version": 99}), ["version 99", "start one of that version"]),
    (ROLLOUT, lambda v: v[:len(v) // 2], ["does not end", "backup"]),
    (PLAN, lambda v: "{}", ["apiVersion", "backup"]),
    (ROLLOUT, None, ["missing", "backup"]),
    (PLAN, None, ["missing", "backup"]),
])
def test_a_key_that_was_changed_by_hand_is_named(yard, key, change, words):
    etcd = Etcd(yard).start()
    open_on(yard, etcd)
    value = etcd.get(key)[key]
    history = [e["reason"] for e in yard.history()]
    etcd.ctl(*(["put", key, change(value)] if change else ["del", key]))

    wait_for(lambda: set_weight(yard, 49, status=None).status != 0 and key in yard.cli("health", status=None).out,
             "health names the key")
    assert_refused(yard, key, *words)

    etcd.ctl("put", key, value)
    assert_goes_on(yard, history=history)


def test_a_store_that_lost_its_incarnation_is_not_written_to(yard):
    etcd = Etcd(yard).start()
    open_on(yard, etcd)
    history = [e["reason"] for e in yard.history()]
    etcd.ctl("del", INCARNATION)
    assert_refused(yard, "meta/incarnation", "restart the coordinator")
    yard.coordinator.process.stop()
    yard.coordinator.start()
    yard.wait_nodes(1)
    assert_goes_on(yard, history=history)


def test_a_store_that_is_cleared_takes_nothing_away_from_nodes(yard):
    etcd = Etcd(yard).start()
    yard.open_replicas(etcd, nodes=1)
    yard.apply(stages=(50, 100))
    yard.cli("start", "app")
    before = share_on_new(yard)

    etcd.ctl("del", "--prefix", "/switchyard/v1/")
    for replica in yard.replicas:
        wait_for(lambda: "meta/incarnation" in replica.cli("health", status=None).out, f"{replica.id} names the key")

    assert share_on_new(yard) == before
    yard.cli("rollback", "app", "--emergency", "--reason", "INC-5")
    assert share_on_new(yard) == 0


def test_a_store_of_a_newer_version_is_refused_at_the_start(yard):
    etcd = Etcd(yard).start()
    etcd.ctl("put", INCARNATION, '{"schema":2,"incarnation":"x"}')
    said = refuses_to_start(yard, etcd.endpoints)
    assert "schema 2" in said and "newer" in said
