# SPDX-License-Identifier: Apache-2.0
"""A plan walks from 0 to 100 % on real services, and each user stays on the side they were put on."""

from switchyard import wait_for

USERS = [f"user-{i}" for i in range(2000)]


def share_of_new(sides):
    return 100.0 * sum(side == "new" for side in sides.values()) / len(sides)


def test_a_plan_walks_from_nothing_to_everything(yard):
    yard.open(nodes=2)
    yard.apply(stages=(0, 10, 50, 100))
    assert yard.status()["phase"] == "pending"

    clients = [s.client() for s in yard.sidecars]
    assert set(clients[0].sides(USERS[:200]).values()) == {"legacy"}

    yard.cli("start", "app")
    before = {}
    for weight in (10, 50, 100):
        yard.wait_status("the stage is ready", phase="ready")
        yard.cli("promote", "app")
        sides = clients[0].sides(USERS)
        assert abs(share_of_new(sides) - weight) <= 2.5, f"{share_of_new(sides)} % at weight {weight}"
        moved_back = [u for u, side in before.items() if side == "new" and sides[u] == "legacy"]
        assert not moved_back, f"raising to {weight} % moved users back: {moved_back[:5]}"
        before = sides

    status = yard.wait_status("the last stage is done", phase="completed")
    assert status["weight"] == 100
    assert status["stage"] == "at-100" and status["stageIndex"] == 4
    assert status["convergence"]["serving"] == 2 and status["convergence"]["lagging"] == 0
    events = [e["event"] for e in reversed(yard.history())]
    assert events[:5] == ["apply", "start", "promote", "promote", "promote"]


def test_every_node_puts_a_user_on_the_same_side(yard):
    yard.open(nodes=2)
    yard.apply(stages=(25, 100))
    yard.cli("start", "app")

    first = yard.sidecars[0].client().sides(USERS)
    again = yard.sidecars[0].client().sides(USERS[:300])
    second = yard.sidecars[1].client().sides(USERS)

    assert first == second
    assert all(first[user] == side for user, side in again.items())
    assert abs(share_of_new(first) - 25) <= 2.5


def test_users_without_a_key_are_split_by_chance(yard):
    yard.open()
    yard.apply(stages=(50, 100))
    yard.cli("start", "app")
    client = yard.sidecars[0].client()

    answers = [client.ask() for _ in range(600)]

    assert 200 < answers.count("new") < 400


def test_weights_by_hand_go_up_and_down_without_shuffling_users(yard):
    yard.open()
    yard.apply(stages=(10, 100))
    yard.cli("start", "app")
    client = yard.sidecars[0].client()
    at = {}
    for weight in (10, 40, 12.5):
        yard.cli("set", "weight", "app", weight, "--reason", "a test")
        at[weight] = {u for u, side in client.sides(USERS).items() if side == "new"}

    assert at[10] < at[12.5] < at[40]
    assert yard.status()["weight"] == 12.5


def test_counters_of_the_fleet_are_what_the_services_saw(yard):
    yard.open(nodes=2)
    yard.apply(stages=(25, 100))
    yard.cli("start", "app")
    for sidecar in yard.sidecars:
        sidecar.client().sides(USERS[:500])

    def all_counted():
        stats = yard.stats()
        return stats if stats["legacy"]["requests"] + stats["new"]["requests"] == 1000 else None

    stats = wait_for(all_counted, "all 1000 requests are reported")

    assert stats["legacy"]["requests"] == len(yard.legacy.requests())
    assert stats["new"]["requests"] == len(yard.new.requests())
    for system in ("legacy", "new"):
        assert stats[system]["errors"] == 0 and stats[system]["fallbacks"] == 0
        latency = stats[system]["latencyMs"]
        assert 0 < latency["p50"] <= latency["p99"] and latency["mean"] > 0
