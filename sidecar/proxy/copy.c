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

/* wait for the background ─► connect ─► send, and read what is answered; each may end it. */
enum copy_step { COPY_WAITS, COPY_CONNECTS, COPY_TALKS };

struct copy {
    struct copy *prev, *next; /* of the lane; `next` among the spare ones */
    struct lane *lane;
    struct view *view; /* held */
    struct view_route *route;
    struct copy_wish wish;
    enum http1_method method;
    enum copy_step step;
    bool again;     /* it was begun anew, over a fresh connection */
    bool late;      /* its time is over */
    mono_t began;   /* once it waits no more */
    struct buf out; /* the whole request */
    size_t sent;
    struct copy_link *link;
    unsigned events; /* on the link, to be seen to */
    struct loop_deferred later;
    struct iobuf *in;
    struct buf kept;
    struct buf trailers; /* of the answer to what may be a gRPC call */
    uint64_t hash;
    /* Not cleared. */
    struct reply reply;
};

struct lane *copy_lane(const struct copy *k)
{
    return k->lane;
}

static const struct route_mirror *limits_of(const struct copy *k)
{
    return &k->route->entry->route.mirror;
}

static struct mirror_stats *stats_of(const struct copy *k)
{
    return &k->route->tally->stats.mirror;
}

/* Copies to legacy (compare.md) take of the limits, and are no copies of the mirror. */
static void charge(struct copy *k, uint64_t bytes, uint64_t *counter)
{
    copy_meter_charge(&k->route->tally->copies, limits_of(k), bytes);
    if (k->wish.to == SYSTEM_NEW)
        *counter += bytes;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void count_answer(struct mirror_stats *stats, const struct copy_answer *a)
{
    uint64_t *const of_class[] = {&stats->answered_2xx, &stats->answered_3xx, &stats->answered_4xx,
                                  &stats->errors};
    const unsigned class = a->grpc.is_failed ? 5 : a->head->status / 100u;

    ++*of_class[class < 2 ? 0 : class > 5 ? 3 : class - 2];
    hist_add(&stats->latency, (uint64_t)dur_to_us(a->took));
}

static void count(struct mirror_stats *stats, const struct copy_answer *a)
{
    if (a->end >= COPY_TOO_MANY) {
        stats->dropped++;
        stats->dropped_pending += a->end == COPY_TOO_MANY;
        stats->dropped_bytes += a->end == COPY_TOO_MUCH;
        stats->dropped_late += a->end == COPY_WITHHELD;
        return;
    }
    stats->sent++;
    if (a->end == COPY_ANSWERED) {
        count_answer(stats, a);
    } else {
        stats->failed++;
        stats->timeouts += a->end == COPY_LATE;
    }
}

/* How it went tells how many more new can take at once. */
static void give_place_back(const struct copy *k, enum copy_end how)
{
    struct copy_meter *m = &k->route->tally->copies;
    const unsigned lanes = k->lane->config->threads;

    copy_meter_end(m, k->wish.to);
    if (k->wish.to != SYSTEM_NEW)
        return;
    if (how == COPY_LATE)
        copy_meter_late(m, limits_of(k), lanes);
    else if (how == COPY_ANSWERED)
        copy_meter_answered(m, limits_of(k), lanes);
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
    buf_deinit(&k->trailers);
    if (all->spare_count == SPARES_MAX) {
        buf_deinit(&k->out);
        xfreep(&k);
        return;
    }
    k->next = all->spare;
    all->spare = k;
    all->spare_count++;
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
        .grpc = k->reply.grpc,
        .took = k->step == COPY_WAITS ? dur_ns(0) : mono_sub(loop_now(lane->loop), k->began),
    };

    if (k->link && how == COPY_ANSWERED && k->reply.may_reuse && k->sent == k->out.len)
        copy_link_give(&k->link);
    else
        copy_link_close(&k->link);
    loop_undefer(&k->later);
    DL_DELETE(lane->copies.all, k);
    give_place_back(k, how);
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

static bool has_idle(const struct lane *lane, const struct address *a)
{
    const struct copy_link *l;

    DL_FOREACH (lane->copies.idle, l) {
        if (address_eq(&l->address, a))
            return true;
    }
    return false;
}

/* Would it take one connection too many? Copies have what users leave of `maxConnections`. */
static bool is_full(const struct copy *k, unsigned limit, const struct upstream_pool *p)
{
    unsigned open = p->busy + p->idle_count;
    const struct copy *other;

    if (limit == 0 || has_idle(k->lane, &p->address))
        return false;
    DL_FOREACH (k->lane->copies.all, other)
        open += other->link && address_eq(&other->link->address, &p->address);
    return open >= limit;
}

/* The endpoint that a user's request would get; NULL: there is none. */
static struct upstream_pool *choose_pool(struct copy *k, enum copy_end *ret_why)
{
    struct view_system *s = &k->route->system[k->wish.to];
    unsigned i = view_choose(s, 0, loop_now(k->lane->loop));
    bool full = i < s->count ? is_full(k, s->limit, s->pool[i]) : i == VIEW_FULL;

    *ret_why = full ? COPY_TOO_MANY : COPY_FAILED;
    return i < s->count && !full ? s->pool[i] : NULL;
}

static void begin(struct copy *k, bool fresh)
{
    enum copy_end why;
    struct upstream_pool *p = choose_pool(k, &why);
    dur_t left = dur_ms(limits_of(k)->timeout_ms);

    if (!p) {
        end(k, why);
        return;
    }
    left.ns -= mono_sub(loop_now(k->lane->loop), k->began).ns;
    k->link = left.ns > 0 ? copy_link_take(k, p, fresh, left) : NULL;
    if (!k->link)
        end(k, left.ns > 0 ? COPY_FAILED : COPY_LATE);
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
        charge(k, (uint64_t)n, &stats_of(k)->sent_bytes);
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
        if (k->link->protocol == UPSTREAM_H2 && k->method == HTTP1_POST)
            reply_watch_call(&k->reply, &k->trailers);
    }
    before = k->reply.bytes;
    r = reply_read(&k->reply, &k->link->transport, take_body, k);
    charge(k, k->reply.bytes - before, &stats_of(k)->received_bytes);
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
    else
        transport_want(&k->link->transport, LOOP_WRITE);
}

static void exchange(struct copy *k, unsigned events)
{
    if (events & LOOP_WRITE && !push(k))
        return;
    if (events & ~LOOP_WRITE)
        pull(k);
    else
        want(k);
}

static void see_to(struct copy *k, unsigned events)
{
    k->events = 0;
    if (k->late) {
        end(k, COPY_LATE);
        return;
    }
    switch (k->step) {
    case COPY_WAITS:
        k->began = loop_now(k->lane->loop);
        begin(k, false);
        break;
    case COPY_CONNECTS:
        establish(k);
        break;
    case COPY_TALKS:
        exchange(k, events);
        break;
    }
}

static void on_later(struct loop_deferred *d)
{
    struct copy *k = container_of(d, struct copy, later);

    see_to(k, k->events);
}

/* To read an answer that is short takes no longer than to come back to it; and a hangup would come
 * every turn until it is seen to. */
static bool is_at_once(const struct copy *k, unsigned events)
{
    return events & LOOP_HANGUP ||
           (k->step == COPY_TALKS && !k->reply.heard && !(events & LOOP_WRITE));
}

/* Users come first. */
void copy_on_event(struct copy *k, unsigned events)
{
    struct loop *loop = k->lane->loop;

    loop_mark_background(loop);
    if (is_at_once(k, events)) {
        see_to(k, events | k->events);
        return;
    }
    k->events |= events;
    transport_want(&k->link->transport, 0);
    loop_defer_background(loop, &k->later, on_later);
}

/* Those that hang are late all at once, and to close a connection takes long, too. */
void copy_on_deadline(struct copy *k)
{
    k->late = true;
    loop_defer_background(k->lane->loop, &k->later, on_later);
}

/* ---- the beginning --------------------------------------------------------------------------- */

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
    const struct http1_extra ours = {.name = copy_mark, .value = STR("1"), .replace = true};
    const struct http1_out form = {.body = framing_of(u)};
    char *text = c->lane->scratch;
    size_t n = conn_write_head(c, form, &ours, text, c->lane->bufs.size);

    if (n == 0 || !buf_add(out, text, n))
        return false;
    if (form.body.kind == HTTP1_BODY_CHUNKED)
        return add_chunked(out, u);
    return buf_add_str(out, buf_view(&u->keep));
}

/* Where there is room for it, and memory for the whole. */
static struct copy *make(struct conn *c, enum system to, enum copy_end *ret_why)
{
    static const enum copy_end lacks[] = {
        [COPY_NO_PLACE] = COPY_TOO_MANY,
        [COPY_PLACE_WITHHELD] = COPY_WITHHELD,
        [COPY_NO_BYTES] = COPY_TOO_MUCH,
    };
    struct view_route *r = c->req->route;
    struct lane *lane = c->lane;
    enum copy_room room = copy_meter_room(&r->tally->copies, &r->entry->route.mirror,
                                          lane->config->threads, to, loop_now(lane->loop));
    struct copy *k;

    *ret_why = room == COPY_ROOM ? COPY_ENDED : lacks[room];
    if (room != COPY_ROOM)
        return NULL;
    k = new_copy(lane);
    if (compose(c, &k->out))
        return k;
    put_away(k);
    return NULL;
}

void copy_send(struct conn *c, const struct copy_wish *wish)
{
    struct lane *lane = c->lane;
    struct request *req = c->req;
    struct copy_answer none = {.took = dur_ns(0)};
    struct copy *k = make(c, wish->to, &none.end);

    if (!k) {
        tell(req->route, wish, &none);
        return;
    }
    k->view = req->view;
    k->view->refs++;
    k->route = req->route;
    k->wish = *wish;
    k->method = req->head.method;
    k->hash = wish->keep > 0 ? COMPARE_HASH_START : 0;
    buf_init(&k->kept, wish->keep);
    copy_meter_begin(&k->route->tally->copies, wish->to);
    DL_APPEND(lane->copies.all, k);
    loop_defer_background(lane->loop, &k->later, on_later);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void drop(struct copy *k)
{
    end(k, k->late ? COPY_LATE : COPY_ENDED);
}

void copy_drop_unsent(struct lane *lane)
{
    struct copy *k, *next;

    DL_FOREACH_SAFE (lane->copies.all, k, next) {
        if (k->sent == 0)
            drop(k);
    }
}

void copy_drop_all(struct lane *lane)
{
    while (lane->copies.all)
        drop(lane->copies.all);
    copy_link_close_idle(lane);
}

void copy_deinit(struct lane *lane)
{
    copy_drop_all(lane);
    while (lane->copies.spare) {
        struct copy *k = lane->copies.spare;

        lane->copies.spare = k->next;
        buf_deinit(&k->out);
        xfreep(&k);
    }
}
