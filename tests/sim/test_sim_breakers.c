/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of breakers in virtual time, told to the millisecond as those in test_sim_traces.c: a
 * node that is sick, a fleet that is, and a leader that dies in between. */
#include "tests/lib/unit.h"

#include "tests/sim/sim_coord.h"
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
    "  breaker: {errors: 5, window: 60s, openFor: 4s, fleet: {}}\n"
    "  stages:\n"
    "    - {name: half, weight: 50, approval: manual}\n"
    "    - {name: all, weight: 100, approval: manual}\n";

/* Half of the keys are on new, everybody serves it, and all of that is read. */
static struct sim *fleet(unsigned coordinators)
{
    struct sim *s =
        sim_new(&(struct sim_config){.seed = 1, .nodes = 4, .coordinators = coordinators});

    sim_run_for(s, dur_s(1));
    sim_apply_at(s, 0, plan);
    sim_run_for(s, dur_s(1));
    sim_order_at(s, 0, &(struct core_command){.kind = CMD_START, .migration = "shop"});
    sim_run_for(s, dur_s(13)); /* until everybody's reports count everywhere */
    (void)sim_trace_news(s);
    return s;
}

static void one_sick_node_opens_its_own_only(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet(1);

    s->world.sick_node = 2;
    sim_run_for(s, dur_s(30));
    expect(s, "");
}

static void a_sick_fleet_is_opened_tried_and_closed(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet(1);

    s->world.errors_new = 1.0;
    sim_run_for(s, dur_s(3));
    expect(s,
           "[ 16252] shop has a fleet breaker that is open: new fails on the fleet: 4 of 4 nodes "
           "have opened theirs\n"
           "[ 16254] c1 says fleet_breaker migration=shop from=closed to=open order=open why=\"new "
           "fails on the fleet: 4 of 4 nodes have opened theirs\"\n"
           "[ 16262] n1 serves 7; shop 50 %\n"
           "[ 16262] n2 serves 7; shop 50 %\n"
           "[ 16262] n3 serves 7; shop 50 %\n"
           "[ 16262] n4 serves 7; shop 50 %\n");
    sim_run_for(s, dur_s(5)); /* new is tried, and fails */
    expect(s,
           "[ 20252] shop has a fleet breaker that is half_open: its time is over, and every node "
           "tries new\n"
           "[ 20254] c1 says fleet_breaker migration=shop from=open to=half_open order=probe "
           "why=\"its time is over, and every node tries new\"\n"
           "[ 20262] n1 serves 9; shop 50 %\n"
           "[ 20262] n2 serves 9; shop 50 %\n"
           "[ 20262] n3 serves 9; shop 50 %\n"
           "[ 20262] n4 serves 9; shop 50 %\n"
           "[ 21252] shop has a fleet breaker that is open: new still fails on the fleet: 4 of 4 "
           "nodes have opened theirs\n"
           "[ 21254] c1 says fleet_breaker migration=shop from=half_open to=open order=open "
           "why=\"new still fails on the fleet: 4 of 4 nodes have opened theirs\"\n"
           "[ 21262] n1 serves 10; shop 50 %\n"
           "[ 21262] n2 serves 10; shop 50 %\n"
           "[ 21262] n3 serves 10; shop 50 %\n"
           "[ 21262] n4 serves 10; shop 50 %\n");
    s->world.errors_new = 0.0;
    sim_run_for(s, dur_s(4));
    expect(s,
           "[ 25252] shop has a fleet breaker that is half_open: its time is over, and every node "
           "tries new\n"
           "[ 25254] c1 says fleet_breaker migration=shop from=open to=half_open order=probe "
           "why=\"its time is over, and every node tries new\"\n"
           "[ 25262] n1 serves 11; shop 50 %\n"
           "[ 25262] n2 serves 11; shop 50 %\n"
           "[ 25262] n3 serves 11; shop 50 %\n"
           "[ 25262] n4 serves 11; shop 50 %\n");
    sim_run_for(s, dur_s(4));
    expect(
        s,
        "[ 27252] shop has a fleet breaker that is closed: enough nodes have closed theirs again\n"
        "[ 27254] c1 says fleet_breaker migration=shop from=half_open to=closed order=probe "
        "why=\"enough nodes have closed theirs again\"\n");
}

/* The time until new is tried again is stored, and the orders go on from the number. */
static void a_new_leader_goes_on_with_what_was_ordered(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet(3);

    s->world.errors_new = 1.0;
    sim_run_for(s, dur_s(3));
    (void)sim_trace_news(s);
    s->world.errors_new = 0.0;
    sim_coord_crash(s->coord[0]);
    sim_run_for(s, dur_ms(4700));
    (void)sim_trace_news(s); /* another one leads */
    sim_run_for(s, dur_ms(1800));
    expect(s,
           "[ 22752] shop has a fleet breaker that is half_open: its time is over, and every node "
           "tries new\n"
           "[ 22754] c2 says fleet_breaker migration=shop from=open to=half_open order=probe "
           "why=\"its time is over, and every node tries new\"\n"
           "[ 22762] n1 serves 13; shop 50 %\n"
           "[ 22762] n3 serves 13; shop 50 %\n"
           "[ 22762] n4 serves 13; shop 50 %\n"
           "[ 22762] n2 serves 13; shop 50 %\n"
           "[ 24252] shop has a fleet breaker that is closed: enough nodes have closed theirs "
           "again\n"
           "[ 24254] c2 says fleet_breaker migration=shop from=half_open to=closed order=probe "
           "why=\"enough nodes have closed theirs again\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sick_node_opens_its_own_only),
        cmocka_unit_test(a_sick_fleet_is_opened_tried_and_closed),
        cmocka_unit_test(a_new_leader_goes_on_with_what_was_ordered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
