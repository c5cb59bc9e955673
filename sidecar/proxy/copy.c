/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/copy.h"

#include <errno.h>
#include <utlist.h>

#include "common/base/mem.h"
#include "common/compare/compare.h"
#include "sidecar/proxy/conn.h"
#include "sidecar/proxy/copy_link.h"
#include "sidecar/proxy/lane.h"
#include "sidecar/proxy/relay.h"
#include "sidecar/proxy/reply.h"

#define SPARES_MAX 256
/* A spare copy keeps the memory of its request up to here. */
#define SPARE_OUT_MAX 4096
/* A longer answer is broken off. */
#define ANSWER_MAX (16u << 20)

static const struct str mark = {"X-Switchyard-Mirror", 19};

/* wait for the turn's end ─► connect ─► send, and read what is answered; each may end it. */
enum copy_step { COPY_WAITS, COPY_CONNECTS, COPY_TALKS };

struct copy {
    struct copy *prev, *next; /* of the lane; `next` among the spare ones */
    struct lane *lane;
    struct view *view; /* held */
    struct view_route *route;
    struct copy_wish wish;
    enum http1_method method;
    enum copy_step step;
    bool again; /* it was begun anew, over a fresh connection */
    mono_t began;
    struct buf out; /* the whole request */
    size_t sent;
    struct copy_link *link;
    struct iobuf *in;
    struct buf kept;
    uint64_t hash;
    /* Not cleared. */
    struct reply reply;
};

struct lane *copy_lane(const struct copy *k)
{
    return k->lane;
}

static const struct route_mirror *limits_of(const struct view_route *r)
{
    return &r->entry->route.mirror;
}

/* ---- which requests -------------------------------------------------------------------------- */

static bool is_listed(const struct route_mirror *m, struct str method)
{
    for (unsigned i = 0; i < m->method_count; i++) {
        if (str_eq(str_of(m->method[i]), method))
            return true;
    }
    return false;
}

/* Everything of the body is here, or may yet be. */
static bool body_fits(const struct upload *u, uint32_t max)
{
    if (u->framing.kind == HTTP1_BODY_LENGTH && u->framing.length > max)
        return false;
    return !u->received || (upload_can_restart(u) && u->keep.len <= max);
}

static bool is_copyable(const struct request *req)
{
    const struct route_mirror *m = limits_of(req->route);
    struct str value;

    return is_listed(m, http1_str(&req->head, req->head.method_name)) && !req->head.upgrade &&
           body_fits(&req->upload, m->max_body) && !http1_find(&req->head, mark, &value);
}

/* An emergency order, an override and a breaker that is not closed all mean: leave new alone. */
static bool is_allowed(const struct conn *c)
{
    const struct request *req = c->req;
    const struct ruleset_entry *e = req->route->entry;
    struct loop *loop = c->lane->loop;
    enum breaker_state breaker = breaker_look(req->route->breaker, loop_now(loop), loop_wall(loop));

    return !c->lane->draining && req->view == c->lane->view && !e->emergency.active &&
           e->route.override == SYSTEM_NONE &&
           (breaker == BREAKER_DISABLED || breaker == BREAKER_CLOSED);
}

bool copy_is_suited(const struct conn *c)
{
    return is_allowed(c) && is_copyable(c->req);
}

bool copy_is_chosen(struct conn *c)
{
    struct request *req = c->req;
    const struct route *route = &req->route->entry->route;
    const struct route_mirror *m = &route->mirror;

    if (req->system != SYSTEM_LEGACY || route->weight_bp > m->off_above_bp || !is_allowed(c) ||
        rng_below(&c->lane->rng, WEIGHT_BP_MAX) >= m->share_bp)
        return false;
    if (!is_copyable(req)) {
        req->route->tally->stats.mirror.unsuited++;
        return false;
    }
    upload_keep(&req->upload, m->max_body);
    return true;
}

void copy_mirror(struct conn *c)
{
    const struct copy_wish wish = {.to = SYSTEM_NEW};
    struct request *req = c->req;

    if (!req->answered || req->system != SYSTEM_LEGACY || !is_allowed(c))
        return;
    if (is_copyable(req))
        copy_send(c, &wish);
    else
        req->route->tally->stats.mirror.unsuited++;
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* A node's limit in equal parts to its lanes. */
static uint64_t lanes_part(const struct lane *lane, uint64_t limit)
{
    return (limit + lane->config->threads - 1) / lane->config->threads;
}

/* A bucket that holds what may pass in a second, and is full at first. */
static void fill_meter(struct copy_meter *m, uint64_t rate, mono_t now)
{
    const int64_t full = rate < INT64_MAX ? (int64_t)rate : INT64_MAX;
    dur_t since = mono_sub(now, m->filled_at);

    if (m->filled_at.ns == 0) {
        m->bytes = full;
    } else if (since.ns > 0) {
        double more = (double)full * (double)since.ns / 1e9;

        m->bytes = more >= (double)(full - m->bytes) ? full : m->bytes + (int64_t)more;
    }
    m->filled_at = now;
}

static bool has_room(struct lane *lane, struct view_route *r)
{
    const struct route_mirror *limits = limits_of(r);
    struct copy_meter *m = &r->tally->copies;

    if (m->pending >= lanes_part(lane, limits->max_pending))
        return false;
    if (limits->max_bytes_per_s == 0)
        return true;
    fill_meter(m, lanes_part(lane, limits->max_bytes_per_s), loop_now(lane->loop));
    return m->bytes > 0;
}

static void charge(struct copy *k, uint64_t bytes)
{
    if (limits_of(k->route)->max_bytes_per_s > 0)
        k->route->tally->copies.bytes -= (int64_t)bytes;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void count(struct mirror_stats *stats, const struct copy_answer *a)
{
    if (a->end == COPY_DROPPED) {
        stats->dropped++;
        return;
    }
    stats->sent++;
    stats->failed += a->end == COPY_FAILED;
    if (a->end == COPY_FAILED)
        return;
    stats->errors += a->head->status >= 500;
    hist_add(&stats->latency, (uint64_t)dur_to_us(a->took));
}

static void tell(struct view_route *r, const struct copy_wish *wish, const struct copy_answer *a)
{
    if (wish->to == SYSTEM_NEW)
        count(&r->tally->stats.mirror, a);
    if (wish->fn)
        wish->fn(wish->ctx, a);
}

static void put_away(struct copy *k)
{
    struct copies *all = &k->lane->copies;

    if (k->out.cap > SPARE_OUT_MAX)
        buf_deinit(&k->out);
    buf_deinit(&k->kept);
    if (all->spare_count == SPARES_MAX) {
        buf_deinit(&k->out);
        xfreep(&k);
        return;
    }
    k->next = all->spare;
    all->spare = k;
    all->spare_count++;
}

static void leave_list(struct copy *k)
{
    struct copies *all = &k->lane->copies;

    if (k->step == COPY_WAITS)
        DL_DELETE(all->waiting, k);
    else
        DL_DELETE(all->busy, k);
}

static void end(struct copy *k, enum copy_end how)
{
    struct lane *lane = k->lane;
    const struct copy_answer answer = {
        .end = how,
        .head = how == COPY_ANSWERED ? &k->reply.head : NULL,
        .body = buf_view(&k->kept),
        .body_size = how == COPY_ANSWERED ? k->reply.body_size : 0,
        .body_hash = k->hash,
        .took = mono_sub(loop_now(lane->loop), k->began),
    };

    if (k->link && how == COPY_ANSWERED && k->reply.may_reuse && k->sent == k->out.len)
        copy_link_give(&k->link);
    else
        copy_link_close(&k->link);
    leave_list(k);
    k->route->tally->copies.pending--;
    tell(k->route, &k->wish, &answer);
    iobuf_give(&lane->bufs, &k->in);
    view_unref(k->view);
    put_away(k);
}

/* ---- the exchange ---------------------------------------------------------------------------- */

static void talk(struct copy *k);

static void take_body(void *ctx, struct str piece)
{
    struct copy *k = ctx;
    size_t room = k->wish.keep - k->kept.len;

    if (k->wish.keep == 0)
        return;
    k->hash = compare_hash(k->hash, piece);
    if (room > 0)
        (void)!buf_add(&k->kept, piece.p, piece.n < room ? piece.n : room);
}

static const struct address *choose_address(struct copy *k)
{
    struct view_system *s = &k->route->system[k->wish.to];
    unsigned i = view_choose(s, 0, loop_now(k->lane->loop));

    return i < s->count ? &s->pool[i]->address : NULL;
}

static void begin(struct copy *k, bool fresh)
{
    const struct address *a = choose_address(k);
    dur_t left = dur_ms(limits_of(k->route)->timeout_ms);

    left.ns -= mono_sub(loop_now(k->lane->loop), k->began).ns;
    k->link = a && left.ns > 0 ? copy_link_take(k, a, fresh, left) : NULL;
    if (!k->link)
        end(k, COPY_FAILED);
    else if (k->link->connected)
        talk(k);
    else
        k->step = COPY_CONNECTS;
}

/* A kept connection that ends before it said a word was closed while idle, most likely. */
static void fail(struct copy *k)
{
    bool unheard = k->link && k->link->reused && !k->reply.heard;

    if (!unheard || k->again || (k->method != HTTP1_GET && k->method != HTTP1_HEAD)) {
        end(k, COPY_FAILED);
        return;
    }
    copy_link_close(&k->link);
    iobuf_give(&k->lane->bufs, &k->in);
    k->again = true;
    k->sent = 0;
    begin(k, true);
}

/* False: the copy is gone. */
static bool push(struct copy *k)
{
    while (k->sent < k->out.len) {
        const struct iovec rest = {k->out.data + k->sent, k->out.len - k->sent};
        ssize_t n = transport_send(&k->link->transport, &rest, 1);

        if (n == 0)
            return true;
        if (n < 0) {
            fail(k);
            return false;
        }
        k->sent += (size_t)n;
        charge(k, (uint64_t)n);
    }
    return true;
}

static void want(struct copy *k)
{
    transport_want(&k->link->transport, LOOP_READ | (k->sent < k->out.len ? LOOP_WRITE : 0u));
}

static void talk(struct copy *k)
{
    k->step = COPY_TALKS;
    if (push(k))
        want(k);
}

static void pull(struct copy *k)
{
    struct lane *lane = k->lane;
    uint64_t before;
    enum reply_result r;

    if (!k->in) {
        k->in = iobuf_take(&lane->bufs);
        reply_init(&k->reply, k->method, lane->limits, k->in->data, lane->bufs.size);
    }
    before = k->reply.bytes;
    r = reply_read(&k->reply, &k->link->transport, take_body, k);
    charge(k, k->reply.bytes - before);
    if (r == REPLY_DONE)
        end(k, COPY_ANSWERED);
    else if (r == REPLY_BROKEN)
        fail(k);
    else if (k->reply.bytes > ANSWER_MAX)
        end(k, COPY_FAILED);
    else
        want(k);
}

static void establish(struct copy *k)
{
    enum transport_state s = transport_establish(&k->link->transport);

    k->link->connected = s == TRANSPORT_STANDS;
    if (s == TRANSPORT_STANDS)
        talk(k);
    else if (s == TRANSPORT_FAILED)
        end(k, COPY_FAILED);
}

void copy_on_event(struct copy *k, unsigned events)
{
    if (k->step == COPY_CONNECTS) {
        establish(k);
        return;
    }
    if (events & LOOP_WRITE && !push(k))
        return;
    if (events & ~LOOP_WRITE)
        pull(k);
    else
        want(k);
}

void copy_on_deadline(struct copy *k)
{
    end(k, COPY_FAILED);
}

/* ---- the beginning --------------------------------------------------------------------------- */

static void on_turn_end(struct loop_deferred *d)
{
    struct lane *lane = container_of(d, struct lane, copies.begin);

    while (lane->copies.waiting) {
        struct copy *k = lane->copies.waiting;

        leave_list(k);
        k->step = COPY_CONNECTS;
        DL_APPEND(lane->copies.busy, k);
        begin(k, false);
    }
}

static struct copy *new_copy(struct lane *lane)
{
    struct copy *k = lane->copies.spare;
    struct buf out;

    if (!k) {
        k = xnew(struct copy);
        buf_init(&k->out, SIZE_MAX / 2);
    } else {
        lane->copies.spare = k->next;
        lane->copies.spare_count--;
    }
    out = k->out;
    memset(k, 0, offsetof(struct copy, reply));
    memset(&k->reply, 0, offsetof(struct reply, headers));
    k->lane = lane;
    k->out = out;
    buf_clear(&k->out);
    return k;
}

/* The body's length is known by now, so only one with trailers goes in a chunk. */
static struct http1_framing framing_of(const struct upload *u)
{
    if (u->framing.kind == HTTP1_BODY_NONE || u->trailers.len > 0)
        return u->framing;
    return (struct http1_framing){HTTP1_BODY_LENGTH, u->keep.len};
}

static bool add_chunked(struct buf *out, const struct upload *u)
{
    char head[HTTP1_CHUNK_HEAD_MAX];
    bool ok = true;

    if (u->keep.len > 0)
        ok = buf_add(out, head, http1_chunk_head(head, u->keep.len)) &&
             buf_add_str(out, buf_view(&u->keep)) && buf_add_str(out, HTTP1_CHUNK_TAIL);
    return ok && buf_add_str(out, HTTP1_CHUNK_ZERO) && buf_add_str(out, buf_view(&u->trailers)) &&
           buf_add_str(out, HTTP1_CHUNK_TAIL);
}

/* Head and body in one piece. */
static bool compose(const struct conn *c, struct buf *out)
{
    const struct upload *u = &c->req->upload;
    const struct http1_extra ours = {.name = mark, .value = STR("1"), .replace = true};
    const struct http1_out form = {.body = framing_of(u)};
    char *text = c->lane->scratch;
    size_t n = conn_write_head(c, form, &ours, text, c->lane->bufs.size);

    if (n == 0 || !buf_add(out, text, n))
        return false;
    if (form.body.kind == HTTP1_BODY_CHUNKED)
        return add_chunked(out, u);
    return buf_add_str(out, buf_view(&u->keep));
}

void copy_send(struct conn *c, const struct copy_wish *wish)
{
    struct lane *lane = c->lane;
    struct request *req = c->req;
    struct copy *k = has_room(lane, req->route) ? new_copy(lane) : NULL;

    if (!k || !compose(c, &k->out)) {
        if (k)
            put_away(k);
        tell(req->route, wish, &(struct copy_answer){.end = COPY_DROPPED});
        return;
    }
    k->view = req->view;
    k->view->refs++;
    k->route = req->route;
    k->wish = *wish;
    k->method = req->head.method;
    k->began = loop_now(lane->loop);
    k->hash = wish->keep > 0 ? COMPARE_HASH_START : 0;
    buf_init(&k->kept, wish->keep);
    k->route->tally->copies.pending++;
    DL_APPEND(lane->copies.waiting, k);
    loop_defer(lane->loop, &lane->copies.begin, on_turn_end);
}

/* ---- life ------------------------------------------------------------------------------------ */

void copy_drop_unsent(struct lane *lane)
{
    struct copy *k, *next;

    while (lane->copies.waiting)
        end(lane->copies.waiting, COPY_DROPPED);
    DL_FOREACH_SAFE (lane->copies.busy, k, next) {
        if (k->sent == 0)
            end(k, COPY_DROPPED);
    }
}

void copy_drop_all(struct lane *lane)
{
    copy_drop_unsent(lane);
    while (lane->copies.busy)
        end(lane->copies.busy, COPY_DROPPED);
    copy_link_close_idle(lane);
}

void copy_deinit(struct lane *lane)
{
    copy_drop_all(lane);
    loop_undefer(&lane->copies.begin);
    while (lane->copies.spare) {
        struct copy *k = lane->copies.spare;

        lane->copies.spare = k->next;
        buf_deinit(&k->out);
        xfreep(&k);
    }
}
