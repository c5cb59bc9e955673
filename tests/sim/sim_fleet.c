/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_fleet.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "tests/sim/sim_coord.h"
#include "tests/sim/sim_ledger.h"
#include "tests/sim/sim_node.h"

#define SILENCE    dur_s(10)
#define AHEAD_WAIT dur_s(3)

/* What a rule is made of here. Zeroed before it is filled: its bytes are compared. */
struct rule {
    char migration[NAME_SIZE];
    char stage[NAME_SIZE];
    char salt[NAME_SIZE];
    uint32_t weight_bp;
    uint32_t override;
    uint32_t forbid_legacy;
    uint32_t ahead_bp;
    uint32_t ahead_count;
    struct selector ahead[SIM_WAVES_MAX];
    char ahead_stage[NAME_SIZE];
    struct selector drill;
    struct route_breaker breaker;
};

struct entry {
    struct name migration; /* "": free */
    struct rule rule;
    bool has_rule;
    struct emergency order;           /* epoch 0: none ever */
    bool rule_changed, order_changed; /* since the base, as: */
    bool is_known;                    /* the base has a rule */
};

struct attached {
    struct sim_stream *stream; /* NULL: not connected */
    uint64_t boot, dial;
    bool same_store;
    uint64_t serving_rev, newest_epoch;
    uint64_t ahead; /* what it serves by another coordinator; it would refuse an older set */
    mono_t ahead_since;
    uint64_t sent_rev;
    bool sent_full;
    mono_t heard;
};

struct sim_fleet {
    struct sim *sim;
    struct sim_coord *coord;
    uint64_t boot;
    struct entry entry[SIM_MIGRATIONS_MAX];
    struct emergency pushed[SIM_MIGRATIONS_MAX]; /* and not published yet; epoch 0: free */
    uint64_t term, revision, base;
    struct sha256 checksum;
    struct attached member[SIM_NODES_MAX];
    bool push_due;
};

struct sim_fleet *sim_fleet_new(struct sim *s, struct sim_coord *c)
{
    struct sim_fleet *f = xnew(struct sim_fleet);

    f->sim = s;
    f->coord = c;
    f->boot = sim_coord_boot(c);
    f->term = 1;
    return f;
}

struct sim_fleet *sim_fleet_free(struct sim_fleet *f)
{
    free(f);
    return NULL;
}

uint64_t sim_fleet_revision(const struct sim_fleet *f)
{
    return f->revision;
}

/* ---- rules ----------------------------------------------------------------------------------- */

static struct str rule_bytes(const struct rule *r)
{
    return (struct str){(const char *)r, sizeof *r};
}

/* Field by field: there is room between them. */
static void breaker_encode(const struct route_breaker *from, struct route_breaker *ret)
{
    ret->errors = from->errors;
    ret->window_ms = from->window_ms;
    ret->open_for_ms = from->open_for_ms;
    ret->half_open_requests = from->half_open_requests;
    ret->error_rate_bp = from->error_rate_bp;
    ret->slow_ms = from->slow_ms;
    ret->slow_rate_bp = from->slow_rate_bp;
    ret->min_requests = from->min_requests;
    ret->re_ramp_ms = from->re_ramp_ms;
    ret->mode = from->mode;
    ret->order = from->order;
    ret->order_number = from->order_number;
}

static void rule_encode(const struct route *from, struct rule *ret)
{
    memset(ret, 0, sizeof *ret);
    str_fmt(ret->migration, sizeof ret->migration, "%s", from->migration.s);
    str_fmt(ret->stage, sizeof ret->stage, "%s", from->stage);
    str_fmt(ret->salt, sizeof ret->salt, "%s", from->salt);
    ret->weight_bp = from->weight_bp;
    ret->override = (uint32_t)from->override;
    ret->forbid_legacy = from->forbid_legacy;
    CHECK(from->ahead.selector_count <= SIM_WAVES_MAX);
    ret->ahead_bp = from->ahead.weight_bp;
    ret->ahead_count = from->ahead.selector_count;
    for (unsigned i = 0; i < ret->ahead_count; i++)
        str_fmt(ret->ahead[i].text, SELECTOR_SIZE, "%s", from->ahead.selector[i].text);
    str_fmt(ret->ahead_stage, sizeof ret->ahead_stage, "%s", from->ahead.stage);
    str_fmt(ret->drill.text, SELECTOR_SIZE, "%s", from->drill.text);
    breaker_encode(&from->breaker, &ret->breaker);
}

int sim_rule_decode(struct str bytes, struct route *ret, struct err *err)
{
    struct rule r;

    if (bytes.n != sizeof r)
        return err_set(err, ERR_INVALID, "%zu bytes are no rule", bytes.n);
    memcpy(&r, bytes.p, sizeof r);
    memset(ret, 0, sizeof *ret);
    memcpy(ret->migration.s, r.migration, sizeof r.migration);
    memcpy(ret->stage, r.stage, sizeof r.stage);
    memcpy(ret->salt, r.salt, sizeof r.salt);
    ret->weight_bp = r.weight_bp;
    ret->override = (enum system)r.override;
    ret->forbid_legacy = r.forbid_legacy != 0;
    ret->ahead.weight_bp = r.ahead_bp;
    ret->ahead.selector_count = r.ahead_count;
    memcpy(ret->ahead.selector, r.ahead, sizeof r.ahead);
    memcpy(ret->ahead.stage, r.ahead_stage, sizeof r.ahead_stage);
    ret->drill = r.drill;
    ret->breaker = r.breaker;
    ret->key.source = KEY_CLIENT_ADDRESS;
    for (int i = SYSTEM_LEGACY; i <= SYSTEM_NEW; i++) {
        struct route_upstream *u = &ret->upstream[i];

        u->endpoint[0] = (struct endpoint){.host = "127.0.0.1", .port = (uint16_t)(8000 + i)};
        u->endpoint_count = 1;
        u->connect_timeout_ms = 1000;
        u->response_timeout_ms = 15000;
    }
    return route_check(ret, err);
}

/* ---- the set --------------------------------------------------------------------------------- */

static struct entry *entry_of(struct sim_fleet *f, const struct name *migration)
{
    struct entry *unused = NULL;

    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX; i++) {
        if (name_eq(&f->entry[i].migration, migration))
            return &f->entry[i];
        if (!f->entry[i].migration.s[0])
            unused = &f->entry[i];
    }
    CHECK(unused);
    unused->migration = *migration;
    return unused;
}

static void apply(struct sim_fleet *f, const struct fleet_route *r)
{
    struct entry *e = entry_of(f, &r->route.migration);
    struct rule rule;

    if (r->has_emergency && r->emergency.epoch > e->order.epoch) {
        e->order = r->emergency;
        e->order_changed = true;
    }
    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX; i++)
        if (name_eq(&f->pushed[i].migration, &r->route.migration) &&
            f->pushed[i].epoch <= e->order.epoch)
            f->pushed[i] = (struct emergency){.epoch = 0};
    if (r->removed) {
        e->rule_changed = e->rule_changed || e->has_rule;
        e->has_rule = false;
        return;
    }
    rule_encode(&r->route, &rule);
    if (!e->has_rule || memcmp(&rule, &e->rule, sizeof rule) != 0)
        e->rule_changed = true;
    e->rule = rule;
    e->has_rule = true;
}

static void sum_up(struct sim_fleet *f)
{
    struct ruleset *all = ruleset_new(SIM_INCARNATION, f->term, f->revision);

    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX; i++) {
        struct route named = {.migration = f->entry[i].migration};

        if (f->entry[i].has_rule)
            CHECK(ruleset_add(all, &named, rule_bytes(&f->entry[i].rule), NULL) == 0);
    }
    CHECK(ruleset_finish(all, NULL) == 0);
    f->checksum = all->checksum;
    ruleset_unref(all);
}

static int by_name(const void *a, const void *b)
{
    const struct entry *const *x = a, *const *y = b;

    return strcmp((*x)->migration.s, (*y)->migration.s);
}

void sim_fleet_sum(const struct sim_fleet *f, struct sha256 *ret)
{
    CLEANUP(buf_deinitp) struct buf all = BUF_INIT(SIM_MIGRATIONS_MAX * (sizeof(struct rule) + 32));
    const struct entry *sorted[SIM_MIGRATIONS_MAX];

    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX; i++)
        sorted[i] = &f->entry[i];
    qsort(sorted, SIM_MIGRATIONS_MAX, sizeof(*sorted), by_name);
    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX; i++) {
        const struct entry *e = sorted[i];

        if (!e->has_rule)
            continue;
        CHECK(buf_add_str(&all, rule_bytes(&e->rule)));
        CHECK(buf_addf(&all, "%llu %d", (unsigned long long)e->order.epoch, e->order.active));
    }
    *ret = sha256_of(buf_text(&all), all.len);
}

/* ---- updates --------------------------------------------------------------------------------- */

void sim_update_unref(struct sim_update *u)
{
    if (!u || --u->refs > 0)
        return;
    for (unsigned i = 0; i < u->u.upsert_count; i++)
        free((void *)(uintptr_t)u->route[i].rule.p);
    free(u);
}

static void add_route(struct sim_update *u, const struct entry *e)
{
    struct agent_route *r = &u->route[u->u.upsert_count++];

    CHECK(sim_rule_decode(rule_bytes(&e->rule), &r->route, NULL) == 0);
    r->rule = (struct str){xmemdup(&e->rule, sizeof e->rule), sizeof e->rule};
}

static struct sim_update *make_update(struct sim_fleet *f, bool full)
{
    struct sim_update *u = xnew(struct sim_update);

    u->refs = 1;
    u->u = (struct agent_update){.to = {SIM_INCARNATION, f->term, f->revision},
                                 .full = full,
                                 .base_revision = full ? 0 : f->base,
                                 .upsert = u->route,
                                 .remove = u->removed,
                                 .emergency = u->order,
                                 .checksum = f->checksum};
    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX; i++) {
        const struct entry *e = &f->entry[i];

        if (e->has_rule && (full || e->rule_changed))
            add_route(u, e);
        if (!e->has_rule && !full && e->rule_changed && e->is_known)
            u->removed[u->u.remove_count++] = e->migration;
        if (e->order.epoch > 0 && (full || e->order_changed))
            u->order[u->u.emergency_count++] = e->order;
    }
    return u;
}

static void send(struct sim_fleet *f, struct attached *m, struct sim_update *u)
{
    struct sim_msg *msg = xnew(struct sim_msg);

    msg->kind = SIM_UPDATE;
    msg->update = u;
    u->refs++;
    m->sent_rev = f->revision;
    m->sent_full = u->u.full;
    (void)sim_net_send(m->stream, SIM_LISTENER, msg);
}

static void send_full(struct sim_fleet *f, struct attached *m)
{
    struct sim_update *u = make_update(f, true);

    send(f, m, u);
    sim_update_unref(u);
}

static void send_nothing_yet(struct attached *m)
{
    struct sim_msg *msg = xnew(struct sim_msg);

    msg->kind = SIM_NOTHING_YET;
    (void)sim_net_send(m->stream, SIM_LISTENER, msg);
}

static void send_order(struct attached *m, const struct emergency *order)
{
    struct sim_msg *msg = xnew(struct sim_msg);

    msg->kind = SIM_ORDER;
    msg->order = xmemdup(order, sizeof *order);
    msg->order_count = 1;
    (void)sim_net_send(m->stream, SIM_LISTENER, msg);
}

static bool is_ahead(const struct sim_fleet *f, const struct attached *m)
{
    return m->ahead > f->revision;
}

/* All that it may have missed. */
static void bring_up(struct sim_fleet *f, struct attached *m)
{
    if (f->revision > 0 && !is_ahead(f, m))
        send_full(f, m);
    else
        send_nothing_yet(m);
    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX; i++)
        if (f->pushed[i].epoch > 0)
            send_order(m, &f->pushed[i]);
}

static void pushed(struct sim_fleet *f)
{
    f->base = f->revision;
    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX; i++) {
        struct entry *e = &f->entry[i];

        e->rule_changed = e->order_changed = false;
        e->is_known = e->has_rule;
        if (!e->has_rule && e->order.epoch == 0)
            *e = (struct entry){.has_rule = false};
    }
}

static void push(struct sim *s, void *who, uint64_t boot)
{
    struct sim_fleet *f = sim_coord_fleet(who);
    struct sim_update *delta;
    bool urgent = false;

    if (!f || f->boot != boot)
        return;
    if (sim_coord_is_paused(f->coord)) {
        sim_after(s, dur_ms(50), push, who, boot);
        return;
    }
    f->push_due = false;
    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX; i++)
        urgent = urgent || f->entry[i].order_changed;
    delta = f->base ? make_update(f, false) : NULL;
    for (unsigned i = 0; i < SIM_NODES_MAX; i++) {
        struct attached *m = &f->member[i];

        if (!m->stream || (is_ahead(f, m) && !urgent))
            continue;
        if (delta && m->sent_rev == f->base)
            send(f, m, delta);
        else
            send_full(f, m);
    }
    sim_update_unref(delta);
    pushed(f);
}

void sim_fleet_publish(struct sim_fleet *f, uint64_t revision, const struct fleet_route *route,
                       unsigned count)
{
    CHECK(revision >= f->revision && revision > 0);
    for (unsigned i = 0; i < count; i++)
        apply(f, &route[i]);
    f->revision = revision;
    sum_up(f);
    if (f->push_due)
        return;
    f->push_due = true;
    sim_after(f->sim, sim_delay(f->sim, f->sim->config.mail), push, f->coord, f->boot);
}

void sim_fleet_set_term(struct sim_fleet *f, uint64_t term)
{
    if (term > f->term)
        f->term = term;
}

/* Where an order is kept until it is published; NULL: it is known already. */
static struct emergency *place_for(struct sim_fleet *f, const struct emergency *order)
{
    struct emergency *place = NULL;

    for (unsigned i = 0; i < SIM_MIGRATIONS_MAX; i++) {
        const struct entry *e = &f->entry[i];
        struct emergency *p = &f->pushed[i];

        if (name_eq(&e->migration, &order->migration) && e->order.epoch >= order->epoch)
            return NULL;
        if (p->epoch > 0 && name_eq(&p->migration, &order->migration))
            return p->epoch >= order->epoch ? NULL : p;
        if (p->epoch == 0 && !place)
            place = p;
    }
    return place;
}

void sim_fleet_push_order(struct sim_fleet *f, const struct emergency *order)
{
    struct emergency *place = place_for(f, order);

    if (!place)
        return;
    *place = *order;
    for (unsigned i = 0; i < SIM_NODES_MAX; i++)
        if (f->member[i].stream)
            send_order(&f->member[i], order);
}

bool sim_fleet_ask_past(struct sim_fleet *f, unsigned node, unsigned asker, dur_t window)
{
    struct sim_msg *msg;

    if (!f->member[node].stream)
        return false;
    msg = xnew(struct sim_msg);
    msg->kind = SIM_PAST_WANTED;
    msg->coord = asker;
    msg->window = window;
    return sim_net_send(f->member[node].stream, SIM_LISTENER, msg);
}

/* ---- what nodes say -------------------------------------------------------------------------- */

static void changed(struct sim_fleet *f, unsigned node)
{
    const struct attached *m = &f->member[node];
    struct sim_fact fact = {.connected = m->stream != NULL,
                            .serving_rev = m->same_store && !is_ahead(f, m) ? m->serving_rev : 0,
                            .newest_epoch = m->newest_epoch,
                            .boot = m->boot,
                            .dial = m->dial};

    sim_coord_on_node(f->coord, node, &fact);
}

static void leave(struct sim_fleet *f, unsigned node)
{
    f->member[node].stream = NULL;
    changed(f, node);
}

static void told(struct sim_fleet *f, unsigned node, const struct sim_msg *m)
{
    for (unsigned i = 0; i < m->order_count; i++)
        sim_coord_on_order(f->coord, node, &m->order[i]);
}

static void find_ahead(struct sim_fleet *f, struct attached *m, uint64_t revision)
{
    if (revision <= m->ahead)
        return;
    if (!is_ahead(f, m))
        m->ahead_since = f->sim->now;
    m->ahead = revision;
    m->sent_rev = 0;
}

static void on_hello(struct sim_fleet *f, struct sim_stream *st, const struct sim_msg *h)
{
    struct attached *m = &f->member[st->host[SIM_DIALLER]];

    if (m->stream)
        sim_net_close(m->stream, SIM_LISTENER);
    *m = (struct attached){.stream = st,
                           .boot = h->boot,
                           .dial = st->tag,
                           .same_store = strcmp(h->incarnation, SIM_INCARNATION) == 0,
                           .serving_rev = h->revision,
                           .newest_epoch = h->newest_epoch,
                           .heard = f->sim->now};
    if (m->same_store && h->revision > f->revision)
        find_ahead(f, m, h->revision);
    changed(f, st->host[SIM_DIALLER]);
    told(f, st->host[SIM_DIALLER], h);
    bring_up(f, m);
}

static void on_ack(struct sim_fleet *f, unsigned node, const struct sim_msg *a)
{
    struct attached *m = &f->member[node];

    if (a->revision > m->sent_rev) {
        find_ahead(f, m, a->revision);
        return;
    }
    m->serving_rev = a->revision;
    m->same_store = true;
    changed(f, node);
}

void sim_fleet_on_message(struct sim_fleet *f, struct sim_stream *st, const struct sim_msg *msg)
{
    struct attached *m = &f->member[st->host[SIM_DIALLER]];

    if (msg->kind == SIM_HELLO) {
        on_hello(f, st, msg);
        return;
    }
    if (m->stream != st)
        return; /* another one has taken its place */
    m->heard = f->sim->now;
    if (msg->kind == SIM_ACK)
        on_ack(f, st->host[SIM_DIALLER], msg);
    else if (msg->kind == SIM_NACK && m->sent_rev > 0 && msg->revision == m->sent_rev &&
             !m->sent_full)
        send_full(f, m);
    else if (msg->kind == SIM_ORDER)
        told(f, st->host[SIM_DIALLER], msg);
    else if (msg->kind == SIM_REPORT)
        sim_coord_on_report(f->coord, st->host[SIM_DIALLER], msg->stats, msg->stats_count);
    else if (msg->kind == SIM_PAST)
        sim_coord_on_past(f->coord, st->host[SIM_DIALLER], msg->coord, msg->past);
}

void sim_fleet_on_closed(struct sim_fleet *f, const struct sim_stream *st)
{
    if (f->member[st->host[SIM_DIALLER]].stream == st)
        leave(f, st->host[SIM_DIALLER]);
}

void sim_fleet_look(struct sim_fleet *f)
{
    for (unsigned i = 0; i < SIM_NODES_MAX; i++) {
        struct attached *m = &f->member[i];
        struct sim_stream *st = m->stream;

        if (st && m->sent_rev == 0 && is_ahead(f, m) && f->revision > 0 &&
            mono_sub(f->sim->now, m->ahead_since).ns > AHEAD_WAIT.ns)
            send_full(f, m); /* to see it refused */
        if (!st || mono_sub(f->sim->now, m->heard).ns <= SILENCE.ns)
            continue;
        leave(f, i);
        sim_net_close(st, SIM_LISTENER);
    }
}
