/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of several coordinators in virtual time, told to the millisecond as those in
 * test_sim_traces.c: who leads, what an order needs, what is told when. A lease lasts five seconds
 * here, is renewed each quarter of that, and trusted for three. */
#include "tests/lib/unit.h"

#include <stdio.h>

#include "common/base/check.h"
#include "tests/sim/sim_chaos.h"
#include "tests/sim/sim_coord.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_store.h"
#include "tests/sim/sim_story.h"

static const char plan[] =
    "apiVersion: switchyard/v1\n"
    "kind: Migration\n"
    "metadata: {name: shop}\n"
    "spec:\n"
    "  systems:\n"
    "    legacy: {endpoints: [\"http://127.0.0.1:8001\"]}\n"
    "    new: {endpoints: [\"http://127.0.0.1:8002\"]}\n"
    "  routing: {key: client-ip}\n"
    "  triggers: {errorRate: 50%, window: 20s}\n"
    "  rollback: {deadline: 5s}\n"
    "  stages:\n"
    "    - {name: half, weight: 50, bake: 1s}\n"
    "    - {name: all, weight: 100, approval: manual}\n";

static void order_at(struct sim *s, unsigned coord, enum core_command_kind kind)
{
    sim_order_at(s, coord, &(struct core_command){.kind = kind, .migration = "shop"});
}

/* Up, with c1 as the leader, c2 and maybe c3, and a node on each. */
static struct sim *led(unsigned coordinators)
{
    struct sim *s = sim_new(
        &(struct sim_config){.seed = 1, .nodes = coordinators, .coordinators = coordinators});

    sim_run_for(s, dur_s(1));
    return s;
}

/* The same at 50 %, and the trace up to there is read. */
static struct sim *led_at_half(unsigned coordinators)
{
    struct sim *s = led(coordinators);

    sim_apply_at(s, 0, plan);
    sim_run_for(s, dur_ms(500));
    order_at(s, 0, CMD_START);
    sim_run_for(s, dur_ms(3500));
    if (s->failure[0])
        fail_msg("%s", s->failure);
    (void)sim_trace_news(s);
    return s;
}

static void cut_off(struct sim *s, unsigned coord, bool cut)
{
    sim_net_cut(s->net, sim_host_coord(coord), SIM_HOST_STORE, cut);
}

static void expect_rest(struct sim *s)
{
    if (!sim_run_until(s, sim_is_calm, dur_s(30)))
        fail_msg("%s\n%s", s->failure[0] ? s->failure : sim_unrest(s), buf_text(&s->trace));
    (void)sim_trace_news(s);
}

/* ---- who leads ------------------------------------------------------------------------------- */

static void one_leads_and_the_others_follow(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = led(3);

    expect(s,
           "[     0] n1 starts with revision 0\n"
           "[     0] n2 starts with revision 0\n"
           "[     0] n3 starts with revision 0\n"
           "[     4] c1 says election id=c1 state=registering from=outside term=0 "
           "why=\"a lease was granted\"\n"
           "[     4] c2 says election id=c2 state=registering from=outside term=0 "
           "why=\"a lease was granted\"\n"
           "[     4] c3 says election id=c3 state=registering from=outside term=0 "
           "why=\"a lease was granted\"\n"
           "[    12] c1 says election id=c1 state=campaigning from=registering term=0 "
           "why=\"registered, and nobody leads\"\n"
           "[    12] c2 says election id=c2 state=campaigning from=registering term=0 "
           "why=\"registered, and nobody leads\"\n"
           "[    12] c3 says election id=c3 state=campaigning from=registering term=0 "
           "why=\"registered, and nobody leads\"\n"
           "[    14] store conflict\n"
           "[    14] store conflict\n"
           "[    16] c1 says election id=c1 state=leading from=campaigning term=4 "
           "why=\"it was elected\"\n"
           "[    16] c1 is up\n"
           "[    16] c1 leads, term 4\n"
           "[    16] c2 says election id=c2 state=following from=campaigning term=4 "
           "why=\"another one was faster\"\n"
           "[    16] c2 is up\n"
           "[    16] c2 follows c1\n"
           "[    16] c3 says election id=c3 state=following from=campaigning term=4 "
           "why=\"another one was faster\"\n"
           "[    16] c3 is up\n"
           "[    16] c3 follows c1\n");
}

static void a_leader_that_dies_is_followed_by_another(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = led_at_half(2);

    sim_coord_crash(s->coord[0]);
    sim_run_for(s, dur_s(7));
    expect(s,
           "[  5000] c1 dies\n"
           "[  8758] c2 knows no leader\n"
           "[  8778] c2 says election id=c2 state=campaigning from=following term=3 "
           "why=\"nobody leads\"\n"
           "[  8782] c2 says election id=c2 state=leading from=campaigning term=9 "
           "why=\"it was elected\"\n"
           "[  8782] c2 leads, term 9\n");
}

/* It gives back its lease, so nobody waits for the end of it. */
static void a_leader_that_is_told_to_stop_hands_over_at_once(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = led_at_half(2);

    sim_coord_leave(s->coord[0]);
    sim_run_for(s, dur_ms(900));
    expect(s,
           "[  5000] c1 says election id=c1 state=leaving from=leading term=3 why=\"the "
           "process stops\"\n"
           "[  5000] c1 knows no leader\n"
           "[  5004] c1 says election id=c1 state=gone from=leaving term=3 why=\"the "
           "lease was given back\"\n"
           "[  5004] c1 dies\n"
           "[  5004] c2 knows no leader\n"
           "[  5024] c2 says election id=c2 state=campaigning from=following term=3 "
           "why=\"nobody leads\"\n"
           "[  5028] c2 says election id=c2 state=leading from=campaigning term=9 "
           "why=\"it was elected\"\n"
           "[  5028] c2 leads, term 9\n");
}

/* Cut off from the store it steps down first, and the other one leads when the lease has ended.
 * What was asked for meanwhile is done by who leads then. */
static void a_leader_without_its_store_steps_down_before_another_leads(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = led_at_half(2);

    cut_off(s, 0, true);
    sim_run_for(s, dur_ms(4500));
    order_at(s, 0, CMD_PROMOTE);
    sim_run_for(s, dur_ms(4500));
    expect(s,
           "[  6004] c1 says election id=c1 state=lease_not_kept: the store cannot be "
           "reached\n"
           "[  6754] c1 says election id=c1 state=doubting from=leading term=3 "
           "why=\"the lease was not kept in time\"\n"
           "[  6754] c1 knows no leader\n"
           "[  7754] c1 says election id=c1 state=doubting: the store cannot be reached\n"
           "[  8758] c2 knows no leader\n"
           "[  8778] c2 says election id=c2 state=campaigning from=following term=3 "
           "why=\"nobody leads\"\n"
           "[  8782] c2 says election id=c2 state=leading from=campaigning term=9 "
           "why=\"it was elected\"\n"
           "[  8782] c2 leads, term 9\n"
           "[  9500] op-3 promote shop\n"
           "[  9504] shop is converging at stage 2, 100 %: an operator promoted the "
           "rollout: a test\n"
           "[  9506] op-3 is told: shop enters all: 100 % of keys on new\n"
           "[  9514] n1 serves 10; shop 100 %\n");
    cut_off(s, 0, false);
    sim_run_for(s, dur_s(3));
    expect(s,
           "[ 14008] c1 says election id=c1 state=outside from=doubting term=3 "
           "why=\"the lease ended\"\n"
           "[ 14008] c1 follows c2\n"
           "[ 14016] n2 serves 10; shop 100 %\n"
           "[ 14020] shop is baking at stage 2, 100 %: every node serves the stage\n"
           "[ 14022] c2 says converged migration=shop nodes=2 measured_ms=4516.0\n"
           "[ 14024] shop is completed at stage 2, 100 %: the last stage has baked and "
           "its gate does not object\n"
           "[ 14352] c1 says election id=c1 state=registering from=outside term=9 "
           "why=\"a lease was granted\"\n"
           "[ 14356] c1 says election id=c1 state=following from=registering term=9 "
           "why=\"registered; another one leads\"\n");
}

/* Nobody can tell from outside. It does not act on what it was before it knows what it is. */
static void a_leader_stopped_for_longer_than_its_lease_follows_when_it_wakes(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = led_at_half(2);

    sim_coord_pause(s->coord[0], true);
    order_at(s, 0, CMD_PROMOTE);
    sim_run_for(s, dur_s(8));
    expect(s,
           "[  5000] c1 is stopped\n"
           "[  5000] op-3 promote shop\n"
           "[  8758] c2 knows no leader\n"
           "[  8778] c2 says election id=c2 state=campaigning from=following term=3 "
           "why=\"nobody leads\"\n"
           "[  8782] c2 says election id=c2 state=leading from=campaigning term=9 "
           "why=\"it was elected\"\n"
           "[  8782] c2 leads, term 9\n");
    sim_coord_pause(s->coord[0], false);
    sim_run_for(s, dur_s(3));
    expect(s,
           "[ 13000] c1 goes on\n"
           "[ 13000] c1 says election id=c1 state=doubting from=leading term=3 "
           "why=\"the lease was not kept in time\"\n"
           "[ 13000] c1 knows no leader\n"
           "[ 13002] c1 says election id=c1 state=outside from=doubting term=3 "
           "why=\"the lease ended\"\n"
           "[ 13002] c1 follows c2\n"
           "[ 13003] shop is converging at stage 2, 100 %: an operator promoted the "
           "rollout: a test\n"
           "[ 13005] op-3 is told: shop enters all: 100 % of keys on new\n"
           "[ 13013] n1 serves 10; shop 100 %\n"
           "[ 13095] c1 says election id=c1 state=registering from=outside term=9 "
           "why=\"a lease was granted\"\n"
           "[ 13099] c1 says election id=c1 state=following from=registering term=9 "
           "why=\"registered; another one leads\"\n"
           "[ 13164] n2 serves 10; shop 100 %\n"
           "[ 13167] shop is baking at stage 2, 100 %: every node serves the stage\n"
           "[ 13169] c2 says converged migration=shop nodes=2 measured_ms=164.5\n"
           "[ 13171] shop is completed at stage 2, 100 %: the last stage has baked and "
           "its gate does not object\n");
}

/* It was sent by who led then, and on its way for longer than the lease. */
static void a_write_that_arrives_in_anothers_term_is_refused(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = led_at_half(2);

    sim_store_slow(s->store, dur_s(6));
    order_at(s, 0, CMD_PROMOTE);
    sim_run_for(s, dur_ms(2));
    sim_store_slow(s->store, dur_ms(0));
    sim_coord_pause(s->coord[0], true);
    sim_run_for(s, dur_s(8));
    expect(s,
           "[  5000] op-3 promote shop\n"
           "[  5002] c1 is stopped\n"
           "[  8758] c2 knows no leader\n"
           "[  8778] c2 says election id=c2 state=campaigning from=following term=3 "
           "why=\"nobody leads\"\n"
           "[  8782] c2 says election id=c2 state=leading from=campaigning term=9 "
           "why=\"it was elected\"\n"
           "[  8782] c2 leads, term 9\n"
           "[ 11003] store hears late from c1\n"
           "[ 11003] store conflict\n");
    sim_coord_pause(s->coord[0], false);
    expect_rest(s);
}

static void a_store_that_ends_leases_early_deposes_nobody_for_long(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = led_at_half(2);

    sim_store_end_leases(s->store);
    sim_run_for(s, dur_s(2));
    expect(s,
           "[  5002] c1 says election id=c1 state=outside from=leading term=3 why=\"the "
           "lease ended\"\n"
           "[  5002] c1 knows no leader\n"
           "[  5002] c2 says election id=c2 state=outside from=following term=3 "
           "why=\"the lease ended\"\n"
           "[  5002] c2 knows no leader\n"
           "[  5085] c2 says election id=c2 state=registering from=outside term=3 "
           "why=\"a lease was granted\"\n"
           "[  5089] c2 says election id=c2 state=campaigning from=registering term=3 "
           "why=\"registered, and nobody leads\"\n"
           "[  5093] c1 follows c2\n"
           "[  5093] c2 says election id=c2 state=leading from=campaigning term=11 "
           "why=\"it was elected\"\n"
           "[  5093] c2 leads, term 11\n"
           "[  5095] c1 says election id=c1 state=registering from=outside term=11 "
           "why=\"a lease was granted\"\n"
           "[  5099] c1 says election id=c1 state=following from=registering term=11 "
           "why=\"registered; another one leads\"\n");
    expect_rest(s);
}

/* ---- orders that need no leader -------------------------------------------------------------- */

static void an_emergency_at_a_follower_waits_for_no_leader(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = led_at_half(2);

    sim_coord_pause(s->coord[0], true);
    sim_run_for(s, dur_ms(100));
    order_at(s, 1, CMD_EMERGENCY);
    sim_run_for(s, dur_ms(400));
    expect(s,
           "[  5000] c1 is stopped\n"
           "[  5100] op-3 emergency_rollback shop\n"
           "[  5103] shop is rolling_back at stage 0, 0 %: an emergency order sends "
           "everything to legacy: a test\n"
           "[  5105] op-3 is told: shop goes to legacy now, by emergency order 1\n"
           "[  5108] n1 serves 8; shop 0 % EMERGENCY\n");
    sim_coord_pause(s->coord[0], false);
    expect_rest(s);
}

/* Door (b): the store is gone for everybody. The order is answered when it is in the journal and on
 * its way to the nodes, and outlives the coordinator that took it. */
static void an_order_without_a_store_is_pushed_kept_and_stored_later(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = led_at_half(2);

    cut_off(s, 0, true);
    cut_off(s, 1, true);
    sim_run_for(s, dur_ms(500));
    order_at(s, 1, CMD_EMERGENCY);
    sim_run_for(s, dur_s(2));
    expect(s,
           "[  5500] op-3 emergency_rollback shop\n"
           "[  5801] c2 says emergency action=pushed migration=shop epoch=1 "
           "operator=op-3 reason=\"a test\"\n"
           "[  5801] c2 pushes order 1 of shop\n"
           "[  5801] op-3 is told: shop goes to legacy now, by emergency order 1; the "
           "store does not answer and will hear of it later\n"
           "[  5804] n1 serves 5; shop 50 % EMERGENCY\n"
           "[  5805] n2 serves 5; shop 50 % EMERGENCY\n"
           "[  6004] c1 says election id=c1 state=lease_not_kept: the store cannot be "
           "reached\n"
           "[  6004] c2 says election id=c2 state=lease_not_kept: the store cannot be "
           "reached\n"
           "[  6501] c2 says store state=failing: the store cannot be reached\n"
           "[  6754] c1 says election id=c1 state=doubting from=leading term=3 "
           "why=\"the lease was not kept in time\"\n"
           "[  6754] c1 knows no leader\n"
           "[  6806] c1 says store state=failing: the store cannot be reached\n");
    sim_coord_crash(s->coord[1]);
    sim_run_for(s, dur_ms(500));
    cut_off(s, 0, false);
    cut_off(s, 1, false);
    sim_coord_start(s->coord[1]);
    sim_run_for(s, dur_s(10));
    expect(s,
           "[  7500] c2 dies\n"
           "[  8004] c2 says election id=c2 state=registering from=outside term=0 "
           "why=\"a lease was granted\"\n"
           "[  8010] c1 says election id=c1 state=leading from=doubting term=3 "
           "why=\"the leader key is still its own, and the lease was kept\"\n"
           "[  8010] c1 leads, term 3\n"
           "[  8010] store conflict\n"
           "[  8012] shop is rolling_back at stage 0, 0 %: an emergency order sends "
           "everything to legacy: a test\n"
           "[  8014] c1 says store state=working\n"
           "[  8014] c1 says emergency action=adopted migration=shop epoch=1 node=n1 "
           "operator=op-3 reason=\"a test\"\n"
           "[  8014] store conflict\n"
           "[  8020] c2 says election id=c2 state=registering: a coordinator with the "
           "id c2 is registered already, at c2:1 since 2026-11-21T10:00:00.000Z\n"
           "[  8022] n1 serves 8; shop 0 % EMERGENCY\n"
           "[  8022] n2 serves 8; shop 0 % EMERGENCY\n"
           "[  8025] shop is rolled_back at stage 0, 0 %: every node serves what was "
           "rolled back to\n"
           "[  8027] c1 says converged migration=shop nodes=2 measured_ms=13.0\n"
           "[  8111] store conflict\n"
           "[  8387] store conflict\n"
           "[  8877] c2 says election id=c2 state=following from=registering term=3 "
           "why=\"registered; another one leads\"\n"
           "[  8877] c2 is up\n"
           "[  8877] c2 follows c1\n");
    expect_rest(s);
}

/* Its own transaction may have been stored, and what stands there looks like it. */
static void an_order_that_another_one_adopted_is_not_taken_for_ones_own(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = led_at_half(2);

    cut_off(s, 1, true);
    order_at(s, 1, CMD_EMERGENCY);
    sim_run_for(s, dur_s(6));
    cut_off(s, 1, false);
    expect_rest(s);
}

/* ---- replicas -------------------------------------------------------------------------------- */

/* The leader's watch is late when the other one decides: its own next set holds that decision. */
static void a_set_holds_what_others_decided_before_it(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = led_at_half(2);

    s->watch_faults = 1;
    for (unsigned i = 0; i < 20; i++) {
        order_at(s, 1, CMD_EMERGENCY);
        sim_run_for(s, dur_ms(20));
        order_at(s, 0, CMD_CLEAR);
        sim_run_for(s, dur_ms(300));
    }
    s->watch_faults = 0;
    expect_rest(s);
}

/* What was written since the latest decision has revisions, too, but none that nodes hear of. */
static void a_node_finds_the_same_revision_at_every_coordinator(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = led_at_half(2);
    uint64_t before = sim_node_lane(s->node[0], 0)->revision;

    sim_coord_crash(s->coord[1]);
    sim_run_for(s, dur_s(1));
    sim_coord_start(s->coord[1]);
    expect_rest(s);
    sim_coord_crash(s->coord[0]);
    sim_run_for(s, dur_s(1));
    sim_coord_start(s->coord[0]);
    expect_rest(s);
    assert_int_equal(sim_node_lane(s->node[0], 0)->revision, before);
}

/* It comes back with other history under the same keys. */
static void a_plan_deleted_behind_ones_back_comes_back_as_another(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = led(2);

    for (unsigned round = 0; round < 2; round++) {
        sim_apply_at(s, 0, plan);
        sim_run_for(s, dur_ms(100));
        for (unsigned i = 0; i < 60; i++) {
            sim_order_at(s, 0,
                         &(struct core_command){.kind = CMD_SET_OVERRIDE,
                                                .migration = "shop",
                                                .system = i % 2 ? SYSTEM_NONE : SYSTEM_LEGACY});
            sim_run_for(s, dur_ms(20));
        }
        cut_off(s, 1, round == 0);
        if (round == 0)
            order_at(s, 0, CMD_DELETE);
        sim_run_for(s, dur_ms(100));
    }
    expect_rest(s);
}

/* What a leader measured is there when another one leads: its gate does not begin anew, and counts
 * nothing twice (sim_check.h). */
static void a_new_leader_knows_what_nodes_measured(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = led_at_half(3);
    struct view_stats before, after;

    sim_run_for(s, dur_s(20));
    assert_int_equal(view_stats(sim_coord_core(s->coord[0]), "shop", dur_s(10),
                                sim_coord_mono(s->coord[0]), &before, NULL),
                     0);
    sim_coord_crash(s->coord[0]);
    sim_coord_crash(s->coord[1]);
    sim_coord_crash(s->coord[2]);
    for (unsigned i = 0; i < 3; i++)
        sim_coord_start(s->coord[i]);
    expect_rest(s);
    sim_run_for(s, dur_s(2));
    assert_int_equal(view_stats(sim_coord_core(s->coord[0]), "shop", dur_s(30),
                                sim_coord_mono(s->coord[0]), &after, NULL),
                     0);
    assert_true(before.system[SYSTEM_NEW].requests > 0);
    assert_true(after.system[SYSTEM_NEW].requests > before.system[SYSTEM_NEW].requests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_leads_and_the_others_follow),
        cmocka_unit_test(a_leader_that_dies_is_followed_by_another),
        cmocka_unit_test(a_leader_that_is_told_to_stop_hands_over_at_once),
        cmocka_unit_test(a_leader_without_its_store_steps_down_before_another_leads),
        cmocka_unit_test(a_leader_stopped_for_longer_than_its_lease_follows_when_it_wakes),
        cmocka_unit_test(a_write_that_arrives_in_anothers_term_is_refused),
        cmocka_unit_test(a_store_that_ends_leases_early_deposes_nobody_for_long),
        cmocka_unit_test(an_emergency_at_a_follower_waits_for_no_leader),
        cmocka_unit_test(an_order_without_a_store_is_pushed_kept_and_stored_later),
        cmocka_unit_test(an_order_that_another_one_adopted_is_not_taken_for_ones_own),
        cmocka_unit_test(a_set_holds_what_others_decided_before_it),
        cmocka_unit_test(a_node_finds_the_same_revision_at_every_coordinator),
        cmocka_unit_test(a_plan_deleted_behind_ones_back_comes_back_as_another),
        cmocka_unit_test(a_new_leader_knows_what_nodes_measured),
    };

    return cmocka_run_group_tests_name("simulated failovers", tests, NULL, NULL);
}
