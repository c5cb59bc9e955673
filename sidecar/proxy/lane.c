/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/lane.h"

#include <signal.h>
#include <unistd.h>
#include <utlist.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "sidecar/proxy/conn.h"
#include "sidecar/proxy/lasting.h"
#include "sidecar/proxy/listener.h"
#include "sidecar/proxy/port_door.h"
#include "sidecar/proxy/tunnel.h"

#define INBOX_MAX 8 /* letters; there is at most one of a kind, and PROBES_MAX probes */
/* Added to a head: X-Forwarded-For, X-Switchyard-System, framing. */
#define HEAD_SLACK 4096
#define BUFFER_MIN 16384

/* ---- letters --------------------------------------------------------------------------------- */

void letter_free(struct letter *l)
{
    live_unref(l->live);
    xfreep(&l->stats);
    for (unsigned i = 0; i < l->port_count; i++) {
        if (l->port[i].fd >= 0)
            close(l->port[i].fd);
    }
    xfreep(&l->port);
    xfreep(&l);
}

static void drop_letter(void *ctx UNUSED, struct mail *m)
{
    letter_free(container_of(m, struct letter, mail));
}

void lane_send_back(struct lane *l, struct letter *letter)
{
    if (!mailbox_post(l->shared->control, &letter->mail))
        letter_free(letter);
}

static void serve(struct lane *lane, struct letter *l)
{
    struct view *before = lane->view;

    lane->view = view_new(lane, live_ref(l->live));
    view_unref(before);
    port_doors_follow(lane, l);
    tunnel_judge_all(lane);
    lasting_judge_all(lane);
    copy_drop_unsent(lane);
    queue_wake(lane);
    lane_send_back(lane, l);
}

static bool is_empty(const struct route_stats *s)
{
    return system_stats_is_empty(&s->system[SYSTEM_LEGACY]) &&
           system_stats_is_empty(&s->system[SYSTEM_NEW]) && mirror_stats_is_empty(&s->mirror) &&
           compare_stats_is_empty(&s->compare) && underway_is_nothing(&s->underway) &&
           !s->over_budget;
}

static struct proxy_pools count_pools(const struct lane *lane)
{
    struct proxy_pools n = {.pools = 0};
    const struct upstream_pool *p;

    DL_FOREACH (lane->pools, p) {
        n.pools++;
        n.idle += p->idle_count;
        n.busy += p->refs - p->views - p->idle_count;
    }
    return n;
}

/* Only what happened: the control thread knows which migrations there are. */
static void collect(struct lane *lane, struct letter *l)
{
    struct tally *t;

    DL_FOREACH (lane->tallies, t) {
        if (is_empty(&t->stats))
            continue;
        l->stats = xrealloc(l->stats, (l->count + 1) * sizeof *l->stats);
        l->stats[l->count++] = t->stats;
        memset(t->stats.system, 0, sizeof t->stats.system);
        t->stats.over_budget = 0;
        memset(&t->stats.mirror, 0, sizeof t->stats.mirror);
        t->stats.compare = (struct compare_stats){0};
        t->stats.discrepancy_count = 0;
    }
    l->pools = count_pools(lane);
    memcpy(l->requests, lane->requests, sizeof l->requests);
    memset(lane->requests, 0, sizeof lane->requests);
    view_drop_tallies(lane);
    iobuf_trim(&lane->bufs);
    lane_send_back(lane, l);
}

/* ---- draining -------------------------------------------------------------------------------- */

static void finish_drain(struct lane *lane)
{
    struct letter *l = steal(lane->drain);

    timer_cancel(&lane->drain_deadline);
    lane_send_back(lane, l);
}

static void close_all(struct lane *lane)
{
    lasting_cut_all(lane);
    while (lane->conns)
        conn_destroy(lane->conns);
    h2_door_close_all(lane);
}

static void on_drain_deadline(struct timer *t)
{
    struct lane *lane = container_of(t, struct lane, drain_deadline);

    lane->drain->cut = lane->conn_count;
    close_all(lane);
}

void lane_count_client(struct lane *lane, int change)
{
    lane->conn_count += (unsigned)change;
    atomic_fetch_add_explicit(&lane->shared->clients, (unsigned)change, memory_order_relaxed);
}

bool lane_is_full(const struct lane *lane)
{
    return atomic_load_explicit(&lane->shared->clients, memory_order_relaxed) >=
           lane->config->max_connections;
}

void lane_note_closed(struct lane *lane)
{
    if (lane->drain && lane->conn_count == 0)
        finish_drain(lane);
}

static void close_doors(struct lane *lane)
{
    for (unsigned i = 0; i < DOOR_COUNT; i++)
        listener_close(&lane->door[i]);
    port_doors_close(lane);
}

static void drain(struct lane *lane, struct letter *l)
{
    dur_t window = {l->deadline.ns / 2};
    struct conn *c;

    if (window.ns > lane->config->tunnel_drain.ns)
        window = lane->config->tunnel_drain;
    close_doors(lane);
    lane->draining = true;
    copy_drop_all(lane);
    lane->drain = l;
    lane->drain_ends = mono_add(loop_now(lane->loop), l->deadline);
    timer_set(lane->loop, &lane->drain_deadline, l->deadline, on_drain_deadline, "drain");
    DL_FOREACH (lane->conns, c)
        conn_hurry(c, window);
    h2_door_hurry_all(lane);
    lane_note_closed(lane);
}

static void let_in(struct lane *lane, struct letter *l)
{
    for (unsigned i = 0; i < DOOR_COUNT; i++) {
        if (lane->door[i].watch.fd >= 0)
            listener_go(&lane->door[i]);
    }
    lane_send_back(lane, l);
}

static void on_letter(void *ctx, struct mail *m)
{
    struct lane *lane = ctx;
    struct letter *l = container_of(m, struct letter, mail);

    switch (l->kind) {
    case LETTER_SERVE:
        serve(lane, l);
        break;
    case LETTER_OPEN:
        let_in(lane, l);
        break;
    case LETTER_COLLECT:
        collect(lane, l);
        break;
    case LETTER_DRAIN:
        drain(lane, l);
        break;
    case LETTER_PROBE:
        probe_begin(lane, l);
        break;
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static void init_memory(struct lane *l)
{
    size_t size = l->config->max_head_bytes + HEAD_SLACK;

    if (size < BUFFER_MIN)
        size = BUFFER_MIN;
    iobuf_pool_init(&l->bufs, size);
    l->scratch = xrealloc(NULL, size);
    l->limits = (struct http1_limits){.line_max = (uint32_t)l->config->max_line_bytes,
                                      .head_max = (uint32_t)l->config->max_head_bytes};
}

/* They open with a letter. */
static int make_doors(struct lane *l, struct err *err)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < DOOR_COUNT; i++) {
        if (l->door[i].watch.fd < 0)
            continue;
        r = listener_open(&l->door[i], err);
        if (r == 0)
            listener_hold(&l->door[i]);
    }
    return r;
}

int lane_new(struct lane_shared *shared, const int fds[DOOR_COUNT], struct lane **ret,
             struct err *err)
{
    struct lane *l = xnew(struct lane);
    int r;

    l->shared = shared;
    l->config = shared->config;
    for (unsigned i = 0; i < DOOR_COUNT; i++) {
        l->door[i] = (struct door){.lane = l, .kind = (enum door_kind)i};
        l->door[i].watch.fd = fds[i];
    }
    rng_seed_system(&l->rng);
    init_memory(l);
    r = loop_new(clock_system, &l->loop, err);
    if (r == 0)
        r = mailbox_new(l->loop, INBOX_MAX, on_letter, l, &l->inbox, err);
    if (r == 0)
        r = make_doors(l, err);
    if (r < 0) {
        lane_free(l);
        return err_ctx(err, "start a proxy lane");
    }
    *ret = l;
    return 0;
}

int lane_start(struct lane *l, unsigned index, struct err *err)
{
    sigset_t pipes, before;
    char name[16];
    int r;

    l->index = index;
    str_fmt(name, sizeof name, "proxy-%u", index);
    /* Only splice() raises it: others say MSG_NOSIGNAL. The thread inherits the mask. */
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipes, &before);
    r = loop_thread_start(l->loop, name, &l->thread, err);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

static void free_requests(struct lane *l)
{
    while (l->spare_requests) {
        struct request *req = l->spare_requests;

        l->spare_requests = req->next;
        xfreep(&req);
    }
}

void lane_free(struct lane *l)
{
    if (!l)
        return;
    loop_thread_join(l->thread);
    if (l->inbox)
        mailbox_close(l->inbox, drop_letter);
    mailbox_unref(l->inbox);
    close_doors(l);
    close_all(l);
    probe_drop_all(l);
    copy_deinit(l);
    tap_deinit(l);
    timer_cancel(&l->drain_deadline);
    timer_cancel(&l->queues.turn);
    if (l->drain)
        letter_free(l->drain);
    view_unref(l->view);
    view_drop_tallies(l);
    CHECK(!l->pools);
    free_requests(l);
    iobuf_pool_deinit(&l->bufs);
    pipe_pool_deinit(&l->pipes);
    xfreep(&l->scratch);
    loop_free(l->loop);
    xfreep(&l);
}
