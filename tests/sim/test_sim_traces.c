/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of a fleet in virtual time, told to the millisecond: what was ordered, what followed, in
 * which order. Delays are fixed here (network 1 ms, store 2 ms each way, disk 5 ms, a lane 1 ms),
 * so a line that moves is a change of behaviour. sim_check.h is looked at in every step as well. */
#include "tests/lib/unit.h"

#include <stdio.h>

#include "common/base/check.h"
#include "tests/sim/sim_coord.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_store.h"
#include "tests/sim/sim_story.h"

#define PLAN_HEAD                                                \
    "apiVersion: switchyard/v1\n"                                \
    "kind: Migration\n"                                          \
    "metadata: {name: shop}\n"                                   \
    "spec:\n"                                                    \
    "  systems:\n"                                               \
    "    legacy: {endpoints: [\"http://127.0.0.1:8001\"]}\n"     \
    "    new: {endpoints: [\"http://127.0.0.1:8002\"]}\n"        \
    "  routing: {key: client-ip}\n"                              \
    "  triggers: {errorRate: 5%, minRequests: 10, window: 3s}\n" \
    "  rollback: {deadline: 2s}\n"                               \
    "  stages:\n"

static const char plan_by_itself[] = PLAN_HEAD
    "    - {name: canary, weight: 10, bake: 1s, gate: {errorRate: 1%, minRequests: 5, for: 2s}}\n"
    "    - {name: half, weight: 50, bake: 1s}\n"
    "    - {name: all, weight: 100, bake: 1s}\n";

static const char plan_by_hand[] = PLAN_HEAD
    "    - {name: half, weight: 50}\n"
    "    - {name: all, weight: 100, approval: manual}\n";

static struct sim *fleet(unsigned nodes)
{
    return sim_new(&(struct sim_config){.seed = 1, .nodes = nodes});
}

static void order(struct sim *s, enum core_command_kind kind)
{
    sim_order(s, &(struct core_command){.kind = kind, .migration = "shop"});
}

/* A fleet at 50 %, and the trace up to there is read. */
static struct sim *fleet_at_half(unsigned nodes)
{
    struct sim *s = fleet(nodes);

    sim_run_for(s, dur_ms(100));
    sim_apply(s, plan_by_hand);
    sim_run_for(s, dur_ms(100));
    order(s, CMD_START);
    sim_run_for(s, dur_ms(1800));
    if (s->failure[0])
        fail_msg("%s", s->failure);
    (void)sim_trace_news(s);
    return s;
}

static void a_plan_walks_from_0_to_100_by_itself(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet(2);

    sim_run_for(s, dur_ms(100));
    sim_apply(s, plan_by_itself);
    sim_run_for(s, dur_ms(100));
    order(s, CMD_START);
    sim_run_for(s, dur_s(10));
    expect(s,
           "[     0] n1 starts with revision 0\n"
           "[     0] n2 starts with revision 0\n"
           "[     4] c1 says election id=c1 state=registering from=outside term=0 "
           "why=\"a lease was granted\"\n"
           "[    12] c1 says election id=c1 state=campaigning from=registering term=0 "
           "why=\"registered, and nobody leads\"\n"
           "[    16] c1 says election id=c1 state=leading from=campaigning term=2 "
           "why=\"it was elected\"\n"
           "[    16] c1 is up\n"
           "[    16] c1 leads, term 2\n"
           "[   100] op-1 apply shop\n"
           "[   105] op-1 is told: shop is new, with 3 stages; everything goes to "
           "legacy until it is started\n"
           "[   200] op-2 start shop\n"
           "[   203] shop is converging at stage 1, 10 %: an operator started the "
           "rollout: a test\n"
           "[   203] n2 serves 3; shop 0 %\n"
           "[   205] op-2 is told: shop enters canary: 10 % of keys on new\n"
           "[   206] n1 serves 3; shop 0 %\n"
           "[   213] n1 serves 4; shop 10 %\n"
           "[   213] n2 serves 4; shop 10 %\n"
           "[   216] shop is baking at stage 1, 10 %: every node serves the stage\n"
           "[   218] c1 says converged migration=shop nodes=2 measured_ms=13.0\n"
           "[  2252] shop is converging at stage 2, 50 %: the stage has baked, its gate "
           "does not object, and the next one needs no approval\n"
           "[  2262] n1 serves 7; shop 50 %\n"
           "[  2262] n2 serves 7; shop 50 %\n"
           "[  2265] shop is baking at stage 2, 50 %: every node serves the stage\n"
           "[  2267] c1 says converged migration=shop nodes=2 measured_ms=13.0\n"
           "[  3502] shop is converging at stage 3, 100 %: the stage has baked, its "
           "gate does not object, and the next one needs no approval\n"
           "[  3512] n1 serves 9; shop 100 %\n"
           "[  3512] n2 serves 9; shop 100 %\n"
           "[  3515] shop is baking at stage 3, 100 %: every node serves the stage\n"
           "[  3517] c1 says converged migration=shop nodes=2 measured_ms=13.0\n"
           "[  4752] shop is completed at stage 3, 100 %: the last stage has baked and "
           "its gate does not object\n");
}

static void a_bad_release_is_rolled_back_by_itself(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet_at_half(2);

    s->world.errors_new = 1.0;
    sim_run_for(s, dur_s(3));
    expect(s,
           "[  3003] shop is rolling_back at stage 0, 0 %: a trigger fired: error rate "
           "of new 25.0 % over the last 3s exceeds 5 % (10 of 40 requests, at least 8.0 % with "
           "99.9 % confidence)\n"
           "[  3013] n1 serves 7; shop 0 %\n"
           "[  3013] n2 serves 7; shop 0 %\n"
           "[  3016] shop is rolled_back at stage 0, 0 %: every node serves what was "
           "rolled back to\n"
           "[  3018] c1 says converged migration=shop nodes=2 measured_ms=13.0\n");
}

static void an_emergency_reaches_a_node_that_was_cut_off(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet_at_half(2);

    sim_net_partition(s->net, 1, true);
    order(s, CMD_EMERGENCY);
    sim_run_for(s, dur_s(20));
    expect(s,
           "[  2000] op-3 emergency_rollback shop\n"
           "[  2003] shop is rolling_back at stage 0, 0 %: an emergency order sends "
           "everything to legacy: a test\n"
           "[  2005] op-3 is told: shop goes to legacy now, by emergency order 1\n"
           "[  2008] n1 serves 7; shop 0 % EMERGENCY\n"
           "[  4003] shop is rollback_failed at stage 0, 0 %: nodes still lag after the "
           "rollback's deadline: n2\n");
    sim_net_partition(s->net, 1, false);
    sim_run_for(s, dur_s(5));
    expect(s,
           "[ 22025] n2 serves 7; shop 0 % EMERGENCY\n"
           "[ 22028] shop is rolled_back at stage 0, 0 %: the late nodes serve what was "
           "rolled back to\n"
           "[ 22030] c1 says converged migration=shop nodes=2 measured_ms=20025.6\n");
}

/* Told at a node that nobody reaches; when it is reached again the fleet follows it. */
static void an_order_given_at_a_node_that_is_cut_off_is_adopted(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet_at_half(2);

    sim_net_partition(s->net, 1, true);
    sim_run_for(s, dur_s(1));
    sim_node_order(s->node[1], "INC-7");
    sim_run_for(s, dur_s(20));
    expect(s,
           "[  3000] n2 is told to go to legacy: INC-7\n"
           "[  3002] n2 serves 4; shop 50 % EMERGENCY\n");
    sim_net_partition(s->net, 1, false);
    sim_run_for(s, dur_s(5));
    expect(s,
           "[ 23184] shop is rolling_back at stage 0, 0 %: an emergency order sends "
           "everything to legacy: INC-7\n"
           "[ 23186] c1 says emergency action=adopted migration=shop epoch=1 node=n2 "
           "operator=n2 reason=INC-7\n"
           "[ 23189] n1 serves 7; shop 0 % EMERGENCY\n"
           "[ 23194] n2 serves 7; shop 0 % EMERGENCY\n"
           "[ 23197] shop is rolled_back at stage 0, 0 %: every node serves what was "
           "rolled back to\n"
           "[ 23199] c1 says converged migration=shop nodes=2 measured_ms=13.0\n");
}

static void a_coordinator_dies_between_save_and_publish(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet_at_half(2);

    sim_coord_crash_at(s->coord[0], SIM_CRASH_COMMITTED);
    order(s, CMD_PROMOTE);
    sim_run_for(s, dur_s(1));
    expect(s,
           "[  2000] op-3 promote shop\n"
           "[  2003] shop is converging at stage 2, 100 %: an operator promoted the "
           "rollout: a test\n"
           "[  2005] c1 dies\n"
           "[  2005] op-3 hears nothing\n");
    sim_coord_start(s->coord[0]);
    sim_run_for(s, dur_s(8));
    expect(s,
           "[  3004] c1 says election id=c1 state=registering from=outside term=0 "
           "why=\"a lease was granted\"\n"
           "[  3010] store conflict\n"
           "[  3016] c1 says election id=c1 state=registering: a coordinator with the "
           "id c1 is registered already, at c1:1 since 2026-11-21T10:00:00.000Z\n"
           "[  3107] store conflict\n"
           "[  3383] store conflict\n"
           "[  3871] store conflict\n"
           "[  4219] store conflict\n"
           "[  4679] store conflict\n"
           "[  5687] store conflict\n"
           "[  6697] c1 says election id=c1 state=campaigning from=registering term=2 "
           "why=\"registered, and nobody leads\"\n"
           "[  6701] c1 says election id=c1 state=leading from=campaigning term=10 "
           "why=\"it was elected\"\n"
           "[  6701] c1 is up\n"
           "[  6701] c1 leads, term 10\n"
           "[  7705] n1 serves 7; shop 100 %\n"
           "[  8252] shop is baking at stage 2, 100 %: every node serves the stage\n"
           "[  8254] c1 says converged migration=shop nodes=1 measured_ms=4698.6\n"
           "[  8502] shop is completed at stage 2, 100 %: the last stage has baked and "
           "its gate does not object\n");
}

static void a_store_that_loses_its_answer_loses_no_command(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet_at_half(1);

    sim_store_fail_once(s->store, SIM_STORE_LOSES_ANSWER);
    order(s, CMD_PROMOTE);
    sim_run_for(s, dur_ms(500));
    expect(s,
           "[  2000] op-3 promote shop\n"
           "[  2003] shop is converging at stage 2, 100 %: an operator promoted the "
           "rollout: a test\n"
           "[  2003] store unknown_outcome\n"
           "[  2005] c1 says store state=failing: the store in memory was told to fail\n"
           "[  2009] c1 says store state=working\n"
           "[  2009] op-3 is told: shop enters all: 100 % of keys on new\n"
           "[  2017] n1 serves 7; shop 100 %\n"
           "[  2020] shop is baking at stage 2, 100 %: every node serves the stage\n"
           "[  2022] c1 says converged migration=shop nodes=1 measured_ms=17.0\n"
           "[  2024] shop is completed at stage 2, 100 %: the last stage has baked and "
           "its gate does not object\n");
}

static void a_node_restarts_without_a_coordinator_and_serves(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet_at_half(1);

    sim_coord_crash(s->coord[0]);
    sim_node_crash(s->node[0]);
    sim_run_for(s, dur_s(1));
    sim_node_start(s->node[0]);
    sim_run_for(s, dur_s(1));
    assert_int_equal(sim_node_link(s->node[0]), LINK_STALE);
    expect(s,
           "[  2000] c1 dies\n"
           "[  2000] n1 dies\n"
           "[  3000] n1 starts with revision 4\n"
           "[  3002] n1 serves 4; shop 50 %\n");
    sim_coord_start(s->coord[0]);
    sim_run_for(s, dur_s(10));
    assert_int_equal(sim_node_link(s->node[0]), LINK_CURRENT);
    expect(s,
           "[  4004] c1 says election id=c1 state=registering from=outside term=0 "
           "why=\"a lease was granted\"\n"
           "[  4010] store conflict\n"
           "[  4016] c1 says election id=c1 state=registering: a coordinator with the "
           "id c1 is registered already, at c1:1 since 2026-11-21T10:00:00.000Z\n"
           "[  4107] store conflict\n"
           "[  4383] store conflict\n"
           "[  4871] store conflict\n"
           "[  5219] store conflict\n"
           "[  5679] store conflict\n"
           "[  6689] c1 says election id=c1 state=campaigning from=registering term=2 "
           "why=\"registered, and nobody leads\"\n"
           "[  6693] c1 says election id=c1 state=leading from=campaigning term=9 "
           "why=\"it was elected\"\n"
           "[  6693] c1 is up\n"
           "[  6693] c1 leads, term 9\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_walks_from_0_to_100_by_itself),
        cmocka_unit_test(a_bad_release_is_rolled_back_by_itself),
        cmocka_unit_test(an_emergency_reaches_a_node_that_was_cut_off),
        cmocka_unit_test(an_order_given_at_a_node_that_is_cut_off_is_adopted),
        cmocka_unit_test(a_coordinator_dies_between_save_and_publish),
        cmocka_unit_test(a_store_that_loses_its_answer_loses_no_command),
        cmocka_unit_test(a_node_restarts_without_a_coordinator_and_serves),
    };

    return cmocka_run_group_tests_name("simulated stories", tests, NULL, NULL);
}
