/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/notify/notify.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "coordinator/notify/notify_state.h"

#define URL_MAX 1024u

static void go_on(struct hook *h);

/* ---- how far it is --------------------------------------------------------------------------- */

static void on_save_due(struct timer *t);

static void save_later(struct hook *h)
{
    h->dirty = true;
    if (!timer_is_set(&h->save) && !h->notify->stopping)
        timer_set(h->notify->loop, &h->save, h->notify->config.save_every, on_save_due,
                  "notify.save");
}

/* What was not stored is stored with the next one; nothing is lost but that some comes again. */
static void on_saved(void *ctx, bool ok)
{
    struct hook *h = ctx;

    h->saving = false;
    if (!ok)
        save_later(h);
}

static void save_now(struct hook *h)
{
    CLEANUP(buf_deinitp) struct buf text = BUF_INIT(NOTIFY_STATE_MAX);
    struct notify *n = h->notify;
    struct err err;

    if (!n->leads || h->saving || !h->known)
        return;
    h->dirty = false;
    h->saving = true;
    if (!notify_write(h, loop_wall(n->loop), &text) ||
        n->host.save(n->host.ctx, h->id, buf_view(&text), on_saved, h, &err) < 0)
        on_saved(h, false);
}

static void on_save_due(struct timer *t)
{
    struct hook *h = container_of(t, struct hook, save);

    if (h->dirty)
        save_now(h);
}

static void pass(struct hook *h, const struct event_place *at, uint64_t oldest, bool told)
{
    event_tally_pass(&h->progress.passed, at, oldest, told);
    h->progress.at = *at;
    save_later(h);
}

/* ---- one post after the other ---------------------------------------------------------------- */

static void on_again(struct timer *t)
{
    struct hook *h = container_of(t, struct hook, again);

    h->waiting = false;
    go_on(h);
}

static void failed(struct hook *h)
{
    struct notify_progress *p = &h->progress;

    if (!wall_is_set(p->failing)) {
        p->failing = loop_wall(h->notify->loop);
        log_err(LOG_WARN, LOG_WEBHOOK, &h->post.err, "state=failing address=%s", LOGQ(h->shown));
    }
    str_fmt(p->why, sizeof(p->why), "%s", h->post.err.msg);
    save_later(h);
    h->waiting = true;
    timer_set(h->notify->loop, &h->again, backoff_next(&h->backoff, &h->notify->rng), on_again,
              "notify.again");
}

static void taken(struct hook *h)
{
    if (wall_is_set(h->progress.failing))
        log_line(LOG_INFO, LOG_WEBHOOK, "state=working address=%s", LOGQ(h->shown));
    h->progress.failing = (wall_t){0};
    h->progress.why[0] = '\0';
    backoff_reset(&h->backoff);
    pass(h, &h->next, h->next_oldest, true);
    go_on(h);
}

static void on_posted(struct worker_job *j)
{
    struct hook *h = container_of(j, struct hook, post.job);

    h->posting = false;
    if (!h->notify->leads || h->notify->stopping)
        return;
    if (h->post.err.code == ERR_NONE)
        taken(h);
    else
        failed(h);
}

static void post(struct hook *h, const struct notify_event *e)
{
    struct notify *n = h->notify;

    h->next = e->at;
    h->next_oldest = e->oldest;
    notify_post_make(&h->post, e, event_tally_lost(h->progress.passed, &e->at, e->oldest),
                     n->config.secret, loop_wall(n->loop));
    h->post.job = (struct worker_job){.run = notify_post_run, .done = on_posted};
    h->posting = true;
    CHECK(worker_do(h->worker, &h->post.job)); /* it had nothing to do */
}

static bool is_asked_for(const struct notify *n, const struct event *e)
{
    enum event_kind kind;

    if (!event_kind_parse(str_of(e->kind), &kind))
        return n->config.kinds == 0;
    return n->config.kinds == 0 || n->config.kinds & (UINT64_C(1) << kind);
}

static void go_on(struct hook *h)
{
    struct notify *n = h->notify;
    struct notify_event e;

    if (!n->leads || n->stopping || h->posting || h->waiting)
        return;
    while (n->host.next(n->host.ctx, &h->progress.at, &e)) {
        if (is_asked_for(n, e.event))
            return post(h, &e);
        pass(h, &e.at, e.oldest, false);
    }
}

/* ---- leading --------------------------------------------------------------------------------- */

/* What happened before a webhook was heard of for the first time is not its business. In another
 * store revisions are others: all that is there is posted again. */
static void begin(struct hook *h)
{
    struct notify *n = h->notify;
    struct notify_progress *p = &h->progress;
    const char *incarnation = n->host.incarnation(n->host.ctx);
    bool elsewhere = h->known && strcmp(p->incarnation, incarnation) != 0;

    if (h->known && !elsewhere)
        return;
    event_tally_free(p->passed);
    *p = (struct notify_progress){.at = {.revision = 0}};
    if (!elsewhere)
        p->at = event_place_end(n->host.now(n->host.ctx));
    str_fmt(p->incarnation, sizeof(p->incarnation), "%s", incarnation);
    h->known = true;
    save_now(h);
}

static void stand_still(struct hook *h)
{
    timer_cancel(&h->again);
    timer_cancel(&h->save);
    h->waiting = false;
}

void notify_lead(struct notify *n, bool leads)
{
    n->leads = leads;
    for (unsigned i = 0; i < n->config.count; i++) {
        if (!leads) {
            stand_still(&n->hook[i]);
            continue;
        }
        begin(&n->hook[i]);
        go_on(&n->hook[i]);
    }
}

void notify_stored(struct notify *n, const char *id, struct str state)
{
    for (unsigned i = 0; i < n->config.count && !n->leads; i++)
        if (strcmp(n->hook[i].id, id) == 0 && notify_read(state, &n->hook[i].progress))
            n->hook[i].known = true;
}

void notify_look(struct notify *n)
{
    for (unsigned i = 0; i < n->config.count; i++)
        go_on(&n->hook[i]);
}

/* ---- how they are ---------------------------------------------------------------------------- */

static unsigned count_behind(const struct notify *n, const struct hook *h)
{
    struct event_place after = h->progress.at;
    struct notify_event e;
    unsigned count = 0;

    while (count < NOTIFY_BEHIND_MAX && n->host.next(n->host.ctx, &after, &e)) {
        count += is_asked_for(n, e.event);
        after = e.at;
    }
    return count;
}

unsigned notify_status(const struct notify *n, struct notify_status ret[NOTIFY_HOOKS_MAX])
{
    for (unsigned i = 0; i < n->config.count; i++) {
        const struct hook *h = &n->hook[i];

        ret[i] = (struct notify_status){.known = h->known, .failing = h->progress.failing};
        str_fmt(ret[i].shown, sizeof(ret[i].shown), "%s", h->shown);
        str_fmt(ret[i].why, sizeof(ret[i].why), "%s", h->progress.why);
        if (h->known)
            ret[i].behind = count_behind(n, h);
    }
    return n->config.count;
}

/* ---- life ------------------------------------------------------------------------------------ */

int notify_check_url(const char *url, struct err *err)
{
    struct str s = str_of(url);
    size_t bad;

    if (!str_starts(s, STR("http://")) && !str_starts(s, STR("https://")))
        return err_set(err, ERR_INVALID, "a webhook's address begins with http:// or https://");
    if (s.n > URL_MAX)
        return err_set(err, ERR_INVALID, "a webhook's address has at most %u bytes", URL_MAX);
    if (!str_is_line(s, &bad) || strchr(url, ' '))
        return err_set(err, ERR_INVALID, "a webhook's address is one word");
    return 0;
}

static int open_hook(struct notify *n, unsigned i, struct err *err)
{
    const struct web_config web = {.ca = NULL};
    struct hook *h = &n->hook[i];
    char hex[SHA256_HEX];
    struct sha256 hash;
    int r;

    h->notify = n;
    h->url = n->config.url[i];
    hash = sha256_of(h->url, strlen(h->url));
    str_fmt(h->id, sizeof(h->id), "%.16s", sha256_hex(&hash, hex));
    web_show(h->url, h->shown);
    backoff_init(&h->backoff, n->config.retry_min, n->config.retry_max);
    buf_init(&h->post.body, BODY_MAX);
    r = web_new(&web, &h->web, err);
    if (r == 0)
        r = worker_new(n->loop, "webhook", 1, &h->worker, err);
    h->post.web = h->web;
    h->post.url = h->url;
    h->post.timeout = n->config.timeout;
    return r;
}

static void set_default(dur_t *d, dur_t value)
{
    if (d->ns == 0)
        *d = value;
}

int notify_new(const struct notify_config *config, const struct notify_host *host, struct loop *l,
               struct notify **ret, struct err *err)
{
    CLEANUP(notify_freep) struct notify *n = xnew(struct notify);
    int r = 0;

    web_start();
    n->config = *config;
    n->host = *host;
    n->loop = l;
    rng_seed_system(&n->rng);
    set_default(&n->config.timeout, dur_s(10));
    set_default(&n->config.retry_min, dur_s(1));
    set_default(&n->config.retry_max, dur_s(60));
    set_default(&n->config.save_every, dur_s(10));
    for (unsigned i = 0; r == 0 && i < config->count; i++)
        r = open_hook(n, i, err);
    if (r < 0)
        return r;
    *ret = steal(n);
    return 0;
}

void notify_stop(struct notify *n)
{
    n->stopping = true;
    for (unsigned i = 0; i < n->config.count; i++) {
        struct hook *h = &n->hook[i];

        stand_still(h);
        web_cancel(h->web);
        if (h->dirty)
            save_now(h);
    }
}

void notify_free(struct notify *n)
{
    if (!n)
        return;
    n->stopping = true;
    for (unsigned i = 0; i < n->config.count; i++) {
        struct hook *h = &n->hook[i];

        stand_still(h);
        if (h->web)
            web_cancel(h->web);
        if (h->worker)
            worker_free(h->worker);
        web_free(h->web);
        buf_deinit(&h->post.body);
        event_tally_free(h->progress.passed);
    }
    web_end();
    free(n);
}
