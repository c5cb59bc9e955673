/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of stages in virtual time, told to the millisecond as those in test_sim_traces.c: what is
 * asked of the world before one is entered and after it has baked, and how it reaches the fleet.
 * The nodes n1 and n3 are in the cluster eu, n2 is in us; a job takes 100 ms. */
#include "tests/lib/unit.h"

#include <stdio.h>

#include "common/base/check.h"
#include "tests/sim/sim_coord.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_store.h"
#include "tests/sim/sim_story.h"

#define PLAN_HEAD                                            \
    "apiVersion: switchyard/v1\n"                            \
    "kind: Migration\n"                                      \
    "metadata: {name: shop}\n"                               \
    "spec:\n"                                                \
    "  systems:\n"                                           \
    "    legacy: {endpoints: [\"http://127.0.0.1:8001\"]}\n" \
    "    new: {endpoints: [\"http://127.0.0.1:8002\"]}\n"    \
    "  routing: {key: client-ip}\n"                          \
    "  rollback: {deadline: 2s}\n"                           \
    "  stages:\n"

static const char plan_in_waves[] = PLAN_HEAD
    "    - {name: canary, weight: 10}\n"
    "    - name: half\n"
    "      weight: 50\n"
    "      approval: manual\n"
    "      waves: [{select: cluster=us, bake: 3s}, {select: \"*\"}]\n"
    "      bake: 2s\n"
    "    - {name: all, weight: 100, approval: manual}\n";

static const char plan_with_work[] = PLAN_HEAD
    "    - name: half\n"
    "      weight: 50\n"
    "      bake: 1s\n"
    "      ready: [{tcp: \"127.0.0.1:1\", timeout: 5s}]\n"
    "      backup: true\n"
    "      before: [{command: [warm-up], timeout: 5s}]\n"
    "      after: [{command: [load-test], timeout: 5s}]\n"
    "    - {name: all, weight: 100, approval: manual}\n";

static void order(struct sim *s, enum core_command_kind kind)
{
    sim_order_at(s, 0, &(struct core_command){.kind = kind, .migration = "shop"});
}

/* The plan is applied, and the trace up to there is read. */
static struct sim *fleet(unsigned nodes, unsigned coordinators, const char *plan)
{
    struct sim *s =
        sim_new(&(struct sim_config){.seed = 1, .nodes = nodes, .coordinators = coordinators});

    sim_run_for(s, dur_s(1));
    sim_apply_at(s, 0, plan);
    sim_run_for(s, dur_s(1));
    (void)sim_trace_news(s);
    return s;
}

/* ---- waves ----------------------------------------------------------------------------------- */

/* Everybody at 10 %, and then us at 50 %. */
static struct sim *fleet_in_the_first_wave(void)
{
    struct sim *s = fleet(3, 1, plan_in_waves);

    order(s, CMD_START);
    sim_run_for(s, dur_s(1));
    (void)sim_trace_news(s);
    order(s, CMD_PROMOTE);
    sim_run_for(s, dur_s(1));
    return s;
}

static void a_stage_goes_from_cluster_to_cluster(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet_in_the_first_wave();

    expect(s,
           "[  3000] op-3 promote shop\n"
           "[  3003] shop is converging at stage 2, 50 %: an operator promoted the "
           "rollout: a test\n"
           "[  3005] op-3 is told: shop enters half: 50 % of keys on new, wave 1 of 2, "
           "cluster=us\n"
           "[  3013] n1 serves 7; shop 10 %\n"
           "[  3013] n2 serves 7; shop 50 %\n"
           "[  3013] n3 serves 7; shop 10 %\n"
           "[  3016] shop is baking at stage 2, 50 %: every node serves the stage: "
           "those of wave 1 of 2, cluster=us\n"
           "[  3018] c1 says converged migration=shop nodes=3 measured_ms=13.0\n");
    sim_run_for(s, dur_s(6));
    expect(s,
           "[  6252] shop is converging at stage 2, 50 %: the wave has baked, the gate "
           "does not object, and the next one needs no approval\n"
           "[  6262] n1 serves 9; shop 50 %\n"
           "[  6262] n2 serves 9; shop 50 %\n"
           "[  6262] n3 serves 9; shop 50 %\n"
           "[  6265] shop is baking at stage 2, 50 %: every node serves the stage: "
           "those of wave 2 of 2, *\n"
           "[  6267] c1 says converged migration=shop nodes=3 measured_ms=13.0\n"
           "[  8502] shop is ready at stage 2, 50 %: the stage has baked and its gate "
           "does not object; moving on waits for an operator\n");
}

static void a_node_that_joins_late_gets_what_its_wave_is_at(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet_in_the_first_wave();

    (void)sim_trace_news(s);
    sim_node_crash(s->node[1]);
    sim_node_crash(s->node[2]);
    sim_run_for(s, dur_ms(100));
    sim_node_start(s->node[1]);
    sim_node_start(s->node[2]);
    sim_run_for(s, dur_ms(400));
    expect(s,
           "[  4000] n2 dies\n"
           "[  4000] n3 dies\n"
           "[  4100] n2 starts with revision 7\n"
           "[  4100] n3 starts with revision 7\n"
           "[  4102] n2 serves 7; shop 50 %\n"
           "[  4102] n3 serves 7; shop 10 %\n");
}

static void an_emergency_stops_every_wave(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet_in_the_first_wave();

    (void)sim_trace_news(s);
    order(s, CMD_EMERGENCY);
    sim_run_for(s, dur_ms(500));
    expect(s,
           "[  4000] op-4 emergency_rollback shop\n"
           "[  4003] shop is rolling_back at stage 0, 0 %: an emergency order sends "
           "everything to legacy: a test\n"
           "[  4005] op-4 is told: shop goes to legacy now, by emergency order 1\n"
           "[  4008] n1 serves 9; shop 0 % EMERGENCY\n"
           "[  4008] n2 serves 9; shop 0 % EMERGENCY\n"
           "[  4008] n3 serves 9; shop 0 % EMERGENCY\n"
           "[  4011] shop is rolled_back at stage 0, 0 %: every node serves what was "
           "rolled back to\n"
           "[  4013] c1 says converged migration=shop nodes=3 measured_ms=8.0\n");
}

/* ---- work around a stage --------------------------------------------------------------------- */

static void a_stage_is_prepared_and_tended(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet(1, 1, plan_with_work);

    order(s, CMD_START);
    sim_run_for(s, dur_s(3));
    expect(s,
           "[  2000] op-2 start shop\n"
           "[  2003] shop is preparing at stage 0, 0 %: an operator started the "
           "rollout; its first stage is prepared: a test\n"
           "[  2005] op-2 is told: shop prepares half: 1 check, a backup, 1 hook; "
           "nothing changes for users before\n"
           "[  2005] c1 begins job 1, ready of stage 1 of shop\n"
           "[  2105] c1 begins job 2, backup of stage 1 of shop\n"
           "[  2205] c1 begins job 3, before of stage 1 of shop\n"
           "[  2307] shop is converging at stage 1, 50 %: everything before the stage "
           "has passed: a test\n"
           "[  2317] n1 serves 5; shop 50 %\n"
           "[  2320] shop is baking at stage 1, 50 %: every node serves the stage\n"
           "[  2322] c1 says converged migration=shop nodes=1 measured_ms=13.0\n"
           "[  3500] c1 begins job 4, after of stage 1 of shop\n"
           "[  3602] shop is ready at stage 1, 50 %: the stage has baked and its gate "
           "does not object; moving on waits for an operator\n");
}

static void a_check_that_fails_keeps_the_stage_out(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet(1, 1, plan_with_work);

    s->jobs = SIM_FATE_FAILS;
    order(s, CMD_START);
    sim_run_for(s, dur_s(1));
    expect(s,
           "[  2000] op-2 start shop\n"
           "[  2003] shop is preparing at stage 0, 0 %: an operator started the "
           "rollout; its first stage is prepared: a test\n"
           "[  2005] op-2 is told: shop prepares half: 1 check, a backup, 1 hook; "
           "nothing changes for users before\n"
           "[  2005] c1 begins job 1, ready of stage 1 of shop\n"
           "[  2107] shop is pending at stage 0, 0 %: the stage is not entered: tcp-1: "
           "no connection\n");
}

static void a_check_that_nothing_is_heard_of_has_failed(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet(1, 1, plan_with_work);

    s->jobs = SIM_FATE_LOST;
    order(s, CMD_START);
    sim_run_for(s, dur_s(70));
    expect(s,
           "[  2000] op-2 start shop\n"
           "[  2003] shop is preparing at stage 0, 0 %: an operator started the "
           "rollout; its first stage is prepared: a test\n"
           "[  2005] op-2 is told: shop prepares half: 1 check, a backup, 1 hook; "
           "nothing changes for users before\n"
           "[  2005] c1 begins job 1, ready of stage 1 of shop\n"
           "[ 67250] c1 stops job 1\n"
           "[ 67502] shop is pending at stage 0, 0 %: the stage is not entered: nothing "
           "was heard of it for 1m 5s\n");
}

static void hooks_after_a_stage_are_tried_again(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet(1, 1, plan_with_work);

    order(s, CMD_START);
    sim_run_for(s, dur_s(1));
    (void)sim_trace_news(s);
    s->jobs = SIM_FATE_FAILS;
    sim_run_for(s, dur_s(2));
    s->jobs = SIM_FATE_PASSES;
    sim_run_for(s, dur_s(60));
    expect(s,
           "[  3500] c1 begins job 4, after of stage 1 of shop\n"
           "[ 63750] c1 begins job 5, after of stage 1 of shop\n"
           "[ 63852] shop is ready at stage 1, 50 %: the stage has baked and its gate "
           "does not object; moving on waits for an operator\n");
}

static void the_next_leader_begins_the_checks_anew(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet(1, 2, plan_with_work);

    s->jobs = SIM_FATE_LOST;
    order(s, CMD_START);
    sim_run_for(s, dur_ms(50));
    s->jobs = SIM_FATE_PASSES;
    sim_coord_crash(s->coord[0]);
    sim_run_for(s, dur_s(9));
    expect(s,
           "[  2000] op-2 start shop\n"
           "[  2003] shop is preparing at stage 0, 0 %: an operator started the "
           "rollout; its first stage is prepared: a test\n"
           "[  2005] op-2 is told: shop prepares half: 1 check, a backup, 1 hook; "
           "nothing changes for users before\n"
           "[  2005] c1 begins job 1, ready of stage 1 of shop\n"
           "[  2050] c1 dies\n"
           "[  6258] c2 knows no leader\n"
           "[  6278] c2 says election id=c2 state=campaigning from=following term=3 "
           "why=\"nobody leads\"\n"
           "[  6282] c2 says election id=c2 state=leading from=campaigning term=7 "
           "why=\"it was elected\"\n"
           "[  6282] c2 leads, term 7\n"
           "[  6500] c2 begins job 1, ready of stage 1 of shop\n"
           "[  6600] c2 begins job 2, backup of stage 1 of shop\n"
           "[  6700] c2 begins job 3, before of stage 1 of shop\n"
           "[  6802] shop is converging at stage 1, 50 %: everything before the stage "
           "has passed: a test\n"
           "[  6812] n1 serves 8; shop 50 %\n"
           "[  6815] shop is baking at stage 1, 50 %: every node serves the stage\n"
           "[  6817] c2 says converged migration=shop nodes=1 measured_ms=13.0\n"
           "[  8000] c2 begins job 4, after of stage 1 of shop\n"
           "[  8102] shop is ready at stage 1, 50 %: the stage has baked and its gate "
           "does not object; moving on waits for an operator\n");
}

/* c1 is stopped while its decision is on the way, and hears of it when another one leads. */
static void who_has_stepped_down_begins_no_checks(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet(1, 2, plan_with_work);

    order(s, CMD_START);
    sim_run_for(s, dur_ms(4));
    sim_coord_pause(s->coord[0], true);
    sim_run_for(s, dur_ms(100));
    sim_net_cut(s->net, sim_host_coord(0), SIM_HOST_STORE, true);
    sim_run_for(s, dur_s(7));
    (void)sim_trace_news(s);
    sim_coord_pause(s->coord[0], false);
    sim_run_for(s, dur_s(3));
    expect(s,
           "[  9104] c1 goes on\n"
           "[  9104] c1 says election id=c1 state=doubting from=leading term=3 "
           "why=\"the lease was not kept in time\"\n"
           "[  9104] c1 knows no leader\n"
           "[ 10104] c1 says election id=c1 state=doubting: the store cannot be reached\n"
           "[ 11104] c1 says store state=failing: the store cannot be reached\n"
           "[ 11104] op-2 is told: shop prepares half: 1 check, a backup, 1 hook; "
           "nothing changes for users before\n"
           "[ 11604] c1 says election id=c1 state=lease_not_kept: the store does not "
           "answer\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stage_goes_from_cluster_to_cluster),
        cmocka_unit_test(a_node_that_joins_late_gets_what_its_wave_is_at),
        cmocka_unit_test(an_emergency_stops_every_wave),
        cmocka_unit_test(a_stage_is_prepared_and_tended),
        cmocka_unit_test(a_check_that_fails_keeps_the_stage_out),
        cmocka_unit_test(a_check_that_nothing_is_heard_of_has_failed),
        cmocka_unit_test(hooks_after_a_stage_are_tried_again),
        cmocka_unit_test(the_next_leader_begins_the_checks_anew),
        cmocka_unit_test(who_has_stepped_down_begins_no_checks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
