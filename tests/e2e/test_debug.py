# SPDX-License-Identifier: Apache-2.0
"""`switchyard debug` shows the requests of one key, or of all, on a node, as they end."""

from debugging import Debug
from switchyard import wait_for


def test_requests_of_a_key_are_shown_as_they_end(yard):
    yard.open()
    yard.apply(stages=(40, 100))
    yard.cli("start", "app")
    yard.wait_status("the first stage serves", phase="ready")
    client = yard.sidecars[0].client()
    side = client.ask("alice")

    debug = Debug(yard, "--key", "alice", "--for", "60s")

    def shown():
        client.ask("bob")
        client.ask("alice", path="/cart?card=4242")
        return debug.lines()
    wait_for(shown, "a request of hers is shown", pause=0.2)
    refused = yard.cli("debug", "app", "--node", "node-1", "--for", "1s", status=1)
    assert "debugs requests of app" in refused.err
    debug.end()
    shown = debug.lines()
    assert {line["path"] for line in shown} == {"/cart"} and {line["system"] for line in shown} == {side}
    assert {line["reason"] for line in shown} == {"weight"} and len({line["key"] for line in shown}) == 1
    assert "alice" not in debug.out.read_text() and "4242" not in debug.out.read_text()

    # Whoever ended without a word is waited for a few seconds; then everybody's are shown.
    wait_for(lambda: yard.cli("debug", "app", "--node", "node-1", "--for", "1ms", status=None).status == 0,
             "the next one may debug")
    everybody = Debug(yard, "--for", "1m")
    wait_for(lambda: client.sides(range(10)) and len({line["system"] for line in everybody.lines()}) == 2,
             "requests of both systems are shown", pause=0.2)
    everybody.end()
    assert "at most 10m" in yard.cli("debug", "app", "--for", "1h", status=2).err
    assert "no route" in yard.cli("debug", "nosuch", "--node", "node-1", status=1).err
