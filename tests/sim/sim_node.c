/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_node.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/backoff.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "sidecar/agent/agent_state.h"
#include "sidecar/agent/past.h"
#include "tests/sim/sim_breaker.h"
#include "tests/sim/sim_check.h"
#include "tests/sim/sim_fleet.h"

#define RETRY_WAIT  dur_s(5)
#define REPORT_EACH dur_s(1)
#define LOOK_UP     dur_ms(30)
#define PAST_BYTES  (1u << 20)

struct sim_node {
    struct sim *sim;
    unsigned index;
    struct name name;
    struct labels labels;
    uint64_t boots;
    bool running;
    struct agent *agent;

    struct buf disk;    /* what survives */
    uint64_t disk_rev;  /* of the set in it */
    struct buf writing; /* under way; empty: nothing is */
    uint64_t writing_rev;
    enum sim_disk disk_state;
    dur_t disk_slower;

    /* The proxy; references. */
    struct ruleset *lane[SIM_LANES];
    struct ruleset *asked;   /* the latest published */
    struct ruleset *sending; /* the latest sent to the lanes */
    struct ruleset *next;    /* to be sent when all lanes serve `sending`, or NULL */
    unsigned lanes_left;     /* that do not */
    uint64_t published;      /* how often: tells one look-up from the next */
    bool proxy_lacks;
    dur_t proxy_slower;

    struct sim_update *remembered; /* counted; one that came some time ago, or NULL */
    bool remembers_next;           /* whatever chance says */
    unsigned coord;                /* the one it talks to, or dials next */
    struct sim_stream *stream;     /* borrowed */
    bool up;                       /* an update came over it */
    uint64_t dials;                /* tells a timer of an old stream from a new one's */
    struct backoff backoff;
    bool retry_due; /* a timer is set after a failure */
    bool refused;   /* since the last retry */
    struct past *past;
    struct sim_breaker breaker[SIM_MIGRATIONS_MAX];
    unsigned breakers;
    struct route_stats stats[SIM_MIGRATIONS_MAX]; /* since the last report */
    unsigned stats_count;
    unsigned next_key;
    struct rng ends; /* of requests: a chance of their own, so that they change nothing else */
};

static void work(struct sim_node *n);
static void retry_later(struct sim_node *n);
static void dial_in(struct sim_node *n, dur_t wait);

struct sim_node *sim_node_new(struct sim *s, unsigned index)
{
    struct sim_node *n = xnew(struct sim_node);
    char labels[NAME_SIZE];

    n->sim = s;
    n->index = index;
    n->coord = index % s->config.coordinators;
    rng_seed(&n->ends, s->config.seed * SIM_NODES_MAX + index);
    str_fmt(n->name.s, sizeof n->name.s, "n%u", index + 1);
    str_fmt(labels, sizeof labels, "cluster=%s,zone=%s", index % 2 ? "us" : "eu",
            index / 2 % 2 ? "b" : "a");
    CHECK(labels_parse(str_of(labels), &n->labels, NULL) == 0);
    buf_init(&n->disk, AGENT_STATE_MAX);
    buf_init(&n->writing, AGENT_STATE_MAX);
    return n;
}

/* ---- reading --------------------------------------------------------------------------------- */

const struct name *sim_node_name(const struct sim_node *n)
{
    return &n->name;
}

unsigned sim_node_index(const struct sim_node *n)
{
    return n->index;
}

const struct labels *sim_node_labels(const struct sim_node *n)
{
    return &n->labels;
}

bool sim_node_is_running(const struct sim_node *n)
{
    return n->running;
}

uint64_t sim_node_boot(const struct sim_node *n)
{
    return n->running ? n->boots : 0;
}

enum agent_link sim_node_link(const struct sim_node *n)
{
    return agent_link(n->agent);
}

const struct ruleset *sim_node_lane(const struct sim_node *n, unsigned lane)
{
    return n->lane[lane];
}

uint64_t sim_node_disk_rev(const struct sim_node *n)
{
    return n->disk_rev;
}

/* ---- disk ------------------------------------------------------------------------------------ */

static void take_over_disk(struct sim_node *n)
{
    buf_clear(&n->disk);
    CHECK(buf_add_str(&n->disk, buf_view(&n->writing)));
    n->disk_rev = n->writing_rev;
}

static void written(struct sim *s UNUSED, void *who, uint64_t boot)
{
    struct sim_node *n = who;

    if (sim_node_boot(n) != boot)
        return;
    if (n->disk_state == SIM_DISK_WORKS) {
        take_over_disk(n);
        buf_clear(&n->writing);
        agent_written(n->agent);
    } else {
        buf_clear(&n->writing);
        sim_say(n->sim, n->name.s, "cannot write revision %" PRIu64, n->writing_rev);
        agent_write_failed(n->agent, "the disk is full");
        retry_later(n);
    }
    work(n);
}

static void do_write(struct sim_node *n)
{
    dur_t d = sim_delay(n->sim, n->sim->config.disk);

    const struct ruleset *set = agent_write_started(n->agent);

    n->writing_rev = set->revision;
    CHECK(agent_state_encode(set, agent_epochs(n->agent), &n->writing));
    sim_after(n->sim, dur_ns(d.ns + n->disk_slower.ns), written, n, n->boots);
}

/* ---- proxy ----------------------------------------------------------------------------------- */

static struct decision decided(const struct ruleset_entry *e, unsigned key)
{
    char text[16];

    str_fmt(text, sizeof text, "user-%u", key);
    return decide(e, bucket_of(str_of(e->route.salt), str_of(text)), BREAKER_CLOSED);
}

enum system sim_node_route(const struct ruleset_entry *e, unsigned key)
{
    return decided(e, key).system;
}

static struct sim_breaker *breaker_of(struct sim_node *n, const struct name *migration)
{
    for (unsigned i = 0; i < n->breakers; i++)
        if (name_eq(&n->breaker[i].migration, migration))
            return &n->breaker[i];
    CHECK(n->breakers < SIM_MIGRATIONS_MAX);
    n->breaker[n->breakers] =
        (struct sim_breaker){.migration = *migration, .sim = n->sim, .node = n};
    return &n->breaker[n->breakers++];
}

/* Breakers go with their routes. */
static void forget_breakers(struct sim_node *n, const struct ruleset *set)
{
    for (unsigned i = n->breakers; i-- > 0;) {
        if (ruleset_find(set, n->breaker[i].migration.s))
            continue;
        sim_breaker_die(&n->breaker[i]);
        n->breaker[i] = n->breaker[--n->breakers];
    }
}

static void obey(struct sim_node *n, const struct ruleset *set)
{
    forget_breakers(n, set);
    for (unsigned i = 0; i < set->count; i++) {
        const struct route *r = &set->entry[i].route;

        sim_breaker_obey(breaker_of(n, &r->migration), &r->breaker);
    }
}

static void say_serving(struct sim_node *n, const struct ruleset *set)
{
    char text[TEXT_SIZE] = "";
    size_t at = 0;

    for (unsigned i = 0; i < set->count; i++) {
        const struct ruleset_entry *e = &set->entry[i];

        str_fmt(text + at, sizeof text - at, "; %s %g %%%s%s%s", e->route.migration.s,
                e->route.weight_bp / 100.0, e->route.override ? " override " : "",
                e->route.override ? system_name(e->route.override) : "",
                e->emergency.active ? " EMERGENCY" : "");
        at = strlen(text);
    }
    sim_say(n->sim, n->name.s, "serves %" PRIu64 "%s", set->revision, text);
}

static void put(struct ruleset **slot, struct ruleset *set)
{
    struct ruleset *old = *slot;

    *slot = set ? ruleset_ref(set) : NULL;
    ruleset_unref(old);
}

static void send_out(struct sim_node *n, struct ruleset *set);

static void on_served(struct sim_node *n)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = ruleset_ref(n->sending);
    CLEANUP(ruleset_unrefp) struct ruleset *next = steal(n->next);

    say_serving(n, set);
    if (next)
        send_out(n, next);
    agent_serving(n->agent, set, sim_wall(n->sim));
    work(n);
}

static void swap_lane(struct sim *s, void *who, uint64_t boot)
{
    struct sim_node *n = who;
    unsigned lane = SIM_LANES - n->lanes_left;
    CLEANUP(ruleset_unrefp) struct ruleset *old = NULL;

    if (sim_node_boot(n) != boot)
        return;
    old = steal(n->lane[lane]);
    put(&n->lane[lane], n->sending);
    obey(n, n->sending);
    sim_check_lane(s->check, n, lane, old);
    if (--n->lanes_left == 0)
        on_served(n);
    else
        sim_after(s, sim_delay(s, s->config.lane), swap_lane, n, boot);
}

static void send_out(struct sim_node *n, struct ruleset *set)
{
    put(&n->sending, set);
    n->lanes_left = SIM_LANES;
    sim_after(n->sim, sim_delay(n->sim, n->sim->config.lane), swap_lane, n, n->boots);
}

/* One set at a time is on its way, the latest waits. */
static void distribute(struct sim_node *n)
{
    if (n->lanes_left == 0)
        send_out(n, n->asked);
    else
        put(&n->next, n->asked);
}

static void looked_up(struct sim *s, void *who, uint64_t published)
{
    struct sim_node *n = who;

    if (!n->running || n->published != published)
        return; /* overtaken */
    distribute(n);
    if (!n->proxy_lacks)
        return;
    sim_say(s, n->name.s, "lacks a name of revision %" PRIu64, n->asked->revision);
    agent_lacking(n->agent, n->asked, "legacy does not resolve");
    work(n);
}

/* The routes that the lanes have need no look-up. */
static bool is_resolved(const struct sim_node *n)
{
    if (!n->proxy_lacks && n->proxy_slower.ns == 0)
        return true;
    return n->sending && sha256_eq(&n->sending->checksum, &n->asked->checksum);
}

/* A set with an order that the lanes do not have yet waits for no name. */
static bool is_urgent(const struct sim_node *n)
{
    for (unsigned i = 0; i < n->asked->count; i++) {
        const struct ruleset_entry *e = &n->asked->entry[i];
        const struct ruleset_entry *has =
            n->sending ? ruleset_find(n->sending, e->route.migration.s) : NULL;

        if (e->emergency.active && (!has || e->emergency.epoch > has->emergency.epoch))
            return true;
    }
    return false;
}

static void do_publish(struct sim_node *n)
{
    bool resolved;

    ruleset_unref(n->asked);
    n->asked = agent_publishable(n->agent);
    n->published++;
    resolved = is_resolved(n);
    if (resolved || is_urgent(n))
        distribute(n);
    if (!resolved)
        sim_after(n->sim, dur_ns(LOOK_UP.ns + n->proxy_slower.ns), looked_up, n, n->published);
}

/* ---- requests -------------------------------------------------------------------------------- */

static struct route_stats *stats_of(struct sim_node *n, const struct name *migration)
{
    for (unsigned i = 0; i < n->stats_count; i++)
        if (name_eq(&n->stats[i].migration, migration))
            return &n->stats[i];
    CHECK(n->stats_count < SIM_MIGRATIONS_MAX);
    n->stats[n->stats_count] = (struct route_stats){.migration = *migration};
    return &n->stats[n->stats_count++];
}

/* As step_decide() of the proxy does it. */
static enum system choose(struct sim_breaker *b, const struct ruleset_entry *e, unsigned key,
                          struct breaker_ticket *ret)
{
    struct decision d = decided(e, key);
    const struct breaker_request asked = {
        .bucket = d.reason == DECIDE_LEGACY_FORBIDDEN ? 0 : d.bucket,
        .weight_bp = d.reason == DECIDE_WEIGHT ? e->route.weight_bp : WEIGHT_BP_MAX,
        .rescuable = true,
    };

    if (d.system == SYSTEM_NEW && !sim_breaker_admits(b, &asked, ret))
        d = decide(e, d.bucket, BREAKER_OPEN);
    return d.system;
}

static void asked_new(struct sim_node *n, struct sim_breaker *b, struct breaker_ticket ticket,
                      bool fails)
{
    const struct sim_ended how = {
        .ticket = ticket,
        .outcome = rng_below(&n->ends, 64) == 0 ? BREAKER_ABANDONED
                   : fails                      ? BREAKER_ERROR
                                                : BREAKER_SUCCESS,
        .later = rng_below(&n->ends, 8) == 0,
        .took = dur_us((int64_t)n->sim->world.latency_new_us),
    };

    sim_breaker_ended(b, &how);
}

static void request(struct sim_node *n, const struct ruleset_entry *e)
{
    struct sim *s = n->sim;
    struct sim_breaker *b = breaker_of(n, &e->route.migration);
    struct breaker_ticket ticket;
    enum system to = choose(b, e, n->next_key++ % SIM_KEYS, &ticket);
    struct system_stats *st = &stats_of(n, &e->route.migration)->system[to];
    bool sick = s->world.sick_node == n->index + 1;
    bool fails = to == SYSTEM_NEW && (rng_unit(&s->rng) < s->world.errors_new || sick);

    sim_check_routed(s->check, n, e, to, fails);
    if (to == SYSTEM_NEW)
        asked_new(n, b, ticket, fails);
    st->requests++;
    st->errors += fails;
    hist_add(&st->latency, to == SYSTEM_NEW ? s->world.latency_new_us : 5000);
}

static void serve_a_second(struct sim_node *n)
{
    for (unsigned i = 0; i < n->breakers; i++)
        sim_breaker_hear(&n->breaker[i]);
    for (unsigned lane = 0; lane < SIM_LANES; lane++) {
        const struct ruleset *set = n->lane[lane];

        for (unsigned i = 0; set && i < set->count; i++)
            for (unsigned k = 0; k < SIM_REQUESTS; k++)
                request(n, &set->entry[i]);
    }
}

static bool send(struct sim_node *n, struct sim_msg m)
{
    if (!n->stream)
        return false;
    return sim_net_send(n->stream, SIM_DIALLER, xmemdup(&m, sizeof m));
}

static void remember_stats(struct sim_node *n)
{
    struct position p = agent_position_serving(n->agent);

    past_add(n->past, n->sim->now, REPORT_EACH, &p, n->stats, n->stats_count);
}

/* One item more; false when the part is full. */
static bool add_item(struct sim_past *part, const struct past_item *item)
{
    struct sim_bucket *b;

    if (item->first) {
        if (part->count == SIM_BUCKETS)
            return false;
        part->bucket[part->count++] = (struct sim_bucket){
            .end = item->end, .interval = item->interval, .revision = item->revision};
    }
    CHECK(part->count > 0);
    b = &part->bucket[part->count - 1];
    if (item->has_stats)
        b->stats[b->count++] = item->stats;
    return true;
}

/* Everything until now, so that reports go on from there. */
static void tell_past(struct sim_node *n, const struct sim_msg *wanted)
{
    mono_t oldest = {n->sim->now.ns - wanted->window.ns};
    struct past_cursor cursor = {0}, before = {0};
    struct sim_past *part = xnew(struct sim_past);
    struct past_item item;

    while (past_read(n->past, &cursor, oldest, &item)) {
        if (!add_item(part, &item)) {
            part->more = true;
            (void)send(n, (struct sim_msg){.kind = SIM_PAST, .coord = wanted->coord, .past = part});
            part = xnew(struct sim_past);
            cursor = before;
        }
        before = cursor;
    }
    (void)send(n, (struct sim_msg){.kind = SIM_PAST, .coord = wanted->coord, .past = part});
}

static void report(struct sim *s, void *who, uint64_t boot)
{
    struct sim_node *n = who;

    if (sim_node_boot(n) != boot)
        return;
    if (!s->world.idle)
        serve_a_second(n);
    for (unsigned i = 0; i < n->stats_count; i++)
        sim_breaker_tell(breaker_of(n, &n->stats[i].migration), &n->stats[i]);
    remember_stats(n);
    if (n->up)
        (void)send(n, (struct sim_msg){.kind = SIM_REPORT,
                                       .stats = xmemdup(n->stats, sizeof n->stats),
                                       .stats_count = n->stats_count});
    n->stats_count = 0;
    work(n);
    sim_after(s, REPORT_EACH, report, n, boot);
}

/* ---- the agent's jobs ------------------------------------------------------------------------ */

static bool do_ack(struct sim_node *n)
{
    struct position p = agent_position_serving(n->agent);

    if (!send(n, (struct sim_msg){.kind = SIM_ACK, .term = p.term, .revision = p.revision}))
        return false;
    sim_check_acked(n->sim->check, n, p.revision);
    agent_acked(n->agent);
    return true;
}

static void redial(struct sim_node *n, dur_t wait)
{
    if (n->stream)
        sim_net_close(n->stream, SIM_DIALLER);
    n->stream = NULL;
    n->up = false;
    dial_in(n, wait);
}

static void retry(struct sim *s UNUSED, void *who, uint64_t boot)
{
    struct sim_node *n = who;

    if (sim_node_boot(n) != boot)
        return;
    n->retry_due = false;
    agent_retry(n->agent);
    if (n->refused)
        redial(n, dur_ms(0));
    n->refused = false;
    work(n);
}

static void retry_later(struct sim_node *n)
{
    if (n->retry_due)
        return;
    n->retry_due = true;
    sim_after(n->sim, RETRY_WAIT, retry, n, n->boots);
}

static bool do_nack(struct sim_node *n)
{
    const char *reason;
    struct position p = agent_position_nack(n->agent, &reason);

    if (!send(n, (struct sim_msg){.kind = SIM_NACK, .term = p.term, .revision = p.revision}))
        return false;
    sim_say(n->sim, n->name.s, "refuses %" PRIu64 ": %s", p.revision, reason);
    agent_nacked(n->agent);
    if (agent_nack_refuses(n->agent)) {
        n->refused = true;
        retry_later(n);
    }
    return true;
}

static bool do_tell(struct sim_node *n)
{
    const struct emergency *order = agent_untold(n->agent);

    if (!n->stream ||
        !send(n, (struct sim_msg){
                     .kind = SIM_ORDER, .order = xmemdup(order, sizeof *order), .order_count = 1}))
        return false;
    agent_told(n->agent);
    return true;
}

static bool do_next(struct sim_node *n)
{
    switch (agent_next(n->agent)) {
    case AGENT_IDLE:
        return false;
    case AGENT_WRITE:
        do_write(n);
        return true;
    case AGENT_PUBLISH:
        do_publish(n);
        return true;
    case AGENT_ACK:
        return do_ack(n);
    case AGENT_NACK:
        return do_nack(n);
    case AGENT_TELL:
        return do_tell(n);
    }
    return false;
}

static void work(struct sim_node *n)
{
    while (do_next(n))
        ;
}

/* ---- the stream ------------------------------------------------------------------------------ */

static void say_hello(struct sim_node *n)
{
    struct position p = agent_position_serving(n->agent);
    const struct epochs *epochs = agent_epochs(n->agent);
    struct sim_msg m = {
        .kind = SIM_HELLO, .term = p.term, .revision = p.revision, .boot = n->boots};

    CHECK(str_copy(str_of(p.incarnation), m.incarnation, sizeof m.incarnation));
    m.order = xcalloc(epochs->count + 1, sizeof *m.order);
    for (unsigned i = 0; i < epochs->count; i++) {
        if (epochs->item[i].epoch > m.newest_epoch)
            m.newest_epoch = epochs->item[i].epoch;
        if (epochs->item[i].active)
            m.order[m.order_count++] = epochs->item[i];
    }
    sim_check_acked(n->sim->check, n, p.revision);
    (void)send(n, m);
}

static void dial(struct sim *s, void *who, uint64_t dials)
{
    struct sim_node *n = who;

    if (!n->running || n->dials != dials)
        return;
    n->stream = sim_net_dial(s->net, n->index, sim_host_coord(n->coord));
    n->stream->tag = n->dials;
    say_hello(n);
}

static void dial_in(struct sim_node *n, dur_t wait)
{
    sim_after(n->sim, wait, dial, n, ++n->dials);
}

/* One in ten, so that what is remembered is old by the time it is said again. */
static void remember(struct sim_node *n, struct sim_update *u)
{
    if (n->remembered && !n->remembers_next && !sim_chance(n->sim, 10))
        return;
    n->remembers_next = false;
    sim_update_unref(n->remembered);
    u->refs++;
    n->remembered = u;
}

void sim_node_order(struct sim_node *n, const char *reason)
{
    struct emergency order = {.ordered_at = sim_wall(n->sim)};
    struct err err;

    if (!n->running)
        return;
    CHECK(str_copy(str_of(reason), order.reason, sizeof order.reason));
    CHECK(str_copy(str_of(n->name.s), order.operator_name, sizeof order.operator_name));
    if (agent_order(n->agent, &order, &err) >= 0)
        sim_say(n->sim, n->name.s, "is told to go to legacy: %s", reason);
    work(n);
}

void sim_node_remember(struct sim_node *n)
{
    n->remembers_next = true;
}

void sim_node_replay(struct sim_node *n)
{
    struct err err;

    if (!n->running || !n->remembered)
        return;
    sim_say(n->sim, n->name.s, "hears again of revision %" PRIu64, n->remembered->u.to.revision);
    (void)!agent_take(n->agent, &n->remembered->u, &err);
    work(n);
}

/* From a coordinator that has not heard yet what this node has from another. */
static bool is_behind(const struct sim_node *n, const struct position *to)
{
    struct position p = agent_position(n->agent);

    return n->sim->config.coordinators > 1 && (to->revision < p.revision || to->term < p.term);
}

void sim_node_on_message(struct sim_node *n, struct sim_stream *st, const struct sim_msg *m)
{
    struct err err = {.code = ERR_NONE};
    bool behind;
    int r;

    if (!n->running || st != n->stream)
        return;
    if (!n->up) {
        n->up = true;
        backoff_reset(&n->backoff);
        agent_connected(n->agent, true);
        work(n);
    }
    if (m->kind == SIM_ORDER) {
        (void)!agent_pushed_order(n->agent, m->order, &err);
        work(n);
    } else if (m->kind == SIM_PAST_WANTED) {
        tell_past(n, m);
    }
    if (m->kind != SIM_UPDATE)
        return;
    remember(n, m->update);
    behind = is_behind(n, &m->update->u.to);
    r = agent_take(n->agent, &m->update->u, &err);
    if (r < 0 && !behind)
        sim_fail(n->sim, "%s refuses a valid update: %s", n->name.s, err.msg);
    work(n);
    if (r == AGENT_GAP)
        redial(n, dur_ms(0));
}

void sim_node_on_closed(struct sim_node *n, struct sim_stream *st)
{
    if (!n->running || st != n->stream)
        return;
    n->stream = NULL;
    n->up = false;
    agent_connected(n->agent, false);
    n->coord = (n->coord + 1) % n->sim->config.coordinators;
    dial_in(n, backoff_next(&n->backoff, &n->sim->rng));
}

/* ---- life ------------------------------------------------------------------------------------ */

static void restore(struct sim_node *n)
{
    CLEANUP(ruleset_unrefp) struct ruleset *set = NULL;
    CLEANUP(xfreep) struct epochs *epochs = xnew(struct epochs);
    struct err err;

    if (n->disk.len == 0)
        return;
    if (agent_state_decode(buf_view(&n->disk), sim_rule_decode, &set, epochs, &err) < 0)
        sim_fail(n->sim, "%s cannot read its own file: %s", n->name.s, err.msg);
    else
        agent_restore(n->agent, set, epochs);
}

void sim_node_start(struct sim_node *n)
{
    CHECK(!n->running);
    n->running = true;
    n->boots++;
    n->agent = agent_new(&n->name, &n->labels);
    n->past = past_new(PAST_BYTES);
    n->up = false;
    n->stats_count = 0;
    backoff_init(&n->backoff, dur_ms(100), dur_s(5));
    restore(n);
    sim_say(n->sim, n->name.s, "starts with revision %" PRIu64, agent_position(n->agent).revision);
    sim_check_started(n->sim->check, n);
    work(n);
    dial_in(n, dur_ms(0));
    sim_after(n->sim, REPORT_EACH, report, n, n->boots);
}

static void lose_memory(struct sim_node *n)
{
    while (n->breakers > 0)
        sim_breaker_die(&n->breaker[--n->breakers]);
    for (unsigned i = 0; i < SIM_LANES; i++)
        put(&n->lane[i], NULL);
    put(&n->asked, NULL);
    put(&n->sending, NULL);
    put(&n->next, NULL);
    n->lanes_left = 0;
    n->breakers = 0;
    n->retry_due = n->refused = false;
    n->agent = agent_free(n->agent);
    n->past = past_free(n->past);
    buf_clear(&n->writing);
    n->running = false;
}

void sim_node_crash(struct sim_node *n)
{
    if (!n->running)
        return;
    sim_say(n->sim, n->name.s, "dies");
    /* The rename was under way: the new file, or still the old one. */
    if (n->writing.len > 0 && n->disk_state == SIM_DISK_WORKS && sim_chance(n->sim, 2))
        take_over_disk(n);
    lose_memory(n);
    if (n->stream)
        sim_net_close(n->stream, SIM_DIALLER);
    n->stream = NULL;
}

struct sim_node *sim_node_free(struct sim_node *n)
{
    if (!n)
        return NULL;
    if (n->running)
        lose_memory(n);
    sim_update_unref(n->remembered);
    buf_deinit(&n->disk);
    buf_deinit(&n->writing);
    free(n);
    return NULL;
}

void sim_node_disk(struct sim_node *n, enum sim_disk d, dur_t slower)
{
    n->disk_state = d;
    n->disk_slower = slower;
}

void sim_node_proxy(struct sim_node *n, bool lacks, dur_t slower)
{
    n->proxy_lacks = lacks;
    n->proxy_slower = slower;
}
