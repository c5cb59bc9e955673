/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/proxy.h"

#include <unistd.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "sidecar/proxy/access_log.h"
#include "sidecar/proxy/debug_tap.h"
#include "sidecar/proxy/edge_probes.h"
#include "sidecar/proxy/listener.h"
#include "sidecar/proxy/proxy_parts.h"

/* Letters on their way back: a lane has one of a kind, and there are some probes. */
#define CONTROL_MAX (4 * PROXY_THREADS_MAX + PROBES_MAX)

/* ---- letters --------------------------------------------------------------------------------- */

struct letter *letter_new(enum letter_kind kind)
{
    struct letter *l = xnew(struct letter);

    l->kind = kind;
    return l;
}

void proxy_post(struct lane *lane, struct letter *l)
{
    /* One letter of a kind is out at a time, so an inbox has room. */
    CHECK(mailbox_post(lane->inbox, &l->mail));
}

/* ---- probing --------------------------------------------------------------------------------- */

int proxy_probe(struct proxy *p, const struct probe *probe, probe_done_fn fn, void *ctx,
                struct err *err)
{
    const char *migration = probe->migration.s;
    struct probe_job *job;
    struct letter *l;
    int r = probe_check(probe, err);

    if (r < 0)
        return r;
    if (!p->live || !ruleset_find(p->live->set, migration))
        return err_set(err, ERR_NOT_FOUND, "this node serves no route of a migration \"%s\"",
                       migration);
    if (ruleset_find(p->live->set, migration)->route.tcp.port > 0)
        return err_set(err, ERR_INVALID,
                       "%s splits connections: there is no request to ask its systems with",
                       migration);
    if (p->probe_count == PROBES_MAX)
        return err_set(err, ERR_EXHAUSTED, "%d probes are under way on this node: try again",
                       PROBES_MAX);
    job = xnew(struct probe_job);
    job->probe = *probe;
    job->fn = fn;
    job->ctx = ctx;
    DL_APPEND(p->probes, job);
    p->probe_count++;
    l = letter_new(LETTER_PROBE);
    l->probe = job;
    proxy_post(p->lane[0], l);
    return 0;
}

static void end_probe(struct proxy *p, struct probe_job *job, const struct err *why)
{
    DL_DELETE(p->probes, job);
    p->probe_count--;
    job->fn(job->ctx, job->answer, why ? 0 : job->count, why);
    xfreep(&job);
}

static void drop_probes(struct proxy *p)
{
    struct err why;

    err_set(&why, ERR_CANCELLED, "the node stops");
    while (p->probes)
        end_probe(p, p->probes, &why);
}

/* ---- debugging ------------------------------------------------------------------------------- */

int proxy_debug(struct proxy *p, const struct name *migration, struct str key, struct buf *ret,
                uint64_t *ret_lost, struct err *err)
{
    if (!p->live || !ruleset_find(p->live->set, migration->s))
        return err_set(err, ERR_NOT_FOUND, "this node serves no route of a migration \"%s\"",
                       migration->s);
    return debug_tap_ask(p->shared.debug, migration, key, loop_now(p->loop), ret, ret_lost, err);
}

/* ---- draining -------------------------------------------------------------------------------- */

void proxy_drain(struct proxy *p, dur_t deadline)
{
    CHECK(p->draining == 0);
    p->draining = p->lane_count;
    for (unsigned i = 0; i < p->lane_count; i++) {
        struct letter *l = letter_new(LETTER_DRAIN);

        l->deadline = deadline;
        proxy_post(p->lane[i], l);
    }
}

static void on_lane_drained(struct proxy *p, const struct letter *l)
{
    p->cut += l->cut;
    if (--p->draining == 0 && p->events.on_drained)
        p->events.on_drained(p->ctx, p->cut);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void on_letter(void *ctx, struct mail *m)
{
    struct proxy *p = ctx;
    struct letter *l = container_of(m, struct letter, mail);

    switch (l->kind) {
    case LETTER_SERVE:
        publish_on_served(p, l);
        break;
    case LETTER_OPEN:
        break;
    case LETTER_COLLECT:
        collect_on_answer(p, l);
        break;
    case LETTER_DRAIN:
        on_lane_drained(p, l);
        break;
    case LETTER_PROBE:
        end_probe(p, l->probe, NULL);
        break;
    }
    letter_free(l);
}

static void drop_letter(void *ctx UNUSED, struct mail *m)
{
    letter_free(container_of(m, struct letter, mail));
}

static void default_dur(dur_t *d, dur_t by_default)
{
    if (d->ns <= 0)
        *d = by_default;
}

static void set_defaults(struct proxy_config *c)
{
    if (c->threads == 0)
        c->threads = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    if (c->threads > PROXY_THREADS_MAX)
        c->threads = PROXY_THREADS_MAX;
    if (c->max_connections == 0)
        c->max_connections = 20000;
    if (c->max_waiting == 0)
        c->max_waiting = 1024;
    if (c->max_head_bytes == 0)
        c->max_head_bytes = 32768;
    if (c->max_line_bytes == 0)
        c->max_line_bytes = 8192;
    default_dur(&c->header_timeout, dur_s(10));
    default_dur(&c->body_timeout, dur_s(60));
    default_dur(&c->idle_timeout, dur_s(75));
    default_dur(&c->upstream_idle, dur_s(50));
    default_dur(&c->tunnel_idle, dur_s(3600));
    default_dur(&c->tunnel_drain, dur_s(30));
}

static void close_all(const int fds[DOOR_COUNT])
{
    for (unsigned d = 0; d < DOOR_COUNT; d++) {
        if (fds[d] >= 0)
            close(fds[d]);
    }
}

static int bind_door(const char *listen, int *ret_fds, unsigned count, struct address *ret,
                     struct err *err)
{
    int r = address_parse_listen(listen, ret, err);

    return r == 0 ? listener_bind(ret, ret_fds, count, err) : r;
}

/* One socket of each door for each lane; -1: there is no such door. */
static int bind_doors(struct proxy *p, int fds[DOOR_COUNT][PROXY_THREADS_MAX], struct err *err)
{
    const char *const listen[DOOR_COUNT] = {
        [DOOR_REQUESTS] = p->config.listen,
        [DOOR_TLS] = p->config.tls_listen,
        [DOOR_EDGE] = p->config.edge,
    };

    for (unsigned d = 0; d < DOOR_COUNT; d++) {
        int r = listen[d] ? bind_door(listen[d], fds[d], p->config.threads, &p->at[d], err) : 0;

        while (r < 0 && d-- > 0) {
            for (unsigned i = 0; i < p->config.threads; i++)
                close(fds[d][i]);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

static int start_lanes(struct proxy *p, struct err *err)
{
    int fds[DOOR_COUNT][PROXY_THREADS_MAX];
    int r;

    memset(fds, -1, sizeof fds);
    r = bind_doors(p, fds, err);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < p->config.threads; i++) {
        int own[DOOR_COUNT];

        for (unsigned d = 0; d < DOOR_COUNT; d++)
            own[d] = fds[d][i];
        if (r == 0)
            r = lane_new(&p->shared, own, &p->lane[i], err);
        else
            close_all(own);
        if (r == 0 && p->config.access)
            p->lane[i]->access = access_log_ring(p->config.access, i);
        p->lane_count += r == 0;
    }
    for (unsigned i = 0; i < p->config.threads && r == 0; i++)
        r = lane_start(p->lane[i], i, err);
    return r;
}

static int start(struct proxy *p, struct err *err)
{
    int r = mailbox_new(p->loop, CONTROL_MAX, on_letter, p, &p->mailbox, err);
    if (r == 0)
        r = names_new(p->loop, p->config.resolver, publish_on_names, p, &p->names, err);
    p->shared.config = &p->config;
    p->shared.control = p->mailbox;
    p->shared.edge_probes = edge_probes_new();
    p->shared.debug = debug_tap_new();
    if (r == 0)
        r = start_lanes(p, err);
    if (r < 0)
        return r;
    p->ports = ports_new(p->loop, p->lane_count, &p->at[DOOR_REQUESTS], publish_on_port, p);
    collect_begin(p);
    return 0;
}

int proxy_new(const struct proxy_config *config, struct loop *control,
              const struct proxy_events *events, void *ctx, struct proxy **ret, struct err *err)
{
    CLEANUP(proxy_freep) struct proxy *p = xnew(struct proxy);
    int r;

    p->loop = control;
    p->checks = checks_new(control);
    p->config = *config;
    p->events = *events;
    p->ctx = ctx;
    if (!p->config.listen)
        p->config.listen = "127.0.0.1:8080";
    set_defaults(&p->config);
    r = start(p, err);
    p->config.listen = p->config.tls_listen = p->config.edge = p->config.resolver = NULL;
    if (r < 0)
        return err_ctx(err, "start the proxy");
    *ret = steal(p);
    return 0;
}

void proxy_open(struct proxy *p)
{
    loop_assert_owner(p->loop);
    CHECK(!p->is_open);
    p->is_open = true;
    if (p->live || !p->asked)
        publish_open(p);
}

struct proxy *proxy_free(struct proxy *p)
{
    if (!p)
        return NULL;
    names_free(p->names);
    ports_free(p->ports);
    checks_free(p->checks);
    for (unsigned i = 0; i < p->lane_count; i++)
        lane_free(p->lane[i]);
    edge_probes_free(p->shared.edge_probes);
    debug_tap_free(p->shared.debug);
    if (p->mailbox)
        mailbox_close(p->mailbox, drop_letter);
    mailbox_unref(p->mailbox);
    drop_probes(p);
    publish_end(p);
    collect_end(p);
    xfreep(&p);
    return NULL;
}

uint16_t proxy_port(const struct proxy *p)
{
    return address_port(&p->at[DOOR_REQUESTS]);
}

uint16_t proxy_tls_port(const struct proxy *p)
{
    return address_port(&p->at[DOOR_TLS]);
}

uint16_t proxy_edge_port(const struct proxy *p)
{
    return address_port(&p->at[DOOR_EDGE]);
}
