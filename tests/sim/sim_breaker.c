/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_breaker.h"

#include "common/base/check.h"
#include "tests/sim/sim_check.h"

#define LANE 0

/* The linker leads the breaker's steps through here (--wrap in CMakeLists.txt). */
const struct sm_row *__real_sm_step(struct sm *sm, int event, const void *facts, wall_t at,
                                    enum sm_found *ret_found);
const struct sm_row *__wrap_sm_step(struct sm *sm, int event, const void *facts, wall_t at,
                                    enum sm_found *ret_found);

static struct sim_coverage *taken; /* by the simulation whose turn it is; may be NULL */

const struct sm_row *__wrap_sm_step(struct sm *sm, int event, const void *facts, wall_t at,
                                    enum sm_found *ret_found)
{
    const struct sm_row *row = __real_sm_step(sm, event, facts, at, ret_found);

    CHECK(breaker_machine.row_count <= SIM_ROWS_MAX);
    if (row && taken && sm->machine == &breaker_machine)
        taken->tripped[row - breaker_machine.rows]++;
    return row;
}

enum breaker_state sim_breaker_see(const struct sim_breaker *b, struct breaker_seen *ret)
{
    taken = b->sim->config.coverage;
    return breaker_see(b->breaker, b->sim->now, sim_wall(b->sim), ret);
}

static void say(struct sim_breaker *b)
{
    struct breaker_seen seen;
    enum breaker_state is = sim_breaker_see(b, &seen);
    const char *cause = is == BREAKER_OPEN ? breaker_cause_name(seen.cause) : "";

    if (is == b->said)
        return;
    b->said = is;
    sim_say(b->sim, sim_node_name(b->node)->s, "has a breaker of %s that is %s%s%s", b->migration.s,
            breaker_state_name(is), cause[0] ? ": " : "", cause);
}

static void configure(struct sim_breaker *b, const struct route_breaker *r)
{
    if (!route_breaker_is_on(r)) {
        breaker_unref(b->breaker);
        b->breaker = NULL;
        b->under_way_count = 0;
    } else if (b->breaker) {
        breaker_configure(b->breaker, r, b->sim->now, sim_wall(b->sim));
    } else {
        b->breaker = breaker_new(r, b->sim->now, sim_wall(b->sim));
    }
}

void sim_breaker_obey(struct sim_breaker *b, const struct route_breaker *r)
{
    struct sim_obeyed was, is;

    was.state = sim_breaker_see(b, &was.seen);
    configure(b, r);
    is.state = sim_breaker_see(b, &is.seen);
    sim_check_obeyed(b->sim->check, b->node, &b->migration, r, &was, &is);
    say(b);
}

bool sim_breaker_admits(struct sim_breaker *b, const struct breaker_request *request,
                        struct breaker_ticket *ret)
{
    taken = b->sim->config.coverage;
    *ret = (struct breaker_ticket){.era = 0};
    return !b->breaker || breaker_admit(b->breaker, request, b->sim->now, sim_wall(b->sim), ret);
}

static void report(struct sim_breaker *b, const struct sim_ended *e)
{
    struct breaker_cell *cell = breaker_cell(b->breaker, LANE);

    taken = b->sim->config.coverage;
    breaker_report(b->breaker, cell, e->ticket, e->outcome, e->took, b->sim->now, sim_wall(b->sim));
    say(b);
}

void sim_breaker_ended(struct sim_breaker *b, const struct sim_ended *how)
{
    if (!b->breaker)
        return;
    if (b->under_way_count < SIM_UNDER_WAY && how->later)
        b->under_way[b->under_way_count++] = *how;
    else
        report(b, how);
}

void sim_breaker_hear(struct sim_breaker *b)
{
    for (unsigned i = 0; i < b->under_way_count; i++)
        report(b, &b->under_way[i]);
    b->under_way_count = 0;
}

void sim_breaker_tell(const struct sim_breaker *b, struct route_stats *ret)
{
    ret->breaker = sim_breaker_see(b, &ret->breaker_seen);
}

void sim_breaker_die(struct sim_breaker *b)
{
    breaker_unref(b->breaker);
}
