/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/breaker_tell.h"

#include <inttypes.h>

#include "common/base/str.h"

static bool is(const char *state, const char *name)
{
    return strcmp(state, name) == 0;
}

const char *breaker_next(const Switchyard__V1__NodeBreaker *n, char *dst)
{
    dst[0] = '\0';
    if (n->held)
        str_fmt(dst, BREAKER_WORDS, "held until another order");
    else if (is(n->state, "open") && n->until[0])
        str_fmt(dst, BREAKER_WORDS, "tries new again at %s", n->until);
    else if (is(n->state, "half_open") && n->share > 0)
        str_fmt(dst, BREAKER_WORDS, "new has %.0f %% of its share, which rises", n->share);
    else if (is(n->state, "half_open"))
        str_fmt(dst, BREAKER_WORDS, "tries new with a few requests");
    return dst;
}

static void tell_cause(struct buf *b, const Switchyard__V1__NodeBreaker *n)
{
    if (is(n->cause, "errors") || is(n->cause, "error_rate"))
        buf_addf(b, ": %" PRIu64 " of %" PRIu64 " requests to new failed (%s)", n->errors,
                 n->requests, n->cause);
    else if (is(n->cause, "slow_rate"))
        buf_addf(b, ": %" PRIu64 " of %" PRIu64 " requests to new were slow (slow_rate)", n->slow,
                 n->requests);
    else if (is(n->cause, "probe"))
        buf_addf(b, ": new was tried, and failed again (probe)");
    else if (is(n->cause, "order"))
        buf_addf(b, ": it was ordered (order)");
}

void breaker_tell_node(struct buf *b, const Switchyard__V1__NodeBreaker *n)
{
    char next[BREAKER_WORDS];

    buf_addf(b, "%s is %s", n->node, n->state);
    if (n->since[0])
        buf_addf(b, " since %s", n->since);
    if (is(n->state, "open"))
        tell_cause(b, n);
    if (breaker_next(n, next)[0])
        buf_addf(b, "; %s", next);
}

static void tell_fleet(struct buf *b, const Switchyard__V1__FleetBreaker *f)
{
    if (!f || is(f->state, "closed"))
        return;
    buf_addf(b, "\tfleet: %s since %s by %s: %s\n", f->state, f->since, f->operator_, f->why);
    if (f->until[0])
        buf_addf(b, "\tfleet: every node tries new again at %s\n", f->until);
}

void breaker_tell_status(struct buf *b, const Switchyard__V1__BreakerStatus *m)
{
    size_t told = m->n_nodes, sick = (size_t)m->open_nodes + m->half_open_nodes;

    buf_addf(b, "breaker\t");
    if (m->open_nodes > 0)
        buf_addf(b, "open on %u node%s%s", m->open_nodes, m->open_nodes == 1 ? "" : "s",
                 m->half_open_nodes > 0 ? ", " : "");
    if (m->half_open_nodes > 0)
        buf_addf(b, "half_open on %u node%s", m->half_open_nodes,
                 m->half_open_nodes == 1 ? "" : "s");
    if (sick == 0)
        buf_addf(b, "%s", m->state);
    if (m->watching)
        buf_addf(b, "; it only watches (mode watch), nobody is diverted");
    if (m->settings_by_hand > 0)
        buf_addf(b, "; %u setting%s by hand", m->settings_by_hand,
                 m->settings_by_hand == 1 ? "" : "s");
    buf_addf(b, "\n");
    tell_fleet(b, m->fleet);
    for (size_t i = 0; i < told; i++) {
        buf_addf(b, "\t");
        breaker_tell_node(b, m->nodes[i]);
        buf_addf(b, "\n");
    }
    if (sick > told && told > 0)
        buf_addf(b, "\tand %zu more\n", sick - told);
}
