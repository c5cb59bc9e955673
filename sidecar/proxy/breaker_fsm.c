/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/breaker_fsm.h"

#include "common/base/check.h"

/* ---- the tables ------------------------------------------------------------------------------ */

enum { FX_OPEN = 1u << 0, FX_FORGET = 1u << 1 };

static const char *const effect_names[] = {"note_opened", "forget_errors"};

static const char *const event_names[BREAKER_EV_COUNT] = {
    [BREAKER_EV_ERROR] = "error",
    [BREAKER_EV_PROBE_ERROR] = "probe_error",
    [BREAKER_EV_PROBE_SUCCESS] = "probe_success",
    [BREAKER_EV_ELAPSED] = "elapsed",
};

static const struct sm_state states[BREAKER_ST_COUNT] = {
    [BREAKER_ST_CLOSED] = {"closed", "running", SM_TO(BREAKER_ST_OPEN), SM_INITIAL,
                           "new gets its share and its errors are counted"},
    [BREAKER_ST_OPEN] = {"open", "failed", SM_TO(BREAKER_ST_HALF_OPEN), 0,
                         "nothing goes to new until open_for is over"},
    [BREAKER_ST_HALF_OPEN] = {"half_open", "waiting",
                              SM_TO(BREAKER_ST_OPEN) | SM_TO(BREAKER_ST_CLOSED), 0,
                              "a capped number of probes goes to new"},
};

static bool limit_is_reached(const void *facts)
{
    const struct breaker_facts *f = facts;

    return f->limit_reached;
}

static bool open_is_over(const void *facts)
{
    const struct breaker_facts *f = facts;

    return f->open_is_over;
}

static const struct sm_row rows[] = {
    {BREAKER_ST_CLOSED, BREAKER_EV_ERROR, limit_is_reached, "limit_is_reached", BREAKER_ST_OPEN,
     FX_OPEN, "errors of new reached the limit inside the window"},
    {BREAKER_ST_CLOSED, BREAKER_EV_PROBE_ERROR, limit_is_reached, "limit_is_reached",
     BREAKER_ST_OPEN, FX_OPEN, "errors of new reached the limit inside the window"},
    {BREAKER_ST_OPEN, BREAKER_EV_ELAPSED, open_is_over, "open_is_over", BREAKER_ST_HALF_OPEN, 0,
     "open_for is over, probes may go to new"},
    {BREAKER_ST_HALF_OPEN, BREAKER_EV_PROBE_ERROR, NULL, NULL, BREAKER_ST_OPEN, FX_OPEN,
     "a probe failed"},
    {BREAKER_ST_HALF_OPEN, BREAKER_EV_PROBE_SUCCESS, NULL, NULL, BREAKER_ST_CLOSED, FX_FORGET,
     "a probe succeeded"},
};

static const struct sm_ignore ignored[] = {
    {BREAKER_ST_CLOSED, BREAKER_EV_PROBE_SUCCESS, "another probe closed it before"},
    {BREAKER_ST_CLOSED, BREAKER_EV_ELAPSED, "nothing waits for time"},
    {BREAKER_ST_OPEN, BREAKER_EV_ERROR, "sent before it opened"},
    {BREAKER_ST_OPEN, BREAKER_EV_PROBE_ERROR, "another probe opened it before"},
    {BREAKER_ST_OPEN, BREAKER_EV_PROBE_SUCCESS, "another probe failed before"},
    {BREAKER_ST_HALF_OPEN, BREAKER_EV_ERROR, "sent before it opened"},
    {BREAKER_ST_HALF_OPEN, BREAKER_EV_ELAPSED, "waits for a probe, not for time"},
};

static bool breaker_invariant(int state, const void *facts, const char **ret_why)
{
    const struct breaker_facts *f = facts;

    if (state == BREAKER_ST_HALF_OPEN && f->probes > f->probes_max) {
        *ret_why = "more probes are out than there are slots";
        return false;
    }
    return true;
}

const struct sm_machine breaker_machine = {
    .name = "breaker",
    .help = "whether new is well enough to be sent requests",
    .states = states,
    .state_count = ARRAY_LEN(states),
    .events = event_names,
    .event_count = ARRAY_LEN(event_names),
    .rows = rows,
    .row_count = ARRAY_LEN(rows),
    .ignored = ignored,
    .ignored_count = ARRAY_LEN(ignored),
    .effects = effect_names,
    .effect_count = ARRAY_LEN(effect_names),
    .invariant = breaker_invariant,
};

/* ---- the window ------------------------------------------------------------------------------ */

static int64_t slice_ns(const struct breaker_fsm *b)
{
    int64_t ns = dur_ms(b->config.window_ms).ns / BREAKER_SLICES;

    return ns > 0 ? ns : 1;
}

static void forget_errors(struct breaker_fsm *b, mono_t now)
{
    memset(b->slice, 0, sizeof b->slice);
    b->slice_start = now;
}

/* Move on so that `now` is inside slice[0]; the oldest slices drop out. */
static void slide_window(struct breaker_fsm *b, mono_t now)
{
    int64_t steps = mono_sub(now, b->slice_start).ns / slice_ns(b);

    if (steps <= 0)
        return;
    if (steps >= BREAKER_SLICES) {
        forget_errors(b, now);
        return;
    }
    memmove(b->slice + steps, b->slice, (size_t)(BREAKER_SLICES - steps) * sizeof b->slice[0]);
    memset(b->slice, 0, (size_t)steps * sizeof b->slice[0]);
    b->slice_start = mono_add(b->slice_start, dur_ns(steps * slice_ns(b)));
}

uint32_t breaker_fsm_errors(const struct breaker_fsm *b)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < BREAKER_SLICES; i++)
        sum += b->slice[i];
    return sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void step(struct breaker_fsm *b, enum breaker_event event, mono_t now, wall_t wall)
{
    struct breaker_facts facts = {
        .limit_reached = breaker_fsm_errors(b) >= b->config.errors,
        .open_is_over = !mono_before(now, breaker_fsm_open_until(b)),
        .probes = b->probes,
        .probes_max = b->probes_max,
    };
    const struct sm_row *row = sm_step(&b->sm, (int)event, &facts, wall, NULL);

    if (row && row->effects & FX_OPEN)
        b->opened_at = now;
    if (row && row->effects & FX_FORGET)
        forget_errors(b, now);
}

void breaker_fsm_init(struct breaker_fsm *b, const struct route_breaker *config, mono_t now)
{
    *b = (struct breaker_fsm){.config = *config, .probes_max = config->half_open_requests};
    sm_init(&b->sm, &breaker_machine, BREAKER_ST_CLOSED);
    forget_errors(b, now);
}

void breaker_fsm_configure(struct breaker_fsm *b, const struct route_breaker *config)
{
    b->config = *config;
    b->probes_max = b->probes > config->half_open_requests ? b->probes : config->half_open_requests;
}

mono_t breaker_fsm_open_until(const struct breaker_fsm *b)
{
    return mono_add(b->opened_at, dur_ms(b->config.open_for_ms));
}

enum breaker_state breaker_fsm_state(struct breaker_fsm *b, mono_t now, wall_t wall)
{
    static const enum breaker_state shown[BREAKER_ST_COUNT] = {
        [BREAKER_ST_CLOSED] = BREAKER_CLOSED,
        [BREAKER_ST_OPEN] = BREAKER_OPEN,
        [BREAKER_ST_HALF_OPEN] = BREAKER_HALF_OPEN,
    };

    step(b, BREAKER_EV_ELAPSED, now, wall);
    return shown[b->sm.state];
}

bool breaker_fsm_take_probe(struct breaker_fsm *b)
{
    if (b->sm.state != BREAKER_ST_HALF_OPEN || b->probes >= b->config.half_open_requests)
        return false;
    b->probes++;
    return true;
}

static void count_error(struct breaker_fsm *b, mono_t now)
{
    slide_window(b, now);
    if (b->slice[0] < UINT32_MAX)
        b->slice[0]++;
}

void breaker_fsm_report(struct breaker_fsm *b, enum breaker_outcome outcome, bool probe, mono_t now,
                        wall_t wall)
{
    if (probe) {
        CHECK(b->probes > 0);
        b->probes--;
    }
    switch (outcome) {
    case BREAKER_ERROR:
        count_error(b, now);
        step(b, probe ? BREAKER_EV_PROBE_ERROR : BREAKER_EV_ERROR, now, wall);
        break;
    case BREAKER_SUCCESS:
        if (probe)
            step(b, BREAKER_EV_PROBE_SUCCESS, now, wall);
        break;
    case BREAKER_ABANDONED:
        break;
    }
}
