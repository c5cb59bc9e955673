# SPDX-License-Identifier: Apache-2.0
"""The checker on made-up histories: a good one passes, and each broken promise is found by its rule."""

import copy
import json

import pytest

import checker

ROOT = "/switchyard/v1/"
NODES = ["n-1", "n-2"]


def put(rev, key, value):
    return {"kind": "store", "t": 900, "rev": rev, "key": ROOT + key, "value": value and json.dumps(value)}


def leader(rev, who):
    return put(rev, "leader", {"id": who})


def decision(rev, by):
    return put(rev, "decision", {"by": by})


def rollout(rev, weight, override="none"):
    return put(rev, "rollouts/app", {"weight": weight, "override": override})


def emergency(rev, epoch, active):
    return put(rev, "emergency/app", {"epoch": epoch, "active": active, "reason": "x"})


def entry(rev, sequence, event, reason):
    return put(rev, f"history/app/{sequence:012}", {"event": event, "reason": reason})


def invoke(t, id, what, door="coordinators"):
    return {"kind": "command", "t": t, "id": id, "phase": "invoke", "what": what, "migration": "app", "door": door}


def answer(t, id, result="done", **fields):
    return {"kind": "command", "t": t, "id": id, "phase": "answer", "result": result, **fields}


def stored(t, id, rev):
    return answer(t, id, revision=rev, converged=True, nodes=len(NODES))


def serving(t, node, revision):
    return {"kind": "serving", "t": t, "node": node, "revision": revision, "term": 1}


def process(t, who, what):
    return {"kind": "process", "t": t, "who": who, "what": what}


def leads(t, who, term):
    return {"kind": "leads", "t": t, "who": who, "term": term}


def yields(t, who):
    return {"kind": "yields", "t": t, "who": who}


def ask(t, id, node="n-1", system="legacy", status=200, error=None):
    """A request, and its arrival at a service."""
    return [{"kind": "request", "t": t, "end": t + 0.01, "node": node, "migration": "app", "id": id,
             "status": status, "body": system, "error": error},
            {"kind": "arrival", "t": t + 0.005, "system": system, "id": id}]


def good():
    """c-1 leads and is killed, c-2 takes over; 30 %, an emergency, lifted, a start; n-2 is killed and comes back."""
    entries = [(5, 1, "apply", ""), (10, 2, "set_weight", "k1"), (20, 3, "emergency_rollback", "k2"),
               (40, 4, "clear_emergency", "k3"), (41, 5, "start", "k4")]
    return [
        {"kind": "yard", "t": 0, "nodes": NODES},
        leader(3, "c-1"), leads(1, "c-1", 3),
        *[entry(*e) for e in entries],
        *[decision(rev, by) for rev, by in ((5, "c-1"), (10, "c-1"), (20, "c-3"), (40, "c-2"), (41, "c-2"))],
        rollout(5, 0), invoke(2, "k1", "weight"), rollout(10, 30), stored(2.2, "k1", 10),
        serving(2.1, "n-1", 10), serving(2.1, "n-2", 10),
        *ask(3, "r1", system="new"), *ask(3.1, "r2"),
        invoke(4, "k2", "emergency"), rollout(20, 0), emergency(20, 1, True), stored(4.3, "k2", 20),
        serving(4.1, "n-1", 20), serving(4.2, "n-2", 20),
        *ask(4.25, "r3"), *ask(4.6, "r4"),
        process(5, "c-1", "kill"), put(30, "leader", None), leader(31, "c-2"), leads(9, "c-2", 31),
        process(6, "n-2", "kill"), *ask(6.1, "r5", node="n-2", status=0, error="refused")[:1],
        process(7, "n-2", "ready"), serving(7.1, "n-2", 20),
        invoke(10, "k3", "clear"), emergency(40, 2, False), stored(10.1, "k3", 40),
        invoke(11, "k4", "start"), rollout(41, 10), stored(11.3, "k4", 41),
        serving(11.1, "n-1", 41), serving(11.2, "n-2", 41), *ask(12, "r6", system="new"),
        invoke(13, "k5", "promote"), answer(13.1, "k5", "refused"),
        invoke(14, "k6", "promote"),
        {"kind": "kept", "t": 20, "migration": "app",
         "entries": [{"sequence": e[1], "reason": e[3]} for e in entries]},
        {"kind": "settled", "t": 20, "round": 1, "seconds": 1.5},
    ]


def broken(lines):
    return {name for name, _ in checker.check(sorted(lines, key=lambda line: line["t"]))}


def find(lines, **fields):
    return next(line for line in lines if all(line.get(k) == v for k, v in fields.items()))


def without(lines, **fields):
    gone = find(lines, **fields)
    return [line for line in lines if line is not gone]


def changed(what, **fields):
    """The good history with one line different."""
    lines = copy.deepcopy(good())
    find(lines, **what).update(fields)
    return lines


def test_a_good_history_passes():
    assert checker.check(sorted(good(), key=lambda line: line["t"])) == []


# ---- commands


def test_an_acknowledged_command_that_is_not_stored():
    lines = without(good(), kind="store", key=f"{ROOT}history/app/000000000003")
    assert "acknowledged_commands_are_kept" in broken(lines)


def test_a_setting_that_was_so_already_need_not_be_stored():
    again = {**invoke(12, "k7", "weight"), "wanted": ["weight", 10]}
    assert broken(good() + [again, stored(12.2, "k7", 41)]) == set()
    again["wanted"] = ["weight", 11]
    assert broken(good() + [again, stored(12.2, "k7", 41)]) == {"acknowledged_commands_are_kept"}


def test_a_command_that_was_acknowledged_before_it_was_stored():
    assert broken(changed({"id": "k1", "phase": "answer"}, revision=9)) == {"acknowledged_commands_are_kept"}
    assert broken(changed({"id": "k1", "phase": "answer"}, revision=11)) == set(), "another write came between"


def test_a_change_that_decides_nothing_is_acknowledged_with_the_latest_decision():
    lines = good() + [entry(50, 6, "pause", "k6"), stored(14.1, "k6", 41)]
    find(lines, kind="kept")["entries"].append({"sequence": 6, "reason": "k6"})
    assert broken(lines) == set()
    lines[-1]["revision"] = 40
    assert broken(lines) == {"acknowledged_commands_are_kept"}


def test_a_refused_command_that_is_stored():
    lines = good() + [entry(50, 6, "promote", "k5")]
    assert "refused_commands_change_nothing" in broken(lines)


def test_a_command_of_unknown_outcome_may_be_stored():
    lines = good() + [entry(50, 6, "promote", "k6"), rollout(50, 60)]
    find(lines, kind="kept")["entries"].append({"sequence": 6, "reason": "k6"})
    assert broken(lines) == set()


def test_a_command_that_is_carried_out_twice():
    lines = good() + [entry(50, 6, "set_weight", "k1")]
    assert "commands_are_carried_out_once" in broken(lines)


def test_an_emergency_order_may_be_carried_out_twice():
    lines = good() + [entry(50, 6, "emergency_rollback", "k2"), emergency(50, 3, True)]
    find(lines, kind="kept")["entries"].append({"sequence": 6, "reason": "k2"})
    assert broken(lines) == set()


def test_a_number_of_the_history_that_is_used_twice():
    lines = good() + [entry(50, 5, "promote", "k6")]
    assert "commands_are_carried_out_once" in broken(lines)


def test_the_measured_time_of_a_rollback_comes_later():
    assert broken(good() + [entry(25, 3, "emergency_rollback", "k2")]) == set()


def test_a_history_that_hides_an_entry():
    lines = good()
    del find(lines, kind="kept")["entries"][2]
    assert broken(lines) == {"operators_see_the_history"}


def test_an_order_at_the_nodes_that_nobody_adopts():
    lines = good() + [invoke(15, "k7", "emergency", "direct"), answer(15.1, "k7", epoch=3, served=["n-1"])]
    assert broken(lines) == {"orders_at_nodes_are_adopted"}
    assert broken(lines + [emergency(60, 3, True)]) == set()


def test_a_raise_that_nobody_asked_for():
    assert broken(good() + [rollout(50, 60)]) == {"nobody_raises_unasked"}


# ---- nodes


def test_a_node_that_goes_back():
    assert "revisions_never_go_back" in broken(good() + [serving(12, "n-1", 10)])


def test_a_node_that_goes_back_when_it_starts_again():
    assert "revisions_never_go_back" in broken(changed({"kind": "serving", "t": 7.1}, revision=10))


def test_a_node_that_is_killed_before_an_emergency_order_is_on_its_disk():
    lines = changed({"kind": "serving", "t": 7.1}, revision=10)
    find(lines, kind="process", who="n-2", what="kill")["t"] = 4.35
    assert broken(lines) == set()


def test_a_revision_that_the_store_never_had():
    assert "nodes_serve_what_was_decided" in broken(good() + [serving(13, "n-1", 99)])


# ---- requests


def test_a_request_on_new_after_the_answer_to_an_emergency():
    assert broken(good() + ask(4.8, "late", system="new")) == {"nothing_reaches_new_after_a_rollback"}


def test_a_request_on_new_after_a_node_came_back_from_its_disk():
    assert broken(good() + ask(7.05, "late", node="n-2", system="new")) == {"nothing_reaches_new_after_a_rollback"}


def test_a_request_on_new_on_a_node_that_says_it_serves_without():
    lines = changed({"id": "k2", "phase": "answer"}, converged=False)
    assert broken(lines) == set()
    assert broken(lines + ask(4.15, "late", system="new")) == {"nothing_reaches_new_after_a_rollback"}
    assert broken(lines + ask(4.15, "fine", node="n-2", system="new")) == set(), "n-2 did not say so yet"


def test_a_request_that_was_sent_before_the_answer_may_reach_new():
    lines = good() + ask(4.05, "early", system="new")
    find(lines, kind="arrival", id="early")["t"] = 4.9
    assert broken(lines) == set()


def test_a_request_on_new_after_an_order_at_a_node():
    lines = good() + [invoke(12.5, "k7", "emergency", "local"), answer(12.6, "k7", epoch=3, served=["n-1"]),
                      emergency(60, 3, True)]
    assert broken(lines + ask(12.7, "other", node="n-2", system="new")) == set()
    assert broken(lines + ask(12.7, "late", system="new")) == {"nothing_reaches_new_after_a_rollback"}


def test_a_request_on_new_after_an_order_that_was_not_stored_yet():
    lines = good() + [invoke(12.5, "k7", "emergency"), answer(12.6, "k7", epoch=3, converged=True, nodes=2, revision=0),
                      emergency(60, 3, True)]
    assert broken(lines) == set()
    assert broken(lines + ask(12.7, "late", system="new")) == {"nothing_reaches_new_after_a_rollback"}


def test_an_error_that_a_client_sees():
    assert broken(good() + ask(5, "r9", status=502)[:1]) == {"clients_see_no_errors"}


def test_an_error_after_a_killed_sidecar_is_back():
    assert broken(good() + ask(7.2, "r9", node="n-2", status=0, error="reset")[:1]) == {"clients_see_no_errors"}


# ---- leaders


def test_a_term_that_the_store_gave_to_another():
    assert "leaders_hold_the_term_they_claim" in broken(changed({"kind": "leads", "who": "c-2"}, who="c-3"))


def test_a_term_that_is_claimed_after_a_later_one():
    assert "leaders_hold_the_term_they_claim" in broken(good() + [leads(13, "c-1", 3)])


def test_two_leaders_at_the_same_time():
    assert broken(without(good(), kind="process", who="c-1")) == {"two_terms_never_both_act"}


def test_a_leader_that_steps_down_in_time():
    lines = without(good(), kind="process", who="c-1") + [yields(8.9, "c-1")]
    assert broken(lines) == set()


def test_a_leader_that_was_stopped_steps_down_when_it_goes_on():
    lines = without(good(), kind="process", who="c-1")
    lines += [process(5, "c-1", "pause"), process(15, "c-1", "resume")]
    assert broken(lines) == {"two_terms_never_both_act"}
    assert broken(lines + [yields(15.1, "c-1")]) == set()
    assert broken(lines + [yields(17, "c-1")]) == {"two_terms_never_both_act"}


def test_a_write_while_nobody_led():
    assert broken(good() + [decision(30, "c-1")]) == {"only_leaders_write"}
    assert broken([rollout(2, 0), *good()]) == {"only_leaders_write"}


def test_a_write_by_one_who_did_not_lead():
    assert broken(good() + [decision(45, "c-1")]) == {"only_leaders_write"}


def test_an_emergency_order_needs_no_leader():
    order = [entry(45, 6, "emergency_rollback", "k6"), decision(45, "c-1"), emergency(45, 3, True)]
    assert "only_leaders_write" not in broken(good() + order)


# ---- the run


def test_a_round_after_which_nothing_comes_back():
    lines = good() + [{"kind": "settled", "t": 21, "round": 2, "seconds": None, "why": "no leader"}]
    assert broken(lines) == {"everything_comes_back"}


@pytest.mark.parametrize("kind", ["command", "request", "arrival", "serving", "leads", "store", "kept", "settled"])
def test_a_history_without_something_proves_nothing(kind):
    assert "something_happened" in broken([line for line in good() if line["kind"] != kind])


def test_every_rule_is_broken_by_a_test():
    text = open(__file__, encoding="ascii").read()
    assert [r.__name__ for r in checker.RULES if f'"{r.__name__}"' not in text] == []
