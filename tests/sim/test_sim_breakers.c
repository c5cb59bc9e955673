/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of breakers in virtual time, told to the millisecond as those in test_sim_traces.c: a
 * node that is sick, a fleet that is, a leader that dies in between, and nodes that nobody reaches.
 */
#include "tests/lib/unit.h"

#include "tests/sim/sim_coord.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_ops.h"
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
    expect(s,
           "[ 16000] n2 has a breaker of shop that is open: errors\n"
           "[ 28000] n2 has a breaker of shop that is half_open\n"
           "[ 28000] n2 has a breaker of shop that is open: probe\n");
}

static void a_sick_fleet_is_opened_tried_and_closed(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet(1);

    s->world.errors_new = 1.0;
    sim_run_for(s, dur_s(3));
    expect(s,
           "[ 16000] n1 has a breaker of shop that is open: errors\n"
           "[ 16000] n2 has a breaker of shop that is open: errors\n"
           "[ 16000] n3 has a breaker of shop that is open: errors\n"
           "[ 16000] n4 has a breaker of shop that is open: errors\n"
           "[ 16252] shop has a fleet breaker that is open: new fails on the fleet: 4 "
           "of 4 nodes have opened theirs\n"
           "[ 16254] c1 says fleet_breaker migration=shop from=closed to=open "
           "order=open why=\"new fails on the fleet: 4 of 4 nodes have opened theirs\"\n"
           "[ 16262] n1 serves 7; shop 50 %\n"
           "[ 16262] n2 serves 7; shop 50 %\n"
           "[ 16262] n3 serves 7; shop 50 %\n"
           "[ 16262] n4 serves 7; shop 50 %\n");
    sim_run_for(s, dur_s(5)); /* new is tried, and fails */
    expect(s,
           "[ 20252] shop has a fleet breaker that is half_open: its time is over, and "
           "every node tries new\n"
           "[ 20254] c1 says fleet_breaker migration=shop from=open to=half_open "
           "order=probe why=\"its time is over, and every node tries new\"\n"
           "[ 20261] n1 has a breaker of shop that is half_open\n"
           "[ 20261] n2 has a breaker of shop that is half_open\n"
           "[ 20261] n3 has a breaker of shop that is half_open\n"
           "[ 20261] n4 has a breaker of shop that is half_open\n"
           "[ 20262] n1 serves 9; shop 50 %\n"
           "[ 20262] n2 serves 9; shop 50 %\n"
           "[ 20262] n3 serves 9; shop 50 %\n"
           "[ 20262] n4 serves 9; shop 50 %\n"
           "[ 21000] n1 has a breaker of shop that is open: probe\n"
           "[ 21000] n2 has a breaker of shop that is open: probe\n"
           "[ 21000] n3 has a breaker of shop that is open: probe\n"
           "[ 21000] n4 has a breaker of shop that is open: probe\n"
           "[ 21252] shop has a fleet breaker that is open: new still fails on the "
           "fleet: 4 of 4 nodes have opened theirs\n"
           "[ 21254] c1 says fleet_breaker migration=shop from=half_open to=open "
           "order=open why=\"new still fails on the fleet: 4 of 4 nodes have opened "
           "theirs\"\n"
           "[ 21262] n1 serves 10; shop 50 %\n"
           "[ 21262] n2 serves 10; shop 50 %\n"
           "[ 21262] n3 serves 10; shop 50 %\n"
           "[ 21262] n4 serves 10; shop 50 %\n");
    s->world.errors_new = 0.0;
    sim_run_for(s, dur_s(4));
    expect(s,
           "[ 25252] shop has a fleet breaker that is half_open: its time is over, and "
           "every node tries new\n"
           "[ 25254] c1 says fleet_breaker migration=shop from=open to=half_open "
           "order=probe why=\"its time is over, and every node tries new\"\n"
           "[ 25261] n1 has a breaker of shop that is half_open\n"
           "[ 25261] n2 has a breaker of shop that is half_open\n"
           "[ 25261] n3 has a breaker of shop that is half_open\n"
           "[ 25261] n4 has a breaker of shop that is half_open\n"
           "[ 25262] n1 serves 11; shop 50 %\n"
           "[ 25262] n2 serves 11; shop 50 %\n"
           "[ 25262] n3 serves 11; shop 50 %\n"
           "[ 25262] n4 serves 11; shop 50 %\n"
           "[ 26000] n1 has a breaker of shop that is closed\n"
           "[ 26000] n2 has a breaker of shop that is closed\n"
           "[ 26000] n3 has a breaker of shop that is closed\n"
           "[ 26000] n4 has a breaker of shop that is closed\n"
           "[ 26252] shop has a fleet breaker that is closed: enough nodes have closed "
           "theirs again\n"
           "[ 26254] c1 says fleet_breaker migration=shop from=half_open to=closed "
           "order=probe why=\"enough nodes have closed theirs again\"\n");
    sim_run_for(s, dur_s(4));
    expect(s, "");
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
           "[ 22752] shop has a fleet breaker that is half_open: its time is over, and "
           "every node tries new\n"
           "[ 22754] c2 says fleet_breaker migration=shop from=open to=half_open "
           "order=probe why=\"its time is over, and every node tries new\"\n"
           "[ 22761] n1 has a breaker of shop that is half_open\n"
           "[ 22761] n3 has a breaker of shop that is half_open\n"
           "[ 22761] n4 has a breaker of shop that is half_open\n"
           "[ 22761] n2 has a breaker of shop that is half_open\n"
           "[ 22762] n1 serves 13; shop 50 %\n"
           "[ 22762] n3 serves 13; shop 50 %\n"
           "[ 22762] n4 serves 13; shop 50 %\n"
           "[ 22762] n2 serves 13; shop 50 %\n"
           "[ 23000] n1 has a breaker of shop that is closed\n"
           "[ 23000] n2 has a breaker of shop that is closed\n"
           "[ 23000] n3 has a breaker of shop that is closed\n"
           "[ 23000] n4 has a breaker of shop that is closed\n"
           "[ 23252] shop has a fleet breaker that is closed: enough nodes have closed "
           "theirs again\n"
           "[ 23254] c2 says fleet_breaker migration=shop from=half_open to=closed "
           "order=probe why=\"enough nodes have closed theirs again\"\n");
}

/* ---- nodes that nobody reaches --------------------------------------------------------------- */

static void order(struct sim *s, enum core_command_kind kind)
{
    sim_order_at(s, 0, &(struct core_command){.kind = kind, .migration = "shop"});
}

/* It needs nobody to leave new alone, nor to find out that new is well again. */
static void a_node_that_nobody_reaches_decides_alone(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet(1);

    sim_net_partition(s->net, 2, true);
    s->world.sick_node = 3;
    sim_run_for(s, dur_s(6));
    expect(s, "[ 16000] n3 has a breaker of shop that is open: errors\n");
    s->world.sick_node = 0;
    sim_run_for(s, dur_s(5));
    expect(s, "[ 24000] n3 has a breaker of shop that is closed\n");
    sim_net_partition(s->net, 2, false);
    sim_run_for(s, dur_s(10));
    expect(s, "");
}

/* What was ordered meanwhile counts from when it is back; until then the order is not said to be
 * obeyed by all. */
static void the_fleets_order_reaches_who_is_back(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet(1);

    sim_net_partition(s->net, 2, true);
    order(s, CMD_BREAKER_OPEN);
    sim_run_for(s, dur_s(2));
    expect(s,
           "[ 15000] op-3 breaker_open shop\n"
           "[ 15003] shop is ready at stage 1, 50 %: the stage has baked and its gate "
           "does not object; moving on waits for an operator\n"
           "[ 15003] shop has a fleet breaker that is forced_open: an operator opened "
           "it on every node: a test\n"
           "[ 15005] op-3 is told: the breaker of shop is open on every node: new is "
           "asked for nothing\n"
           "[ 15005] c1 says fleet_breaker migration=shop from=closed to=forced_open "
           "order=open why=\"an operator opened it on every node: a test\"\n"
           "[ 15012] n1 has a breaker of shop that is open: order\n"
           "[ 15012] n2 has a breaker of shop that is open: order\n"
           "[ 15012] n4 has a breaker of shop that is open: order\n"
           "[ 15013] n1 serves 7; shop 50 %\n"
           "[ 15013] n2 serves 7; shop 50 %\n"
           "[ 15013] n4 serves 7; shop 50 %\n");
    sim_net_partition(s->net, 2, false);
    sim_run_for(s, dur_s(10));
    expect(s,
           "[ 17007] n3 has a breaker of shop that is open: order\n"
           "[ 17008] n3 serves 7; shop 50 %\n");
}

/* It opened by itself, and what comes when it is back is the order to close, and no other; */
static void of_two_orders_who_is_back_obeys_the_latest(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet(1);

    sim_net_partition(s->net, 2, true);
    s->world.sick_node = 3;
    order(s, CMD_BREAKER_OPEN);
    sim_run_for(s, dur_s(2));
    order(s, CMD_BREAKER_CLOSE);
    sim_run_for(s, dur_s(2));
    (void)sim_trace_news(s);
    sim_net_partition(s->net, 2, false);
    sim_run_for(s, dur_s(10));
    expect(s,
           "[ 19012] n3 has a breaker of shop that is closed\n"
           "[ 19013] n3 serves 9; shop 50 %\n");
}

/* and an order that is said again by one who was deposed is not obeyed again. */
static void a_stale_order_changes_nothing(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet(1);

    sim_node_remember(s->node[2]);
    order(s, CMD_BREAKER_OPEN);
    sim_run_for(s, dur_s(2));
    order(s, CMD_BREAKER_RESET);
    sim_run_for(s, dur_s(2));
    (void)sim_trace_news(s);
    sim_node_replay(s->node[2]);
    sim_run_for(s, dur_s(2));
    expect(s, "[ 19000] n3 hears again of revision 7\n");
}

/* Its file holds the order to open; what it obeyed since is gone with the process. */
static void a_node_that_starts_alone_obeys_what_it_knows(void **state UNUSED)
{
    CLEANUP(sim_freep) struct sim *s = fleet(1);

    order(s, CMD_BREAKER_OPEN);
    sim_run_for(s, dur_s(2));
    (void)sim_trace_news(s);
    sim_net_partition(s->net, 2, true);
    sim_node_crash(s->node[2]);
    order(s, CMD_BREAKER_RESET);
    sim_node_start(s->node[2]);
    sim_run_for(s, dur_s(3));
    expect(s,
           "[ 17000] n3 dies\n"
           "[ 17000] op-4 breaker_reset shop\n"
           "[ 17000] n3 starts with revision 7\n"
           "[ 17001] n3 has a breaker of shop that is open: order\n"
           "[ 17002] n3 serves 7; shop 50 %\n"
           "[ 17003] shop is ready at stage 1, 50 %: the stage has baked and its gate "
           "does not object; moving on waits for an operator\n"
           "[ 17003] shop has a fleet breaker that is closed: an operator closed it on "
           "every node, with nothing counted: a test\n"
           "[ 17005] op-4 is told: the breaker of shop is closed on every node, with "
           "nothing counted\n"
           "[ 17005] c1 says fleet_breaker migration=shop from=forced_open to=closed "
           "order=reset why=\"an operator closed it on every node, with nothing "
           "counted: a test\"\n"
           "[ 17012] n1 has a breaker of shop that is closed\n"
           "[ 17012] n2 has a breaker of shop that is closed\n"
           "[ 17012] n4 has a breaker of shop that is closed\n"
           "[ 17013] n1 serves 9; shop 50 %\n"
           "[ 17013] n2 serves 9; shop 50 %\n"
           "[ 17013] n4 serves 9; shop 50 %\n");
    sim_net_partition(s->net, 2, false);
    sim_run_for(s, dur_s(10));
    expect(s,
           "[ 20008] n3 has a breaker of shop that is closed\n"
           "[ 20009] n3 serves 9; shop 50 %\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sick_node_opens_its_own_only),
        cmocka_unit_test(a_sick_fleet_is_opened_tried_and_closed),
        cmocka_unit_test(a_new_leader_goes_on_with_what_was_ordered),
        cmocka_unit_test(a_node_that_nobody_reaches_decides_alone),
        cmocka_unit_test(the_fleets_order_reaches_who_is_back),
        cmocka_unit_test(of_two_orders_who_is_back_obeys_the_latest),
        cmocka_unit_test(a_stale_order_changes_nothing),
        cmocka_unit_test(a_node_that_starts_alone_obeys_what_it_knows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
