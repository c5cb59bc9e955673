/* SPDX-License-Identifier: Apache-2.0 */
#include "sidecar/proxy/tap.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/compare/compare.h"
#include "sidecar/proxy/conn.h"
#include "sidecar/proxy/lane.h"
#include "sidecar/proxy/relay.h"
#include "sidecar/proxy/tap_judge.h"

#define SPARES_MAX 32
/* A spare tap keeps the memory of an answer up to here. */
#define SPARE_BODY_MAX 8192

/* ---- life ------------------------------------------------------------------------------------ */

static const struct route_compare *rules_of(const struct tap *t)
{
    return &t->route->entry->route.compare;
}

/* Of the three answers that it may hold. */
static size_t room_for(const struct route_compare *r)
{
    return (size_t)r->max_body * TAP_ANSWERS;
}

static struct tap *new_tap(struct lane *lane, struct request *req)
{
    const struct route_compare *rules = &req->route->entry->route.compare;
    struct taps *all = &lane->taps;
    struct tap *t = all->spare;

    if (all->bytes + room_for(rules) > TAP_BYTES_MAX)
        return NULL;
    if (t) {
        all->spare = t->next;
        all->spare_count--;
    } else {
        t = xnew(struct tap);
    }
    all->bytes += room_for(rules);
    t->lane = lane;
    t->view = req->view;
    t->view->refs++;
    t->route = req->route;
    for (unsigned i = 0; i < TAP_ANSWERS; i++)
        tap_answer_clear(&t->answer[i], rules->max_body);
    t->waiting = 0;
    return t;
}

static void free_tap(struct tap *t)
{
    for (unsigned i = 0; i < TAP_ANSWERS; i++)
        tap_answer_deinit(&t->answer[i]);
    xfreep(&t);
}

static void put_away(struct tap *t)
{
    struct taps *all = &t->lane->taps;

    all->bytes -= room_for(rules_of(t));
    view_unref(t->view);
    for (unsigned i = 0; i < TAP_ANSWERS; i++)
        tap_answer_trim(&t->answer[i], SPARE_BODY_MAX);
    if (all->spare_count == SPARES_MAX) {
        free_tap(t);
        return;
    }
    t->next = all->spare;
    all->spare = t;
    all->spare_count++;
}

void tap_deinit(struct lane *lane)
{
    CHECK(lane->taps.bytes == 0);
    while (lane->taps.spare) {
        struct tap *t = lane->taps.spare;

        lane->taps.spare = t->next;
        free_tap(t);
    }
}

/* ---- which requests -------------------------------------------------------------------------- */

/* RFC 9110 13.1, 14.2: the answer depends on what a system said before. */
static bool is_conditional(const struct http1_head *h)
{
    static const struct str names[] = {
        {"If-None-Match", 13}, {"If-Modified-Since", 17},   {"If-Match", 8},
        {"If-Range", 8},       {"If-Unmodified-Since", 19}, {"Range", 5},
    };
    struct str value;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (http1_find(h, names[i], &value))
            return true;
    }
    return false;
}

static bool is_suited(const struct conn *c)
{
    const struct route *route = &c->req->route->entry->route;

    return route->weight_bp <= route->compare.off_above_bp && !route->forbid_legacy &&
           copy_is_suited(c) && !is_conditional(&c->req->head);
}

void tap_choose(struct conn *c)
{
    struct request *req = c->req;
    const struct route *route = &req->route->entry->route;

    if (rng_below(&c->lane->rng, WEIGHT_BP_MAX) >= route->compare.sample_bp || !is_suited(c))
        return;
    req->tap = new_tap(c->lane, req);
    if (req->tap)
        upload_keep(&req->upload, route->mirror.max_body);
    else
        req->route->tally->stats.compare.skipped++;
}

/* ---- what the client gets -------------------------------------------------------------------- */

void tap_head(struct tap *t, const struct http1_head *head)
{
    tap_answer_head(&t->answer[TAP_CLIENTS], head);
}

void tap_body(struct tap *t, struct str piece)
{
    tap_answer_body(&t->answer[TAP_CLIENTS], piece);
}

/* ---- copies ---------------------------------------------------------------------------------- */

static void settle(struct tap *t)
{
    if (--t->waiting > 0)
        return;
    tap_judge(t);
    put_away(t);
}

static void take_copy(struct tap_answer *into, const struct copy_answer *a)
{
    if (a->end != COPY_ANSWERED)
        return;
    tap_answer_head(into, a->head);
    into->grpc = a->grpc;
    into->size = a->body_size;
    into->hash = a->body_hash;
    (void)!buf_add_str(&into->body, a->body);
}

static void on_copy(void *ctx, const struct copy_answer *a)
{
    struct tap *t = ctx;

    take_copy(&t->answer[TAP_COPYS], a);
    settle(t);
}

static void on_noise(void *ctx, const struct copy_answer *a)
{
    struct tap *t = ctx;

    take_copy(&t->answer[TAP_NOISES], a);
    settle(t);
}

static void name_request(struct tap *t, const struct http1_head *h)
{
    struct str path = http1_path(h), query;
    char text[DISCREPANCY_PATH_SIZE];

    str_cut(path, '?', &path, &query);
    str_fmt(text, sizeof text, "%.*s %.*s", (int)h->method_name.n, http1_str(h, h->method_name).p,
            (int)path.n, path.p);
    compare_show(str_of(text), t->request, sizeof t->request);
}

static bool wants_noise(const struct tap *t)
{
    return rng_below(&t->lane->rng, WEIGHT_BP_MAX) < rules_of(t)->noise_bp;
}

bool tap_finish(struct conn *c)
{
    struct request *req = c->req;
    struct tap *t = steal(req->tap);
    struct copy_wish wish = {.fn = on_copy, .ctx = t, .keep = rules_of(t)->max_body};
    const struct copy_wish noise = {
        .to = SYSTEM_LEGACY, .fn = on_noise, .ctx = t, .keep = wish.keep};

    /* An answer that legacy gave in new's place says nothing of new, and new has just failed. */
    if (!t->answer[TAP_CLIENTS].here || !req->upload.received || !req->download.done ||
        req->rescued || !is_suited(c)) {
        tap_drop(t);
        return false;
    }
    t->client = req->system;
    t->answer[TAP_CLIENTS].grpc = req->grpc;
    wish.to = req->system == SYSTEM_LEGACY ? SYSTEM_NEW : SYSTEM_LEGACY;
    name_request(t, &req->head);
    t->waiting = 3; /* one is ours, so that it lives until both are sent */
    copy_send(c, &wish);
    if (wants_noise(t))
        copy_send(c, &noise);
    else
        t->waiting--;
    settle(t);
    return wish.to == SYSTEM_NEW;
}

void tap_drop(struct tap *t)
{
    if (!t)
        return;
    t->route->tally->stats.compare.skipped++;
    put_away(t);
}
