/* SPDX-License-Identifier: Apache-2.0 */
/* A core with a store in memory, a fleet of names and a clock that moves when told: what the
 * driver, the fleet and the store do for it in production, in a page. A second core follows it: it
 * sees what is stored and hears the same nodes, and must know the same. Included by the tests of
 * coordinator/core. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "coordinator/core/core_view.h"
#include "coordinator/core/invariants.h"
#include "tests/lib/unit.h"

#define RIG_KEYS 2048

struct rig_kv {
    char *key;   /* owned; NULL: free */
    char *value; /* owned */
    size_t len;
    uint64_t rev;
};

#define RIG_JOBS 64

struct rig {
    struct core *core;
    struct core *follower; /* NULL: none */
    struct core_update u;
    wall_t now;
    mono_t mono;
    uint64_t rev;
    struct rig_kv kv[RIG_KEYS];
    unsigned published;            /* migrations, ever */
    unsigned saves;                /* transactions, ever */
    bool disk_full;                /* the store refuses */
    bool silent;                   /* nodes do not tell their past; else they have none */
    bool unchecked;                /* invariants recount everything; not for thousands of nodes */
    unsigned compare_every;        /* this many writes the restart is compared; 0: each */
    struct core_job job[RIG_JOBS]; /* that run; their plans are not kept */
    unsigned job_count;
};

#define RIG_START INT64_C(1795255200) /* 2026-11-21T10:00:00Z */

static UNUSED struct rig_kv *rig_find(struct rig *r, const char *key)
{
    for (int i = 0; i < RIG_KEYS; i++)
        if (r->kv[i].key && strcmp(r->kv[i].key, key) == 0)
            return &r->kv[i];
    return NULL;
}

static UNUSED void rig_remove(struct rig *r, const char *key)
{
    struct rig_kv *kv = rig_find(r, key);

    if (!kv)
        return;
    free(kv->key);
    free(kv->value);
    memset(kv, 0, sizeof *kv);
}

static UNUSED void rig_put(struct rig *r, const char *key, struct str value, uint64_t rev)
{
    struct rig_kv *kv = rig_find(r, key);

    for (int i = 0; !kv && i < RIG_KEYS; i++)
        if (!r->kv[i].key)
            kv = &r->kv[i];
    assert_non_null(kv);
    free(kv->value);
    if (!kv->key)
        kv->key = xstrdup(key);
    kv->value = xmemdup(value.p, value.n + 1);
    kv->len = value.n;
    kv->rev = rev;
}

/* Store the update's transaction as the real store would: all compares hold, or nothing happens. */
static UNUSED bool rig_store(struct rig *r)
{
    uint64_t rev = r->rev + 1;
    bool writing = false;

    for (struct core_save *s = r->u.save; s; s = s->next) {
        struct rig_kv *kv = rig_find(r, s->key);

        if (s->kind != SAVE_COMPARE)
            continue;
        if ((kv ? kv->rev : 0) != s->rev)
            return false;
    }
    for (struct core_save *s = r->u.save; s; s = s->next) {
        if (s->kind == SAVE_COMPARE)
            assert_false(writing); /* stores want compares first */
        else
            writing = true;
        if (s->kind == SAVE_PUT)
            rig_put(r, s->key, s->value, rev);
        if (s->kind == SAVE_DELETE)
            rig_remove(r, s->key);
    }
    r->rev = rev;
    return true;
}

static UNUSED struct core *rig_load_core(struct rig *r)
{
    struct core_config config = {.node_grace = dur_s(30), .startup_grace = dur_s(5)};
    struct core *core = core_new(&config, r->now, r->mono);
    struct err err;

    for (int i = 0; i < RIG_KEYS; i++)
        if (r->kv[i].key &&
            core_load(core, r->kv[i].key, (struct str){r->kv[i].value, r->kv[i].len}, r->kv[i].rev,
                      &err) < 0)
            fail_msg("%s", err.msg);
    if (core_loaded(core, "abc", r->rev, &err) < 0)
        fail_msg("%s", err.msg);
    if (invariants_check(core, &err) < 0)
        fail_msg("%s", err.msg);
    core_lead(core, true);
    return core;
}

static UNUSED void rig_same_rollout(const struct rollout *a, const struct rollout *b)
{
    assert_string_equal(a->migration.s, b->migration.s);
    assert_int_equal(a->phase, b->phase);
    if (a->phase == PHASE_PAUSED)
        assert_int_equal(a->resume_phase, b->resume_phase);
    assert_int_equal(a->stage, b->stage);
    assert_int_equal(a->weight_bp, b->weight_bp);
    assert_int_equal(a->weight_by_hand, b->weight_by_hand);
    assert_int_equal(a->override, b->override);
    assert_int_equal(a->since.ns, b->since.ns);
    assert_int_equal(a->bake_until.ns, b->bake_until.ns);
    assert_int_equal(a->bake_left.ns, b->bake_left.ns);
    assert_int_equal(a->deadline.ns, b->deadline.ns);
    assert_int_equal(a->wave, b->wave);
    assert_int_equal(a->base_stage, b->base_stage);
    assert_int_equal(a->base_weight_bp, b->base_weight_bp);
    assert_int_equal(a->full, b->full);
    assert_int_equal(a->entering_stage, b->entering_stage);
    assert_string_equal(a->entering_operator, b->entering_operator);
    assert_string_equal(a->entering_reason, b->entering_reason);
    assert_int_equal(a->barred, b->barred);
    assert_int_equal(a->proven_stage, b->proven_stage);
    assert_int_equal(a->proven_until.ns, b->proven_until.ns);
    assert_int_equal(a->step_at.ns, b->step_at.ns);
    assert_int_equal(a->step_every.ns, b->step_every.ns);
    assert_string_equal(a->why, b->why);
    assert_int_equal(a->history_seq, b->history_seq);
    assert_int_equal(a->event_seq, b->event_seq);
    assert_int_equal(a->rollbacks_today, b->rollbacks_today);
    assert_int_equal(a->quarantined_count, b->quarantined_count);
    for (unsigned i = 0; i < a->quarantined_count; i++)
        assert_string_equal(a->quarantined[i].s, b->quarantined[i].s);
}

static UNUSED void rig_same_rollback(const struct rollback_record *a,
                                     const struct rollback_record *b)
{
    assert_int_equal(a->present, b->present);
    assert_int_equal(a->emergency, b->emergency);
    assert_string_equal(a->reason, b->reason);
    assert_string_equal(a->operator_name, b->operator_name);
    assert_int_equal(a->ordered_at.ns, b->ordered_at.ns);
    assert_float_equal(a->measured_ms, b->measured_ms, 1e-9);
    assert_float_equal(a->p50_ms, b->p50_ms, 1e-9);
    assert_float_equal(a->p99_ms, b->p99_ms, 1e-9);
    assert_string_equal(a->last_node.s, b->last_node.s);
    assert_int_equal(a->deadline.ns, b->deadline.ns);
    assert_float_equal(a->detect_ms, b->detect_ms, 1e-9);
    assert_int_equal(a->violation_count, b->violation_count);
    for (unsigned i = 0; i < a->violation_count; i++)
        assert_string_equal(a->violation[i], b->violation[i]);
    assert_int_equal(a->from_stage, b->from_stage);
    assert_int_equal(a->to_stage, b->to_stage);
}

static UNUSED void rig_same_drill(const struct rollout *a, const struct rollout *b)
{
    const struct drill_record *left = &a->drill, *right = &b->drill;

    assert_int_equal(a->drill_state, b->drill_state);
    assert_int_equal(left->present, right->present);
    assert_int_equal(left->shadow, right->shadow);
    assert_int_equal(left->passed, right->passed);
    assert_string_equal(left->scope.text, right->scope.text);
    assert_string_equal(left->operator_name, right->operator_name);
    assert_string_equal(left->reason, right->reason);
    assert_int_equal(left->started_at.ns, right->started_at.ns);
    assert_int_equal(left->ended_at.ns, right->ended_at.ns);
    assert_int_equal(left->ordered_at.ns, right->ordered_at.ns);
    assert_int_equal(left->deadline.ns, right->deadline.ns);
    assert_int_equal(left->within.ns, right->within.ns);
    assert_int_equal(left->nodes, right->nodes);
    assert_string_equal(left->why, right->why);
    if (left->present) {
        assert_float_equal(left->measured_ms, right->measured_ms, 1e-9);
        assert_float_equal(left->restored_ms, right->restored_ms, 1e-9);
    }
}

static UNUSED void rig_same_promises(const struct rollout *a, const struct rollout *b)
{
    assert_int_equal(a->standby_until.ns, b->standby_until.ns);
    assert_true(flags_eq(&a->flags_by_hand, &b->flags_by_hand));
    assert_int_equal(a->mirror_by_hand, b->mirror_by_hand);
    assert_int_equal(a->mirror_bp, b->mirror_bp);
    assert_int_equal(a->approval_count, b->approval_count);
    for (unsigned i = 0; i < a->approval_count; i++) {
        assert_int_equal(a->approval[i].stage, b->approval[i].stage);
        assert_int_equal(a->approval[i].time.ns, b->approval[i].time.ns);
        assert_string_equal(a->approval[i].operator_name, b->approval[i].operator_name);
        assert_string_equal(a->approval[i].reason, b->approval[i].reason);
    }
}

/* How often the history of the migration "orders" has `event`. */
static UNUSED unsigned rig_recorded(const struct rig *r, const char *event)
{
    const struct history_entry *entry[CORE_HISTORY_KEPT];
    unsigned count = view_history(r->core, "orders", entry, CORE_HISTORY_KEPT), found = 0;

    for (unsigned i = 0; i < count; i++)
        found += strcmp(entry[i]->event, event) == 0;
    return found;
}

static UNUSED void rig_same_history(const struct core *a, const struct core *b, const char *name)
{
    const struct history_entry *left[CORE_HISTORY_KEPT], *right[CORE_HISTORY_KEPT];
    unsigned count = view_history(a, name, left, CORE_HISTORY_KEPT);

    assert_int_equal(view_history(b, name, right, CORE_HISTORY_KEPT), count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(left[i]->sequence, right[i]->sequence);
        assert_int_equal(left[i]->time.ns, right[i]->time.ns);
        assert_string_equal(left[i]->event, right[i]->event);
        assert_string_equal(left[i]->operator_name, right[i]->operator_name);
        assert_string_equal(left[i]->reason, right[i]->reason);
        assert_string_equal(left[i]->from, right[i]->from);
        assert_string_equal(left[i]->to, right[i]->to);
        assert_int_equal(left[i]->revision, right[i]->revision);
        assert_float_equal(left[i]->measured_ms, right[i]->measured_ms, 1e-9);
    }
}

/* Subscribers hear the same from every replica, in the same order. */
static UNUSED void rig_same_events(const struct core *a, const struct core *b)
{
    struct event_place after = {.revision = 0};
    struct view_event left, right;

    while (view_next_event(a, &after, UINT64_MAX, "", &left)) {
        assert_true(view_next_event(b, &after, UINT64_MAX, "", &right));
        assert_int_equal(event_place_cmp(&left.at, &right.at), 0);
        assert_int_equal(left.oldest, right.oldest);
        assert_int_equal(left.event->time.ns, right.event->time.ns);
        assert_string_equal(left.event->kind, right.event->kind);
        assert_string_equal(left.event->operator_name, right.event->operator_name);
        assert_string_equal(left.event->stage, right.event->stage);
        assert_string_equal(left.event->node, right.event->node);
        assert_string_equal(left.event->text, right.event->text);
        after = left.at;
    }
    assert_false(view_next_event(b, &after, UINT64_MAX, "", &right));
}

/* Does `again` show the same as the core, and decide the same? */
static UNUSED void rig_same(struct rig *r, const struct core *again)
{
    const char *name = "";

    while ((name = core_next_migration(again, name)))
        assert_true(core_decision_rev(r->core, name) > 0);
    name = "";

    while ((name = core_next_migration(r->core, name))) {
        struct view_status a, b;
        struct emergency order_a = {.epoch = 0}, order_b = {.epoch = 0};
        struct route route_a, route_b;
        struct err err;

        assert_int_equal(view_status(r->core, name, r->now, r->mono, &a, &err), 0);
        if (view_status(again, name, r->now, r->mono, &b, &err) < 0)
            fail_msg("%s", err.msg);
        rig_same_rollout(a.rollout, b.rollout);
        rig_same_rollback(&a.rollout->last_rollback, &b.rollout->last_rollback);
        rig_same_drill(a.rollout, b.rollout);
        rig_same_promises(a.rollout, b.rollout);
        rig_same_history(r->core, again, name);
        assert_int_equal(a.effective_weight_bp, b.effective_weight_bp);
        /* What was measured is no state, and the suggestion looks at it as well. */
        if (a.gate.verdict == b.gate.verdict)
            assert_string_equal(a.suggested_command, b.suggested_command);
        assert_true(core_compile(r->core, name, &route_a) && core_compile(again, name, &route_b));
        assert_int_equal(route_a.weight_bp, route_b.weight_bp);
        assert_int_equal(route_a.override, route_b.override);
        assert_string_equal(route_a.stage, route_b.stage);
        assert_int_equal(core_emergency(r->core, name, &order_a),
                         core_emergency(again, name, &order_b));
        assert_int_equal(order_a.epoch, order_b.epoch);
        assert_int_equal(order_a.active, order_b.active);
        assert_string_equal(order_a.reason, order_b.reason);
        assert_int_equal(core_decision_rev(again, name), core_decision_rev(r->core, name));
    }
    assert_int_equal(core_revision(again), core_revision(r->core));
    rig_same_events(r->core, again);
}

/* Would a coordinator that starts now from what is stored show the same and decide the same? */
static UNUSED void rig_same_after_restart(struct rig *r)
{
    struct core *again = rig_load_core(r);

    rig_same(r, again);
    core_free(again);
}

/* The transaction that was stored last, as a watch tells of it. */
static UNUSED unsigned rig_changes(const struct rig *r, struct core_kv *ret, unsigned max)
{
    unsigned count = 0;

    for (struct core_save *s = r->u.save; s; s = s->next) {
        if (s->kind == SAVE_COMPARE)
            continue;
        assert_true(count < max);
        ret[count++] =
            (struct core_kv){.key = s->key,
                             .value = s->kind == SAVE_PUT ? s->value : (struct str){NULL, 0},
                             .rev = r->rev};
    }
    return count;
}

static UNUSED void rig_show(struct rig *r, struct core *c, const struct core_kv *kv, unsigned count,
                            struct core_update *u)
{
    struct err err;

    if (core_observe(c, kv, count, false, r->rev, u, &err) < 0)
        fail_msg("%s", err.msg);
}

/* The follower sees the transaction and publishes what the leader does. */
static UNUSED void rig_follow(struct rig *r)
{
    static struct core_kv kv[CORE_SAVES_MAX];
    struct core_update u;
    unsigned mine = 0, theirs = 0;

    core_update_init(&u);
    rig_show(r, r->follower, kv, rig_changes(r, kv, ARRAY_LEN(kv)), &u);
    for (struct core_publish *p = r->u.publish; p; p = p->next)
        theirs++;
    for (struct core_publish *p = u.publish; p; p = p->next)
        mine++;
    assert_int_equal(mine, theirs);
    core_update_deinit(&u);
}

/* Nodes that are asked for their past have none. */
static UNUSED void rig_no_past(struct rig *r, struct core *c, const struct core_ask *ask)
{
    struct core_update u;

    core_update_init(&u);
    for (; ask && !r->silent; ask = ask->next)
        core_step(
            c,
            &(struct core_event){
                .kind = EV_PAST, .now = r->now, .mono = r->mono, .past = {.node = &ask->node}},
            &u);
    core_update_deinit(&u);
}

/* What nodes say is said to every replica; one that does not lead saves nothing. */
static UNUSED void rig_tell_follower(struct rig *r, const struct core_event *ev)
{
    struct core_update u;

    if (ev->kind == EV_COMMAND || ev->kind == EV_ORDER)
        return;
    core_update_init(&u);
    core_step(r->follower, ev, &u);
    assert_null(u.save);
    rig_no_past(r, r->follower, u.ask);
    core_update_deinit(&u);
}

/* The work that the step asks for, or does not need any more. */
static UNUSED void rig_jobs(struct rig *r)
{
    for (const struct core_stop *s = r->u.stop_job; s; s = s->next)
        for (unsigned i = 0; i < r->job_count; i++)
            if (r->job[i].id == s->id)
                r->job[i] = r->job[--r->job_count];
    for (const struct core_job *j = r->u.job; j; j = j->next) {
        assert_non_null(j->plan);
        assert_true(r->job_count < RIG_JOBS);
        r->job[r->job_count] = *j;
        r->job[r->job_count++].plan = NULL;
    }
}

/* One step with all that the driver does. */
static UNUSED void rig_step(struct rig *r, struct core_event *ev)
{
    struct err err = {.code = ERR_NONE};

    ev->now = r->now;
    ev->mono = r->mono;
    if (r->follower)
        rig_tell_follower(r, ev);
    core_step(r->core, ev, &r->u);
    if (r->u.save && r->disk_full) {
        err_set(&err, ERR_EXHAUSTED, "the disk is full");
        core_abandon(r->core, &err, &r->u);
    } else if (r->u.save && !rig_store(r)) {
        err_set(&err, ERR_CONFLICT, "somebody else wrote");
        core_abandon(r->core, &err, &r->u);
    } else if (r->u.save) {
        r->saves++;
        core_commit(r->core, r->rev, &r->u);
        if (r->follower)
            rig_follow(r);
        if (r->compare_every == 0 || r->saves % r->compare_every == 0) {
            rig_same_after_restart(r);
            if (r->follower)
                rig_same(r, r->follower);
        }
    }
    for (struct core_publish *p = r->u.publish; p; p = p->next)
        r->published++;
    rig_jobs(r);
    rig_no_past(r, r->core, r->u.ask);
    if (r->unchecked)
        return;
    if (invariants_check(r->core, &err) < 0 ||
        (r->follower && invariants_check(r->follower, &err) < 0))
        fail_msg("%s", err.msg);
}

static UNUSED struct core *rig_new_follower(struct rig *r)
{
    struct core *c = rig_load_core(r);

    core_lead(c, false);
    return c;
}

static UNUSED struct rig *rig_new(void)
{
    struct rig *r = xnew(struct rig);

    r->now = (wall_t){RIG_START * 1000000000};
    r->mono = (mono_t){1000000000000};
    core_update_init(&r->u);
    r->core = rig_load_core(r);
    r->follower = rig_new_follower(r);
    return r;
}

static UNUSED void rig_free(struct rig *r)
{
    core_free(r->core);
    core_free(r->follower);
    core_update_deinit(&r->u);
    for (int i = 0; i < RIG_KEYS; i++) {
        free(r->kv[i].key);
        free(r->kv[i].value);
    }
    free(r);
}

static UNUSED void rig_freep(struct rig **r)
{
    if (*r)
        rig_free(*r);
}

/* The coordinator dies and comes back with what was stored. */
static UNUSED void rig_restart(struct rig *r)
{
    core_free(r->core);
    core_free(r->follower);
    r->job_count = 0;
    r->core = rig_load_core(r);
    r->follower = rig_new_follower(r);
}

static UNUSED void rig_tick(struct rig *r)
{
    rig_step(r, &(struct core_event){.kind = EV_TICK});
}

/* Time passes, a tick each second. */
static UNUSED void rig_wait(struct rig *r, unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        r->now = wall_add(r->now, dur_s(1));
        r->mono = mono_add(r->mono, dur_s(1));
        rig_tick(r);
    }
}

static UNUSED void rig_sleep_ms(struct rig *r, int64_t ms)
{
    r->now = wall_add(r->now, dur_ms(ms));
    r->mono = mono_add(r->mono, dur_ms(ms));
}

static UNUSED struct name rig_name(const char *s)
{
    struct name n = {.s = ""};

    str_fmt(n.s, sizeof n.s, "%s", s);
    return n;
}

/* A node joins, or serves `rev` now. */
static UNUSED void rig_node(struct rig *r, const char *name, uint64_t rev)
{
    struct core_node n = {.name = rig_name(name), .connected = true, .serving_rev = rev};

    rig_step(r, &(struct core_event){.kind = EV_NODE, .node = &n});
}

/* The same for a node with labels, "cluster=eu-1". */
static UNUSED void rig_node_of(struct rig *r, const char *name, const char *labels, uint64_t rev)
{
    struct core_node n = {.name = rig_name(name), .connected = true, .serving_rev = rev};
    struct err err;

    if (labels_parse(str_of(labels), &n.labels, &err) < 0)
        fail_msg("%s", err.msg);
    rig_step(r, &(struct core_event){.kind = EV_NODE, .node = &n});
}

static UNUSED void rig_node_leaves(struct rig *r, const char *name)
{
    struct core_node n = {.name = rig_name(name), .connected = false};

    rig_step(r, &(struct core_event){.kind = EV_NODE, .node = &n});
}

/* n1 to nCOUNT serve everything there is. */
static UNUSED void rig_all_serve(struct rig *r, unsigned count)
{
    char name[NAME_SIZE];

    for (unsigned i = 1; i <= count; i++) {
        str_fmt(name, sizeof name, "n%u", i);
        rig_node(r, name, core_revision(r->core));
    }
}

static UNUSED struct system_stats rig_stats(uint64_t requests, uint64_t errors, uint64_t ms)
{
    struct system_stats s = {.requests = requests, .errors = errors};

    for (uint64_t i = errors; i < requests; i++)
        hist_add(&s.latency, ms * 1000);
    return s;
}

static UNUSED void rig_report(struct rig *r, const char *node, const char *migration,
                              struct system_stats legacy, struct system_stats new_system)
{
    struct name name = rig_name(node);
    struct route_stats route = {.migration = rig_name(migration), .breaker = BREAKER_CLOSED};

    route.system[SYSTEM_LEGACY] = legacy;
    route.system[SYSTEM_NEW] = new_system;
    rig_step(r, &(struct core_event){.kind = EV_REPORT,
                                     .report = {.node = &name, .route = &route, .count = 1}});
}

/* The running job of this kind, or NULL. */
static UNUSED const struct core_job *rig_find_job(const struct rig *r, enum core_job_kind kind)
{
    for (unsigned i = 0; i < r->job_count; i++)
        if (r->job[i].kind == kind)
            return &r->job[i];
    return NULL;
}

/* The job of this kind ends, with one result. */
static UNUSED void rig_tell(struct rig *r, enum core_job_kind kind, bool ok, const char *text)
{
    const struct core_job *j = rig_find_job(r, kind);
    struct check_result result = {.outcome = ok ? CHECK_PASSED : CHECK_FAILED};
    struct core_job_done done = {.ok = ok, .result = &result, .count = 1, .text = text};

    if (!j)
        fail_msg("no job of kind %d runs", (int)kind);
    done.id = j->id;
    str_fmt(result.name.s, sizeof result.name.s, "check");
    str_fmt(result.text, sizeof result.text, "%s", text);
    if (kind != JOB_GATE && kind != JOB_TRIGGER)
        r->job[j - r->job] = r->job[--r->job_count];
    rig_step(r, &(struct core_event){.kind = EV_JOB, .job = &done});
}

/* Carry a command out; what it was refused with, or ERR_NONE. */
static UNUSED enum err_code rig_run(struct rig *r, struct core_command cmd)
{
    static int token;

    if (!cmd.operator_name)
        cmd.operator_name = "ann";
    if (!cmd.reason)
        cmd.reason = "test";
    if (!cmd.migration)
        cmd.migration = "orders";
    cmd.token = &token;
    rig_step(r, &(struct core_event){.kind = EV_COMMAND, .command = &cmd});
    assert_true(r->u.has_answer);
    assert_ptr_equal(r->u.token, &token);
    return r->u.refused.code;
}

static UNUSED void rig_does(struct rig *r, struct core_command cmd)
{
    if (rig_run(r, cmd) != ERR_NONE)
        fail_msg("refused: %s", r->u.refused.msg);
}

/* The command is refused, and the message and hint hold the words. */
static UNUSED void rig_refuses(struct rig *r, struct core_command cmd, const char *words)
{
    char text[1024];

    if (rig_run(r, cmd) == ERR_NONE)
        fail_msg("not refused, expected: %s", words);
    str_fmt(text, sizeof text, "%s / %s", r->u.refused.msg, r->u.refused.hint);
    if (!strstr(text, words))
        fail_msg("refused with: %s\n     expected: %s", text, words);
    assert_null(r->u.save);
    assert_null(r->u.publish);
    assert_null(r->u.change);
}

static UNUSED void rig_apply_text(struct rig *r, const char *yaml)
{
    struct plan *plan = NULL;
    struct err err;

    if (plan_parse(str_of(yaml), "plan.yaml", &plan, &err) < 0)
        fail_msg("%s", err.msg);
    rig_does(r, (struct core_command){.kind = CMD_APPLY, .plan = plan});
    plan_free(plan);
}

static UNUSED struct view_status rig_status(struct rig *r, const char *migration)
{
    struct view_status s;
    struct err err;

    if (view_status(r->core, migration, r->now, r->mono, &s, &err) < 0)
        fail_msg("%s", err.msg);
    return s;
}

static UNUSED struct view_measured rig_measured_of(const struct core *c, const char *migration)
{
    struct view_measured m;

    view_measured(c, migration, &m);
    return m;
}

static UNUSED void rig_expect(struct rig *r, unsigned stage, enum rollout_phase phase)
{
    const struct view_status s = rig_status(r, "orders");

    if (s.rollout->phase != phase || s.rollout->stage != stage)
        fail_msg("at stage %u %s, expected stage %u %s; why: %s", s.rollout->stage,
                 phase_name(s.rollout->phase), stage, phase_name(phase), s.rollout->why);
}
