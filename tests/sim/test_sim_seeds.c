/* SPDX-License-Identifier: Apache-2.0 */
/* Random operators and random faults, one fleet per seed: nothing that sim_check.h promises breaks,
 * and when the faults end somebody leads soon and the fleet comes to rest.
 *
 *     sim.test_sim_seeds [--rows] [--from K] [--seeds N]
 *     sim.test_sim_seeds --seed K
 *
 * --rows: together the seeds take every row of the tables of stages, drills, elections, and of the
 * breakers of fleets and nodes; those that were not taken are listed. --seed K plays one and prints
 * its trace. A seed that fails becomes a test with a name in test_sim_traces.c, test_sim_stages.c
 * or test_sim_failover.c. tests/sim.sh plays many. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "coordinator/core/drill_fsm.h"
#include "coordinator/core/fleet_breaker_fsm.h"
#include "coordinator/core/stage_fsm.h"
#include "sidecar/proxy/breaker_fsm.h"
#include "tests/sim/sim_chaos.h"
#include "tests/sim/sim_check.h"

#define SEEDS   150
#define CHAOS_S 60
#define REST_S  120

static volatile sig_atomic_t current_seed;

/* A check inside the core aborts: say which seed did it. */
static void on_abort(int signal_number)
{
    char text[64];
    int n = snprintf(text, sizeof text, "aborted: --seed %d\n", (int)current_seed);

    if (write(STDERR_FILENO, text, (size_t)n) < 0)
        _exit(2);
    signal(signal_number, SIG_DFL);
}

/* A lease that nobody keeps ends, somebody is elected, and the others hear of it. */
static dur_t led_within(const struct sim *s)
{
    dur_t ttl = s->config.lease_ttl.ns ? s->config.lease_ttl : dur_s(5);

    return dur_ns(ttl.ns + dur_s(2).ns);
}

/* True when every check held. */
static bool play(uint64_t seed, struct sim_coverage *coverage, bool show)
{
    struct sim_config config = sim_chaos_config(seed);
    struct sim_chaos *chaos;
    struct sim *s;
    bool ok;

    current_seed = (sig_atomic_t)seed;
    config.coverage = coverage;
    s = sim_new(&config);
    chaos = sim_chaos_new(s);
    sim_run_for(s, dur_s(CHAOS_S));
    sim_chaos_end(chaos);
    (void)sim_run_until(s, sim_is_up, dur_s(10));
    if (!sim_run_until(s, sim_is_led, led_within(s)) && !s->failure[0])
        sim_fail(s, "no leader in time: %s", sim_leader_unrest(s));
    if (!sim_run_until(s, sim_is_calm, dur_s(REST_S)) && !s->failure[0])
        sim_fail(s, "no rest %d s after the last fault: %s", REST_S, sim_unrest(s));
    sim_check_rest(s->check);
    ok = !s->failure[0];
    if (show || !ok)
        fputs(buf_text(&s->trace), stdout);
    if (!ok)
        printf("seed %" PRIu64 " fails: %s\n", seed, s->failure);
    sim_chaos_free(chaos);
    sim_free(s);
    return ok;
}

static unsigned count_zeros(const unsigned *taken, const struct sm_machine *machine)
{
    unsigned zeros = 0;

    for (unsigned i = 0; i < machine->row_count; i++)
        zeros += taken[i] == 0;
    return zeros;
}

static unsigned count_missed(const struct sim_coverage *coverage)
{
    return count_zeros(coverage->taken, &stage_machine) +
           count_zeros(coverage->elected, &election_machine) +
           count_zeros(coverage->drilled, &drill_machine) +
           count_zeros(coverage->braked, &fleet_breaker_machine) +
           count_zeros(coverage->tripped, &breaker_machine);
}

static void print_rows(const struct sm_machine *machine, const unsigned *taken)
{
    for (unsigned i = 0; i < machine->row_count; i++) {
        const struct sm_row *row = &machine->rows[i];

        if (!taken[i])
            printf("row never taken: %s, %s: %s\n", sm_state_name(machine, row->state),
                   sm_event_name(machine, row->event), row->why);
    }
    printf("%u of %u rows of the table %s taken\n",
           machine->row_count - count_zeros(taken, machine), machine->row_count, machine->name);
}

struct options {
    uint64_t from, seeds, one; /* one: 0 */
    bool rows;
};

/* A rare row gets three times as many seeds again before it counts as never taken. */
static int play_all(const struct options *o)
{
    struct sim_coverage coverage = {.taken = {0}};
    uint64_t played = 0, most = o->rows ? 4 * o->seeds : o->seeds;
    unsigned failed = 0;

    while (failed < 3 && (played < o->seeds || (played < most && count_missed(&coverage) > 0)))
        failed += !play(o->from + played++, &coverage, false);
    if (o->rows) {
        print_rows(&stage_machine, coverage.taken);
        print_rows(&election_machine, coverage.elected);
        print_rows(&drill_machine, coverage.drilled);
        print_rows(&fleet_breaker_machine, coverage.braked);
        print_rows(&breaker_machine, coverage.tripped);
    }
    printf("%" PRIu64 " seeds, %u failed\n", played, failed);
    return failed > 0 || (o->rows && count_missed(&coverage) > 0);
}

static bool take_option(struct options *o, const char *name, const char *value)
{
    uint64_t *to = strcmp(name, "--seeds") == 0  ? &o->seeds
                   : strcmp(name, "--from") == 0 ? &o->from
                   : strcmp(name, "--seed") == 0 ? &o->one
                                                 : NULL;

    return to && value && str_to_u64(str_of(value), INT32_MAX, to);
}

int main(int argc, char **argv)
{
    struct options o = {.from = 1, .seeds = SEEDS};
    bool fine = true;

    for (int i = 1; i < argc && fine; i++) {
        if (strcmp(argv[i], "--rows") == 0)
            o.rows = true;
        else
            fine = take_option(&o, argv[i], i + 1 < argc ? argv[i + 1] : NULL) && ++i;
    }
    if (!fine) {
        fprintf(stderr, "usage: %s [--rows] [--from K] [--seeds N] | --seed K\n", argv[0]);
        return EXIT_FAILURE;
    }
    signal(SIGABRT, on_abort);
    return o.one ? !play(o.one, NULL, true) : play_all(&o);
}
