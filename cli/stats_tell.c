/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stats_tell.h"

#include <inttypes.h>
#include <math.h>

#define CELL_SIZE 32

static void add_row(struct buf *b, const char *fact, const char *legacy, const char *new_,
                    const char *delta)
{
    buf_addf(b, "%s\t%s\t%s\t%s\n", fact, legacy, new_, delta);
}

/* Of nothing there is no percentage. */
static void fmt_delta(double legacy, double new_, char dst[CELL_SIZE])
{
    if (legacy > 0 && isfinite(legacy) && isfinite(new_))
        str_fmt(dst, CELL_SIZE, "%+.1f %%", (new_ - legacy) * 100.0 / legacy);
    else
        str_fmt(dst, CELL_SIZE, "-");
}

static void add_count(struct buf *b, const char *fact, uint64_t legacy, uint64_t new_)
{
    char l[CELL_SIZE], n[CELL_SIZE];

    str_fmt(l, sizeof l, "%" PRIu64, legacy);
    str_fmt(n, sizeof n, "%" PRIu64, new_);
    add_row(b, fact, l, n, "");
}

/* A measured value of systems that had requests; "-" where there were none. */
static void add_value(struct buf *b, const Switchyard__V1__Stats *s, const char *fact,
                      const char *unit, double legacy, double new_)
{
    bool on_legacy = s->legacy->requests > 0, on_new = s->new_->requests > 0;
    char l[CELL_SIZE] = "-", n[CELL_SIZE] = "-", delta[CELL_SIZE] = "-";

    if (on_legacy)
        str_fmt(l, sizeof l, "%.3f %s", legacy, unit);
    if (on_new)
        str_fmt(n, sizeof n, "%.3f %s", new_, unit);
    if (on_legacy && on_new)
        fmt_delta(legacy, new_, delta);
    add_row(b, fact, l, n, delta);
}

bool stats_whole(const Switchyard__V1__Stats *s)
{
    return s && s->legacy && s->legacy->latency_ms && s->new_ && s->new_->latency_ms;
}

/* ---- copies ---------------------------------------------------------------------------------- */

static void add_copies(struct buf *b, const char *what, uint64_t count)
{
    buf_addf(b, "%s\t%" PRIu64 "\n", what, count);
}

void stats_mirror_table(struct buf *b, const Switchyard__V1__MirrorStats *m)
{
    add_copies(b, "sent", m->sent);
    add_copies(b, "  answered 2xx", m->answered_2xx);
    add_copies(b, "  answered 3xx", m->answered_3xx);
    add_copies(b, "  answered 4xx", m->answered_4xx);
    add_copies(b, "  answered 5xx", m->errors);
    add_copies(b, "  late", m->timeouts);
    add_copies(b, "  failed otherwise", m->failed - m->timeouts);
    add_copies(b, "dropped", m->dropped);
    add_copies(b, "  by maxPending", m->dropped_pending);
    add_copies(b, "  by maxBytesPerSecond", m->dropped_bytes);
    add_copies(b, "  as new was late", m->dropped_late);
    add_copies(b, "not suited", m->unsuited);
    add_copies(b, "bytes sent", m->sent_bytes);
    add_copies(b, "bytes received", m->received_bytes);
}

void stats_table(struct buf *b, const Switchyard__V1__Stats *s)
{
    const Switchyard__V1__SystemStats *l = s->legacy, *n = s->new_;

    add_row(b, "", "LEGACY", "NEW", "DELTA");
    add_count(b, "requests", l->requests, n->requests);
    add_count(b, "errors", l->errors, n->errors);
    add_value(b, s, "error rate", "%", l->error_rate, n->error_rate);
    add_value(b, s, "success rate", "%", l->success_rate, n->success_rate);
    add_count(b, "timeouts", l->timeouts, n->timeouts);
    add_count(b, "connect errors", l->connect_errors, n->connect_errors);
    add_count(b, "overloads", l->overloads, n->overloads);
    if (l->tunnels > 0 || n->tunnels > 0)
        add_count(b, "tunnels opened", l->tunnels, n->tunnels);
    if (l->bytes_in > 0 || n->bytes_in > 0 || l->bytes_out > 0 || n->bytes_out > 0) {
        add_count(b, "bytes from clients", l->bytes_in, n->bytes_in);
        add_count(b, "bytes to clients", l->bytes_out, n->bytes_out);
    }
    add_count(b, "fallbacks to legacy", l->fallbacks, n->fallbacks);
    if (s->over_budget > 0)
        add_count(b, "fallbacks over budget", 0, s->over_budget);
    add_value(b, s, "mean", "ms", l->latency_ms->mean, n->latency_ms->mean);
    add_value(b, s, "p50", "ms", l->latency_ms->p50, n->latency_ms->p50);
    add_value(b, s, "p99", "ms", l->latency_ms->p99, n->latency_ms->p99);
}
